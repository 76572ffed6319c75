/** A response and its schema: what is found, validated and written. The script runs in its own context, as in a step. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type CheckedResponse, checkResponse } from "../../src/response-schema/check.ts";
import { type ResponseSchema, parseSchema } from "../../src/response-schema/schema.ts";

const secret = "grt_pat_notAnyBodysToken0123456789";

interface Options {
  markdownProperty?: string;
  secrets?: string[];
}

/** Each schema once: compiling one takes much longer than checking a response. */
const schemas = new Map<string, ResponseSchema>();

function parse(schema: unknown): ResponseSchema {
  const text = typeof schema === "string" ? schema : JSON.stringify(schema);
  const parsed = schemas.get(text) ?? parseSchema(text);
  if ("problem" in parsed) throw new Error(parsed.problem);
  schemas.set(text, parsed);
  return parsed;
}

function check(schema: unknown, response: string, { markdownProperty, secrets = [] }: Options = {}): CheckedResponse {
  return checkResponse(parse(schema), response, { markdownProperty, secrets });
}

function jsonOf(checked: CheckedResponse): string {
  if (checked.kind === "valid") return checked.json;
  throw new Error(`Invalid: ${checked.problems.join("; ")}`);
}

function problemsOf(checked: CheckedResponse): readonly string[] {
  return checked.kind === "invalid" ? checked.problems : [];
}

const verdict = {
  type: "object",
  properties: { verdict: { enum: ["pass", "fail"] }, count: { type: "integer" } },
  required: ["verdict"],
  additionalProperties: false,
};

describe("A response that matches its schema", () => {
  it("is the first candidate that validates, not the first that is JSON", () => {
    const response = 'Draft {"verdict":"fail"}\n```json\n{"verdict": "pass"}\n```\n```json\n{"other":1}\n```';
    expect(jsonOf(check(verdict, response))).toBe('{"verdict":"pass"}');
  });

  it.each([
    ["a minified line", '{\n  "b": [1, 2],\n  "a": "x y"\n}', '{"b":[1,2],"a":"x y"}'],
    ["exact Unicode", '["\\u00e9\\ud83e\\udd8a\u2028ü"]', '["é🦊\u2028ü"]'],
    ["lone surrogates escaped", '["\\ud800", "\\udfffx"]', '["\\ud800","\\udfffx"]'],
    [
      "numbers with all their digits",
      "[12345678901234567890.10, 1E400, -0, 1e-7]",
      "[12345678901234567890.10,1E400,-0,1e-7]",
    ],
    ["the last of two properties of one name", '{"a":1,"a":2}', '{"a":2}'],
    [
      "__proto__ like any other property",
      '{"__proto__":{"a":1},"constructor":2}',
      '{"__proto__":{"a":1},"constructor":2}',
    ],
    ["a scalar", " 1.0 ", "1.0"],
  ])("is written as %s", (_what, response, json) => {
    expect(jsonOf(check("true", response))).toBe(json);
  });

  it("is written on several lines for people", () => {
    expect(check("{}", '{"a":[1.0]}')).toMatchObject({ indented: '{\n  "a": [\n    1.0\n  ]\n}' });
  });

  it.each<[what: string, response: string, property: string, text: string | undefined]>([
    ["is the property's text", '{"text":"# Hi"}', "text", "# Hi"],
    ["is an own property alone", '{"text":"# Hi"}', "toString", undefined],
    ["may be named __proto__", '{"__proto__":"x"}', "__proto__", "x"],
    ["is not there where the property is no string", '{"text":["# Hi"]}', "text", undefined],
    ["is not there where the JSON is no object", '["text"]', "0", undefined],
  ])("has Markdown for people, which %s", (_what, response, markdownProperty, markdown) => {
    expect(check("true", response, { markdownProperty })).toMatchObject({ kind: "valid", markdown });
  });

  it("has the same value in any form that agents write", () => {
    const forms: ((json: unknown) => string)[] = [
      (json) => JSON.stringify(json),
      (json) => JSON.stringify(json, null, 2),
      (json) => JSON.stringify(json, null, "\t").replaceAll("\n", "\r\n"),
      (json) => `\ufeff${JSON.stringify(json)}\n`,
      (json) => `Here it is:\n\`\`\`json\n${JSON.stringify(json, null, 2)}\n\`\`\`\nAnything else?`,
      (json) => `Nested:\n\`\`\`\`\n${JSON.stringify(json)}\n\`\`\`\``,
      (json) => `~~~\n${JSON.stringify(json)}\n~~~`,
      (json) => `The result (as asked) is ${JSON.stringify([json])}, I think.`,
      (json) => `Draft: {"draft":true}\nResult:\n${JSON.stringify({ json }, null, 1)}\nDone.`,
    ];
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(forms.length - 1), (value, at) => {
        const json = JSON.parse(jsonOf(check("true", forms[at]?.(value) ?? ""))) as unknown;
        const unwrapped = at < 7 ? json : at === 7 ? (json as unknown[])[0] : (json as { json: unknown }).json;
        expect(unwrapped).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 60 },
    );
  });
});

describe("A secret in a response that matches", () => {
  it.each([
    ["a string", `{"a":"x ${secret} y"}`, '{"a":"x *** y"}'],
    ["an escaped string", `["${secret.replaceAll(/./g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}"]`, '["***"]'],
    ["a property name", `{"a":{"${secret}":1}}`, '{"a":{"***":1}}'],
    ["a base64 text", `["${Buffer.from(secret).toString("base64")}"]`, expect.stringContaining("***")],
  ])("becomes *** in %s", (_where, response, json) => {
    expect(check("true", response, { secrets: [secret] })).toMatchObject({ kind: "valid", json });
  });

  it("becomes *** where it is a number", () => {
    expect(jsonOf(check("true", "[12345678]", { secrets: ["12345678"] }))).toBe('["***"]');
  });

  it("becomes *** in the text for people and in problems", () => {
    const options = { secrets: [secret], markdownProperty: "text" };
    expect(check("true", `{"text":"${secret}"}`, options)).toMatchObject({ markdown: "***" });
    const problems = problemsOf(check(verdict, `{"verdict":"pass","${secret}":1}`, options));
    expect(problems).toHaveLength(1);
    expect(problems.join()).toContain("***");
    expect(problems.join()).not.toContain(secret.slice(0, 12));
  });

  it("never leaves in any output, wherever it is", () => {
    const withSecret = fc.oneof(
      fc.constant(secret),
      fc.string().map((text) => `${text}${secret}${text}`),
      fc.string(),
    );
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        withSecret,
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(withSecret, tie("node"), { maxKeys: 3 }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (value) => {
        const options = { secrets: [secret], markdownProperty: secret };
        const checked = check("true", JSON.stringify(value), options);
        expect(JSON.stringify(checked)).not.toContain(secret);
        expect(JSON.parse(jsonOf(checked))).toEqual(JSON.parse(JSON.stringify(value).replaceAll(secret, "***")));
      }),
      { numRuns: 60 },
    );
  });
});

describe("A response that does not match", () => {
  it.each<[what: string, schema: unknown, response: string, problems: string[]]>([
    ["a missing property", verdict, "{}", ["(root): must have required property 'verdict'"]],
    [
      "several problems at once",
      verdict,
      '{"verdict":"maybe","count":1.5,"x":1}',
      [
        '(root): must NOT have additional properties ("x")',
        '/verdict: must be equal to one of the allowed values ("pass", "fail")',
        "/count: must be integer",
      ],
    ],
    ["a name with a slash", { additionalProperties: { type: "null" } }, '{"a/b":1}', ["/a~1b: must be null"]],
    [
      "an inherited name",
      { required: ["toString", "__proto__"] },
      "{}",
      ["(root): must have required property 'toString'", "(root): must have required property '__proto__'"],
    ],
    [
      "a property named __proto__",
      JSON.parse('{"properties":{"__proto__":{"type":"string"}},"additionalProperties":false}'),
      '{"__proto__":1}',
      ["/__proto__: must be string"],
    ],
    ["a number that is too big", { type: "number" }, "1e400", ["(root): must be number"]],
    ["a known format", { format: "date" }, '"2026-02-30"', ['(root): must match format "date"']],
    [
      "the longest candidate",
      verdict,
      '{"verdict":"maybe"} [1]',
      ['/verdict: must be equal to one of the allowed values ("pass", "fail")'],
    ],
    ["no JSON", verdict, "All is well.", ["(root): must be a JSON document; the response has none"]],
    ["an empty response", verdict, "", ["(root): must be a JSON document; the response has none"]],
    [
      "broken JSON",
      verdict,
      'Hm:\n{"verdict":"pass",}',
      ["(root): must be a JSON document; the response has none, and what begins like one breaks at line 2, column 19"],
    ],
    [
      "65 levels",
      "true",
      "[".repeat(65) + "]".repeat(65),
      ["(root): must not have more than 64 levels of objects and arrays"],
    ],
    [
      "200,000 levels",
      "true",
      "[".repeat(200_000) + "]".repeat(200_000),
      ["(root): must not have more than 64 levels of objects and arrays"],
    ],
  ])("says what is wrong: %s", (_what, schema, response, problems) => {
    expect(problemsOf(check(schema, response)).toSorted()).toEqual(problems.toSorted());
  });

  it("has at most ten problems of at most 300 characters", () => {
    const problems = problemsOf(
      check(
        { additionalProperties: { type: "null" } },
        JSON.stringify(Object.fromEntries(Array.from({ length: 30 }, (_, n) => ["x".repeat(500) + String(n), n]))),
      ),
    );
    expect(problems).toHaveLength(10);
    for (const problem of problems) {
      expect(problem.length).toBeLessThanOrEqual(300);
      expect(problem).toMatch(/^\/x+….*: must be null$/);
    }
  });

  it.each<[what: string, schema: unknown, response: string]>([
    ["64 levels", "true", "[".repeat(64) + "]".repeat(64)],
    ["unknown keywords and formats", { type: "object", nullable: false, format: "x", foo: 1 }, "{}"],
    ["a price as multiple of 0.01", { multipleOf: 0.01 }, "1.15"],
    ["a pattern that only compiles without the flag u", { pattern: "^\\_$" }, '"_"'],
    ["draft-07", { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "string" }] }, '["a",1]'],
    [
      "draft 2020-12",
      {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        prefixItems: [{ type: "string" }],
        unevaluatedItems: false,
      },
      '["a"]',
    ],
    ["a reference into the schema", { $ref: "#/$defs/a", $defs: { a: { type: "string" } } }, '"a"'],
    [
      "a schema that refers to itself",
      { properties: { next: { $ref: "#" } }, additionalProperties: false },
      '{"next":{"next":{}}}',
    ],
  ])("is not what has %s", (_what, schema, response) => {
    expect(check(schema, response)).toMatchObject({ kind: "valid" });
  });
});

describe("Hostile input", () => {
  it("cannot have a pattern run for ever", () => {
    const checked = check({ pattern: "^(a+)+$" }, JSON.stringify(`${"a".repeat(60)}!`));
    expect(problemsOf(checked)).toEqual([expect.stringMatching(/could not be checked within two seconds/)]);
  });

  it.each<[what: string, response: string]>([
    ["opening braces", "{".repeat(1_000_000)],
    ["opening names", '{"a":'.repeat(200_000)],
    ["quotes", `{"${'\\"'.repeat(500_000)}`],
    ["fences", "```\n".repeat(100_000)],
    ["backticks", "`".repeat(1_000_000)],
    ["small arrays", "{x} [1] ".repeat(30_000)],
    ["blanks", `${" ".repeat(1_000_000)}x`],
    ["brackets that nest and break", `${'{"a":[{x}'.repeat(400)}${"]}".repeat(400)}`.repeat(100)],
    ["numbers", `[${"1,".repeat(200_000)}1]`],
  ])("cannot take long with a megabyte of %s", (_what, response) => {
    expect(check({ type: "string" }, response).kind).toBe("invalid");
  });

  it("is valid JSON or has one to ten problems, whatever it is", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      '"',
      "\\",
      ",",
      ":",
      "```",
      "~~~~",
      "\n",
      " ",
      "1",
      "true",
      '{"a":1}',
      "\ufeff",
      "\ud800",
    ];
    const hostile = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 30 });
    const schema = { type: ["object", "array"], minProperties: 1, items: { type: "integer" } };
    fc.assert(
      fc.property(hostile, (parts) => {
        const checked = check(schema, parts.join(""));
        if (checked.kind === "valid") expect(JSON.parse(checked.json)).toEqual(JSON.parse(checked.indented));
        else expect(checked.problems.length).toBeGreaterThan(0);
        expect(problemsOf(checked).length).toBeLessThanOrEqual(10);
      }),
      { numRuns: 300 },
    );
  });
});
