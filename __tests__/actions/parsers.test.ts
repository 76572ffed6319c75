import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import * as rules from "../../src/actions/parsers.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { isLoopback } from "../../src/mosoo/http/redirects.ts";

/** The value, or undefined where the parser rejects the text; anything else that is thrown fails the test. */
function accepted<T>(rule: (text: string) => T, text: string): T | undefined {
  try {
    return rule(text);
  } catch (error) {
    if (error instanceof rules.InvalidInputError) return undefined;
    throw error;
  }
}

/** What an input can be: not blank, and trimmed. */
const anything = fc
  .oneof(
    fc.string({ unit: "binary" }),
    fc.string(),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc
      .array(fc.constantFrom("a", "1", ".", "/", "%2f", ":", "@", "https://", "${{", " ", "\n", "m", "-", "e"))
      .map((parts) => parts.join("")),
  )
  .map((text) => text.trim())
  .filter((text) => text !== "");

const everyRule: [string, (text: string) => unknown][] = [
  ["an ID", rules.parseId],
  ["a list of IDs", rules.parseEachLine(rules.parseId)],
  ["a token", rules.parseToken],
  ["a line", rules.parseLine],
  ["a URL", rules.parseApiUrl],
  ["a key", rules.parseIdempotencyKey],
  ["a duration", rules.parseDuration],
  ["a boolean", rules.parseBoolean],
  ["a choice", rules.parseChoice("one", "two")],
  ["a number", rules.parseNumber],
  ["patterns", rules.parsePatterns],
  ["patterns of names", rules.parseNamePatterns],
];

describe.each(everyRule)("The parser of %s", (_, rule) => {
  it("returns a value, or throws a whole sentence without the value, for any text", () => {
    fc.assert(
      fc.property(anything, (text) => {
        try {
          rule(text);
        } catch (error) {
          expect(error).toBeInstanceOf(rules.InvalidInputError);
          const { message } = error as Error;
          expect(message).toMatch(/^[A-Z].*\.$/s);
          if (text.length > 20) expect(message).not.toContain(text);
        }
      }),
    );
  });
});

describe("An accepted ID", () => {
  it("remains one segment of a URL's path", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const id = accepted(rules.parseId, text);
        if (id === undefined) return;
        const url = new URL(`https://mosoo.ai/api/v1/agents/${encodeURIComponent(id)}/threads`);
        expect(url.pathname.split("/")).toHaveLength(6);
        expect(decodeURIComponent(url.pathname.split("/")[4] ?? "")).toBe(id);
        expect(url.search + url.hash).toBe("");
      }),
      propertyRuns(200),
    );
  });

  it("need not be a ULID, which is 26 characters of Crockford's base 32", () => {
    expect(rules.parseId("agt_01KQ")).toBe("agt_01KQ");
    expect(["01M85Q9HGH000000E9NPDCHJ0M", "01m85q9hgh000000e9npdchj0m"].map(rules.isUlid)).toEqual([true, true]);
    const not = [
      "",
      "01M85Q9HGH000000E9NPDCHJ0",
      "81M85Q9HGH000000E9NPDCHJ0M",
      "01M85Q9HGH000000E9NPDCHJ0I",
      "file_01KQ",
    ];
    expect(not.filter(rules.isUlid)).toEqual([]);
  });

  it("has its line named where it is one of many", () => {
    expect(rules.parseEachLine(rules.parseId)("a\r\n\n b \rc")).toEqual(["a", "b", "c"]);
    expect(() => rules.parseEachLine(rules.parseId)("a\n\nb/c")).toThrow("Line 2: ");
  });
});

describe("An accepted token", () => {
  it("is what follows Bearer, in visible ASCII alone", () => {
    expect(rules.parseToken("bEaReR \t x")).toBe("x");
    expect(rules.parseToken("BearerX")).toBe("BearerX");
    fc.assert(
      fc.property(anything, (text) => {
        const token = accepted(rules.parseToken, text);
        if (token !== undefined) expect(token).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });
});

describe("An accepted URL", () => {
  it("is https or loopback, without user, query, fragment or a slash at its end", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const url = accepted(rules.parseApiUrl, text);
        if (url === undefined) return;
        expect(url.protocol === "https:" || isLoopback(url.hostname)).toBe(true);
        expect([url.username, url.password, url.search, url.hash]).toEqual(["", "", "", ""]);
        expect(url.pathname === "/" || !url.pathname.endsWith("/")).toBe(true);
      }),
      propertyRuns(200),
    );
  });

  it("accepts uppercase and short loopback hosts", () => {
    const hosts = ["HTTP://LOCALHOST:80/x", "http://127.1:8080/x/", "http://127.0.0.1/x///"];
    expect(hosts.map((host) => rules.parseApiUrl(host).href)).toEqual([
      "http://localhost/x",
      "http://127.0.0.1:8080/x",
      "http://127.0.0.1/x",
    ]);
  });

  it("may have an @ in its path, and any port", () => {
    expect(rules.parseApiUrl("https://mosoo.ai/@me/v1//").href).toBe("https://mosoo.ai/@me/v1");
    expect(rules.parseApiUrl("http://[::1]:8080").href).toBe("http://[::1]:8080/");
  });
});

describe("An accepted duration", () => {
  it.each([
    ["1", 1_000],
    ["90", 90_000],
    ["90s", 90_000],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["24h", 86_400_000],
    ["1440m", 86_400_000],
    ["007", 7_000],
  ])("is %s: %i ms", (text, ms) => {
    expect(rules.parseDuration(text)).toBe(ms);
  });

  it("is from a second to a day", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom("", "s", "m", "h"), (amount, unit) => {
        const ms = accepted(rules.parseDuration, `${amount}${unit}`);
        const asked = amount * { "": 1, s: 1, m: 60, h: 3_600 }[unit] * 1_000;
        expect(ms).toBe(asked >= 1_000 && asked <= 86_400_000 ? asked : undefined);
      }),
    );
  });
});
