import fc from "fast-check";
import { describe, expect, it } from "@jest/globals";
import { canonicalMatrix } from "../../src/common/json.ts";
import {
  type StepIdentity,
  deriveKey,
  keyForAttempt,
  keyWithFiles,
  type StepRequest,
} from "../../src/step/idempotency-key.ts";
import { createBody, referenceContract, userIdContract } from "../../src/mosoo/contract/request-bodies.ts";
import { generationKey } from "../../src/mosoo/idempotency.ts";
import { appendInstruction } from "../../src/response-schema/instruction.ts";

/** A fixed run: the second job of a matrix, asking about a pull request. */
const identity: StepIdentity = {
  serverUrl: "https://github.com",
  repository: "octo-org/octo-repo",
  repositoryId: "424242",
  runId: "17000000001",
  job: "review",
  step: "mosoo",
  matrix: '{"os": "linux", "node": 24}',
  attempt: undefined,
};
const request: StepRequest = {
  target: { agentId: "01KEXAMPLEAGENT00000000000" },
  text: "Look at pull request 12, bitte schön. 🦊",
  externalRef: "github:octo-org/octo-repo#12",
  attributedUserId: "01KEXAMPLEUSER000000000000",
  userId: "github:octocat",
  fileIds: ["01KEXAMPLEFILE000000000001", "01KEXAMPLEFILE000000000002"],
  files: [
    {
      relativePath: "docs/plan.md",
      bytes: 5,
      sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
      name: "plan.md",
      path: "/home/runner/work/octo-repo/octo-repo/docs/plan.md",
    },
  ],
};
const key = deriveKey(identity, request);

describe("The key and the body of a fixed run", () => {
  // A run that started before an update of the action must find its thread after it. Where one of these changes,
  // raise KEY_VERSION.
  it("has this key", () => {
    expect(key).toBe("gh-17000000001-804de24f3f1d5a1196de8d3f1295924a1d183de9");
    expect(deriveKey({ ...identity, attempt: 2 }, request)).toBe(
      "gh-17000000001-7388c4ed4942a0bdedef7feaae818a26c4184c0c",
    );
    expect(deriveKey(identity, { ...request, target: { threadId: "01KEXAMPLETHREAD0000000000" } })).toBe(
      "gh-17000000001-d69dffc9084623a8c8f7e92bd5585ed80987187c",
    );
    expect(keyForAttempt(key, 2)).toBe(`${key}+a2`);
    expect([1, 3].map((number) => generationKey(key, number))).toEqual([key, `${key}~3`]);
    expect(keyWithFiles(key, request.fileIds)).toBe(`${key}+fc5a0e3aa70d74965`);
  });

  it("has this key with a schema: another instruction gives a run that has one another key", () => {
    const text = appendInstruction(request.text, '{"type":"object"}');
    expect(deriveKey(identity, { ...request, text })).toBe("gh-17000000001-6defa4cc1024322fd95e5efbc418924cf12f3184");
  });

  it("has these bodies, byte for byte", () => {
    expect(JSON.stringify(createBody(referenceContract.create, request))).toBe(
      '{"input":{"type":"user.message","content":[{"type":"text","text":"Look at pull request 12, bitte schön. 🦊"}]},' +
        '"client_external_ref":"github:octo-org/octo-repo#12","attributed_user_id":"01KEXAMPLEUSER000000000000",' +
        '"files":[{"file_id":"01KEXAMPLEFILE000000000001"},{"file_id":"01KEXAMPLEFILE000000000002"}]}',
    );
    expect(JSON.stringify(createBody(userIdContract.create, { ...request, attributedUserId: undefined }))).toBe(
      '{"input":{"type":"user.message","content":[{"type":"text","text":"Look at pull request 12, bitte schön. 🦊"}]},' +
        '"userId":"github:octocat",' +
        '"resources":[{"type":"file","file_id":"01KEXAMPLEFILE000000000001"},{"type":"file","file_id":"01KEXAMPLEFILE000000000002"}]}',
    );
  });
});

const text = fc.string({ unit: "binary", maxLength: 20 });
const json = fc.jsonValue({ maxDepth: 2 });
const anyIdentity: fc.Arbitrary<StepIdentity> = fc.record({
  serverUrl: fc.constantFrom("https://github.com", "https://ghes.example"),
  repository: text,
  repositoryId: fc.oneof(fc.constant(""), fc.nat().map(String)),
  runId: fc.oneof(fc.nat().map(String), text),
  job: text,
  step: text,
  matrix: json.map((value) => JSON.stringify(value)),
  attempt: fc.option(fc.nat(), { nil: undefined }),
});
const anyRequest: fc.Arbitrary<StepRequest> = fc.record({
  target: fc.oneof(fc.record({ agentId: text }), fc.record({ threadId: text })),
  text,
  externalRef: fc.option(text, { nil: undefined }),
  attributedUserId: fc.option(text, { nil: undefined }),
  userId: text,
  fileIds: fc.array(text, { maxLength: 3 }),
  files: fc.array(fc.record({ relativePath: text, bytes: fc.nat(), sha256: text, name: text, path: text }), {
    maxLength: 2,
  }),
});

/** Both in a form of its own, to say whether two mean the same. */
function meaning(whose: StepIdentity, what: StepRequest): string {
  return JSON.stringify([
    { ...whose, repository: whose.repositoryId === "" ? whose.repository : "", matrix: canonicalMatrix(whose.matrix) },
    { ...what, files: what.files.map(({ relativePath, bytes, sha256 }) => [relativePath, bytes, sha256]) },
  ]);
}

describe("The key", () => {
  it("is at most 128 visible ASCII characters, the run ID first, and the same however often it is derived", () => {
    fc.assert(
      fc.property(anyIdentity, anyRequest, (whose, what) => {
        const derived = deriveKey(whose, what);
        expect(derived).toMatch(/^gh-[\w.-]{1,40}-[0-9a-f]{40}$/);
        expect(derived.length).toBeLessThanOrEqual(128);
        expect(deriveKey(structuredClone(whose), structuredClone(what))).toBe(derived);
        if (/^\d+$/.test(whose.runId)) expect(derived.startsWith(`gh-${whose.runId}-`)).toBe(true);
      }),
    );
  });

  it("differs between any two steps or requests that differ in anything", () => {
    const either = fc.tuple(anyIdentity, anyRequest);
    fc.assert(
      fc.property(either, either, (one, other) => {
        expect(deriveKey(...one) === deriveKey(...other)).toBe(meaning(...one) === meaning(...other));
      }),
    );
  });

  it.each<[string, Partial<StepIdentity>]>([
    ["server", { serverUrl: "https://ghes.example" }],
    ["repository", { repositoryId: "424243" }],
    ["run", { runId: "17000000002" }],
    ["job", { job: "review-2" }],
    ["step", { step: "mosoo_2" }],
    ["matrix job", { matrix: '{"os": "linux", "node": 26}' }],
    ["run attempt, where it counts", { attempt: 1 }],
  ])("differs for another %s", (_, change) => {
    expect(deriveKey({ ...identity, ...change }, request)).not.toBe(key);
  });

  it.each<[string, Partial<StepRequest>]>([
    ["agent", { target: { agentId: "01KEXAMPLEAGENT00000000001" } }],
    ["kind of target", { target: { threadId: "01KEXAMPLEAGENT00000000000" } }],
    ["message", { text: `${request.text} ` }],
    ["external reference", { externalRef: undefined }],
    ["attributed user", { attributedUserId: undefined }],
    ["user", { userId: "github:hubot" }],
    ["order of file IDs", { fileIds: request.fileIds.toReversed() }],
    ["content of a file", { files: request.files.map((file) => ({ ...file, sha256: "0".repeat(64) })) }],
    ["size of a file", { files: request.files.map((file) => ({ ...file, bytes: 6 })) }],
    ["path of a file", { files: request.files.map((file) => ({ ...file, relativePath: "docs/other.md" })) }],
  ])("differs for another %s", (_, change) => {
    expect(deriveKey(identity, { ...request, ...change })).not.toBe(key);
  });

  it("does not depend on where the runner keeps the workspace", () => {
    const files = request.files.map((file) => ({ ...file, path: "/elsewhere/docs/plan.md" }));
    expect(deriveKey(identity, { ...request, files })).toBe(key);
  });

  it("holds the repository's ID, which survives a rename, and its name only where there is no ID", () => {
    expect(deriveKey({ ...identity, repository: "octo-org/renamed" }, request)).toBe(key);
    const byName = { ...identity, repositoryId: "" };
    expect(deriveKey({ ...byName, repository: "octo-org/renamed" }, request)).not.toBe(deriveKey(byName, request));
    expect(deriveKey({ ...identity, repositoryId: "octo-org/octo-repo" }, request)).not.toBe(
      deriveKey(byName, request),
    );
  });

  it("ignores whitespace and the order of properties in the matrix, at any depth", () => {
    const one = '{"a": {"x": 1, "y": [{"p": 1, "q": 2}]}, "b": null}';
    const other = '{\n  "b": null,\n  "a": {"y": [{"q": 2, "p": 1}], "x": 1}\n}';
    expect(deriveKey({ ...identity, matrix: one }, request)).toBe(deriveKey({ ...identity, matrix: other }, request));
    expect(canonicalMatrix('{"a":[1,2]}')).not.toBe(canonicalMatrix('{"a":[2,1]}'));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (matrix) => {
        const reversed = Object.fromEntries(Object.entries(matrix).reverse());
        expect(canonicalMatrix(JSON.stringify(reversed, null, 2))).toBe(canonicalMatrix(JSON.stringify(matrix)));
      }),
    );
  });

  it("treats no matrix, an empty one and null alike, and keeps one that is not JSON", () => {
    expect(["", "  ", "null", " null\n"].map(canonicalMatrix)).toEqual(["null", "null", "null", "null"]);
    expect(canonicalMatrix("job one")).not.toBe(canonicalMatrix("job two"));
  });
});
