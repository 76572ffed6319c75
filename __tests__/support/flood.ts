/** Steps that meet a flood of untrusted text from a scripted service. */
import { afterEach, expect } from "@jest/globals";
import { type StepOptions, type StepResult, defaultGithubToken } from "./runner.ts";
import { type ScriptedBehavior, type ScriptedMosoo, ids, startScriptedMosoo } from "./scripted-mosoo.ts";
import { unsafeOutput } from "./unsafe-output.ts";

const token = "grt_pat_notAnyBodysToken0123456789";
export const FLOOD_SECRETS: readonly string[] = [token, defaultGithubToken];

let mosoo: ScriptedMosoo | undefined;

afterEach(() => mosoo?.close());

/** The service of the test's only step. */
export function flood(): ScriptedMosoo {
  if (mosoo === undefined) throw new Error("No service was started.");
  return mosoo;
}

/** A step that waits for a run of this service. */
export async function stepInFlood(
  behavior: ScriptedBehavior,
  inputs: Record<string, string> = {},
): Promise<StepOptions> {
  mosoo = await startScriptedMosoo(behavior);
  return {
    secrets: [token],
    measureMemory: true,
    with: {
      ...{ "agent-id": ids.agent, token, "api-url": mosoo.apiUrl, message: "Go on and on.", wait: "true" },
      ...{ "create-timeout": "3s", "request-timeout": "10s" },
      ...inputs,
    },
  };
}

export function expectSafe(step: StepResult): void {
  expect(unsafeOutput(step, { secrets: [...FLOOD_SECRETS], api: flood().apiUrl })).toEqual([]);
  expect(step.maxRssKb ?? 0).toBeLessThan(420_000);
}
