/**
 * Fences around code, as cmark-gfm (GitHub's parser) really reads them: it counts a block's fence in one byte, so that
 * 255 backticks close any longer fence, and takes no code span with more than 80 backticks on a side.
 */

const LONGEST_FENCE = 200;
const LONGEST_SPAN = 20;

/** A fenced code block that holds `code` exactly and cannot be left. */
export function fenced(code: string, language: string): string {
  const marker = longestRun(code, "`") < LONGEST_FENCE || longestRun(code, "~") >= LONGEST_FENCE ? "`" : "~";
  const held = code.replace(new RegExp(`${marker}{${LONGEST_FENCE}}`, "gu"), "$&\u200b");
  const fence = marker.repeat(Math.max(3, longestRun(held, marker) + 1));
  return [fence + language, ...(held === "" ? [] : [held]), fence].join("\n");
}

/**
 * The same where it stands at a line's start, in no list or quote. A line of code that starts with `/` would be a
 * command to bots that read the raw text: the fence is then indented by one space, and so is the code, which renders
 * the same.
 */
export function fencedOutside(code: string, language: string): string {
  const lines = fenced(code, language).split("\n");
  if (!lines.some((line) => line.startsWith("/"))) return lines.join("\n");
  return lines.map((line) => (line === "" ? "" : ` ${line}`)).join("\n");
}

/** How many backticks a code span around `code` needs: the smallest run that it does not hold. */
export function spanFence(code: string): number | undefined {
  const runs = new Set((code.match(/`+/gu) ?? []).map((run) => run.length));
  for (let length = 1; length <= LONGEST_SPAN; length += 1) {
    if (!runs.has(length)) return length;
  }
  return undefined;
}

function longestRun(text: string, character: string): number {
  let longest = 0;
  let run = 0;
  for (const unit of text) {
    run = unit === character ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
}
