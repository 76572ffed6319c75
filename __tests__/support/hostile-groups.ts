/** The corpus of hostile texts in the portions that one step can take without one text hiding the next. */
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { HOSTILE, LOG, MARKDOWN, OUTPUTS, PATHS } from "./hostile.ts";

/** Whether what follows the text is still a paragraph of its own in Markdown. */
function leavesTheRestAlone(text: string): boolean {
  const html = micromark(`${text}\n\nThe end.`, {
    allowDangerousHtml: true,
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
  });
  return html.includes("<p>The end.</p>");
}

/** Whole answers: what swallows the rest is an answer of its own. Each begins with a word that shows whether it was rendered. */
export const ANSWERS: readonly string[] = [
  Object.values(LOG).join("\n"),
  Object.values(MARKDOWN).filter(leavesTheRestAlone).join("\n\n"),
  ...Object.values(MARKDOWN).filter((text) => !leavesTheRestAlone(text)),
  [...Object.values(OUTPUTS), ...Object.values(PATHS)].join("\n\n"),
].map((text) => `**rendered**\n\n${text}`);

/** As few lines of text as hold all of the corpus, each within `max` UTF-16 units unless one text alone is longer. */
export function portions(max: number): string[] {
  const found: string[] = [];
  for (const text of Object.values(HOSTILE)) {
    const last = found.at(-1);
    if (last !== undefined && last.length + text.length < max) found[found.length - 1] = `${last}\n${text}`;
    else found.push(text);
  }
  return found;
}

/**
 * A few of the texts, spread over all of them; in the deep suite (jest.deep.config.mjs) every one. One child process per
 * text is too slow for `npm test`, where the sanitizers meet the whole corpus in process.
 */
export function sample<T>(texts: readonly T[], count = 3): readonly T[] {
  if ("WHOLE_CORPUS" in globalThis || texts.length <= count) return texts;
  return Array.from({ length: count }, (_, at) => texts[Math.floor((at * texts.length) / count)] as T);
}

/** The text in parts of a few units, cut anywhere: inside commands, marks and characters. */
export function shreds(text: string, length = 7): string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, at) => text.slice(at * length, (at + 1) * length));
}
