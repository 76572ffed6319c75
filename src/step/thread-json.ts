/** The output `json`: thread and run as last seen, for `fromJSON`. Pure. */
import type { Run, Thread } from "../mosoo/contract/schema.ts";

/** As for the response: one environment string of a later step holds 131,071 bytes and no more. */
const MAX_JSON_BYTES = 98_304;
/** Of an object that is too large as a whole; lengths in UTF-16 units. */
const [MAX_FIELDS, MAX_FIELD_NAME_LENGTH, MAX_FIELD_LENGTH] = [20, 64, 255];

type Fields = Readonly<Record<string, unknown>>;

function isShort(value: unknown): boolean {
  if (typeof value === "string") return value.length <= MAX_FIELD_LENGTH;
  return value === null || typeof value === "number" || typeof value === "boolean";
}

/** The ID and the first short fields. */
function pickShortFields(object: Fields & { id: string }): Fields {
  const short = Object.entries(object).filter(
    ([name, value]) => name.length <= MAX_FIELD_NAME_LENGTH && isShort(value),
  );
  return { id: object.id, ...Object.fromEntries(short.slice(0, MAX_FIELDS)) };
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
 * `{"thread":…,"run":…|null}` on one line, without the response's text: every field that the server gives, or, where
 * that is more than a later step can take, the short fields alone.
 */
export function threadJson(thread: Thread, run: Run | null): string {
  const shown = run === null ? null : { ...run, finalOutput: undefined };
  const whole = tryStringify({ thread, run: shown });
  if (whole !== undefined && Buffer.byteLength(whole) <= MAX_JSON_BYTES) return whole;
  return JSON.stringify({
    thread: pickShortFields(thread),
    run: shown === null ? null : pickShortFields({ ...shown, status: run?.status }),
  });
}
