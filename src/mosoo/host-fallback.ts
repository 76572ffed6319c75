/** Continues at another host of the service where the documented one has no API anymore. */
import type { ClientEvent } from "./operation.ts";
import type { Transport } from "./http/transport.ts";
import { type ApiFailure, type ApiResult, isHtml } from "./request.ts";
import type { ServiceHosts } from "./http/redirects.ts";

/**
 * Whether a failure proves that the host has no API: a 404 or 405 that is neither the service's error envelope nor its
 * answer to an unknown path, an HTML page instead of a success, or a name that does not exist. Everything else (a
 * timeout, a 5xx, a firewall's 403) may pass.
 */
function provesNoApi(failure: ApiFailure): boolean {
  switch (failure.kind) {
    case "error":
      return [404, 405].includes(failure.status) && failure.code === undefined && !failure.isUnroutedPath;
    case "invalid_response":
      return isHtml(failure.text);
    case "connection":
      return failure.error.code === "dns_not_found";
  }
}

/** Continues at the successor where the default host has no API. */
export class HostFallback {
  readonly #transport: Transport;
  readonly #hosts: ServiceHosts;
  readonly #onEvent: (event: ClientEvent) => void;
  #outcomeUnknown = false;
  /** The host has responded as the API. */
  #isApi = false;

  constructor(transport: Transport, hosts: ServiceHosts, onEvent: (event: ClientEvent) => void) {
    this.#transport = transport;
    this.#hosts = hosts;
    this.#onEvent = onEvent;
  }

  /** Whether the server is assumed to have the newest contract, as long as nobody has read it. */
  get servesNewestContract(): boolean {
    return this.#hosts.newestContractHosts.has(this.#transport.base.host);
  }

  /** A request may have been executed: from now on only the same host can say so. */
  markOutcomeUnknown(): void {
    this.#outcomeUnknown = true;
  }

  /**
   * Switches to the successor where the result proves that the default host has no API.
   *
   * @returns whether to send the request again, there
   */
  switchAfter(result: ApiResult<unknown>): boolean {
    if (result.kind === "ok" || (result.kind === "error" && result.code !== undefined)) this.#isApi = true;
    if (result.kind === "ok" || this.#isApi || this.#outcomeUnknown || !provesNoApi(result)) return false;
    const { base } = this.#transport;
    const { defaultBase, successorBase } = this.#hosts;
    if (trimSlash(base) !== defaultBase) return false;
    this.#transport.switchBase(new URL(successorBase));
    this.#onEvent({ kind: "host-changed", from: base.host, to: successorBase });
    return true;
  }

  /** What to do about a host of the service that has no API (anymore); undefined elsewhere. */
  adviceAfter(failure: ApiFailure): string | undefined {
    const { base } = this.#transport;
    const { hosts, successorBase } = this.#hosts;
    if (this.#isApi || !hosts.has(base.host) || trimSlash(base) === successorBase || !provesNoApi(failure))
      return undefined;
    return `The API is at ${successorBase}: set \`api-url\` to it.`;
  }
}

function trimSlash({ href }: URL): string {
  return href.replace(/\/$/, "");
}
