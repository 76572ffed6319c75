/** Markdown as GitHub shows it: GitHub's public stylesheet, in a frame like a comment's or a run page's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";

/** GitHub's alerts, which the parser does not know, with their icons. */
const alertIcons: Record<string, string> = {
  NOTE: "info",
  TIP: "light-bulb",
  IMPORTANT: "report",
  WARNING: "alert",
  CAUTION: "stop",
};

interface Styles {
  css: string;
  /** An icon's SVG. */
  icon: (name: string) => string;
}

/** @param modules a node_modules folder with github-markdown-css and @primer/octicons */
export function readStyles(modules: string): Styles {
  return {
    css: readFileSync(join(modules, "github-markdown-css/github-markdown-light.css"), "utf8"),
    icon: (name) =>
      readFileSync(join(modules, `@primer/octicons/build/svg/${name}-16.svg`), "utf8").replace(
        "<svg ",
        '<svg class="octicon" fill="currentColor" ',
      ),
  };
}

function html(markdown: string, breaks: boolean, { icon }: Styles): string {
  const plain = micromark(markdown, {
    allowDangerousHtml: true,
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
  });
  const alerts = plain.replace(
    /<blockquote>\n<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\n([\s\S]*?)<\/blockquote>/gu,
    (_, kind: string, rest: string) =>
      `<div class="markdown-alert markdown-alert-${kind.toLowerCase()}"><p class="markdown-alert-title">` +
      `${icon(alertIcons[kind] ?? "info")}${kind.charAt(0)}${kind.slice(1).toLowerCase()}</p>\n<p>${rest}</div>`,
  );
  // In comments, not in summaries, a line end within a paragraph is a line break.
  return breaks ? alerts.replace(/<p>[\s\S]*?<\/p>/gu, (paragraph) => paragraph.replaceAll("\n", "<br>\n")) : alerts;
}

const frame = `
  body { margin: 0; background: #fff; color: #1f2328; font: 14px/1.5 "Noto Sans", sans-serif; }
  .picture { display: inline-block; padding: 16px; background: #fff; }
  .octicon { vertical-align: text-bottom; }
  .markdown-body .octicon { margin-right: 8px; }
  .markdown-body { font-family: "Noto Sans", sans-serif; }
  .box { border: 1px solid #d1d9e0; border-radius: 6px; }
  .head { display: flex; align-items: center; gap: 6px; padding: 8px 16px; background: #f6f8fa; color: #59636e; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; }
  .head b { color: #1f2328; font-weight: 600; }
  .label { border: 1px solid #d1d9e0; border-radius: 2em; padding: 0 7px; font-size: 12px; line-height: 18px; }
  .comment { display: flex; gap: 16px; width: 860px; }
  .box { overflow: hidden; }
  .comment .box { flex: 1; min-width: 0; }
  .comment .markdown-body { padding: 16px; font-size: 14px; }
  .avatar { flex: none; width: 40px; height: 40px; border-radius: 50%; background: #24292f; color: #fff; display: grid; place-items: center; }
  .avatar .octicon { width: 24px; height: 24px; }
  .summary { width: 860px; }
  .summary .head { background: #fff; border: 0; padding: 16px 24px 0; color: #1f2328; font-size: 14px; }
  .summary .markdown-body { padding: 16px 24px 24px; font-size: 16px; }
  .tail { margin-left: auto; }
`;

function page(content: string, { css }: Styles): string {
  return `<!doctype html><meta charset="utf-8"><style>${css}${frame}</style><div class="picture">${content}</div>`;
}

/** The comment under a pull request, as whoever reads along sees it. */
export function commentPage(markdown: string, styles: Styles): string {
  const head = `<b>github-actions</b> <span class="label">bot</span> commented 5 minutes ago <span class="tail">${styles.icon("kebab-horizontal")}</span>`;
  return page(
    `<div class="comment"><div class="avatar">${styles.icon("mark-github")}</div><div class="box"><div class="head">${head}</div>` +
      `<article class="markdown-body">${html(markdown, true, styles)}</article></div></div>`,
    styles,
  );
}

/** The summary on the workflow run's page. */
export function summaryPage(markdown: string, job: string, styles: Styles): string {
  return page(
    `<div class="summary box"><div class="head"><b>${job} summary</b><span class="tail">${styles.icon("kebab-horizontal")}</span></div>` +
      `<article class="markdown-body">${html(markdown, false, styles)}</article></div>`,
    styles,
  );
}
