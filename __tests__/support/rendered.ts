/**
 * Renders Markdown as GitHub does before it cleans anything (raw HTML is kept), and lists what is wrong with the
 * outcome: tags, attributes, schemes and comments that no cleaned text may have, tags left open, text that GitHub's own
 * patterns would turn into pings and references. The patterns are those of github/html-pipeline, not those of src/.
 */
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { expect } from "@jest/globals";

const TAGS: Readonly<Record<string, readonly string[]>> = {
  a: [
    "href",
    "id",
    "class",
    "data-footnote-ref",
    "data-footnote-backref",
    "data-footnote-backref-idx",
    "aria-describedby",
    "aria-label",
  ],
  code: ["class"],
  h2: ["id", "class"],
  input: ["type", "checked", "disabled"],
  li: ["id"],
  ol: ["start"],
  section: ["class", "data-footnotes"],
  sup: ["class"],
  td: ["align"],
  th: ["align"],
};
const BARE_TAGS = "blockquote br del em h3 h4 h5 h6 hr p pre strong table tbody thead tr ul".split(" ");
const VOID_TAGS = new Set(["br", "hr", "input"]);
/** GitHub leaves the text in these alone. */
const QUIET = ["a", "code", "pre"];

const LIVE = [
  // Widened: no look at what follows the name.
  /(?:^|[^A-Za-z0-9_])@[a-z0-9][a-z0-9-]*/iu,
  /(?:^|\W)(?:gh-|#)\d+\b/iu,
  /[\w-]+(?:\/[\w.-]*)?#\d+\b/u,
  // Digits alone are a number, unless they are a whole hash.
  /(?:^|[({@\s[])(?:(?=[0-9]*[a-f])[0-9a-f]{7,40}|[0-9]{40})\b/u,
  /https?:\/\/[^\s]*\/(?:issues|pull|discussions|commit)\//iu,
];

interface Rendered {
  html: string;
  problems: string[];
}

/** `extra`: tags that the report itself writes, such as `details` around an answer. */
export function render(markdown: string, extra: readonly string[] = []): Rendered {
  const html = micromark(markdown, {
    allowDangerousHtml: true,
    allowDangerousProtocol: true,
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
  });
  return { html, problems: problemsIn(html, extra) };
}

/** What is wrong with HTML that a parser made of cleaned Markdown. */
export function problemsIn(html: string, extra: readonly string[] = []): string[] {
  const problems: string[] = [];
  const open: string[] = [];
  let before = "";
  for (const token of html.split(/(<[^>]*>)/u)) {
    if (token.startsWith("<")) {
      problems.push(...problemsOfTag(token, open, extra));
      if (token === "<code>" && before.endsWith("$")) problems.push("a formula begins at a code span");
    } else if (!open.some((tag) => QUIET.includes(tag))) {
      const text = decoded(token);
      problems.push(...LIVE.filter((pattern) => pattern.test(text)).map((live) => `${live.source} in ${text.trim()}`));
    }
    before = token;
  }
  if (open.length > 0) problems.push(`left open: ${open.join(" ")}`);
  return problems;
}

function problemsOfTag(tag: string, open: string[], extra: readonly string[]): string[] {
  const [, slash = "", name = "", rest = ""] = /^<(\/?)([a-z][a-z0-9]*)((?:\s[^<>]*)?)>$/u.exec(tag) ?? [];
  const attributes = TAGS[name] ?? (BARE_TAGS.includes(name) || extra.includes(name) ? [] : undefined);
  if (attributes === undefined) return [`tag ${tag} is not allowed`];
  if (slash !== "") return open.pop() === name ? [] : [`${tag} closes what is not open`];
  if (!VOID_TAGS.has(name)) open.push(name);
  return [...rest.matchAll(/([^\s=/]+)(?:="([^"]*)")?/gu)].flatMap(([, key = "", value = ""]) => {
    if (!attributes.includes(key)) return [`attribute ${key} in ${tag}`];
    if (
      key === "href" &&
      !/^(?:https?:\/\/[^\s@]*$|mailto:|#)/u.test(decoded(value).replace(/(?<=\/\/[^/]*\/.*)@/gu, ""))
    ) {
      return [`link to ${value}`];
    }
    return [];
  });
}

/** What a reader sees of HTML text. */
export function decoded(text: string): string {
  return text
    .replace(/&#(\d+);/gu, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}

/** Whether sanitized Markdown is safe inside a report. */
export function expectSafe(markdown: string): void {
  // Where a report has it.
  const { html, problems } = render(`<details><summary>Response</summary>\n\n${markdown}\n\n</details>\n\nEND`, [
    "details",
    "summary",
  ]);
  expect(problems).toEqual([]);
  expect(html).toMatch(/\n<\/details>\n<p>END<\/p>/u);
  expect(markdown).not.toMatch(/(?:^|\n)\//u);
  expect(markdown.isWellFormed()).toBe(true);
}
