/** Asks a server for its contract, once it has refused a body. */
import { grouped } from "./figures.ts";
import {
  type Body,
  type Contract,
  fits,
  inputNamedIn,
  isKnownProperty,
  mostBodyBytes,
  referenceContract,
} from "./contract.ts";
import type { Effort } from "./effort.ts";
import { MosooError } from "./errors.ts";
import { type ErrorReply, ask, errorOf, failureOf } from "./exchange.ts";
import { isPassing } from "./retry.ts";
import type { Transport } from "./transport.ts";

/** A short outage of this path alone must not fail the step; a path that is never there must not hold it up for long. */
const mostTries = 6;

/**
 * The server's own contract, from `GET {api-url}/openapi.json`. No token is sent.
 *
 * @returns undefined where it cannot be had or read
 */
export async function fetchContract(transport: Transport, effort: Effort): Promise<Contract | undefined> {
  const { readContract } = await import("./openapi.ts");
  const read = (text: string): Contract | undefined => {
    const declared = readContract(text, isKnownProperty);
    return declared && { ...declared, message: declared.message ?? referenceContract.message };
  };
  for (let tries = 1; tries <= mostTries; tries += 1) {
    const reply = await ask(
      transport,
      { method: "GET", path: "/openapi.json", withToken: false, ...effort.begin() },
      read,
    );
    if (reply.kind === "ok") return reply.value;
    const passing = reply.kind === "wire" || (reply.kind === "error" && isPassing(reply.status));
    if (!passing || tries === mostTries) return undefined;
    try {
      await effort.endure(failureOf(reply), errorOf(reply), "look");
    } catch (error) {
      if (error instanceof MosooError) return undefined;
      throw error;
    }
  }
  return undefined;
}

/** Whether a refusal may be about the body's shape: it burns no key, and is worth asking for the contract. */
export function isRefusedBody(reply: ErrorReply): boolean {
  return reply.status === 400 && reply.code === "invalid_request" && !reply.replayed;
}

/** Answers that can be about one value of the request. */
const aboutValues = ["invalid_request", "forbidden", "not_found"];

/** A refused value: the server's own message, and the input that it seems to be about. */
export function refusedValue(reply: ErrorReply): MosooError {
  const { code = "", message } = reply;
  const input = message !== undefined && aboutValues.includes(code) ? inputNamedIn(message) : undefined;
  if (input === undefined) return errorOf(reply);
  const advice = {
    "agent-id": "Copy the Agent ID from the agent's API Access panel: 26 letters and digits.",
    "attributed-user-id":
      "It needs a service token on a server with the reference contract, and the ID of a user of the organization.",
    "file-ids": "Give IDs of files that the token's owner uploaded; a service token cannot attach files.",
  }[input];
  return errorOf(reply).with({ input, ...(advice === undefined ? {} : { advice }) });
}

/**
 * The contract to build a refused body again from.
 *
 * @returns undefined where the contract says that the body had its shape: a value was refused; "unread" where the
 *   contract cannot be had
 * @throws StoppedError
 */
export async function contractAfter(
  known: Contract | undefined,
  shape: (contract: Contract) => Contract["create"],
  body: Body,
  transport: Transport,
  effort: Effort,
): Promise<Contract | "unread" | undefined> {
  const contract = known ?? (await fetchContract(transport, effort));
  if (contract === undefined) return "unread";
  return fits(body, shape(contract)) ? undefined : contract;
}

/** What the contract decides, whether or not anybody gave the input. */
const ofContract = ["external-ref", "attributed-user-id", "user-id"];

/** A body that was refused while nobody could say what the server takes: not for its reader's input to mend. */
export function refusedUnread(reply: ErrorReply): MosooError {
  const error = refusedValue(reply);
  const { input } = error.facts;
  if (input !== undefined && !ofContract.includes(input)) return error;
  return error.with({
    input: undefined,
    advice:
      "The server may take another body, but its contract (`openapi.json` below `api-url`) could not be read: re-run the workflow later, and check `api-url`.",
  });
}

/** @throws MosooError where a body holds more bytes than the service reads */
export function checkedJson(body: unknown): string {
  const json = JSON.stringify(body);
  const bytes = Buffer.byteLength(json, "utf8");
  if (bytes <= mostBodyBytes) return json;
  throw new MosooError(
    `The request would hold ${grouped(bytes)} bytes; the service reads at most ${grouped(mostBodyBytes)}.`,
    { input: "message", advice: "Shorten the message.", existence: "none" },
  );
}
