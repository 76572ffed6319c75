import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { INPUTS, INPUT_NAMES } from "../src/actions/inputs.ts";
import { USER_AGENT } from "../src/actions/context.ts";

const root = join(import.meta.dirname, "..");
const read = (name: string): unknown => parse(readFileSync(join(root, name), "utf8"));

interface Metadata {
  inputs: Record<string, { description: string; default?: string; required?: boolean }>;
  outputs: Record<string, { description: string }>;
  runs: { using: string; main: string; post: string };
}
interface Typing {
  type: string;
  "allowed-values"?: string[];
}
const metadata = read("action.yml") as Metadata;
const types = read("action-types.yml") as Record<"inputs" | "outputs", Record<string, Typing>>;

/** Words in backticks: the choices that a description offers, among others. */
function offered(description: string): string[] {
  return [...description.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

describe("action.yml", () => {
  it("is what SchemaStore's schema of action metadata asks for", () => {
    const schema = JSON.parse(readFileSync(join(root, "__tests__/data/github-action.schema.json"), "utf8")) as object;
    const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
    const validate = ajv.compile(schema);
    validate(metadata);
    expect(validate.errors).toBeNull();
  });

  it("has text defaults only, as the runner hands out text only", () => {
    const others = Object.entries(metadata.inputs).filter(
      ([, input]) => !["string", "undefined"].includes(typeof input.default),
    );
    expect(others).toEqual([]);
  });

  it("takes its defaults from contexts that GitHub has there", () => {
    // input-default-context of the runner: github, strategy, matrix, job, runner, hashFiles.
    const expressions = Object.values(metadata.inputs).flatMap((input) => [
      ...(input.default ?? "").matchAll(/\$\{\{\s*(.*?)\s*\}\}/g),
    ]);
    for (const [, expression] of expressions) {
      expect(expression).toMatch(/^(toJSON\()?(github|strategy|matrix|job|runner)\b/);
    }
  });
});

describe("action-types.yml", () => {
  it.each(["inputs", "outputs"] as const)("types all %s of action.yml and no others", (kind) => {
    expect(Object.keys(types[kind])).toEqual(Object.keys(metadata[kind]));
  });

  it.each(Object.entries(types.inputs).filter(([, typing]) => typing.type === "enum"))(
    "lists the choices that action.yml offers for %s",
    (name, typing) => {
      const input = metadata.inputs[name];
      expect(offered(input?.description ?? "")).toEqual(expect.arrayContaining(typing["allowed-values"] ?? []));
      expect(typing["allowed-values"]).toContain(input?.default);
    },
  );

  it("calls boolean what has a boolean default", () => {
    const booleans = Object.entries(metadata.inputs).filter(([, input]) => /^(true|false)$/.test(input.default ?? ""));
    expect(booleans.map(([name]) => types.inputs[name]?.type)).toEqual(booleans.map(() => "boolean"));
  });
});

describe("the code", () => {
  const source = (name: string): string => readFileSync(join(root, "src", name), "utf8");

  it("has the defaults of action.yml, for an expression that evaluates to nothing suppresses those", () => {
    const fixed = Object.entries(metadata.inputs).filter(([, input]) => input.default?.includes("${{") === false);
    const defaults = Object.entries<{ parse: unknown; default?: string }>(INPUTS).flatMap(([name, input]) =>
      input.default === undefined ? [] : [[name, input.default]],
    );
    expect(Object.fromEntries(defaults)).toEqual(
      Object.fromEntries(fixed.map(([name, input]) => [name, input.default])),
    );
  });

  it("reads every input that action.yml declares, and no others", () => {
    expect(INPUT_NAMES.toSorted()).toEqual(Object.keys(metadata.inputs).toSorted());
  });

  it("sets every output that action.yml declares, and no others", () => {
    const declared = /export type OutputName =(.*?);/s.exec(source("actions/outputs.ts"))?.[1] ?? "";
    const names = [...declared.matchAll(/"([a-z-]+)"/g)].map(([, name = ""]) => name);
    expect(names.toSorted()).toEqual(Object.keys(metadata.outputs).toSorted());
    const code = [
      "step/main-step.ts",
      "step/step-state.ts",
      "step/wait-for-run.ts",
      "step/publish-response.ts",
      "step/download-files.ts",
      "report/comment/publisher.ts",
    ]
      .map(source)
      .join("\n");
    const unset = names.filter((name) => !new RegExp(`[{\\s]"?${name}"?[,:]`).test(code));
    expect(unset).toEqual([]);
  });

  it("sends servers the version of package.json", () => {
    const pack = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(USER_AGENT).toBe(`mosoo-thread-action/${pack.version}`);
  });
});
