import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  type IdempotencyKeyFields,
  canonicalMatrix,
  deriveKey,
  keyForAttempt,
  keyWithFiles,
} from "../../src/step/idempotency-key.ts";
import { createBody, referenceContract, userIdContract } from "../../src/mosoo/contract/request-bodies.ts";
import { generationKey } from "../../src/mosoo/key-rotation.ts";

/** A fixed run: a second leg of a matrix, asking about a pull request. */
const fixed: IdempotencyKeyFields = {
  serverUrl: "https://github.com",
  repository: "octo-org/octo-repo",
  repositoryId: "424242",
  runId: "17000000001",
  job: "review",
  step: "mosoo",
  matrix: '{"os": "linux", "node": 24}',
  target: { agentId: "01KEXAMPLEAGENT00000000000" },
  text: "Look at pull request 12, bitte schön. 🦊",
  externalRef: "github:octo-org/octo-repo#12",
  attributedUserId: "01KEXAMPLEUSER000000000000",
  userId: "github:octocat",
  fileIds: ["01KEXAMPLEFILE000000000001", "01KEXAMPLEFILE000000000002"],
  files: [
    { path: "docs/plan.md", bytes: 5, sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" },
  ],
  attempt: undefined,
};

describe("a fixed run", () => {
  // A run that was started before an update of the action must find its thread after it. Where one of these changes,
  // raise the version in key.ts.
  it("has this key", () => {
    expect(deriveKey(fixed)).toBe("gh-17000000001-11a6e037b6be56a83855e7aacd73abb6ec614890");
    expect(deriveKey({ ...fixed, attempt: 2 })).toBe("gh-17000000001-e5cc9cb4b6c2e1a28604016db473effeed0b46ae");
    expect(deriveKey({ ...fixed, target: { threadId: "01KEXAMPLETHREAD0000000000" } })).toBe(
      "gh-17000000001-4c9c19cbefb2c5d56de9712d7e208725105274d4",
    );
    expect(keyForAttempt(deriveKey(fixed), 2)).toBe("gh-17000000001-11a6e037b6be56a83855e7aacd73abb6ec614890+a2");
    expect(generationKey(deriveKey(fixed), 3)).toBe("gh-17000000001-11a6e037b6be56a83855e7aacd73abb6ec614890~3");
    expect(keyWithFiles(deriveKey(fixed), fixed.fileIds)).toBe(
      "gh-17000000001-11a6e037b6be56a83855e7aacd73abb6ec614890+fc5a0e3aa70d74965",
    );
  });

  it("has these bodies, byte for byte", () => {
    const intent = { ...fixed, files: undefined };
    expect(JSON.stringify(createBody(referenceContract.create, intent))).toBe(
      '{"input":{"type":"user.message","content":[{"type":"text","text":"Look at pull request 12, bitte schön. 🦊"}]},' +
        '"client_external_ref":"github:octo-org/octo-repo#12","attributed_user_id":"01KEXAMPLEUSER000000000000",' +
        '"files":[{"file_id":"01KEXAMPLEFILE000000000001"},{"file_id":"01KEXAMPLEFILE000000000002"}]}',
    );
    expect(JSON.stringify(createBody(userIdContract.create, { ...intent, attributedUserId: undefined }))).toBe(
      '{"input":{"type":"user.message","content":[{"type":"text","text":"Look at pull request 12, bitte schön. 🦊"}]},' +
        '"userId":"github:octocat",' +
        '"resources":[{"type":"file","file_id":"01KEXAMPLEFILE000000000001"},{"type":"file","file_id":"01KEXAMPLEFILE000000000002"}]}',
    );
  });
});

const text = fc.string({ unit: "binary", maxLength: 20 });
const json = fc.jsonValue({ maxDepth: 2 });
const material: fc.Arbitrary<IdempotencyKeyFields> = fc.record({
  serverUrl: fc.constantFrom("https://github.com", "https://ghes.example"),
  repository: text,
  repositoryId: fc.oneof(fc.constant(""), fc.nat().map(String)),
  runId: fc.oneof(fc.nat().map(String), text),
  job: text,
  step: text,
  matrix: json.map((value) => JSON.stringify(value)),
  target: fc.oneof(fc.record({ agentId: text }), fc.record({ threadId: text })),
  text,
  externalRef: fc.option(text, { nil: undefined }),
  attributedUserId: fc.option(text, { nil: undefined }),
  userId: text,
  fileIds: fc.array(text, { maxLength: 3 }),
  files: fc.array(fc.record({ path: text, bytes: fc.nat(), sha256: text }), { maxLength: 2 }),
  attempt: fc.option(fc.nat(), { nil: undefined }),
});

/** The material in a form of its own, to say whether two mean the same. */
function meaning(of: IdempotencyKeyFields): string {
  return JSON.stringify({
    ...of,
    repository: of.repositoryId === "" ? of.repository : "",
    matrix: canonicalMatrix(of.matrix),
  });
}

describe("the key", () => {
  it("is at most 128 visible ASCII characters, the run ID first", () => {
    fc.assert(
      fc.property(material, (given) => {
        const key = deriveKey(given);
        expect(key).toMatch(/^gh-[\w.-]{1,40}-[0-9a-f]{40}$/);
        expect(key.length).toBeLessThanOrEqual(128);
        if (/^\d+$/.test(given.runId)) expect(key.startsWith(`gh-${given.runId}-`)).toBe(true);
      }),
    );
  });

  it("is the same for the same run, however often it is made", () => {
    fc.assert(
      fc.property(material, (given) => {
        expect(deriveKey(structuredClone(given))).toBe(deriveKey(given));
      }),
    );
  });

  it("is another for any two runs that differ in anything", () => {
    fc.assert(
      fc.property(material, material, (one, other) => {
        expect(deriveKey(one) === deriveKey(other)).toBe(meaning(one) === meaning(other));
      }),
    );
  });

  it.each<[string, Partial<IdempotencyKeyFields>]>([
    ["server", { serverUrl: "https://ghes.example" }],
    ["repository", { repositoryId: "424243" }],
    ["run", { runId: "17000000002" }],
    ["job", { job: "review-2" }],
    ["step", { step: "mosoo_2" }],
    ["matrix leg", { matrix: '{"os": "linux", "node": 26}' }],
    ["agent", { target: { agentId: "01KEXAMPLEAGENT00000000001" } }],
    ["kind of target", { target: { threadId: "01KEXAMPLEAGENT00000000000" } }],
    ["message", { text: `${fixed.text} ` }],
    ["reference", { externalRef: undefined }],
    ["attributed user", { attributedUserId: undefined }],
    ["user", { userId: "github:hubot" }],
    ["file IDs' order", { fileIds: fixed.fileIds.toReversed() }],
    ["files' content", { files: [{ path: "docs/plan.md", bytes: 5, sha256: "0".repeat(64) }] }],
    ["files' path", { files: fixed.files.map((file) => ({ ...file, path: "docs/other.md" })) }],
    ["attempt, where it counts", { attempt: 1 }],
  ])("is another for another %s", (_, change) => {
    expect(deriveKey({ ...fixed, ...change })).not.toBe(deriveKey(fixed));
  });

  it("takes the repository by its ID, which outlives a new name, and by its name where there is no ID", () => {
    const key = deriveKey(fixed);
    expect(deriveKey({ ...fixed, repository: "octo-org/renamed" })).toBe(key);
    const byName = { ...fixed, repositoryId: "" };
    expect(deriveKey({ ...byName, repository: "octo-org/renamed" })).not.toBe(deriveKey(byName));
    expect(deriveKey({ ...fixed, repositoryId: "octo-org/octo-repo" })).not.toBe(deriveKey(byName));
  });

  it("does not care for the order of keys or blanks in the matrix, at any depth", () => {
    const one = '{"a": {"x": 1, "y": [{"p": 1, "q": 2}]}, "b": null}';
    const other = '{\n  "b": null,\n  "a": {"y": [{"q": 2, "p": 1}], "x": 1}\n}';
    expect(deriveKey({ ...fixed, matrix: one })).toBe(deriveKey({ ...fixed, matrix: other }));
    expect(canonicalMatrix('{"a":[1,2]}')).not.toBe(canonicalMatrix('{"a":[2,1]}'));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (matrix) => {
        const reversed = Object.fromEntries(Object.entries(matrix).reverse());
        expect(canonicalMatrix(JSON.stringify(reversed, null, 2))).toBe(canonicalMatrix(JSON.stringify(matrix)));
      }),
    );
  });

  it("takes no matrix, an empty one and null for the same, and keeps what is no JSON", () => {
    expect(["", "  ", "null", " null\n"].map(canonicalMatrix)).toEqual(["null", "null", "null", "null"]);
    expect(canonicalMatrix("leg one")).not.toBe(canonicalMatrix("leg two"));
  });
});

describe("a key with a suffix", () => {
  const visible = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 128,
  });

  it("still has at most 128 visible ASCII characters, ends in the suffix and stays apart from others", () => {
    fc.assert(
      fc.property(visible, visible, fc.integer({ min: 2, max: 999 }), (one, other, count) => {
        for (const suffixed of [generationKey(one, count), keyForAttempt(one, count), keyWithFiles(one, ["x"])]) {
          expect(suffixed).toMatch(/^[\x21-\x7e]{1,128}$/);
        }
        expect(generationKey(one, count).endsWith(`~${count}`)).toBe(true);
        expect(keyForAttempt(one, count).endsWith(`+a${count}`)).toBe(true);
        expect(generationKey(one, count) === generationKey(other, count)).toBe(one === other);
      }),
    );
  });

  it("is the key itself in the first generation", () => {
    expect(generationKey("k", 1)).toBe("k");
  });
});
