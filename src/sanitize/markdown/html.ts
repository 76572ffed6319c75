/** Raw HTML in a response, as text: nothing here is relied on for safety, for all that remains is escaped. */
import { decodeString } from "micromark-util-decode-string";

/** Tags of mere layout, whose loss changes no meaning (`<sup>` and `<del>` would). */
const LAYOUT =
  /<\/?(?:details|summary|p|div|span|center|b|i|em|strong|u|small|big|font|kbd|samp|tt|var)(?:\s[^<>]*)?\/?>/giu;
const LINE_BREAK = /<br(?:\s[^<>]*)?\/?>/giu;

/** The text to show for a piece of HTML: without comments and tags of layout, everything else as it is. */
export function htmlToText(html: string): string {
  return withoutComments(html).replace(LINE_BREAK, "\n").replace(LAYOUT, "");
}

/** `&amp;`, `&#64;` and the like as the characters that they are. The parser does so for all but blocks of HTML. */
export function decodeEntities(text: string): string {
  // A backslash escapes nothing in HTML.
  return decodeString(text.replaceAll("\\", "\\\\"));
}

function withoutComments(html: string): string {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const start = html.indexOf("<!--", from);
    const end = start < 0 ? -1 : html.indexOf("-->", start + 2);
    if (end < 0) break;
    parts.push(html.slice(from, start));
    from = end + 3;
  }
  return parts.join("") + html.slice(from);
}
