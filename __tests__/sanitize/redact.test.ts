import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { redact } from "../../src/sanitize/redact.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { untrustedText } from "../support/untrusted-text.ts";

const runs = propertyRuns(100);
/** With every character that is special in a regular expression, a replacement or a URL. */
const secret = fc.string({
  unit: fc.constantFrom(..."abcXYZ019-_.+/=~$^\"\\&<>()[]{}|?*%#'".split("")),
  minLength: 12,
  maxLength: 40,
});

describe("a secret in untrusted text", () => {
  it("becomes *** wherever it is, also beside and inside others", () => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(untrustedText, { maxLength: 4 }),
        (secrets, texts) => {
          fc.pre(secrets.every((each) => !each.includes("*")));
          const text = texts.flatMap((part, index) => [part, secrets[index % secrets.length] ?? ""]).join("");
          const result = redact(text, secrets);
          for (const each of secrets) expect(result).not.toContain(each);
        },
      ),
      runs,
    );
  });

  it("leaves the text around it as it is", () => {
    fc.assert(
      fc.property(secret, fc.stringMatching(/^[ö ,;]*$/), fc.stringMatching(/^[ö ,;]*$/), (token, before, after) => {
        expect(redact(`${before}${token}${after}`, [token])).toBe(`${before}***${after}`);
      }),
      runs,
    );
  });

  it("becomes *** in every usual encoding", () => {
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (token, before, after) => {
        const bytes = Buffer.from(before.toWellFormed() + token + after.toWellFormed());
        const core = Buffer.from(token).toString("base64").slice(4, 12);
        expect(redact(encodeURIComponent(`k=${token}`), [token])).toBe("k%3D***");
        expect(redact(JSON.stringify({ authorization: `Bearer ${token}` }), [token])).toBe(
          '{"authorization":"Bearer ***"}',
        );
        const encoded = redact(bytes.toString("base64"), [token]);
        expect(encoded).toContain("***");
        if (Buffer.byteLength(before.toWellFormed()) % 3 === 0) expect(encoded).not.toContain(core);
        expect(redact(bytes.toString("base64url"), [token])).toContain("***");
        const pointerToken = token.replaceAll("~", "~0").replaceAll("/", "~1");
        expect(redact(`/${pointerToken}/x: must be string`, [token])).toBe("/***/x: must be string");
        expect(redact(JSON.stringify([pointerToken]), [token])).toBe('["***"]');
      }),
      runs,
    );
  });

  it("becomes *** though a sink would drop what stands inside it", () => {
    const hidden = [
      "\u001b[1;31m",
      "\u001b]0;x\u0007",
      "\u009b0m",
      "\0",
      "\u0007",
      "\u{e0041}",
      "\u202e",
      "\u200b",
      "\u00ad",
    ];
    fc.assert(
      fc.property(
        secret.filter((each) => !each.includes("*")),
        fc.array(fc.tuple(fc.constantFrom(...hidden), fc.nat(40)), { minLength: 1, maxLength: 4 }),
        (token, inserted) => {
          const text = inserted.reduce((all, [piece, at]) => {
            const index = 1 + (at % (token.length - 1));
            return all.map((part, nth) => (nth === index ? piece + part : part));
          }, token.split(""));
          const result = redact(`é ${text.join("")} ü`, [token]);
          expect(result).toBe("é *** ü");
        },
      ),
      runs,
    );
    // What looks like a sequence over a line's end is none.
    const token = "grt_pat_0123456789";
    expect(redact(`\u001b]0;\u2028grt_\u001b[mpat_0123456789`, [token])).toBe("\u001b]0;\u2028***");
  });

  it("becomes *** whichever of its characters Markdown, XML or a URL escapes", () => {
    const forms: ((character: string) => string)[] = [
      (character) => (/[!-/:-@[-`{-~]/.test(character) ? `\\${character}` : character),
      (character) => `&#${character.charCodeAt(0)};`,
      (character) => `&#x${character.charCodeAt(0).toString(16)};`,
      (character) => `&#X00${character.charCodeAt(0).toString(16).toUpperCase()};`,
      (character) => `%${character.charCodeAt(0).toString(16)}`,
      (character) => character,
    ];
    const plain = secret.filter((each) => !/[*\\&%]/.test(each));
    fc.assert(
      fc.property(plain, fc.array(fc.constantFrom(...forms), { minLength: 40, maxLength: 40 }), (token, chosen) => {
        const text = token.split("").map((character, at) => chosen[at]?.(character) ?? character);
        expect(redact(`a ${text.join("")} z`, [token])).toMatch(/^a \\?\*\*\* z$/);
      }),
      runs,
    );
  });

  it("becomes *** whichever of its characters JSON escapes, and at any depth", () => {
    const unitOf = (character: string): string => character.charCodeAt(0).toString(16).padStart(4, "0");
    const escape = (token: string, chosen: boolean[], backslashes: string): string =>
      Array.from(token)
        .map((each, at) => (chosen[at % chosen.length] === true ? `${backslashes}u${unitOf(each)}` : each))
        .join("");
    fc.assert(
      fc.property(
        fc.stringMatching(/^mst_[\w./+=-]{8,40}$/),
        fc.array(fc.boolean(), { minLength: 1 }),
        fc.constantFrom("\\", "\\\\", "\\\\\\\\"),
        fc.boolean(),
        (token, chosen, backslashes, upper) => {
          const text = escape(token, chosen, backslashes);
          const written = upper ? text.replace(/u00../g, (unit) => `u${unit.slice(1).toUpperCase()}`) : text;
          expect(redact(`a ${written} z`, [token])).toBe("a *** z");
        },
      ),
      runs,
    );
  });

  it("becomes *** where it has several lines, with any line ends, in JSON, and line by line", () => {
    const lines = fc.array(fc.stringMatching(/^[\w+/.$^]{8,30}$/), { minLength: 2, maxLength: 5 });
    const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
    fc.assert(
      fc.property(lines, lineEnd, lineEnd, (parts, own, other) => {
        const token = parts.join(own);
        expect(redact(`a ${parts.join(other)} z`, [token])).toBe("a *** z");
        expect(redact(JSON.stringify(`a ${token} z`), [token])).toBe('"a *** z"');
        expect(redact(parts.map((part) => `> ${part}`).join("\n"), [token])).toBe(parts.map(() => "> ***").join("\n"));
      }),
      runs,
    );
  });

  it("is not taken for one of another list, and short lines of it are no secrets", () => {
    expect(redact("first-line\nsecond-line", ["first-line\nsecond-line"])).toBe("***");
    expect(redact("first-line\nsecond-line", ["first-line", "second-line"])).toBe("***\n***");
    expect(redact("the end", ["the\nlong-enough-line"])).toBe("the end");
  });

  it("is hidden whole where it overlaps another or itself", () => {
    expect(redact("x abcdefghij y", ["abcdefg", "efghij"])).toBe("x *** y");
    expect(redact("aaaaaaaaaaa", ["aaaaaaaa"])).toBe("***");
    expect(redact("token-1token-1", ["token-1"])).toBe("******");
  });

  it("changes nothing where it is empty or absent", () => {
    expect(redact("a b c", [])).toBe("a b c");
    expect(redact("a b c", ["", "mst_xyz"])).toBe("a b c");
    fc.assert(
      fc.property(untrustedText, (text) => {
        expect(redact(text, ["mst_not_in_any_text"])).toBe(text);
      }),
      runs,
    );
  });

  it("is found in linear time", () => {
    const token = `mst_${"a".repeat(60)}`;
    const texts = ["\\", "\\u0000", "m", "mst_", "a", token.slice(0, -1), `${token} `, "日本", "=", "%6D"];
    const start = process.cpuUsage();
    for (const text of texts) redact(text.repeat(2_000_000 / text.length), [token, "ghs_another0123456789"]);
    // Some 20 MB in all: about a second; a quadratic search would take minutes.
    expect(process.cpuUsage(start).user).toBeLessThan(20e6);
  });
});
