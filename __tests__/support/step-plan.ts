/** Inputs → request in this process: what a step would send, without a child process or a server. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, jest } from "@jest/globals";
import { parseContext } from "../../src/actions/context.ts";
import { maskSecrets } from "../../src/actions/inputs.ts";
import { type StepPlan, buildStepRequest } from "../../src/step/request.ts";

export type Inputs = Record<string, string>;

/** Where a step runs: a workspace and RUNNER_TEMP beside each other, as on a runner, and a folder of somebody else. */
export interface Place {
  root: string;
  workspace: string;
  temp: string;
}

/** A token that may appear nowhere. */
export const secret = "grt_pat_notAnyBodysToken0123456789";

const valid: Inputs = { "agent-id": "01KEXAMPLEAGENT00000000000", token: secret, message: "Please review this." };

/** Calls `work` with these inputs in the environment: inputs are read before anything is awaited. */
export function withInputs<T>(inputs: Inputs, work: () => T): T {
  const variables = Object.entries(inputs).map(([name, value]): [string, string] => [
    `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`,
    value,
  ]);
  for (const [name, value] of variables) process.env[name] = value;
  try {
    return work();
  } finally {
    for (const [name] of variables) Reflect.deleteProperty(process.env, name);
  }
}

interface Planner {
  /** A new workspace, with a file of somebody else beside it. */
  makePlace: () => Place;
  /** The plan of a step with valid inputs, changed by `given`. @throws InputValidationError */
  plan: (given: Inputs, options?: { place?: Place; env?: Record<string, string> }) => Promise<StepPlan>;
  /** The workflow commands that were printed since the test began. */
  printed: () => string;
}

/** For one test file, which it cleans up after; workflow commands of the code under test are held back. */
export function usePlanner(): Planner {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "plan-")));
  const stdout = jest.spyOn(process.stdout, "write").mockReturnValue(true);
  let places = 0;
  beforeEach(() => {
    stdout.mockClear();
  });
  afterAll(() => {
    stdout.mockRestore();
    rmSync(folder, { recursive: true });
  });

  function makePlace(): Place {
    const root = join(folder, String(++places));
    const place = { root, workspace: join(root, "work", "repo", "repo"), temp: join(root, "work", "_temp") };
    mkdirSync(place.workspace, { recursive: true });
    mkdirSync(place.temp);
    writeFileSync(join(root, "outside.txt"), "Somebody else's.");
    return place;
  }

  return {
    makePlace,
    plan: async (given, { place = makePlace(), env = {} } = {}) => {
      const inputs = { ...valid, ...given };
      const environment = {
        ...{ GITHUB_REPOSITORY: "octo-org/octo-repo", GITHUB_REF_NAME: "main", GITHUB_ACTOR: "octocat" },
        ...{ GITHUB_WORKSPACE: place.workspace, RUNNER_TEMP: place.temp },
        ...env,
      };
      const secrets = withInputs(inputs, maskSecrets);
      return withInputs(inputs, () => buildStepRequest(secrets, parseContext(environment, {})));
    },
    printed: () => stdout.mock.calls.map(([chunk]) => String(chunk)).join(""),
  };
}
