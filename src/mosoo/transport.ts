/**
 * One call on the wire: time limit, redirects, proxy, bytes. undici lives here (and in proxy.ts) alone.
 *
 * The token goes only where redirect.ts says it may. No error of this module holds it: errors are made of host names,
 * statuses and codes, never of request options.
 */
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import request from "undici/lib/api/api-request.js";
import Agent from "undici/lib/dispatcher/agent.js";
import { decompressed, readText } from "./body.ts";
import { type Clock, systemClock } from "../common/clock.ts";
import { MosooError, MosooConnectionError } from "./errors.ts";
import { type Environment, ProxyResolver } from "./proxy.ts";
import { mostRedirects, deriveBaseUrl, resolveRedirect } from "./redirect.ts";
import { bodyError, wireError } from "./wire-faults.ts";

export interface TransportOptions {
  /** The API's base, without a trailing slash. */
  apiUrl: URL;
  token: string;
  userAgent: string;
  /** For the proxy variables. */
  environment: Environment;
  /** Takes secrets out of all text that comes back whole, before anything is made or cut of it. */
  redact?: (text: string) => string;
  /** Told once for each new base that a redirect led to. */
  onBaseUrlChange?: (base: URL) => void;
  clock?: Clock;
}

export interface RequestOptions {
  method: "GET" | "POST";
  /** Below the base: `/threads/{id}`, segments already encoded. */
  path: string;
  headers?: Record<string, string>;
  /** Text, or what makes the stream anew for each try and each redirect. */
  body?: string | { open: () => Readable; bytes: number };
  /** Connect, headers and body together; an upload's or stream's caller watches its idleness itself and gives none. */
  timeoutMs?: number | undefined;
  /** Ends the call at once, as a MosooConnectionError `aborted`. */
  signal?: AbortSignal | undefined;
  /** false: do not send the token. */
  withToken?: boolean;
  /** A success's text stays as it came: the caller conceals what it shows. */
  skipRedaction?: boolean;
  /** What an answer that is read whole may hold; undefined: what is plenty for all but an agent's words. */
  maxBodyBytes?: number;
}

export interface HttpResponse {
  status: number;
  header(name: string): string | undefined;
  text: string;
  /** What answered, after redirects. */
  url: URL;
}

export interface HttpStreamResponse extends Omit<HttpResponse, "text"> {
  body: Readable;
}

/** undici's own timers are off: the time limit of a call is one, over everything. HTTP/2 is not in the bundle. */
const agentOptions = { allowH2: false, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 60_000 } };

export class Transport {
  readonly #options: TransportOptions;
  readonly #direct: Agent;
  readonly #clock: Clock;
  readonly #proxies: ProxyResolver;
  #answered = false;
  #base: URL;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#base = options.apiUrl;
    this.#clock = options.clock ?? systemClock;
    this.#direct = new Agent(agentOptions);
    this.#proxies = new ProxyResolver(options.environment, { ...agentOptions, proxyTls: { allowH2: false } });
  }

  /** The API's base as last known: where a redirect led, else as given. */
  get base(): URL {
    return this.#base;
  }

  /** Text of the server, without secrets. */
  redact(text: string): string {
    return this.#options.redact?.(text) ?? text;
  }

  /** The host has answered something, whatever it was: it exists. */
  get hasResponded(): boolean {
    return this.#answered;
  }

  /** A call whose answer is read whole. @throws MosooConnectionError */
  async request(call: RequestOptions): Promise<HttpResponse> {
    const timer = timeLimit(call, this.#clock);
    try {
      const { body, ...answer } = await this.#follow(call, timer);
      try {
        const text = await readText(body, call.maxBodyBytes);
        return { ...answer, text: call.skipRedaction === true && answer.status === 200 ? text : this.redact(text) };
      } catch (error) {
        throw timer.signal.aborted ? error : bodyError(error, answer.url.host, answer.status);
      }
    } catch (error) {
      throw timer.explain(error);
    } finally {
      timer.clear();
    }
  }

  /** A call whose body is read as it comes; `timeoutMs` is for the headers alone. @throws MosooConnectionError */
  async stream(call: RequestOptions): Promise<HttpStreamResponse> {
    const timer = timeLimit(call, this.#clock);
    try {
      return await this.#follow(call, timer);
    } catch (error) {
      throw timer.explain(error);
    } finally {
      timer.stopWatching();
    }
  }

  /** Closes every connection, those in use too. */
  async close(): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#proxies.destroy()]);
  }

  async #follow(call: RequestOptions, timer: TimeLimit): Promise<HttpStreamResponse> {
    const base = this.#base;
    const asked = new URL(base.href.replace(/\/$/, "") + call.path);
    const seen = new Set<string>();
    let url = asked;
    for (;;) {
      const answer = await this.#send(url, call, timer);
      if (![301, 302, 303, 307, 308].includes(answer.status)) {
        // What needs no token, the server's contract, may lie elsewhere than the API.
        if (seen.size > 0 && call.withToken !== false) this.#move(base, asked, url);
        return answer;
      }
      answer.body.on("error", () => undefined).destroy();
      const target = resolveRedirect(url, call.method, answer.status, answer.header("location"), (to) =>
        deriveBaseUrl(base, asked, to),
      );
      seen.add(url.href);
      if (seen.has(target.href) || seen.size > mostRedirects) {
        const what = seen.has(target.href) ? "redirects in a circle" : `redirects more than ${mostRedirects} times`;
        throw new MosooConnectionError(
          "redirect",
          `${asked.host} ${what}.`,
          "Set `api-url` to where the API lives.",
          answer.status,
        );
      }
      url = target;
    }
  }

  #move(base: URL, asked: URL, answered: URL): void {
    const moved = deriveBaseUrl(base, asked, answered);
    if (moved === undefined || moved.href === this.#base.href) return;
    this.#base = moved;
    this.#options.onBaseUrlChange?.(moved);
  }

  async #send(url: URL, call: RequestOptions, timer: TimeLimit): Promise<HttpStreamResponse> {
    const proxy = await this.#proxies.wayTo(url);
    const { signal } = timer;
    timer.peer = proxy === undefined ? url.host : `${url.host} (through the proxy ${proxy.host})`;
    const stream = typeof call.body === "object" ? call.body.open() : undefined;
    try {
      signal.throwIfAborted();
      const asked = request.call(proxy?.dispatcher ?? this.#direct, {
        origin: url.origin,
        path: url.pathname + url.search,
        method: call.method,
        signal,
        headers: {
          accept: "application/json",
          "user-agent": this.#options.userAgent,
          ...(call.withToken === false ? {} : { authorization: `Bearer ${this.#options.token}` }),
          ...(typeof call.body === "object" ? { "content-length": String(call.body.bytes) } : {}),
          ...call.headers,
        },
        body: stream ?? (typeof call.body === "string" ? call.body : null),
      });
      const answer = await orAborted(asked, signal);
      this.#answered = true;
      const header = (name: string): string | undefined => [answer.headers[name]].flat()[0]?.trim();
      return {
        status: answer.statusCode,
        header,
        url,
        // Several headers say together in what order it was compressed.
        body: await decompressed(answer.body, [answer.headers["content-encoding"]].flat().join(",")),
      };
    } catch (error) {
      stream?.destroy();
      // A MosooError comes out of the body's own stream: a file that changed while it was sent.
      throw signal.aborted || error instanceof MosooError ? error : wireError(error, url.host, proxy);
    }
  }
}

/**
 * The answer, or the end that the signal sets: undici hears of an abort only once a connection stands, and a host or
 * proxy that takes none would keep the call for a minute. A request that is aborted so early is never sent.
 */
async function orAborted(
  asked: Promise<Dispatcher.ResponseData>,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([asked, aborted.promise]);
  } catch (error) {
    // Should it come all the same, nobody reads it.
    asked.then(({ body }) => body.on("error", () => undefined).destroy()).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

interface TimeLimit {
  signal: AbortSignal;
  /** Who is asked. */
  peer: string;
  /** What an abort meant, where the error came of one; else the error. */
  explain(error: unknown): Error;
  clear(): void;
  /** Ends the time limit, but still passes the caller's abort on. */
  stopWatching(): void;
}

function timeLimit(call: RequestOptions, clock: Clock): TimeLimit {
  const controller = new AbortController();
  const { signal, timeoutMs } = call;
  let timedOut = false;
  const pass = (): void => {
    controller.abort();
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : clock.timer(timeoutMs, () => {
          timedOut = true;
          controller.abort();
        });
  if (signal?.aborted === true) controller.abort();
  signal?.addEventListener("abort", pass, { once: true });
  const limit: TimeLimit = {
    signal: controller.signal,
    peer: "The host",
    explain: (error) => {
      if (timedOut) {
        return new MosooConnectionError(
          "timeout",
          `${limit.peer} did not answer within ${Math.ceil((timeoutMs ?? 0) / 100) / 10} s.`,
        );
      }
      if (controller.signal.aborted) return new MosooConnectionError("aborted", "The call was given up.");
      return error instanceof Error ? error : new MosooConnectionError("connection_reset", "The connection broke.");
    },
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", pass);
    },
    stopWatching: () => {
      clearTimeout(timer);
    },
  };
  return limit;
}
