/** Texts that people see, without what differs from run to run: for snapshots. */

/** IDs by the order in which they appear, the server's address, and how long anything took. */
export function stableText(text: string): string {
  const ids: string[] = [];
  return text
    .replace(/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, (id) => {
      if (!ids.includes(id)) ids.push(id);
      return `<id ${ids.indexOf(id) + 1}>`;
    })
    .replace(/127\.0\.0\.1:\d+/g, "<host>")
    .replace(/mosoo-(report|response)-[0-9a-f-]{36}/g, "mosoo-$1-<uuid>")
    .replace(/(?<=\b(?:in|after) )[\d.]+ s\b/g, "<time>");
}
