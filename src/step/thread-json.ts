/** The output `json`: thread and run as last seen, for `fromJSON`. Pure. */
import type { Run, Thread } from "../mosoo/contract/schema.ts";

/** As for the answer: one environment string of a later step holds 131,071 bytes and no more. */
const mostBytes = 98_304;
/** Of an object that is too large as a whole. */
const mostFields = 20;
const longestName = 64;
const longestText = 255;

type Fields = Readonly<Record<string, unknown>>;

function isShort(value: unknown): boolean {
  if (typeof value === "string") return value.length <= longestText;
  return value === null || typeof value === "number" || typeof value === "boolean";
}

/** What the object says in a few words: its short fields. */
function pickShortFields(object: Fields & { id: string }): Fields {
  const short = Object.entries(object).filter(([name, value]) => name.length <= longestName && isShort(value));
  return { id: object.id, ...Object.fromEntries(short.slice(0, mostFields)) };
}

/** undefined where it is nested so deeply that it cannot be written. */
function tryStringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/**
 * `{"thread":…,"run":…|null}` on one line, without the answer's text: with all that the server tells of them, or, where
 * that is more than a later step can take, with their short fields alone.
 */
export function threadJson(thread: Thread, run: Run | null): string {
  const shown = run === null ? null : { ...run, finalOutput: undefined };
  const whole = tryStringify({ thread, run: shown });
  if (whole !== undefined && Buffer.byteLength(whole) <= mostBytes) return whole;
  return JSON.stringify({
    thread: pickShortFields(thread),
    run: shown === null ? null : pickShortFields({ ...shown, status: run?.status }),
  });
}
