/** Reads a server's contract once it has rejected a body, and explains rejections. */
import { formatInteger } from "../../common/format.ts";
import {
  type Body,
  type Contract,
  type ObjectSchema,
  matchesSchema,
  inferInputFromMessage,
  isKnownProperty,
  MAX_REQUEST_BODY_BYTES,
  referenceContract,
} from "./request-bodies.ts";
import type { RetryLoop } from "../retry-loop.ts";
import { MosooError } from "../errors.ts";
import * as endpoints from "../endpoints.ts";
import { type ApiErrorResult, toMosooError } from "../request.ts";
import { RETRY_POLICIES } from "../retry.ts";

/**
 * The server's own contract, from `GET {api-url}/openapi.json`. No token is sent.
 *
 * @returns undefined where it is not available or not understood
 * @throws CancelledError
 */
export async function fetchContract(loop: RetryLoop): Promise<Contract | undefined> {
  const { readContract } = await import("./openapi.ts");
  const parse = (text: string): Contract | undefined => {
    const declared = readContract(text, isKnownProperty);
    return declared && { ...declared, message: declared.message ?? referenceContract.message };
  };
  try {
    return await loop.read(endpoints.readContract(parse));
  } catch (error) {
    if (error instanceof MosooError) return undefined;
    throw error;
  }
}

/** Whether a rejection may be about the body's shape. It is not stored under the key. */
export function isRefusedBody(reply: ApiErrorResult): boolean {
  return reply.status === 400 && reply.code === "invalid_request" && !reply.replayed;
}

/** Answers that can be about one value of the request. */
const aboutValues = ["invalid_request", "forbidden", "not_found"];

/** A rejected value, with the input that the server's message seems to be about. */
export function invalidValueError(reply: ApiErrorResult): MosooError {
  const { code = "", message } = reply;
  const input = message !== undefined && aboutValues.includes(code) ? inferInputFromMessage(message) : undefined;
  if (input === undefined) return toMosooError(reply);
  const advice = {
    "agent-id": "Copy the Agent ID from the agent's API Access panel: 26 letters and digits.",
    "attributed-user-id":
      "It needs a service token on a server with the reference contract, and the ID of a user of the organization.",
    "file-ids": "Give IDs of files that the token's owner uploaded; a service token cannot attach files.",
  }[input];
  return toMosooError(reply).extend({ input, ...(advice === undefined ? {} : { advice }) });
}

/**
 * The contract from which to build a rejected body again.
 *
 * @param known the server's contract, where it was read before
 * @param schemaOf the part of the contract that the body was made from
 * @returns undefined where the body has the shape that the contract declares: then a value was rejected
 * @throws CancelledError
 */
export async function renegotiate(
  loop: RetryLoop,
  known: Contract | undefined,
  schemaOf: (contract: Contract) => ObjectSchema,
  body: Body,
): Promise<Contract | "unavailable" | undefined> {
  const reads = (): RetryLoop => loop.forRead("read the server's contract", RETRY_POLICIES.contract);
  const contract = known ?? (await fetchContract(reads()));
  if (contract === undefined) return "unavailable";
  return matchesSchema(body, schemaOf(contract)) ? undefined : contract;
}

/** What the contract decides, whether or not anybody gave the input. */
const ofContract = ["external-ref", "attributed-user-id", "user-id"];

/** A body that was rejected while the server's contract is not available: no input may be the cause. */
export function contractUnavailableError(reply: ApiErrorResult): MosooError {
  const error = invalidValueError(reply);
  const { input } = error.details;
  if (input !== undefined && !ofContract.includes(input)) return error;
  return error.extend({
    input: undefined,
    advice:
      "The server may take another body, but its contract (`openapi.json` below `api-url`) could not be read: re-run the workflow later, and check `api-url`.",
  });
}

/** @throws MosooError where a body holds more bytes than the service reads */
export function serializeBody(body: unknown): string {
  const json = JSON.stringify(body);
  const bytes = Buffer.byteLength(json, "utf8");
  if (bytes <= MAX_REQUEST_BODY_BYTES) return json;
  throw new MosooError(
    `The request would hold ${formatInteger(bytes)} bytes; the service reads at most ${formatInteger(MAX_REQUEST_BODY_BYTES)}.`,
    { input: "message", advice: "Shorten the message.", threadState: "not_created" },
  );
}
