/**
 * Which of a thread's files a step's runs produced. Pure.
 *
 * Runs of a thread come one after the other, so that a file belongs to the last run that began before it. Where the list
 * says which run it was, that decides.
 */
import * as z from "../common/json.ts";
import { type Run, Id, optionalString, parse } from "./contract/schema.ts";
import { type EventList, type ThreadEvent, runOf } from "./runs/events.ts";

const ThreadFileSchema = z.looseObject({
  id: Id,
  name: z.string(),
  /** `attachment`, or what the agent produced: `artifact`. */
  kind: z.string(),
  /** In bytes. */
  size: z.int().check(z.nonnegative()),
  mimeType: optionalString,
  /** false: its bytes are not there yet. */
  committed: z.catch(z.optional(z.nullable(z.boolean())), undefined),
  createdAt: optionalString,
  /** No revision has it yet. */
  runId: optionalString,
});

const FileListSchema = z.looseObject({ files: z.array(z.unknown()) });

export type ThreadFile = z.infer<typeof ThreadFileSchema>;

/** The file list in a response's text; entries of an unknown shape are left out. */
export function parseFileList(text: string): ThreadFile[] | undefined {
  return parse(FileListSchema, text)?.files.flatMap((entry) => {
    const file = ThreadFileSchema.safeParse(entry);
    return file.success ? [file.data] : [];
  });
}

export interface OwnFilesQuery {
  threadId: string;
  /** The step's runs: of the message, of the same sent again, of corrections. */
  ownRuns: readonly Run[];
  /** IDs of the files that were there before the message was sent; undefined where nobody looked. */
  listedBefore: ReadonlySet<string> | undefined;
  /** Whether files of these names would be downloaded, any of them. */
  isAnyWanted: (names: readonly string[]) => boolean;
}

export interface OwnFiles {
  own: ThreadFile[];
  /** Of this step or of somebody else's run: nothing says it. */
  unattributed: ThreadFile[];
  /** Events announce more files than are listed. */
  isIncomplete: boolean;
}

type Owner = "own" | "other" | "unknown";

/** @param history the thread's events, read after the files; undefined where the token may not read them */
export function findOwnFiles(
  files: readonly ThreadFile[],
  query: OwnFilesQuery,
  history: EventList | undefined,
): OwnFiles {
  const timeline = new Timeline(query.ownRuns, history ?? { events: [], truncated: true });
  const ownerOf = ({ id, runId, createdAt }: ThreadFile): Owner => {
    if (runId) return timeline.isOwn(runId) ? "own" : "other";
    if (query.listedBefore?.has(id) === true) return "other";
    return timeline.ownerAt(Date.parse(createdAt ?? ""));
  };
  const artifacts = files.filter(({ kind, committed }) => kind === "artifact" && committed !== false);
  const own = artifacts.filter((file) => ownerOf(file) === "own");
  const unattributed = artifacts.filter((file) => ownerOf(file) === "unknown");
  return { own, unattributed, isIncomplete: announcesMore(timeline.ownEvents(), own, query.isAnyWanted) };
}

/** The name in a path of the agent's workspace. */
function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/**
 * Whether events announce more than is listed: an update of the list for each file, and a changed file that is wanted.
 * Neither is certain: a file may be deleted again, and not every changed file is handed over. What comes before the run
 * starts is about attachments.
 */
function announcesMore(
  events: readonly ThreadEvent[],
  listed: readonly ThreadFile[],
  isAnyWanted: (names: readonly string[]) => boolean,
): boolean {
  const started = events.slice(events.findIndex(({ type }) => type === "run.started") + 1);
  const updates = started.filter(({ type }) => type === "session_files.updated").length;
  if (updates > listed.length) return true;
  const names = new Set(listed.map(({ name }) => baseName(name)));
  const changed = started.flatMap(({ type, content }) =>
    type === "file.changed" && content ? [baseName(content)] : [],
  );
  return isAnyWanted(changed.filter((name) => !names.has(name)));
}

/** Which run was the thread's newest at which time. */
class Timeline {
  readonly #own: ReadonlySet<string>;
  readonly #history: EventList;
  /** When each run began, in milliseconds since 1970, oldest first; of two at the same time somebody else's is later. */
  readonly #starts: readonly { id: string; at: number }[];

  constructor(ownRuns: readonly Run[], history: EventList) {
    this.#own = new Set(ownRuns.map(({ id }) => id));
    this.#history = history;
    const starts = new Map<string, number>();
    const add = (id: string, at: number): void => {
      if (!Number.isNaN(at)) starts.set(id, Math.min(at, starts.get(id) ?? Infinity));
    };
    for (const run of ownRuns) add(run.id, Date.parse(String(run["createdAt"])));
    for (const event of history.events) {
      const id = runOf(event);
      if (id !== undefined) add(id, Date.parse(event.occurredAt ?? ""));
    }
    this.#starts = [...starts]
      .map(([id, at]) => ({ id, at }))
      .sort((a, b) => a.at - b.at || Number(this.isOwn(b.id)) - Number(this.isOwn(a.id)));
  }

  isOwn(runId: string): boolean {
    return this.#own.has(runId);
  }

  ownerAt(at: number): Owner {
    const firstOwn = this.#starts.find(({ id }) => this.isOwn(id));
    if (Number.isNaN(at) || firstOwn === undefined) return "unknown";
    if (at < firstOwn.at) return "other";
    return this.#isListed(at) ? this.#newestAt(this.#starts, at) : this.#ownerBeforeList(at);
  }

  /** Events of own runs; one that names no run counts for the run of its time. */
  ownEvents(): ThreadEvent[] {
    return this.#history.events.filter((event) => {
      const id = runOf(event);
      return id === undefined ? this.ownerAt(Date.parse(event.occurredAt ?? "")) === "own" : this.isOwn(id);
    });
  }

  #newestAt(starts: readonly { id: string; at: number }[], at: number): Owner {
    const newest = starts.findLast((start) => start.at <= at);
    return newest !== undefined && this.isOwn(newest.id) ? "own" : "other";
  }

  /** Whether a run that began at that time would be among the events. */
  #isListed(at: number): boolean {
    const { events, truncated } = this.#history;
    const oldest = Date.parse(events.find(({ occurredAt }) => occurredAt)?.occurredAt ?? "");
    return !truncated || at >= oldest;
  }

  /** The run of the oldest listed event had begun before that; what came before it is not known. */
  #ownerBeforeList(at: number): Owner {
    const id = this.#history.events.map(runOf).find((each) => each !== undefined);
    const start = this.#starts.find((each) => each.id === id);
    return start !== undefined && this.isOwn(start.id) && start.at <= at ? "own" : "unknown";
  }
}
