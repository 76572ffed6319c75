/** The whole corpus of hostile texts as responses, errors and questions of runs, through the bundle. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ANSWERS, portions } from "../support/hostile-groups.ts";
import { HostileScene, runsThatAsk, runsThatFail, runsWithResponses } from "../support/hostile-runs.ts";
import type { HostileRun } from "../support/hostile-runs.ts";

const TEXTS = portions(280);

let streaming: HostileScene;
let polling: HostileScene;

beforeAll(async () => {
  [streaming, polling] = await Promise.all([HostileScene.start("2026-08"), HostileScene.start("reference")]);
});
afterAll(() => Promise.all([streaming.close(), polling.close()]));

describe("the whole hostile corpus", () => {
  it.each<[string, () => HostileScene, HostileRun[], number]>([
    ["responses that are polled", () => polling, runsWithResponses(ANSWERS), 0],
    ["errors of failed runs", () => streaming, runsThatFail(TEXTS), 1],
    ["errors of failed runs that are polled", () => polling, runsThatFail(TEXTS), 1],
    ["questions", () => streaming, runsThatAsk(TEXTS), 1],
  ])("is safe as %s", async (_, scene, runs, exitCode) => {
    for (const { step, unsafe } of await scene().runAll(runs))
      expect({ exitCode: step.exitCode, unsafe }).toEqual({ exitCode, unsafe: [] });
  });
});
