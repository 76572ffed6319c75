/**
 * The service's own hosts. It has moved: the documented base URL may have no API anymore, and its newer hosts serve the
 * newest contract.
 */

export interface ServiceHosts {
  /** The documented base URL, without a trailing slash. */
  readonly defaultBase: string;
  /** Where the API continues. */
  readonly successorBase: string;
  /** Hosts of the service. */
  readonly hosts: ReadonlySet<string>;
  /** Those of them that serve the newest contract. */
  readonly newestContractHosts: ReadonlySet<string>;
}

export const SERVICE_HOSTS: ServiceHosts = {
  defaultBase: "https://mosoo.ai/api/v1",
  successorBase: "https://cloud.mosoo.ai/api/v1",
  hosts: new Set(["mosoo.ai", "cloud.mosoo.ai", "try.mosoo.ai"]),
  newestContractHosts: new Set(["cloud.mosoo.ai", "try.mosoo.ai"]),
};
