/** `npm run chaos -- --schedules 1 --seed <seed>` repeats a schedule that failed here, and prints all of it. */
import { describe, expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import { simulateSeeds } from "./simulate.ts";
import { createScenario } from "./scenario.ts";

const inProcess = 60;
const bundled = 6;
const firstSeed = 20_260_801;

/** Seeds whose schedule violated the promise, with the violation. */
function broken(played: Awaited<ReturnType<typeof simulateSeeds>>): object {
  return Object.fromEntries(
    played.filter((each) => each.broken.length > 0).map((each) => [`seed ${each.schedule.seed}`, each.broken]),
  );
}

describe("exactly one thread exists after any failure, and outputs and re-runs name it", () => {
  it(`through the step's own modules on a clock that jumps (${inProcess} schedules)`, async () => {
    const played = await simulateSeeds(firstSeed, inProcess, 8, "modules");
    expect(broken(played)).toEqual({});
    expect(played).toHaveLength(inProcess);
    // A chaos in which nothing goes wrong would prove nothing.
    const struck = new Set(played.flatMap((each) => Object.keys(each.struck)));
    expect([...struck].sort()).toEqual(
      expect.arrayContaining([
        "crash-half-way",
        "cut",
        "drop-after",
        "drop-before",
        "echo-headers",
        "fail-after",
        "garbage",
        "hang-after",
        "hang-before",
        "rate-limit",
        "redirect",
        "slow",
        "slow-body",
        "status",
      ]),
    );
  });

  skipUnless("signals", it)(
    `through the built action, run as the runner runs it (${bundled} schedules)`,
    async () => {
      const played = await simulateSeeds(firstSeed, bundled, 8, "bundle");
      expect(broken(played)).toEqual({});
      expect(played).toHaveLength(bundled);
    },
    120_000,
  );

  it("the same seed makes the same schedule", () => {
    const bounds = { faults: 5, rerunStages: 3 };
    expect(createScenario(42, bounds)).toEqual(createScenario(42, bounds));
    expect(createScenario(42, bounds)).not.toEqual(createScenario(43, bounds));
  });
});
