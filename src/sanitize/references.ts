/**
 * What GitHub turns into a ping or a cross-reference when it finds it in rendered text: @name and @org/team, #12,
 * owner/repo#12, GH-12, commit hashes of 7 to 40 digits (also user@… and owner/repo@…), and addresses. It looks at the
 * text *after* Markdown is rendered, so neither `\@` nor `&#64;` hides anything. Found wider than GitHub's own patterns:
 * a name in code that needed none is a small blemish, a stranger's ping is not.
 */

const ADDRESS = /(?:https?|ftp):\/\/|www\./iu;
/** A word as references are made of. `$` belongs to it, so that no formula begins or ends at what is taken out. */
const WORD = "[A-Za-z0-9_./@#$-]";
/** Also `@b` behind an e-mail address, once that has become a link: `me@example.com@b`. */
const PING = /(?<![A-Za-z0-9])@[A-Za-z0-9]|@[^@]*@[A-Za-z0-9]/u;
const NUMBER = /#[0-9]|(?<![A-Za-z0-9])gh-[0-9]/iu;
const HASH = /(?<![A-Za-z0-9])[0-9a-f]{7,40}(?![A-Za-z0-9])/iu;

/** A word with an address in it, up to the next blank; else a word. */
const PIECES = new RegExp(`${WORD}*?(?:${ADDRESS.source})[^\\s<>]+|${WORD}+`, "giu");
const ZERO_WIDTH_SPACE = "\u200b";

export interface Piece {
  text: string;
  /** GitHub would make something of it. */
  isReference: boolean;
}

/** `text` in order, parted into what is plain and what GitHub would turn into a ping, a reference or a link. */
export function tokenize(text: string): Piece[] {
  const found: Piece[] = [];
  let plainFrom = 0;
  for (const match of text.matchAll(PIECES)) {
    const word = isLive(match[0]) ? trimmed(match[0]) : undefined;
    if (word === undefined) continue;
    const start = match.index + match[0].indexOf(word);
    if (start > plainFrom) found.push({ text: text.slice(plainFrom, start), isReference: false });
    found.push({ text: word, isReference: true });
    plainFrom = start + word.length;
  }
  if (plainFrom < text.length) found.push({ text: text.slice(plainFrom), isReference: false });
  return found;
}

function isLive(word: string): boolean {
  return ADDRESS.test(word) || PING.test(word) || NUMBER.test(word) || HASH.test(word);
}

/** Without the punctuation of the sentence around it. */
function trimmed(word: string): string {
  let start = 0;
  let end = word.length;
  while (start < end && "./-".includes(word.charAt(start))) start += 1;
  while (end > start && "./,;:!?)'\"-".includes(word.charAt(end - 1))) end -= 1;
  return word.slice(start, end);
}

/** The same text with zero-width spaces inside whatever GitHub would find: dead in every context, in Markdown or HTML. */
export function neutralizeReferences(text: string): string {
  return text
    .replace(/@(?=[A-Za-z0-9])/gu, `@${ZERO_WIDTH_SPACE}`)
    .replace(/#(?=[0-9])/gu, `#${ZERO_WIDTH_SPACE}`)
    .replace(/(?<=(?<![A-Za-z0-9])gh-)(?=[0-9])/giu, ZERO_WIDTH_SPACE)
    .replace(/(?<=[a-z]:)(?=\/\/)/giu, ZERO_WIDTH_SPACE)
    .replace(/(?<=www)(?=\.)/giu, ZERO_WIDTH_SPACE)
    .replace(/(?<![A-Za-z0-9])[0-9a-f]{7,40}(?![A-Za-z0-9])/giu, (hash) =>
      hash.replace(/.{6}(?=.)/gu, `$&${ZERO_WIDTH_SPACE}`),
    );
}
