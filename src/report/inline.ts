/** Sentences of this action that quote foreign text. Pure. */
import { link } from "./links.ts";
import { codeSpan, markdownText } from "../sanitize/inline.ts";

/** Text as Markdown that renders as it is, blanks at the ends kept: a part of a sentence. */
function plain(text: string): string {
  const [, before = "", inside = "", after = ""] = /^(\s*)([\s\S]*?)(\s*)$/u.exec(text) ?? [];
  return `${before === "" ? "" : " "}${markdownText(inside)}${after === "" ? "" : " "}`;
}

/** `code` stays code; the rest is harmless text. */
function withCode(text: string): string {
  const parts = text.split(/(`[^`\n]+`)/u);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return plain(part);
      const before = parts[index - 1] ?? "";
      // Two code spans would run into one, and `$` before one would make it a formula.
      const apart = before.endsWith("$") || (before === "" && index > 1) ? "\u200b" : "";
      return apart + codeSpan(part.slice(1, -1));
    })
    .join("");
}

/**
 * `text` as inline Markdown: code in backticks stays code, and `page`, the thread's address, becomes a link. At the end
 * of the text it goes, with the words that lead to it: the card has that link already.
 */
export function renderInline(text: string, page: string | undefined): string {
  const told = text.replace(/\s+/gu, " ").trim();
  if (page === undefined || page === "") return withCode(told).trim();
  const ownEnd = / ?The thread(?: exists)?: $/u;
  const before = told.endsWith(page) ? told.slice(0, -page.length) : "";
  const parts = (ownEnd.test(before) ? before.replace(ownEnd, "") : told).split(page);
  return parts.map(withCode).join(link("the thread", page)).trim();
}
