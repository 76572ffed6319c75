/** Unusual inputs that are valid: each is taken as it was meant. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { INPUT_NAMES } from "../../src/actions/inputs.ts";
import { bodyBytes, createBody, referenceContract } from "../../src/mosoo/contract/request-bodies.ts";
import { appendInstruction } from "../../src/response-schema/instruction.ts";
import { type Place, secret, usePlanner } from "../support/step-plan.ts";

const { makePlace, plan } = usePlanner();

function write(path: string, content = "Hi"): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

describe("An empty input", () => {
  it("counts as not given: all of them empty or blank give the same plan, down to the key", async () => {
    const required = ["agent-id", "token", "message"];
    const optional = INPUT_NAMES.filter((name) => !required.includes(name));
    const place = makePlace();
    const empty = Object.fromEntries(optional.map((name, index) => [name, " ".repeat(index % 3)]));
    expect(await plan(empty, { place })).toEqual(await plan({}, { place }));
  });
});

describe("The token", () => {
  it.each(["Bearer ", "bearer\t ", "BEARER "])("may begin with %j, which is removed", async (prefix) => {
    const { inputs } = await plan({ token: `${prefix}${secret}` });
    expect(inputs).toMatchObject({ token: secret, tokenHadBearerPrefix: true });
  });

  it("may have whitespace and line breaks around it", async () => {
    const { inputs } = await plan({ token: `\n ${secret}\r\n` });
    expect(inputs).toMatchObject({ token: secret, tokenHadBearerPrefix: false });
  });

  it.each(["abc=", "a=b", "QUFB==", "'x", 'x"', "Bearerx"])("may look like this: %s", async (token) => {
    expect((await plan({ token })).inputs.token).toBe(token);
  });
});

describe("An ID", () => {
  it.each(["agt_01KQ-x.y~z", "…", "агент", "a,b", "x:y@z", "$(id)"])("need not be a ULID: %s", async (id) => {
    expect((await plan({ "agent-id": id })).request.target).toEqual({ agentId: id });
    expect((await plan({ "agent-id": "", "thread-id": id })).request.target).toEqual({ threadId: id });
  });

  it("may be one of several lines", async () => {
    const { request } = await plan({ "file-ids": "\n  a\r\n\nb  " });
    expect(request.fileIds).toEqual(["a", "b"]);
  });
});

describe("Patterns of names", () => {
  it("may begin with any folder, which names do not have", async () => {
    const { inputs } = await plan({ wait: "true", "download-files": "**/*.md\n  ./fix.patch\n!**/draft*\n**" });
    expect(inputs.downloadFiles).toEqual(["*.md", "fix.patch", "!draft*", "**"]);
  });

  it("do not change the request, nor its key", async () => {
    const place = makePlace();
    const [without, withPatterns] = [
      await plan({ wait: "true" }, { place }),
      await plan({ wait: "true", "download-files": "*" }, { place }),
    ];
    expect([withPatterns.key, withPatterns.request]).toEqual([without.key, without.request]);
  });
});

describe("The message", () => {
  it("may have exactly 32,000 UTF-16 units, of which an emoji takes two", async () => {
    const { request } = await plan({ message: ` ${"x".repeat(31_998)}🦊 ` });
    expect(request.text).toBe(`${"x".repeat(31_998)}🦊`);
  });

  it("may fill the body to its last byte, and not one more", async () => {
    const reference = { "external-ref": "none" };
    const around = Buffer.byteLength('{"input":{"type":"user.message","content":[{"type":"text","text":""}]}}');
    const filling = "語".repeat(10_000) + "x".repeat(40_192 - around - 30_000);
    const { request } = await plan({ message: filling, ...reference });
    expect(bodyBytes(createBody(referenceContract.create, request))).toBe(40_192);
    await expect(plan({ message: `${filling}x`, ...reference })).rejects.toThrow("40,193 bytes");
  });

  it("keeps what is inside: line breaks, tabs, quotes, expressions, commands", async () => {
    const message = 'a\r\n\tb "c" \\ ${{ github.sha }}\n::error::x\n##[error]y \u2028 \u0001';
    expect((await plan({ message: `\n${message}\n` })).request.text).toBe(message);
  });
});

describe("A message file", () => {
  const read = async (path: string, place: Place): Promise<string> =>
    (await plan({ message: "", "message-file": path }, { place })).request.text;

  it.each<[string, (place: Place) => string]>([
    ["beside the code", ({ workspace }) => (write(join(workspace, "m.txt")), "m.txt")],
    ["under a name with spaces and dots", ({ workspace }) => (write(join(workspace, "..a b…")), "..a b…")],
    ["by a path with a detour", ({ workspace }) => (write(join(workspace, "m.txt")), "docs/.././/m.txt")],
    ["by its absolute path", ({ workspace }) => (write(join(workspace, "m.txt")), join(workspace, "m.txt"))],
    [
      "by a link within the workspace",
      ({ workspace }) => (write(join(workspace, "m.txt")), symlinkSync("m.txt", join(workspace, "l")), "l"),
    ],
    ["in RUNNER_TEMP", ({ temp }) => (write(join(temp, "m.txt")), join(temp, "m.txt"))],
    [
      "by a link within RUNNER_TEMP",
      ({ temp }) => (write(join(temp, "m.txt")), symlinkSync("m.txt", join(temp, "l")), join(temp, "l")),
    ],
    [
      "with a byte order mark and Windows line breaks",
      ({ workspace }) => (write(join(workspace, "m.txt"), "\ufeffHi\r\n"), "m.txt"),
    ],
    [
      "that is larger than a message, but for whitespace",
      ({ workspace }) => (write(join(workspace, "m.txt"), `${"\n".repeat(100_000)}Hi`), "m.txt"),
    ],
  ])("is read %s", async (_, prepare) => {
    const place = makePlace();
    expect(await read(prepare(place), place)).toBe("Hi");
  });

  it("is read through a workspace and a RUNNER_TEMP that are links themselves", async () => {
    const { root, workspace, temp } = makePlace();
    const links = { root, workspace: `${workspace}-link`, temp: `${temp}-link` };
    symlinkSync(workspace, links.workspace);
    symlinkSync(temp, links.temp);
    write(join(workspace, "m.txt"));
    write(join(temp, "m.txt"));
    for (const path of ["m.txt", join(links.temp, "m.txt"), join(temp, "m.txt")])
      expect(await read(path, links)).toBe("Hi");
  });
});

describe("A response schema", () => {
  const spaced = '{\n  "type": "object",\n  "maxProperties": 12345678901234567890,\n  "const": "\\ud800é"\n}\n';
  const minified = '{"type":"object","maxProperties":12345678901234567890,"const":"\\ud800é"}';
  const structured = { wait: "true", "response-schema": spaced };

  it("is at the end of the message, without whitespace and with every digit", async () => {
    const { request, responseSchema } = await plan(structured);
    expect(responseSchema).toEqual({ text: minified });
    expect(request.text).toBe(appendInstruction("Please review this.", minified));
    expect(request.text.endsWith(minified)).toBe(true);
  });

  it("may be a file: of the same schema, however it is written, comes the same key", async () => {
    const place = makePlace();
    write(join(place.workspace, "schemas", "review.json"), `\ufeff${minified}`);
    const fromFile = await plan({ ...structured, "response-schema": "schemas/review.json" }, { place });
    expect(fromFile.key).toBe((await plan(structured, { place })).key);
  });

  it("gives the step another key than another one or none; how often and for whom it is used does not", async () => {
    const place = makePlace();
    const keyOf = async (inputs: Record<string, string>): Promise<string> => (await plan(inputs, { place })).key;
    const key = await keyOf(structured);
    expect(await keyOf({ ...structured, "response-retries": "3", "markdown-property": "text" })).toBe(key);
    const others = [await keyOf({ wait: "true" }), await keyOf({ ...structured, "response-schema": "{}" })];
    expect(new Set([key, ...others]).size).toBe(3);
  });
});

describe("References, users and keys", () => {
  it("may be none, or have 255 characters of any kind", async () => {
    expect((await plan({ "external-ref": "none" })).request.externalRef).toBeUndefined();
    const reference = `${"é#".repeat(127)}x`;
    expect((await plan({ "external-ref": `  ${reference} ` })).request.externalRef).toBe(reference);
    expect((await plan({ "user-id": "ünï 🦊" })).request.userId).toBe("ünï 🦊");
  });

  it("are derived where they are not given", async () => {
    const { request, key } = await plan({}, { env: { GITHUB_ACTOR: "dependabot[bot]", GITHUB_RUN_ID: "71" } });
    expect(request).toMatchObject({ externalRef: "github:octo-org/octo-repo@main", userId: "github:dependabot[bot]" });
    expect(key).toMatch(/^gh-71-[0-9a-f]{40}$/);
  });

  it("include a key of 128 characters, which is used as it is", async () => {
    const key = `${'!~"%{}\\'.repeat(18)}ab`;
    expect(key).toHaveLength(128);
    expect((await plan({ "idempotency-key": key })).key).toBe(key);
  });

  it("give each run attempt its own key with `on-rerun: create`", async () => {
    const keys = async (given: Record<string, string>): Promise<string[]> =>
      Promise.all(
        ["1", "2", "2"].map(async (attempt) => (await plan(given, { env: { GITHUB_RUN_ATTEMPT: attempt } })).key),
      );
    expect(await keys({ "on-rerun": "create", "idempotency-key": "k" })).toEqual(["k", "k+a2", "k+a2"]);
    const [first, second, again] = await keys({ "on-rerun": "create" });
    expect([first === second, second === again]).toEqual([false, true]);
    const derived = await keys({});
    expect(new Set(derived).size).toBe(1);
  });
});

describe("Durations, booleans and choices", () => {
  it("are taken in every form that the descriptions name", async () => {
    const { inputs } = await plan({
      ...{ "create-timeout": "24h", "request-timeout": "90", "wait-timeout": "1m" },
      ...{ wait: " FALSE\n", summary: "True", "on-rerun": "replay", "pr-number": "12" },
    });
    expect(inputs).toMatchObject({
      ...{ createTimeout: 86_400_000, requestTimeout: 90_000, waitTimeout: 60_000 },
      ...{ wait: false, summary: true, onRerun: "replay", prNumber: 12 },
    });
  });
});

describe("The request", () => {
  it("is frozen, with everything in it", async () => {
    const place = makePlace();
    write(join(place.workspace, "a.txt"));
    const { request } = await plan({ files: "a.txt", "file-ids": "x" }, { place });
    const parts = [request, request.target, request.files, request.fileIds, ...request.files];
    expect(parts.map(Object.isFrozen)).toEqual(parts.map(() => true));
  });
});
