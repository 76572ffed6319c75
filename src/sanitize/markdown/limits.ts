/** How large cleaned Markdown may get. */

export interface Limits {
  /** In UTF-16 units, never fewer than the characters GitHub counts. */
  maxCharacters?: number;
  /** Of UTF-8. */
  maxBytes?: number;
  /** Trusted Markdown, put after a cut. */
  note?: string;
}

export function fits(markdown: string, { maxCharacters = Infinity, maxBytes = Infinity }: Limits): boolean {
  return markdown.length <= maxCharacters && Buffer.byteLength(markdown) <= maxBytes;
}

/** What the limits leave for the text when the note follows it. */
export function roomBeforeNote({ maxCharacters = Infinity, maxBytes = Infinity, note = "" }: Limits): Required<Limits> {
  const separator = note === "" ? 0 : 2;
  return {
    maxCharacters: Math.max(0, maxCharacters - note.length - separator),
    maxBytes: Math.max(0, maxBytes - Buffer.byteLength(note) - separator),
    note: "",
  };
}

/** The cut text and the note as a block after it; a note that the limits have no room for is left out. */
export function withNote(markdown: string, limits: Limits): string {
  const { note = "" } = limits;
  if (note === "" || !fits(note, limits)) return markdown;
  return markdown === "" ? note : `${markdown}\n\n${note}`;
}
