/**
 * Fences around code, as cmark-gfm (GitHub's parser) reads them: it counts a block's fence in one byte, so that
 * 255 backticks close any longer fence, and takes no code span with more than 80 backticks on a side.
 */

const MAX_FENCE_LENGTH = 200;
const MAX_SPAN_FENCE_LENGTH = 20;

/** A fenced code block that holds `code` exactly and cannot be closed from inside. */
export function fenced(code: string, language: string): string {
  const marker = maxRunLength(code, "`") < MAX_FENCE_LENGTH || maxRunLength(code, "~") >= MAX_FENCE_LENGTH ? "`" : "~";
  const content = code.replace(new RegExp(`${marker}{${MAX_FENCE_LENGTH}}`, "gu"), "$&\u200b");
  const fence = marker.repeat(Math.max(3, maxRunLength(content, marker) + 1));
  return [fence + language, ...(content === "" ? [] : [content]), fence].join("\n");
}

/**
 * The same outside of lists and quotes, where the fence starts its line. A line of code that starts with `/` would be a
 * command to bots that read the raw text: the fence is then indented by one space, and so is the code, which renders
 * the same.
 */
export function fencedAtRoot(code: string, language: string): string {
  const lines = fenced(code, language).split("\n");
  if (!lines.some((line) => line.startsWith("/"))) return lines.join("\n");
  return lines.map((line) => (line === "" ? "" : ` ${line}`)).join("\n");
}

/** How many backticks a code span around `code` needs: the shortest run that it does not contain. */
export function spanFence(code: string): number | undefined {
  const runs = new Set((code.match(/`+/gu) ?? []).map((run) => run.length));
  for (let length = 1; length <= MAX_SPAN_FENCE_LENGTH; length += 1) {
    if (!runs.has(length)) return length;
  }
  return undefined;
}

function maxRunLength(text: string, character: string): number {
  let max = 0;
  let run = 0;
  for (const unit of text) {
    run = unit === character ? run + 1 : 0;
    if (run > max) max = run;
  }
  return max;
}
