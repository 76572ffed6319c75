/** Inputs whose names are one edit away from one of this action's: the runner only warns of names that it does not know. */
import type { Environment } from "../mosoo/http/proxy.ts";

export interface MisspelledInput {
  /** As the runner passes it on, in lower case. */
  given: string;
  meant: string;
}

/** Whether one insertion, deletion, substitution or swap of neighbors makes `one` the `other`. */
function isOneEditAway(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  if (long.length - short.length > 1) return false;
  let start = 0;
  while (start < short.length && short[start] === long[start]) start += 1;
  if (short.length < long.length) return short.slice(start) === long.slice(start + 1);
  const isSwap = short[start] === long[start + 1] && short[start + 1] === long[start];
  return (
    short.slice(start + 1) === long.slice(start + 1) || (isSwap && short.slice(start + 2) === long.slice(start + 2))
  );
}

/**
 * The non-empty inputs that are not this action's, but nearly: `agent_id`, `agentid`, `mesage`.
 *
 * @param names of this action's inputs
 */
export function findMisspelledInputs(environment: Environment, names: readonly string[]): MisspelledInput[] {
  return Object.entries(environment).flatMap(([variable, value]) => {
    if (!variable.startsWith("INPUT_") || (value ?? "").trim() === "") return [];
    const given = variable.slice("INPUT_".length).toLowerCase();
    if (names.includes(given)) return [];
    const dashed = given.replaceAll("_", "-");
    const meant = names.find((name) => name === dashed) ?? names.find((name) => isOneEditAway(dashed, name));
    return meant === undefined ? [] : [{ given, meant }];
  });
}
