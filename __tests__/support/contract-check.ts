import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import type { Exchange, Revision } from "./fake-mosoo-server.ts";

/** An OpenAPI 3.1 document, as far as the check reads it. */
export interface Contract {
  paths: Record<string, Record<string, unknown>>;
  components: Record<string, unknown>;
}

const REVISIONS: readonly Revision[] = ["reference", "2026-07", "2026-08"];
const ROOT = "contract";

/** The service's published contracts in the folder that `MOSOO_CONTRACTS` names; `undefined` where there is none. */
export function publishedContracts(): Record<Revision, Contract> | undefined {
  const folder = process.env["MOSOO_CONTRACTS"];
  if (folder === undefined || folder === "" || !existsSync(folder)) return undefined;
  const read = (revision: Revision): [Revision, Contract] => [
    revision,
    JSON.parse(readFileSync(join(folder, `${revision}.json`), "utf8")) as Contract,
  ];
  return Object.fromEntries(REVISIONS.map(read)) as Record<Revision, Contract>;
}

/**
 * What a contract finds wrong with an answer: no violation, no entry. A 404 on a path that the contract does not know
 * is right.
 */
export function checkAnswer(contract: Contract, method: string, path: string, status: number, body: unknown): string[] {
  const place = operationAt(contract, method, path);
  if (place === undefined) return status === 404 ? [] : [`${method} ${path} is not in the contract`];
  const answers = at(contract, [...place, "responses"]);
  const answer = [...place, "responses", String(status)];
  if (!isRecord(answers) || !(String(status) in answers)) return [`${method} ${path}: no status ${status} is declared`];
  const found = follow(contract, answer);
  return violations(contract, [...found, "content", "application/json", "schema"], body, `${method} ${path} ${status}`);
}

/** What a contract finds wrong with a request's JSON body. Bodies of other kinds are not looked at. */
export function checkRequest(contract: Contract, method: string, path: string, body: unknown): string[] {
  const place = operationAt(contract, method, path);
  if (place === undefined) return [`${method} ${path} is not in the contract`];
  const declared = at(contract, [...place, "requestBody"]);
  if (!isRecord(declared)) return body === undefined ? [] : [`${method} ${path} takes no body`];
  const schema = [...place, "requestBody", "content", "application/json", "schema"];
  if (at(contract, schema) === undefined) return [];
  if (body === undefined) return declared["required"] === true ? [`${method} ${path} needs a body`] : [];
  return violations(contract, schema, body, `${method} ${path}`);
}

/** Both checks over one exchange of the fake server; faults and rejected requests are not checked. */
export function checkExchange(contract: Contract, exchange: Exchange): string[] {
  const { method, path, status } = exchange;
  if (path.endsWith("/openapi.json")) return [];
  const answer =
    exchange.faulted || !exchange.contentType.startsWith("application/json")
      ? []
      : checkAnswer(contract, method, path, status, exchange.responseBody);
  const request = !exchange.faulted && status < 300 ? checkRequest(contract, method, path, exchange.requestBody) : [];
  return [...request, ...answer];
}

function operationAt(contract: Contract, method: string, path: string): string[] | undefined {
  const asked = (path.split("?")[0] ?? "").replace(/^\/api\/v1/, "").split("/");
  const template = Object.keys(contract.paths).find((known) => {
    const parts = known.split("/");
    return parts.length === asked.length && parts.every((part, i) => part.startsWith("{") || part === asked[i]);
  });
  if (template === undefined || !(method.toLowerCase() in (contract.paths[template] ?? {}))) return undefined;
  return ["paths", template, method.toLowerCase()];
}

function at(document: unknown, place: readonly string[]): unknown {
  return place.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), document);
}

/** The place that a `$ref` at this place names, else this place. */
function follow(contract: Contract, place: string[]): string[] {
  const value = at(contract, place);
  const target = isRecord(value) ? value["$ref"] : undefined;
  return typeof target === "string" ? target.replace(/^#\//, "").split("/") : place;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

const compilers = new WeakMap<Contract, Ajv2020>();

function compilerOf(contract: Contract): Ajv2020 {
  const known = compilers.get(contract);
  if (known !== undefined) return known;
  const ajv = new Ajv2020({ strict: false, allErrors: true, schemas: { [ROOT]: contract } });
  addFormats.default(ajv);
  // Its pattern is beside it wherever the service uses it.
  ajv.addFormat("ulid", true);
  compilers.set(contract, ajv);
  return ajv;
}

function violations(contract: Contract, place: string[], body: unknown, where: string): string[] {
  if (at(contract, place) === undefined) return [];
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
  const ajv = compilerOf(contract);
  const validate: ValidateFunction =
    ajv.getSchema(`${ROOT}#/${pointer}`) ?? ajv.compile({ $ref: `${ROOT}#/${pointer}` });
  if (validate(body)) return [];
  return (validate.errors ?? []).map(
    (error) => `${where}: ${error.instancePath || "/"} ${error.message ?? "is wrong"} ${JSON.stringify(error.params)}`,
  );
}
