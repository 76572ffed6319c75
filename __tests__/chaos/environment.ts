/** The environment of a schedule: a fake service, a proxy in front of it, and files. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { createServer, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Attachment } from "../../src/actions/attachments.ts";
import { type Clock, systemClock } from "../../src/common/clock.ts";
import { checkExchange, publishedContracts } from "../support/contract-check.ts";
import { startFakeMosooServer, type Fault, type FakeMosooServer } from "../support/fake-mosoo-server.ts";
import { Random } from "./random.ts";
import type { Ended, PlannedFault, Scenario, OtherUser } from "./scenario.ts";

export const text = "Have a look at this.\nAnd tell what you think — 你好 🙂";
const fileNames = ["plain.txt", "with blanks and ümläuts.md", "deep/\"quoted\" 'name'.json"];

const contracts = publishedContracts();

/** The times of a scenario. */
export interface Pace {
  /** Milliseconds on the clock. */
  requestTimeoutMs: number;
  /** The clock of the step and the service; undefined: the real one. */
  clock: ((random: () => number) => Clock) | undefined;
}

export class Environment {
  readonly mosoo: FakeMosooServer;
  readonly workspace: string;
  readonly schedule: Scenario;
  readonly pace: Pace;
  readonly #elsewhere: Server;
  readonly #sockets = new Set<Socket>();
  readonly clock: Clock;
  readonly #closed = new AbortController();
  /** Violations of the service's published contract by requests and responses, where the contract is available. */
  readonly violations: string[];
  /** The thread of a follow-up. */
  readonly threadId: string | undefined;

  static async open(schedule: Scenario, pace: Pace): Promise<Environment> {
    const inServerTime = (part: number): number => part * pace.requestTimeoutMs;
    const random = new Random(schedule.seed + 2);
    const clock = pace.clock?.(() => random.random());
    const contract = contracts?.[schedule.revision];
    const violations: string[] = [];
    const mosoo = await startFakeMosooServer({
      revision: schedule.revision,
      ...(clock === undefined ? {} : { clock }),
      pendingCheckpointMs: inServerTime(schedule.pendingCheckpoint),
      stuckReservationMs: inServerTime(3),
      onExchange: (exchange) => {
        if (contract !== undefined) violations.push(...checkExchange(contract, exchange));
      },
    });
    const world = new Environment(schedule, pace, clock ?? systemClock, mosoo, violations);
    await new Promise<void>((resolve) => {
      world.#elsewhere.listen(0, "127.0.0.1", resolve);
    });
    return world;
  }

  private constructor(schedule: Scenario, pace: Pace, clock: Clock, mosoo: FakeMosooServer, violations: string[]) {
    this.clock = clock;
    this.violations = violations;
    this.schedule = schedule;
    this.pace = pace;
    this.mosoo = mosoo;
    this.workspace = mkdtempSync(join(tmpdir(), "chaos-"));
    const { port } = new URL(mosoo.origin);
    this.#elsewhere = createServer((socket) => {
      const onward = connect(Number(port), "127.0.0.1");
      for (const end of [socket, onward]) {
        this.#sockets.add(end);
        end.on("error", () => undefined).on("close", () => this.#sockets.delete(end));
      }
      // Each end goes with the other, and goes hard where the other did.
      socket.on("close", () => onward.destroy());
      onward.on("close", () => {
        socket.destroySoon();
      });
      socket.pipe(onward).pipe(socket);
    });
    if (schedule.work.includes("files")) this.#writeFiles();
    if (schedule.work.startsWith("follow-up")) {
      this.threadId = mosoo.createThreadDirectly().id;
      if (schedule.stranger !== undefined) this.write(schedule.stranger);
    }
  }

  /** The step's files, as its globs find them. */
  readonly files: Attachment[] = [];

  /** What the step is given, for the request timeout and deadline that its clock makes of them. */
  inputs(): Record<string, string> {
    const { mosoo, threadId } = this;
    return {
      "api-url": mosoo.apiUrl,
      token: mosoo.tokens.person,
      message: text,
      ...(threadId === undefined ? {} : { "thread-id": threadId }),
      ...(threadId === undefined || this.files.length > 0 ? { "agent-id": mosoo.agents.published } : {}),
      ...(this.files.length === 0 ? {} : { files: "**/*" }),
    };
  }

  /** Somebody else writes into the thread. */
  write(stranger: OtherUser): void {
    const thread = this.mosoo.threads[0];
    if (thread === undefined) throw new Error("There is no thread to write into.");
    const { id } = this.mosoo.startRunDirectly(thread.id, stranger.text);
    const end = (): void => {
      this.mosoo.endRun(id, stranger.ends);
    };
    this.mosoo.setRunStatus(id, "running");
    if (stranger.after === 0) end();
    else this.after(stranger.after * this.pace.requestTimeoutMs, end);
  }

  /** Calls back after so many milliseconds on the clock, unless `signal` or the end of the scenario comes first. */
  after(ms: number, then: () => void, signal?: AbortSignal): void {
    const ended = AbortSignal.any([this.#closed.signal, ...(signal === undefined ? [] : [signal])]);
    void this.clock.sleep(ms, ended).then(() => {
      if (!ended.aborted) then();
    });
  }

  /** Ends the newest run of the step's own message. @returns whether that is to be sent again then */
  endOwnRun(ends: Ended): boolean {
    const message = this.mosoo.threads[0]?.messages.findLast((each) => each.text === text);
    if (message === undefined) throw new Error("There is no message of the step's own.");
    const { status } = this.mosoo.findRun(message.runId);
    // It may have been left completed by the stage before.
    if (status !== "queued") return false;
    this.mosoo.setRunStatus(message.runId, "running");
    this.mosoo.endRun(message.runId, ends);
    return ends !== "completed";
  }

  queue(faults: readonly PlannedFault[]): void {
    for (const fault of faults) this.mosoo.fault(this.#fault(fault));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const socket of this.#sockets) socket.destroy();
    this.#elsewhere.close();
    await this.mosoo.close();
    rmSync(this.workspace, { recursive: true, force: true });
  }

  #fault({ on, skip, times, trouble }: PlannedFault): Fault {
    const where = { on, skip, times };
    const ms = "part" in trouble ? trouble.part * this.pace.requestTimeoutMs : 0;
    switch (trouble.kind) {
      case "fault":
        return { ...where, ...trouble.fault };
      case "slow":
        return { ...where, kind: "slow", ms };
      case "slow body":
        return { ...where, kind: "slow-body", ms };
      case "asked by date": {
        const date = new Date(Date.now() + trouble.seconds * 1_000).toUTCString();
        return { ...where, kind: "status", status: trouble.status, headers: { "Retry-After": date } };
      }
      case "moved": {
        const address = this.#elsewhere.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        return { ...where, kind: "redirect", status: trouble.status, origin: `http://127.0.0.1:${port}` };
      }
    }
  }

  #writeFiles(): void {
    for (const [index, bytes] of this.schedule.fileBytes.entries()) {
      const relativePath = fileNames[index] ?? `more-${index}`;
      const path = join(this.workspace, relativePath);
      const content = Buffer.alloc(bytes, `${index}.`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      const sha256 = createHash("sha256").update(content).digest("hex");
      this.files.push({ name: basename(path), path, bytes, relativePath, sha256 });
    }
  }
}
