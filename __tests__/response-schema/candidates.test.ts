/** Where the JSON of a response is looked for, and in which order. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { findCandidates } from "../../src/response-schema/validator/candidates.ts";
import { scanJson } from "../../src/response-schema/validator/json-spans.ts";

/** The candidates of a response, in order. */
function candidates(response: string): string[] {
  return findCandidates(response).spans.map(({ start, end }) => response.slice(start, end));
}

const fenced = (content: string, fence = "```", info = "json"): string => `${fence}${info}\n${content}\n${fence}`;

describe("The JSON of a response", () => {
  it.each<[form: string, response: string, found: string[]]>([
    ["is the whole response", '{"a":1}', ['{"a":1}']],
    ["is the whole response with whitespace around it", ' \r\n{"a": [1, 2]}\n\n', ['{"a": [1, 2]}']],
    ["is the whole response after a byte order mark", '\ufeff{"a":1}', ['{"a":1}']],
    ["may be an array", "[1]", ["[1]"]],
    ["may be a string, number or literal", "-1.5e3", ["-1.5e3"]],
    ["may be a string with brackets", '"{a}"', ['"{a}"']],
    ["is in a fenced block", fenced('{"a":1}'), ['{"a":1}']],
    ["is in a fenced block without an info string", fenced('{"a":1}', "```", ""), ['{"a":1}']],
    ["is in a fence of four backticks", fenced('{"a":1}', "````"), ['{"a":1}']],
    ["is in a fence of tildes", fenced('{"a":1}', "~~~"), ['{"a":1}']],
    ["is in an indented fence", "- Here:\n  ```json\n  [1]\n  ```", ["[1]"]],
    ["is in a fence with Windows line ends", '```json\r\n{"a":1}\r\n```\r\n', ['{"a":1}']],
    ["is a scalar in a fence", `Answer:\n${fenced("true")}`, ["true"]],
    ["is in a fence that is not closed", '```json\n{"a":1}', ['{"a":1}']],
    ["is in a fence that a shorter one does not close", '````\n{"a":\n```\n1}\n````', []],
    ["is in the last fenced block first", `${fenced("[1]")}\nBetter:\n${fenced("[2]")}`, ["[2]", "[1]"]],
    ["is in a fenced block before it is in prose", `[1]\n${fenced("[2]")}\n[3]`, ["[2]", "[3]", "[1]"]],
    ["is in prose", 'The verdict is {"a":1}. Done.', ['{"a":1}']],
    ["is the last in prose first", 'First {"a":1}, then {"a":2}.', ['{"a":2}', '{"a":1}']],
    ["is the outermost in prose", 'So {"a":{"b":[1]}} it is', ['{"a":{"b":[1]}}']],
    ["has brackets in strings", 'So {"a":"}]{["} it is', ['{"a":"}]{["}']],
    ["has quotes in strings", String.raw`So {"a":"\"}\\"} it is`, [String.raw`{"a":"\"}\\"}`]],
    ["is inside of brackets that are no JSON", 'Set {x, {"a":1}, [2]} it is', ["[2]", '{"a":1}']],
    ["is after a closing bracket without an opening one", '} ] {"a":1}', ['{"a":1}']],
  ])("%s", (_form, response, found) => {
    expect(candidates(response)).toEqual(found);
  });

  it.each<[why: string, response: string, found: string[]]>([
    ["a truncated answer's inner object", '{"a":{"b":1},"c":', []],
    ["a truncated answer's inner object in prose", 'So {"a":{"b":1},"c":', []],
    ["a draft before a truncated answer", 'Draft: {"a":1}. Final: {"a":2', []],
    ["a draft before a truncated fenced answer", `${fenced("[1]")}\nFinal:\n\`\`\`json\n{"a":2`, []],
    ["a fenced block after a bracket in prose is found all the same", `if (x) {\n${fenced("[1]")}`, ["[1]"]],
    ["nothing at all", "", []],
    ["prose", "I could not find anything.", []],
    ["JSON with a comment", '{"a":1 /* b */}', []],
    ["JSON with a trailing comma", '{"a":1,}', []],
    ["JSON with single quotes", "{'a':1}", []],
    ["JSON with a line break in a string", '{"a":"x\ny"}', []],
    ["more than a thousand levels", `${"[".repeat(1_001)}${"]".repeat(1_001)}`, []],
  ])("is not guessed from %s", (_why, response, found) => {
    expect(candidates(response)).toEqual(found);
  });
});

describe("The scan for JSON", () => {
  const grammar = fc.array(
    fc.constantFrom(
      ...[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        "\\",
        '"a"',
        "1",
        "-0.5e+7",
        "01",
        "1.",
        "true",
        "nul",
        " ",
        "\n",
        "\t",
        "\u0000",
      ],
      ...['{"a":1}', "[1,2]", "\\u00e9", '"\\u12G4"', '"x\ty"', "x", "é", "\u00a0"],
    ),
    { maxLength: 20 },
  );

  it("agrees with JSON.parse on what is JSON", () => {
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(grammar, fc.boolean(), (tokens, isObject) => {
        const inner = tokens.join("");
        const text = isObject ? `{${inner}}` : `[${inner}]`;
        const found = scanJson(text).found[0];
        expect([text, found?.start === 0 && found.end === text.length]).toEqual([text, isJson(text)]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("says how deep a value is nested", () => {
    expect(scanJson('[[], {"a": [1]}, 2]').found[0]?.levels).toBe(3);
  });

  it.each([
    ["a trailing comma", '{"a":1,}', 7],
    ["a missing colon", '{"a" 1}', 5],
    ["a bad escape", '{"a":"\\x"}', 7],
    ["a line break in a string", '{"a":"b\n"}', 7],
    ["an object as name", "{{}:1}", 1],
    ["the end of the text", '{"a":[1', 7],
    ["an earlier error of a text that also ends too early", '{"a":b, "c":[1', 5],
  ])("says where the grammar is broken: %s", (_what, text, at) => {
    expect(scanJson(text).brokenAt).toBe(at);
  });
});
