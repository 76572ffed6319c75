import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { type InputIssue, InputValidationError } from "../../src/actions/parsers.ts";
import { maskSecrets, misspelledInputs } from "../../src/actions/inputs.ts";
import { skipUnless } from "../support/host.ts";
import { type Inputs, secret, usePlanner, withInputs } from "../support/step-plan.ts";
import {
  type Row,
  devices,
  files,
  ids,
  messages,
  others,
  references,
  schemas,
  tokens,
  urls,
} from "./bad-inputs-table.ts";

const { makePlace, plan, printed } = usePlanner();

async function issuesOf(given: Inputs, place = makePlace()): Promise<readonly InputIssue[]> {
  const error: unknown = await plan(given, { place }).catch((reason: unknown) => reason);
  if (error instanceof InputValidationError) return error.issues;
  throw new Error("The inputs were accepted.", { cause: error });
}

/** Their error depends on the host, or names a path of it. */
const VARYING = new Set([
  ...["standard input", "the process's own environment", "the whole disk", "a match outside by absolute path"],
]);

/** The texts of the errors are in the snapshot: after a reword, `npm test -- __tests__/actions/inputs.test.ts -u`. */
async function expectRejections(rows: Row[]): Promise<void> {
  const texts: string[] = [];
  for (const [title, input, given, prepare] of rows) {
    const place = makePlace();
    prepare?.(place);
    const issues = await issuesOf(typeof given === "function" ? given(place) : given, place);
    const text = issues.map((issue) => issue.text).join("\n");
    expect([title, ...issues.map((issue) => issue.input)]).toEqual([title, input]);
    expect(text).toMatch(/^[A-Z"].*\.$/s);
    expect(text).not.toContain(secret);
    if (!VARYING.has(title)) texts.push(`${title}: ${text}`);
  }
  expect(texts).toMatchSnapshot();
}

describe("An invalid input is rejected, with one error that names it and not its secret:", () => {
  it.each<[string, Row[]]>([
    ["ID", ids],
    ["token", tokens],
    ["message", messages],
    ["file", files],
    ["schema", schemas],
    ["reference or key", references],
    ["API URL", urls],
    ["duration, boolean, choice or number", others],
  ])("%s", async (_, rows) => {
    await expectRejections(rows);
  });

  skipUnless("devices", it)("a device or pipe as message file", async () => {
    await expectRejections(devices);
  });
});

describe("All problems of a step", () => {
  it("are in one report, each with its input", async () => {
    const given = {
      ...{ "agent-id": "../x", token: `${secret} x`, message: "", "message-file": "missing.txt", "file-ids": "a b" },
      ...{ files: "*.none", "external-ref": "a\nb", "api-url": "ftp://x", "idempotency-key": "a b", wait: "maybe" },
      ...{ "response-schema": '{"type":1}', "response-retries": "x", "markdown-property": "\u0001" },
      ...{ "on-rerun": "again", "create-timeout": "0", "pr-number": "x", "on-missing-token": "ignore" },
    };
    const named = (await issuesOf(given)).map(({ input }) => input);
    expect(named.toSorted()).toEqual(
      Object.keys(given)
        .filter((name) => name !== "message")
        .toSorted(),
    );
  });

  it("include every pattern without a match", async () => {
    const issues = await issuesOf({ files: "a.txt\nb.txt\n!c.txt" });
    expect(issues.map(({ text }) => /^"(.*?)"/.exec(text)?.[1])).toEqual(["a.txt", "b.txt"]);
  });
});

describe("A misspelled input", () => {
  it.each([
    ["agent_id", "agent-id"],
    ["agent id", "agent-id"],
    ["agentid", "agent-id"],
    ["agnet-id", "agent-id"],
    ["mesage", "message"],
    ["file", "files"],
    ["api-uri", "api-url"],
    ["tokens", "token"],
    ["github_token", "github-token"],
  ])("is recognized one edit away: %s for %s", (given, meant) => {
    const variable = given.replaceAll(" ", "_");
    expect(withInputs({ [given]: "x" }, misspelledInputs)).toEqual([{ given: variable, meant }]);
  });

  it.each(["labels", "tkoens", "m", "", "message-files-x"])("is not guessed further away: %s", (given) => {
    expect(withInputs({ [given]: "x" }, misspelledInputs)).toEqual([]);
  });

  it("does not count where it is empty", () => {
    expect(withInputs({ mesage: " " }, misspelledInputs)).toEqual([]);
  });

  it("is named in the error about a missing input", async () => {
    const issues = await issuesOf({
      "agent-id": "",
      agent_id: "01K",
      message: "",
      mesage: "Hi",
      token: "",
      tokne: "x",
    });
    expect(issues.map(({ input, text }) => [input, /`(\w+)`/.exec(text)?.[1]])).toEqual([
      ["token", "tokne"],
      ["agent-id", "agent_id"],
      ["message", "mesage"],
    ]);
  });
});

describe("The secrets", () => {
  const masked = (inputs: Inputs): string[] => {
    const before = printed().length;
    withInputs(inputs, maskSecrets);
    const lines = printed().slice(before);
    return [...lines.matchAll(/^::add-mask::(.*)$/gm)].map(([, value = ""]) => decodeURIComponent(value));
  };

  it("are masked, and so is the token inside of what was stored around it", () => {
    expect(masked({ token: secret, "github-token": "ghs_1234567" })).toEqual([secret, "ghs_1234567"]);
    expect(masked({ "github-token": "Bearer ghs_1234567" })).toEqual(["Bearer ghs_1234567", "ghs_1234567"]);
    for (const stored of [`Bearer ${secret}`, `"${secret}"`, `MOSOO_TOKEN=${secret}`, `MOSOO_TOKEN='${secret}'`])
      expect(masked({ token: stored })).toEqual([stored, secret]);
  });

  it("are not masked where a line break would have the runner mask them line by line", () => {
    expect(masked({ token: `data\n${secret}` })).toEqual([]);
    expect(withInputs({ token: `data\n${secret}` }, maskSecrets).all).toContain(secret);
  });

  it("are not masked where they are too short to be a secret", () => {
    expect(masked({ token: "abc" })).toEqual([]);
  });
});

describe("Hidden files", () => {
  const pathsOf = async (inputs: Inputs): Promise<string[]> => {
    const place = makePlace();
    for (const path of [".github/workflows/ci.yml", ".github/.cache/x", "docs/.draft/a.md", "docs/a.md", ".env"]) {
      mkdirSync(join(place.workspace, path, ".."), { recursive: true });
      writeFileSync(join(place.workspace, path), "x");
    }
    return (await plan(inputs, { place })).request.files.map(({ relativePath }) => relativePath);
  };

  it.each([
    ["**", ["docs/a.md"]],
    ["docs", ["docs/a.md"]],
    ["**\n.env", [".env", "docs/a.md"]],
    ["./.env", [".env"]],
    [".github", [".github/workflows/ci.yml"]],
    [".github/**\n**/*.md", [".github/workflows/ci.yml", "docs/a.md"]],
    ["**/.*/*.md", ["docs/.draft/a.md"]],
    [".*", [".env", ".github/workflows/ci.yml"]],
  ])("are attached only where a pattern names the dot: %j", async (patterns, paths) => {
    expect(await pathsOf({ files: patterns })).toEqual(paths);
  });

  it("are all attached with `include-hidden-files`", async () => {
    expect(await pathsOf({ files: "**", "include-hidden-files": "true" })).toHaveLength(5);
  });
});
