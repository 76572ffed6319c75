import fc from "fast-check";
import { describe, expect, it } from "@jest/globals";
import { MosooError } from "../../src/mosoo/errors.ts";
import {
  type KeyRotation,
  currentKey,
  generationKey,
  MAX_KEY_LENGTH,
  recordFailure,
  rotateKey,
  startRotation,
  suffixedKey,
} from "../../src/mosoo/idempotency.ts";

const key = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
});
const suffix = fc.constantFrom("~2", "~20", "+a3", "+a999", "+f0123456789abcdef");
const old = new MosooError("Mosoo answered 500 internal_error.", { status: 500 });

/** Rotates after each `step`, which is given the generation's number, until it throws; at most a hundred times. */
function walk(step: (rotation: KeyRotation, number: number) => KeyRotation): { error: unknown; keys: string[] } {
  let rotation = startRotation("k");
  const keys = [currentKey(rotation)];
  for (let turn = 0; turn < 100; turn++) {
    try {
      rotation = rotateKey(step(rotation, rotation.generation), old);
    } catch (error) {
      return { error, keys };
    }
    keys.push(currentKey(rotation));
  }
  return { error: undefined, keys };
}

describe("a generation's key", () => {
  it("is the key itself, then the key with ~2, ~3 and so on", () => {
    expect([1, 2, 3, 20].map((number) => generationKey("gh-1-abc", number))).toEqual([
      "gh-1-abc",
      "gh-1-abc~2",
      "gh-1-abc~3",
      "gh-1-abc~20",
    ]);
  });

  it("fits into 128 visible characters with any key", () => {
    fc.assert(
      fc.property(key, suffix, (given, end) => {
        const made = suffixedKey(given, end);
        expect(made.length).toBeLessThanOrEqual(MAX_KEY_LENGTH);
        expect(made).toMatch(/^[\x21-\x7e]+$/);
        expect(made.endsWith(end)).toBe(true);
        if (given.length + end.length <= MAX_KEY_LENGTH) expect(made).toBe(given + end);
      }),
    );
  });

  it("keeps long keys apart that differ only at their end", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          key.filter((each) => each.length > 8),
          { minLength: 2, maxLength: 8 },
        ),
        (ends) => {
          const long = ends.map((end) => "k".repeat(MAX_KEY_LENGTH - end.length) + end);
          expect(new Set(long.map((each) => suffixedKey(each, "~2"))).size).toBe(new Set(long).size);
        },
      ),
    );
  });
});

describe("the rotation of keys with cached failures", () => {
  it("skips twenty keys of earlier attempts, then fails and says when a re-run can work", () => {
    const { error, keys } = walk((rotation) => rotation);
    expect(keys).toHaveLength(21);
    expect(keys.at(-1)).toBe("k~21");
    expect(error).toBeInstanceOf(MosooError);
    expect((error as MosooError).details).toMatchSnapshot();
  });

  it("uses two new keys at most", () => {
    const { error, keys } = walk((rotation) => recordFailure(rotation, "executed"));
    expect(keys).toEqual(["k", "k~2", "k~3"]);
    expect((error as MosooError).details).toMatchSnapshot();
  });

  it("uses two new keys after those that earlier attempts have used", () => {
    const { keys } = walk((rotation, number) => (number > 7 ? recordFailure(rotation, "executed") : rotation));
    expect(keys.at(-1)).toBe("k~9");
  });

  it("counts a lost request as its own failure until the next key replays one that is not", () => {
    const { error, keys } = walk((rotation, number) =>
      number % 2 === 0 && number < 12 ? recordFailure(rotation, "unknown") : rotation,
    );
    expect(keys).toHaveLength(21);
    expect(error).toEqual(walk((rotation) => rotation).error);
    expect(walk((rotation) => recordFailure(rotation, "unknown")).keys).toEqual(["k", "k~2", "k~3"]);
  });

  it("begins each generation as one whose failure this attempt has not caused", () => {
    const rotated = rotateKey(recordFailure(startRotation("k"), "unknown"), old);
    expect(rotated).toMatchObject({ generation: 2, caused: "nothing" });
    expect(recordFailure(recordFailure(rotated, "executed"), "unknown").caused).toBe("executed");
  });
});
