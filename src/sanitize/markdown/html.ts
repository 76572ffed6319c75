/** Raw HTML in an answer, as text: nothing here is relied on for safety, for all that remains is escaped. */

/** Tags of mere layout, whose loss changes no meaning (`<sup>` and `<del>` would). */
const LAYOUT =
  /<\/?(?:details|summary|p|div|span|center|b|i|em|strong|u|small|big|font|kbd|samp|tt|var)(?:\s[^<>]*)?\/?>/giu;
const LINE_BREAK = /<br(?:\s[^<>]*)?\/?>/giu;

/** The text to show for a piece of HTML: without comments and tags of layout, everything else as it is. */
export function htmlToText(html: string): string {
  return withoutComments(html).replace(LINE_BREAK, "\n").replace(LAYOUT, "");
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
