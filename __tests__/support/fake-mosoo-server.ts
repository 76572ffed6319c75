import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Clock } from "../../src/common/clock.ts";
import { Accounts } from "./mosoo/accounts.ts";
import { bentAnswer, contentPacket, deliver, jsonPacket, madeUpAnswer } from "./mosoo/delivery.ts";
import type { Packet } from "./mosoo/delivery.ts";
import { ENDPOINTS } from "./mosoo/endpoints.ts";
import type { ServerState, Outcome } from "./mosoo/endpoints.ts";
import { EventStreams } from "./mosoo/event-streams.ts";
import { FaultQueue } from "./mosoo/faults.ts";
import type { Fault, FaultHandler } from "./mosoo/faults.ts";
import { FileStore } from "./mosoo/file-store.ts";
import { Died } from "./mosoo/idempotency.ts";
import { KeyMemory } from "./mosoo/keys.ts";
import { RateLimit } from "./mosoo/rate-limit.ts";
import { internalError, Refusal, refusalAnswer } from "./mosoo/refusal.ts";
import { REVISIONS } from "./mosoo/revision.ts";
import { routeOf } from "./mosoo/routes.ts";
import type { Route } from "./mosoo/routes.ts";
import { ThreadStore } from "./mosoo/thread-store.ts";
import { Timers } from "./mosoo/timers.ts";
import type {
  DirectThread,
  LoggedRequest,
  FakeMosooServer,
  FakeMosooServerOptions,
  StoredFile,
  StoredThread,
} from "./mosoo/types.ts";

export type { Fault, FaultHandler } from "./mosoo/faults.ts";
export type * from "./mosoo/types.ts";

/** More than any body that the service takes: beyond it a request is answered without its body being kept. */
const KEPT_BODY_BYTES = 1_000_000;

/**
 * A fake of the Mosoo Thread API over real HTTP on loopback: it rejects what the service would reject, at any of
 * its deployed revisions, remembers keys as the service does, and injects the faults that a test asks for.
 */
export async function startFakeMosooServer(options: FakeMosooServerOptions = {}): Promise<FakeMosooServer> {
  const server = new FakeServer(options);
  await server.listen();
  return server;
}

class FakeServer implements FakeMosooServer {
  readonly requests: LoggedRequest[] = [];
  readonly #options: FakeMosooServerOptions;
  readonly #state: ServerState;
  readonly #faults = new FaultQueue();
  readonly #timers: Timers;
  readonly #streams: EventStreams;
  readonly #server: Server;
  #origin = "";

  constructor(options: FakeMosooServerOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock);
    this.#state = this.#makeDesk(options);
    this.#streams = new EventStreams(this.#state.store, this.#state.facts, options.keepAliveMs ?? 15_000);
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#serve(request, response);
    };
    this.#server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  }

  async listen(): Promise<void> {
    const { host = "127.0.0.1", port = 0 } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(port, host, resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("The server listens on no port.");
    const scheme = this.#options.tls === undefined ? "http" : "https";
    this.#origin = `${scheme}://${host}:${address.port}`;
  }

  get revision() {
    return this.#state.revision;
  }
  get origin() {
    return this.#origin;
  }
  get apiUrl() {
    return `${this.#origin}/api/v1`;
  }
  get agents() {
    return this.#state.accounts.agents;
  }
  get tokens() {
    return this.#state.accounts.tokens;
  }
  get users() {
    return this.#state.accounts.users;
  }
  get threads() {
    return this.#state.store.threads;
  }
  get uploads() {
    return this.#state.files.files;
  }
  get pendingFaults() {
    return this.#faults.length;
  }
  get openStreams() {
    return this.#streams.size;
  }

  fault(fault: Fault): void {
    this.#faults.add(fault);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  createThreadDirectly(wanted: DirectThread = {}): StoredThread {
    const caller = this.#state.accounts.callerOf(wanted.token ?? this.tokens.person);
    const thread = this.#state.store.createThread({
      agentId: wanted.agentId ?? this.agents.published,
      body: null,
      ownerToken: caller.token,
      ownerAccount: caller.account,
      attributedUserId: caller.kind === "person" ? caller.account : null,
      externalRef: wanted.externalRef ?? null,
      userId: wanted.userId ?? (this.#state.facts.userIdRequired ? "direct" : null),
      idempotencyKey: null,
    });
    if (wanted.text !== undefined) this.#state.store.startRun(thread, wanted.text, null, []);
    return thread;
  }

  startRunDirectly(threadId: string, text: string) {
    return this.#state.store.startRun(this.findThread(threadId), text, null, []);
  }

  addFile(file: { name?: string; size?: number; token?: string } = {}): StoredFile {
    const caller = this.#state.accounts.callerOf(file.token ?? this.tokens.person);
    const { name = "notes.txt", size = 1 } = file;
    const sha256 = createHash("sha256").update(name).digest("hex");
    return this.#state.files.add(caller, { name, size, sha256, mimeType: "text/plain" });
  }

  findThread(threadId: string) {
    return this.#state.store.findThread(threadId);
  }
  findRun(runId: string) {
    return this.#state.store.findRun(runId);
  }
  emit: FakeMosooServer["emit"] = (runId, event) => {
    this.#state.store.emit(runId, event);
  };
  writeFile: FakeMosooServer["writeFile"] = (runId, file) => this.#state.store.writeFile(runId, file);
  endRun: FakeMosooServer["endRun"] = (runId, status, ending) => {
    this.#state.store.endRun(runId, status, ending);
  };
  setRunStatus: FakeMosooServer["setRunStatus"] = (runId, status, asked) => {
    this.#state.store.setRunStatus(runId, status, asked);
  };
  play: FakeMosooServer["play"] = (runId, script) => {
    this.#state.store.play(runId, script);
  };

  setPublished(agentId: string, published: boolean): void {
    const { withdrawn } = this.#state.accounts;
    if (published) withdrawn.delete(agentId);
    else withdrawn.add(agentId);
  }

  cutStreams(): void {
    this.#streams.cut();
  }

  reset(): void {
    this.#streams.cut();
    this.#faults.clear();
    this.#state.store.clear();
    this.#state.files.files.length = 0;
    this.#state.keys.clear();
    this.#state.rate.clear();
    this.#state.accounts.withdrawn.clear();
    this.requests.length = 0;
  }

  async close(): Promise<void> {
    this.#timers.stop();
    this.#state.store.stopScripts();
    this.#streams.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  #makeDesk(options: FakeMosooServerOptions): ServerState {
    const { revision = "reference", clock, now = clock === undefined ? Date.now : advancedNow(clock) } = options;
    const facts = REVISIONS[revision];
    return {
      revision,
      facts,
      now,
      accounts: new Accounts(revision, now()),
      store: new ThreadStore(facts, now, options.script),
      files: new FileStore(now),
      keys: new KeyMemory(options.stuckReservationMs ?? 600_000, facts.recovers, now),
      rate: new RateLimit(options.rateLimit ?? { requests: 120, windowMs: 60_000 }, now),
      pendingCheckpointMs: options.pendingCheckpointMs ?? 0,
      filesNameRuns: options.filesNameRuns ?? false,
      remembersRequestIds: options.remembersRequestIds ?? true,
      apiUrl: () => this.apiUrl,
      wait: (ms) => this.#timers.wait(ms),
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.#origin);
    const route = routeOf(request.method ?? "", url.pathname, this.#state.facts);
    const logged = this.#log(request);
    // Kept from the start: an aborted request releases it.
    const { socket } = request;
    try {
      // An upload is read by its endpoint, as it comes.
      const bytes = route?.endpoint === "upload" ? Buffer.alloc(0) : await readBody(request, logged);
      const fault = this.#faults.take(route?.endpoint, logged);
      if (fault !== undefined) logged.fault = fault.kind;
      await this.#answer({ request, response, socket, url, route, logged, bytes, fault });
    } catch {
      // The client disconnected, or the request died: there is no response to send.
      socket.destroy();
    }
  }

  #log(request: IncomingMessage): LoggedRequest {
    const { method = "", url = "/", headers } = request;
    const logged: LoggedRequest = { method, path: url, headers, body: "", json: undefined, at: this.#state.now() };
    if (headers.authorization !== undefined) logged.authorization = headers.authorization;
    this.requests.push(logged);
    return logged;
  }

  async #answer(turn: Turn): Promise<void> {
    const { request, response, socket, fault } = turn;
    if (fault?.kind === "drop-before") {
      socket.destroy();
      return;
    }
    if (fault?.kind === "drop-midway") {
      await passBytes(request, fault.bytes ?? 1);
      socket.destroy();
      return;
    }
    if (fault?.kind === "hang-before") {
      request.resume();
      return;
    }
    const madeUp = fault === undefined ? undefined : madeUpAnswer(fault, turn.logged);
    if (madeUp !== undefined) {
      request.resume();
      await this.#send(turn, madeUp);
      return;
    }
    const outcome = await this.#outcome(turn);
    const keyed = turn.route?.endpoint === "create" || turn.route?.endpoint === "events";
    if (fault?.kind === "slow" && !keyed) await this.#timers.wait(fault.ms);
    if (fault?.kind === "drop-after" || (fault?.kind === "crash-half-way" && !keyed)) socket.destroy();
    if (socket.destroyed || fault?.kind === "hang-after") return;
    if ("stream" in outcome) {
      turn.logged.status = 200;
      this.#streams.open(response, outcome.stream, outcome.limit, fault);
      return;
    }
    const packet = "content" in outcome ? contentPacket(outcome.content) : jsonPacket(outcome.answer);
    await this.#send(turn, bentAnswer(packet, fault));
  }

  async #outcome({ request, url, route, logged, bytes, fault }: Turn): Promise<Outcome> {
    // What is not routed answers with a string, not the envelope.
    if (route === undefined) return { answer: { status: 404, headers: {}, body: { error: "Not Found" } } };
    const call = { raw: request, bytes, logged, pathname: url.pathname, query: url.searchParams, id: route.id };
    try {
      return await ENDPOINTS[route.endpoint](this.#state, { ...call, fault });
    } catch (error) {
      if (error instanceof Died || (request.destroyed && !request.complete)) throw error;
      return { answer: refusalAnswer(error instanceof Refusal ? error : internalError()) };
    }
  }

  async #send(turn: Turn, packet: Packet): Promise<void> {
    const { request, response, logged, fault } = turn;
    if (response.destroyed) return;
    if (fault?.kind !== "cut") logged.status = packet.status;
    // A file is no text to hold against a schema.
    if (turn.route?.endpoint !== "file-content") this.#report(logged, packet, fault);
    request.resume();
    await deliver(response, packet, fault, (ms) => this.#timers.wait(ms));
  }

  #report(logged: LoggedRequest, packet: Packet, fault: FaultHandler | undefined): void {
    this.#options.onExchange?.({
      method: logged.method,
      path: logged.path,
      requestBody: logged.json,
      status: packet.status,
      contentType: packet.headers["Content-Type"] ?? "",
      responseBody: parsed(packet.bytes.toString("utf8")),
      faulted: fault !== undefined,
    });
  }
}

/** The time of day and what has passed on the clock, in whole milliseconds. */
function advancedNow(clock: Clock): () => number {
  const start = clock.now();
  return () => Math.floor(Date.now() + clock.now() - start);
}

interface Turn {
  request: IncomingMessage;
  response: ServerResponse;
  socket: Socket;
  url: URL;
  route: Route | undefined;
  logged: LoggedRequest;
  bytes: Buffer;
  fault: Fault | undefined;
}

async function passBytes(request: IncomingMessage, wanted: number): Promise<void> {
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size >= wanted) return;
  }
}

async function readBody(request: IncomingMessage, logged: LoggedRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (size < KEPT_BODY_BYTES) chunks.push(chunk);
    size += chunk.length;
  }
  const bytes = Buffer.concat(chunks);
  logged.body = bytes.toString("utf8");
  logged.json = parsed(logged.body);
  return bytes;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
