/** Numbers, durations and sentences for people. By hand: loading a locale's number format costs a tenth of a short step. */

/** A whole number with commas: `67,108,864`. */
export function formatInteger(amount: number): string {
  return String(amount).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** "1 character", "1,234 bytes". */
export function pluralize(amount: number, unit: string): string {
  return `${formatInteger(amount)} ${unit}${amount === 1 ? "" : "s"}`;
}

/** `0.3 s`, `38 s`, `4 min 12 s`, `2 h 5 min`. @param ms milliseconds */
export function formatDuration(ms: number): string {
  const tenths = Math.max(0, Math.round(ms / 100));
  if (tenths < 100) return `${tenths / 10} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joinUnits(minutes, "min", seconds % 60, "s");
  return joinUnits(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function joinUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** The sentences that are there, as one text. */
export function joinSentences(...sentences: (string | undefined)[]): string {
  return sentences.filter((sentence) => sentence !== undefined && sentence !== "").join(" ");
}

/** The message of an error that is not this action's; untrusted. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}

/** The code of an error of the system or of Node: `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
