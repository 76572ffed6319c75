/**
 * Inline Markdown of summary and comment: links, and sentences with code. Pure.
 *
 * A comment also goes out as mail, so its links are absolute. In a summary the runner masks secrets, and an owner's or
 * repository's name is easily part of one: there, links within GitHub are root-relative, and the names are character
 * references. (`../../pull/12` would be right on `…/runs/1` and wrong on `…/runs/1/attempts/2`, and each summary is
 * shown on both.)
 */
import { codeSpan, markdownText } from "../sanitize/inline.ts";
import type { Report } from "./report.ts";

export type RenderTarget = "summary" | "comment";

/** A Markdown link. `label` is Markdown. */
export function link(label: string, url: string): string {
  return `[${label}](${url.replaceAll("(", "%28").replaceAll(")", "%29")})`;
}

/** A link to a page of the GitHub that runs the workflow. */
export function gitHubLink(label: string, url: string, target: RenderTarget): string {
  return link(label, target === "summary" ? toRootRelative(url) : url);
}

/** The repository's path, after any sub-path of the server, and the page in it. */
const REPOSITORY_PAGE = /^(.*)(\/(?:pulls?|issues|commit)\/[^/]*|\/actions\/runs\/.*)$/;

/** `/owner/name/pull/12` with all before `/pull` as character references: masks find no name, browsers read the URL. */
function toRootRelative(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search, hash } = new URL(url);
  return (
    pathname.replace(REPOSITORY_PAGE, (_, path: string, page: string) => toReferences(path) + page) + search + hash
  );
}

function toReferences(path: string): string {
  return path.replace(/[^/]/gu, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

/** The page of the report's commit; undefined where the repository's is not known. */
export function commitUrl({ runPage, sha }: Report): string | undefined {
  const end = runPage?.lastIndexOf("/actions/runs/") ?? -1;
  return end < 0 || sha === undefined ? undefined : `${runPage?.slice(0, end) ?? ""}/commit/${sha}`;
}

/** Text as Markdown that renders as it is, with the whitespace at its ends: a part of a sentence. */
function plainPart(text: string): string {
  const [, before = "", inside = "", after = ""] = /^(\s*)([\s\S]*?)(\s*)$/u.exec(text) ?? [];
  return `${before === "" ? "" : " "}${markdownText(inside)}${after === "" ? "" : " "}`;
}

/** A sentence of this action as Markdown: `code` in backticks stays code, and everything else renders as it is. */
export function sentence(text: string): string {
  const parts = text
    .replace(/\s+/gu, " ")
    .trim()
    .split(/(`[^`\n]+`)/u);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return plainPart(part);
      const before = parts[index - 1] ?? "";
      // Two code spans would run into one, and `$` before one would make it a formula.
      const separator = before.endsWith("$") || (before === "" && index > 1) ? "\u200b" : "";
      return separator + codeSpan(part.slice(1, -1));
    })
    .join("")
    .trim();
}
