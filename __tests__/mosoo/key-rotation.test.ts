import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { MosooError } from "../../src/mosoo/errors.ts";
import { KeyRotation, generationKey, MAX_KEY_LENGTH, suffixedKey } from "../../src/mosoo/key-rotation.ts";

const key = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
});
const suffix = fc.constantFrom("~2", "~20", "+a3", "+a999", "+f0123456789abcdef");
const old = new MosooError("Mosoo answered 500 internal_error.", { status: 500 });

/** Rotates after each `step` until it throws; at most a hundred times. */
function walk(generations: KeyRotation, step: (number: number) => void): { error: unknown; keys: string[] } {
  const keys = [generations.key];
  for (let turn = 0; turn < 100; turn++) {
    try {
      step(generations.number);
      generations.rotate(old);
    } catch (error) {
      return { error, keys };
    }
    keys.push(generations.key);
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
    const { error, keys } = walk(new KeyRotation("k"), () => undefined);
    expect(keys).toHaveLength(21);
    expect(keys.at(-1)).toBe("k~21");
    expect(error).toBeInstanceOf(MosooError);
    expect((error as MosooError).details).toMatchObject({ threadState: "not_created" });
    expect((error as MosooError).details.advice).toMatch(/24 hours/);
  });

  it("uses two new keys at most", () => {
    const generations = new KeyRotation("k");
    const { error, keys } = walk(generations, () => {
      generations.recordFailure("executed");
    });
    expect(keys).toEqual(["k", "k~2", "k~3"]);
    expect((error as MosooError).details.advice).toMatch(/Re-run the workflow later/);
  });

  it("uses two new keys after those that earlier attempts have used", () => {
    const generations = new KeyRotation("k");
    const { keys } = walk(generations, (number) => {
      if (number > 7) generations.recordFailure("executed");
    });
    expect(keys.at(-1)).toBe("k~9");
  });

  it("counts a lost request as its own failure until the next key replays one that is not", () => {
    const generations = new KeyRotation("k");
    const { error, keys } = walk(generations, (number) => {
      if (number % 2 === 0 && number < 12) generations.recordFailure("unknown");
    });
    expect(keys).toHaveLength(21);
    expect((error as MosooError).details.advice).toMatch(/24 hours/);
    const unlucky = new KeyRotation("k");
    expect(
      walk(unlucky, () => {
        unlucky.recordFailure("unknown");
      }).keys,
    ).toEqual(["k", "k~2", "k~3"]);
  });

  it("returns whether this attempt may have caused the failure", () => {
    const generations = new KeyRotation("k");
    expect(generations.rotate(old)).toBe(false);
    generations.recordFailure("unknown");
    expect(generations.rotate(old)).toBe(true);
  });
});
