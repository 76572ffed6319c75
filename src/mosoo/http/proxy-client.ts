/** Sends requests through a proxy, by undici's tunnels. Loaded only where a proxy variable applies. */
import { type Dispatcher, Pool, ProxyAgent, type RequestInit, type Response, fetch, request } from "undici";
import type { HttpClient, HttpRequest, RawResponse } from "./node-client.ts";
import type { ResolvedProxy } from "./proxy.ts";

/** For the TCP and TLS handshakes with the proxy. */
const CONNECT_TIMEOUT_MS = 60_000;

/** The proxy closed the connection before there was a tunnel. */
class TunnelClosedError extends Error {
  readonly code = "UND_ERR_PRX_CONN";
}

const CLOSED_CODES: readonly unknown[] = ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"];

function isClosed(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  // Of a connection that is closed before TLS, the text says more than the code.
  return CLOSED_CODES.includes(code) && !String(message).includes("secure TLS");
}

/** The connections to the proxy. undici takes its own error for a closed one as recoverable, and reconnects forever. */
class TunnelPool extends Pool {
  // ProxyAgent uses no other signature.
  override connect = async (options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> => {
    try {
      return await super.connect(options);
    } catch (cause) {
      throw isClosed(cause) ? new TunnelClosedError("The proxy closed the connection", { cause }) : cause;
    }
  };
}

function createAgent({ url, authorization }: ResolvedProxy): ProxyAgent {
  return new ProxyAgent({
    uri: url.href,
    ...(authorization === undefined ? {} : { token: authorization }),
    clientFactory: (origin, options) => new TunnelPool(origin, options),
    proxyTls: { timeout: CONNECT_TIMEOUT_MS },
    // The caller's signal is the one time limit.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** The response, or the abort as soon as it comes: undici notices it only once it is connected. */
async function raceWithAbort<T>(response: Promise<T>, signal: AbortSignal, discard: (late: T) => void): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([response, aborted.promise]);
  } catch (error) {
    response.then(discard, () => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The handler, which also reports that a connection through the tunnel is there, TLS included. */
function observe(handler: Dispatcher.DispatchHandlers, onConnect: () => void): Dispatcher.DispatchHandlers {
  const original = handler.onConnect?.bind(handler);
  handler.onConnect = (abort) => {
    onConnect();
    original?.(abort);
  };
  return handler;
}

export class ProxyHttpClient implements HttpClient {
  readonly #agent: ProxyAgent;

  constructor(proxy: ResolvedProxy) {
    this.#agent = createAgent(proxy);
  }

  async send({ url, method, headers, body, signal, onConnect }: HttpRequest): Promise<RawResponse> {
    signal.throwIfAborted();
    const pending = request(url, {
      dispatcher: this.#agent.compose(
        (dispatch) => (options, handler) => dispatch(options, observe(handler, onConnect)),
      ),
      method: method as Dispatcher.HttpMethod,
      headers,
      body: body ?? null,
      signal,
    });
    try {
      const response = await raceWithAbort(pending, signal, (late) => late.body.on("error", () => undefined).destroy());
      return {
        status: response.statusCode,
        headerValues: (name) => [response.headers[name] ?? []].flat(),
        // The connection may break before anybody reads: the reader gets the error then, and it is not uncaught now.
        body: response.body.on("error", () => undefined),
      };
    } catch (error) {
      if (typeof body === "object") body.destroy();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** `fetch` through the proxy, for a client that takes one. */
export function createProxyFetch(proxy: ResolvedProxy): (url: string, init: RequestInit) => Promise<Response> {
  const dispatcher = createAgent(proxy);
  return (url, init) => fetch(url, { ...init, dispatcher });
}
