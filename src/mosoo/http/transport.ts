/**
 * One request to the API: time limit, redirects, the way there, the body.
 *
 * The token goes only where redirects.ts allows it. No error of this module holds it: errors are made of host names,
 * statuses and codes, never of request options.
 */
import type { Readable } from "node:stream";
import { type Clock, systemClock } from "../../common/clock.ts";
import { MosooConnectionError, MosooError } from "../errors.ts";
import { decompress, readText } from "./body.ts";
import { describePeer, toBodyError, toConnectionError } from "./connection-errors.ts";
import { type HttpClient, NodeHttpClient } from "./node-client.ts";
import { type Environment, type ResolvedProxy, resolveProxy } from "./proxy.ts";
import { MAX_REDIRECTS, deriveBaseUrl, isRedirect, resolveRedirect } from "./redirects.ts";

export interface TransportOptions {
  /** The API's base URL, without a trailing slash. */
  apiUrl: URL;
  token: string;
  userAgent: string;
  /** For the proxy variables. */
  environment: Environment;
  /** Called once for each new base URL that a redirect led to. */
  onBaseUrlChange?: (base: URL) => void;
  clock?: Clock;
}

export interface RequestOptions {
  method: "GET" | "POST";
  /** Below the base URL: `/threads/{id}`, its segments encoded. */
  path: string;
  headers?: Record<string, string>;
  /** Text, or what opens a new stream for each attempt and each redirect. */
  body?: string | { open: () => Readable; bytes: number };
  /** For connecting, headers and body together. Without one the caller watches for idleness itself. */
  timeoutMs?: number | undefined;
  /** Ends the request at once, with the code `aborted`. */
  signal?: AbortSignal | undefined;
  /** false: do not send the token. */
  withToken?: boolean;
  /** Limit of a response that is read whole; default: MAX_RESPONSE_BYTES. */
  maxBodyBytes?: number;
}

export interface HttpResponse {
  status: number;
  /** The first value of a header, trimmed. The name in lower case. */
  header: (name: string) => string | undefined;
  text: string;
  /** The URL that answered, after redirects. */
  url: URL;
}

interface HttpStreamResponse extends Omit<HttpResponse, "text"> {
  body: Readable;
}

/** The API's host as errors name it, until the first request says whether a proxy is used. */
const UNKNOWN_PEER = "The host";

export class Transport {
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #direct = new NodeHttpClient();
  #proxied: Promise<HttpClient> | undefined;
  #hasResponded = false;
  #base: URL;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#base = options.apiUrl;
    this.#clock = options.clock ?? systemClock;
  }

  /** The API's base URL: where a redirect led, else as given. */
  get base(): URL {
    return this.#base;
  }

  /** Sends the next requests to another host, of which nothing is known yet. */
  switchBase(base: URL): void {
    this.#base = base;
    this.#hasResponded = false;
  }

  /** Whether any response was received: the host exists. */
  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  /** A request whose response is read whole. @throws MosooConnectionError */
  async request(options: RequestOptions): Promise<HttpResponse> {
    const limit = startTimeout(options, this.#clock);
    try {
      const { body, ...response } = await this.#followRedirects(options, limit);
      try {
        return { ...response, text: await readText(body, options.maxBodyBytes) };
      } catch (error) {
        throw limit.signal.aborted ? error : toBodyError(error, response.url.host, response.status);
      }
    } catch (error) {
      throw limit.toTimeoutError(error);
    } finally {
      limit.close();
    }
  }

  /** A request whose response is read as it comes; `timeoutMs` is for the headers alone. @throws MosooConnectionError */
  async stream(options: RequestOptions): Promise<HttpStreamResponse> {
    const limit = startTimeout(options, this.#clock);
    try {
      return await this.#followRedirects(options, limit);
    } catch (error) {
      throw limit.toTimeoutError(error);
    } finally {
      limit.clearTimeout();
    }
  }

  /** Closes every connection, those in use too. */
  async close(): Promise<void> {
    await Promise.all([this.#direct.close(), this.#proxied?.then((client) => client.close())]);
  }

  async #followRedirects(options: RequestOptions, limit: RequestTimeout): Promise<HttpStreamResponse> {
    const base = this.#base;
    const requested = new URL(base.href.replace(/\/$/, "") + options.path);
    const seen = new Set<string>();
    let url = requested;
    for (;;) {
      const response = await this.#send(url, options, limit);
      if (!isRedirect(response.status)) {
        // What needs no token, the server's contract, may be at another place than the API.
        if (seen.size > 0 && options.withToken !== false) this.#updateBaseUrl(base, requested, url);
        return response;
      }
      response.body.on("error", () => undefined).destroy();
      const target = resolveRedirect(url, options.method, response.status, response.header("location"), (to) =>
        deriveBaseUrl(base, requested, to),
      );
      seen.add(url.href);
      const isCircle = seen.has(target.href);
      if (isCircle || seen.size > MAX_REDIRECTS) {
        const problem = isCircle ? "redirects in a circle" : `redirects more than ${MAX_REDIRECTS} times`;
        const advice = "Set `api-url` to where the API lives.";
        throw new MosooConnectionError("redirect", `${requested.host} ${problem}.`, advice, response.status);
      }
      url = target;
    }
  }

  #updateBaseUrl(base: URL, requested: URL, answered: URL): void {
    const moved = deriveBaseUrl(base, requested, answered);
    if (moved === undefined || moved.href === this.#base.href) return;
    this.#base = moved;
    this.#options.onBaseUrlChange?.(moved);
  }

  async #send(url: URL, options: RequestOptions, limit: RequestTimeout): Promise<HttpStreamResponse> {
    const proxy = resolveProxy(this.#options.environment, url);
    const peer = {
      host: url.host,
      proxy: proxy && { host: proxy.url.host, isTls: proxy.url.protocol === "https:" },
    };
    limit.peer = describePeer(peer);
    limit.isConnected = false;
    try {
      const client = proxy === undefined ? this.#direct : await this.#openProxyClient(proxy);
      const { status, headerValues, body } = await client.send({
        url,
        method: options.method,
        headers: this.#headers(options),
        body: typeof options.body === "object" ? options.body.open() : options.body,
        signal: limit.signal,
        onConnect: () => {
          limit.isConnected = true;
        },
      });
      this.#hasResponded = true;
      return {
        status,
        header: (name) => headerValues(name)[0]?.trim(),
        url,
        body: await decompress(body, headerValues("content-encoding").join(",")),
      };
    } catch (error) {
      // The body's own stream throws a MosooError: a file that changed while it was sent.
      throw limit.signal.aborted || error instanceof MosooError ? error : toConnectionError(error, peer);
    }
  }

  #headers({ body, headers, withToken }: RequestOptions): Record<string, string> {
    return {
      accept: "application/json",
      "user-agent": this.#options.userAgent,
      ...(withToken === false ? {} : { authorization: `Bearer ${this.#options.token}` }),
      ...(typeof body === "object" ? { "content-length": String(body.bytes) } : {}),
      ...headers,
    };
  }

  /** The variables do not change, and `http` is for loopback alone: there is one proxy. */
  #openProxyClient(proxy: ResolvedProxy): Promise<HttpClient> {
    this.#proxied ??= import("./proxy-client.ts").then(({ ProxyHttpClient }) => new ProxyHttpClient(proxy));
    return this.#proxied;
  }
}

interface RequestTimeout {
  signal: AbortSignal;
  /** The host, and the proxy in between. */
  peer: string;
  /** The server may have got the request: a connection was there. */
  isConnected: boolean;
  /** A timeout or an abort as its error; any other error as it is. */
  toTimeoutError(error: unknown): Error;
  /** Ends the time limit, but still passes the caller's abort on. */
  clearTimeout(): void;
  /** Ends the time limit, and listens to the caller's signal no more. */
  close(): void;
}

function startTimeout({ signal, timeoutMs }: RequestOptions, clock: Clock): RequestTimeout {
  const controller = new AbortController();
  let isTimedOut = false;
  const abort = (): void => {
    controller.abort();
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : clock.timer(timeoutMs, () => {
          isTimedOut = true;
          abort();
        });
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const limit: RequestTimeout = {
    signal: controller.signal,
    peer: UNKNOWN_PEER,
    isConnected: false,
    toTimeoutError: (error) => {
      if (isTimedOut) {
        const seconds = Math.ceil((timeoutMs ?? 0) / 100) / 10;
        const code = limit.isConnected ? "timeout" : "connect_timeout";
        return new MosooConnectionError(code, `${limit.peer} did not answer within ${seconds} s.`);
      }
      if (controller.signal.aborted) return new MosooConnectionError("aborted", "The request was aborted.");
      return error instanceof Error ? error : new MosooConnectionError("connection_reset", "The connection was reset.");
    },
    clearTimeout: () => {
      clearTimeout(timer);
    },
    close: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
  return limit;
}
