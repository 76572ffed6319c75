/**
 * What an answer of Mosoo must hold. Tolerant: unknown fields pass, optional ones may be missing, null or of a kind
 * that nobody reads; only what the action relies on is checked.
 */
import * as z from "../../common/json.ts";

/**
 * An ID goes into URLs, outputs, keys and, by way of outputs, into other people's scripts and logs: letters, digits and
 * the few punctuation characters that mean nothing to any of them, and not only dots. ULIDs are not required.
 */
const idPattern = /^(?!\.+$)[\w.=-]{1,255}$/;

/** A schema that is made when an answer asks for it: every step makes that of a thread, hardly any the others. */
function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Of an ID that goes into URLs, outputs and logs. */
export const Id = z.string().check(z.regex(idPattern));
export const optionalString = z.catch(z.optional(z.nullable(z.string())), undefined);
/** An identifier such as a status or code; anything else counts as missing, since workflows rely on it. */
const Status = z.catch(z.optional(z.nullable(z.string().check(z.regex(/^[\w.-]{1,64}$/)))), undefined);

const RunSchema = z.looseObject({
  id: Id,
  status: Status,
  finalOutput: z.catch(z.optional(z.nullable(z.looseObject({ text: optionalString }))), undefined),
  error: z.catch(z.optional(z.nullable(z.looseObject({ code: optionalString, message: optionalString }))), undefined),
});

const ThreadSchema = z.looseObject({ id: Id, title: optionalString });

const LinksSchema = z.catch(z.optional(z.nullable(z.looseObject({ thread: optionalString }))), undefined);

const ThreadAnswerSchema = z.looseObject({ thread: ThreadSchema, run: z.nullable(RunSchema), links: LinksSchema });

const eventsAnswerSchema = lazy(() =>
  z.looseObject({
    events: z.array(
      z.looseObject({ type: optionalString, run: z.catch(z.optional(z.nullable(RunSchema)), undefined) }),
    ),
    thread: z.catch(z.optional(ThreadSchema), undefined),
  }),
);

const uploadAnswerSchema = lazy(() => z.looseObject({ file: z.looseObject({ id: Id }) }));

const errorSchema = lazy(() =>
  z.looseObject({ error: z.union([z.looseObject({ code: optionalString, message: optionalString }), z.string()]) }),
);

export type Run = z.infer<typeof RunSchema>;
export type Thread = z.infer<typeof ThreadSchema>;
/** Answer to creating or reading a thread. `run` is null where the thread has none. */
export type ThreadResponse = z.infer<typeof ThreadAnswerSchema>;
export type EventsResponse = z.infer<ReturnType<typeof eventsAnswerSchema>>;

/** What a schema makes of JSON text, or undefined. */
export function parse<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T } },
  text: string,
): T | undefined {
  let value: unknown;
  try {
    // A byte order mark says nothing, but is no JSON.
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** The promised answer in `text`, or undefined where it is something else. */
export const parseThreadResponse = (text: string): ThreadResponse | undefined => parse(ThreadAnswerSchema, text);
export const parseEventsResponse = (text: string): EventsResponse | undefined => parse(eventsAnswerSchema(), text);
export const parseUpload = (text: string): string | undefined => parse(uploadAnswerSchema(), text)?.file.id;

/** Code and message of an error answer: the envelope, or a bare string, or nothing. */
export function parseError(text: string): { code?: string; message?: string; bare?: boolean } {
  const answer = parse(errorSchema(), text);
  if (answer === undefined) return {};
  if (typeof answer.error === "string") return { message: answer.error, bare: true };
  const { code, message } = answer.error;
  return { ...(code ? { code } : {}), ...(message ? { message } : {}) };
}

const endedStatuses = new Set(["completed", "failed", "cancelled", "expired"]);

/** Whether a run of this status goes on no more. */
export function isTerminalStatus(status: string | null | undefined): boolean {
  return typeof status === "string" && endedStatuses.has(status);
}

/** Of an ID that is a ULID, or ends in one: the ten characters that hold its time. In order as texts. */
function ulidTimestamp(id: string): string | undefined {
  return /(?:^|_)([0-7][0-9A-HJKMNP-TV-Z]{9})[0-9A-HJKMNP-TV-Z]{16}$/.exec(id.toUpperCase())?.[1];
}

/**
 * Whether `run` began before `other` or after it, by `createdAt`, else by their IDs. The thread always names its newest
 * run, but a read may be stale.
 */
export function compareRunAge(run: Run, other: Run): "older" | "newer" | "unknown" {
  const [at, otherAt] = [Date.parse(String(run["createdAt"])), Date.parse(String(other["createdAt"]))];
  if (!Number.isNaN(at) && !Number.isNaN(otherAt)) return at < otherAt ? "older" : "newer";
  const [time, otherTime] = [ulidTimestamp(run.id), ulidTimestamp(other.id)];
  if (time === undefined || otherTime === undefined || time === otherTime) return "unknown";
  return time < otherTime ? "older" : "newer";
}
