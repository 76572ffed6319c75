/** Sends requests directly, by `node:http` and `node:https`. */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import { type Readable, pipeline } from "node:stream";
import { UNEXPECTED_UPGRADE } from "./connection-errors.ts";

/** One request, as it is sent: redirects are the caller's. */
export interface HttpRequest {
  url: URL;
  method: string;
  headers: Readonly<Record<string, string>>;
  body: string | Readable | undefined;
  signal: AbortSignal;
  /** Called once there is a connection, TLS included: from here on the server may get the request. */
  onConnect: () => void;
}

export interface RawResponse {
  status: number;
  /** Every value of a header, in order. The name in lower case. */
  headerValues: (name: string) => readonly string[];
  body: Readable;
}

/** What sends a request: directly or through a proxy. */
export interface HttpClient {
  /** Rejects at once when the signal is aborted; an abort later on destroys the body. */
  send(request: HttpRequest): Promise<RawResponse>;
  /** Closes every connection, those in use too. */
  close(): Promise<void>;
}

/** Node gives the bytes of a header as Latin-1; what is beyond ASCII is UTF-8 in practice. */
function decodeHeader(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}

function toRawResponse(response: IncomingMessage): RawResponse {
  return {
    status: response.statusCode ?? 0,
    headerValues: (name) => (response.headersDistinct[name] ?? []).map(decodeHeader),
    body: response,
  };
}

type OpenRequest = (url: URL, options: RequestOptions) => ClientRequest;

export class NodeHttpClient implements HttpClient {
  #http: Agent | undefined;
  #https: HttpsAgent | undefined;

  async send({ url, method, headers, body, signal, onConnect }: HttpRequest): Promise<RawResponse> {
    const open = await this.#openerFor(url.protocol);
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const request = open(url, { method, headers });
      let response: IncomingMessage | undefined;
      const abort = (): void => {
        const reason = signal.reason as Error;
        reject(reason);
        response?.destroy(reason);
        request.destroy(reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      request.once("socket", (socket) => {
        if (socket.connecting) socket.once(url.protocol === "https:" ? "secureConnect" : "connect", onConnect);
        else onConnect();
      });
      // Not `once`: an error that comes after the response would be uncaught.
      request.on("error", reject);
      request.once("upgrade", (_, socket) => {
        socket.destroy();
        reject(Object.assign(new Error("Unexpected upgrade"), { code: UNEXPECTED_UPGRADE }));
      });
      request.once("response", (received) => {
        response = received;
        received.once("end", () => {
          signal.removeEventListener("abort", abort);
          // The server answered without waiting for the whole body: nobody reads the rest of it.
          if (!request.writableFinished) request.destroy();
        });
        resolve(toRawResponse(received));
      });
      if (typeof body === "object") {
        // First, for the request's own error would only say that it was aborted.
        body.once("error", reject);
        pipeline(body, request, () => undefined);
      } else request.end(body);
    });
  }

  close(): Promise<void> {
    this.#http?.destroy();
    this.#https?.destroy();
    return Promise.resolve();
  }

  async #openerFor(protocol: string): Promise<OpenRequest> {
    if (protocol === "http:") {
      const agent = (this.#http ??= new Agent({ keepAlive: true }));
      return (url, options) => requestHttp(url, { ...options, agent });
    }
    const https = await import("node:https");
    const agent = (this.#https ??= new https.Agent({ keepAlive: true }));
    return (url, options) => https.request(url, { ...options, agent });
  }
}
