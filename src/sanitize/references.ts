/**
 * What GitHub turns into a ping, a cross-reference or a link when it finds it in rendered text: @name and @org/team, #12,
 * owner/repo#12, GH-12, commit hashes of 7 to 40 digits (also user@… and owner/repo@…), and URLs. It looks at the
 * text *after* Markdown is rendered, so neither `\@` nor `&#64;` hides anything. Found wider than GitHub's own patterns:
 * a name in code that needed none is a small blemish, a ping of a stranger is not. A bare e-mail address is no reference:
 * it becomes a `mailto:` link, which a response may have.
 */

const URL_START = /(?:https?|ftp):\/\/|www\.|xmpp:/iu;
/** A word as references are made of. `$` belongs to it, so that no formula begins or ends at what is taken out. */
const WORD = "[A-Za-z0-9_./@#$-]";
/** Also `@b` behind an e-mail address, once that has become a link: `me@example.com@b`. */
const PING = /(?<![A-Za-z0-9])@[A-Za-z0-9]|@[^@]*@[A-Za-z0-9]/u;
const NUMBER = /#[0-9]|(?<![A-Za-z0-9])gh-[0-9]/iu;
/** Digits alone are a plain number, unless they are a whole hash. */
const HASH_SOURCE = "(?<![A-Za-z0-9])(?:(?=[0-9]*[a-f])[0-9a-f]{7,40}|[0-9]{40})(?![A-Za-z0-9])";
const HASH = new RegExp(HASH_SOURCE, "iu");
const HASHES = new RegExp(HASH_SOURCE, "giu");

/** A word with a URL in it, up to the next whitespace; else a word. */
const WORDS = new RegExp(`${WORD}*?(?:${URL_START.source})[^\\s<>]+|${WORD}+`, "giu");
const ZERO_WIDTH_SPACE = "\u200b";

export interface Token {
  text: string;
  /** GitHub would turn it into a ping, a reference or a link. */
  isReference: boolean;
}

/** `text` in order, split into plain text and what GitHub would turn into a ping, a reference or a link. */
export function tokenize(text: string): Token[] {
  const found: Token[] = [];
  let plainFrom = 0;
  for (const match of text.matchAll(WORDS)) {
    const word = isReference(match[0]) ? trimPunctuation(match[0]) : undefined;
    if (word === undefined) continue;
    const start = match.index + match[0].indexOf(word);
    if (start > plainFrom) found.push({ text: text.slice(plainFrom, start), isReference: false });
    found.push({ text: word, isReference: true });
    plainFrom = start + word.length;
  }
  if (plainFrom < text.length) found.push({ text: text.slice(plainFrom), isReference: false });
  return found;
}

/** Whether GitHub would turn any part of the text into a ping, a reference or a link. */
export function hasReference(text: string): boolean {
  return tokenize(text).some((token) => token.isReference);
}

function isReference(word: string): boolean {
  return URL_START.test(word) || PING.test(word) || NUMBER.test(word) || HASH.test(word);
}

/** Without the punctuation of the sentence around it. */
function trimPunctuation(word: string): string {
  let start = 0;
  let end = word.length;
  while (start < end && "./-".includes(word.charAt(start))) start += 1;
  while (end > start && "./,;:!?)'\"-".includes(word.charAt(end - 1))) end -= 1;
  return word.slice(start, end);
}

/** The same text with zero-width spaces inside everything that GitHub would link: inert in Markdown and in HTML. */
export function neutralizeReferences(text: string): string {
  return text
    .replace(/@(?=[A-Za-z0-9])/gu, `@${ZERO_WIDTH_SPACE}`)
    .replace(/#(?=[0-9])/gu, `#${ZERO_WIDTH_SPACE}`)
    .replace(/(?<=(?<![A-Za-z0-9])gh-)(?=[0-9])/giu, ZERO_WIDTH_SPACE)
    .replace(/(?<=[a-z]:)(?=\/\/)/giu, ZERO_WIDTH_SPACE)
    .replace(/(?<=www)(?=\.)/giu, ZERO_WIDTH_SPACE)
    .replace(HASHES, (hash) => hash.replace(/.{6}(?=.)/gu, `$&${ZERO_WIDTH_SPACE}`));
}
