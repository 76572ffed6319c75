import { describe, expect, it } from "@jest/globals";
import { MosooConnectionError } from "../../../src/mosoo/errors.ts";
import {
  isLoopback,
  canForwardAuthorization,
  deriveBaseUrl,
  resolveRedirect,
} from "../../../src/mosoo/http/redirects.ts";

const url = (text: string): URL => new URL(text);

describe("loopback", () => {
  it.each(["localhost", "127.0.0.1", "127.255.255.254", "[::1]"])("is %s", (host) => {
    expect(isLoopback(url(`http://${host}:8080`).hostname)).toBe(true);
  });

  it.each([
    ...["127.0.0.1.example.com", "localhost.example.com", "example.com", "0.0.0.0", "128.0.0.1", "10.0.0.1"],
    ...["[::2]", "[::ffff:127.0.0.1]", "localhost.", "xlocalhost", "127.0.0.1.nip.io"],
  ])("is not %s", (host) => {
    expect(isLoopback(url(`http://${host}:8080`).hostname)).toBe(false);
  });
});

describe("the token", () => {
  it.each([
    ["https://api.example.com/a", "https://api.example.com/b"],
    ["https://api.example.com:8443/a", "https://api.example.com:8443/b"],
    ["https://mosoo.ai/a", "https://cloud.mosoo.ai/a"],
    ["https://cloud.mosoo.ai/a", "https://try.mosoo.ai/a"],
    ["https://try.mosoo.ai/a", "https://mosoo.ai:443/a"],
    ["http://127.0.0.1:1/a", "http://127.0.0.1:2/a"],
    ["http://localhost:1/a", "https://localhost:2/a"],
    ["http://[::1]:1/a", "http://[::1]:2/a"],
  ])("follows from %s to %s", (from, to) => {
    expect(canForwardAuthorization(url(from), url(to))).toBe(true);
  });

  it.each([
    ["https://api.example.com/a", "http://api.example.com/a"],
    ["https://api.example.com/a", "https://api.example.com:8443/a"],
    ["https://api.example.com/a", "https://evil.example/a"],
    ["https://api.example.com/a", "https://example.com/a"],
    ["https://api.example.com/a", "https://api.example.com.evil.example/a"],
    ["https://api.example.com/a", "https://mosoo.ai/a"],
    ["https://api.example.com/a", "https://me:pw@api.example.com/a"],
    ["https://mosoo.ai/a", "http://cloud.mosoo.ai/a"],
    ["https://mosoo.ai/a", "https://cloud.mosoo.ai:8443/a"],
    ["https://mosoo.ai:8443/a", "https://cloud.mosoo.ai/a"],
    ["https://mosoo.ai/a", "https://evil.mosoo.ai/a"],
    ["https://mosoo.ai/a", "https://mosoo.ai.evil.example/a"],
    ["https://mosoo.ai/a", "https://mosoo.ai./a"],
    ["https://mosoo.ai/a", "http://127.0.0.1/a"],
    ["http://127.0.0.1:1/a", "http://localhost:1/a"],
    ["http://127.0.0.1:1/a", "http://127.0.0.2:1/a"],
    ["http://127.0.0.1:1/a", "https://evil.example/a"],
    ["http://localhost/a", "ftp://localhost/a"],
  ])("does not follow from %s to %s", (from, to) => {
    expect(canForwardAuthorization(url(from), url(to))).toBe(false);
  });
});

describe("a redirect's target", () => {
  const from = url("https://mosoo.ai/api/v1/threads/1");
  const baseOf = (to: URL): URL | undefined => deriveBaseUrl(url("https://mosoo.ai/api/v1"), from, to);
  const target = (method: string, status: number, location?: string): string =>
    resolveRedirect(from, method, status, location, baseOf).href;
  function refusal(method: string, status: number, location?: string): MosooConnectionError {
    try {
      resolveRedirect(from, method, status, location, baseOf);
    } catch (error) {
      if (error instanceof MosooConnectionError) return error;
    }
    throw new Error("It was followed.");
  }

  it("may be a path, a URL without scheme, or a whole one", () => {
    expect(target("POST", 308, "/x")).toBe("https://mosoo.ai/x");
    expect(target("POST", 307, "2?a=b")).toBe("https://mosoo.ai/api/v1/threads/2?a=b");
    expect(target("GET", 302, "//cloud.mosoo.ai/x")).toBe("https://cloud.mosoo.ai/x");
  });

  it.each([301, 302, 303])("is followed by a GET alone where the status is %i", (status) => {
    expect(target("GET", status, "/x")).toBe("https://mosoo.ai/x");
    const { message, advice, code: fault } = refusal("POST", status, "https://cloud.mosoo.ai/api/v1/threads/1");
    expect(fault).toBe("redirect");
    expect(message).toContain(`${status}`);
    expect(message).toContain("https://cloud.mosoo.ai/api/v1/threads/1");
    expect(advice).toMatch(/`api-url`.* https:\/\/cloud\.mosoo\.ai\/api\/v1\./);
  });

  it("is named by its host alone where its path is long, and has no query or user in the error", () => {
    const { message } = refusal("POST", 302, `https://me:canary@mosoo.ai/${"x".repeat(200)}?canary=1#canary`);
    expect(message).toContain("https://mosoo.ai/…");
    expect(message).not.toMatch(/canary|xx/);
  });

  it.each([
    ["https://evil.example/api/v1/threads/1", "https://evil.example", "https://evil.example/api/v1"],
    ["https://mosoo.ai:8443/login", "https://mosoo.ai:8443", "mosoo.ai:8443"],
    ["http://mosoo.ai/api/v1/threads/1", "http://mosoo.ai", "mosoo.ai"],
    ["https://me:canary@mosoo.ai/x", "https://mosoo.ai", "mosoo.ai"],
  ])("is rejected to protect the token, with its origin and what to do: %s", (location, origin, fix) => {
    const { message, advice, code } = refusal("POST", 308, location);
    expect(code).toBe("redirect");
    expect(message).toContain(`${origin};`);
    expect(message + advice).not.toContain("canary");
    expect(advice).toContain("`api-url`");
    expect(advice).toContain(`${fix}.`);
  });

  it.each([undefined, "http://", "https://[", "mailto:me@example.com", "javascript:alert(1)"])(
    "is not usable: %s",
    (location) => {
      expect(refusal("POST", 308, location).code).toBe("redirect");
    },
  );
});

/** After a reword: `npm test -- __tests__/mosoo/http/redirects.test.ts -u`. */
describe("the errors about redirects", () => {
  it("say where the server points and what to do", () => {
    const from = url("https://mosoo.ai/api/v1/threads/1");
    const targets: [number, string | undefined][] = [
      [302, "https://cloud.mosoo.ai/api/v1/threads/1"],
      [308, "https://evil.example/api/v1/threads/1"],
      [308, "https://mosoo.ai:8443/login"],
      [308, "http://mosoo.ai/api/v1/threads/1"],
      [308, "https://me:pw@mosoo.ai/x"],
      [308, undefined],
    ];
    const baseOf = (to: URL): URL | undefined => deriveBaseUrl(url("https://mosoo.ai/api/v1"), from, to);
    for (const [status, location] of targets)
      expect(() => resolveRedirect(from, "POST", status, location, baseOf)).toThrowErrorMatchingSnapshot();
  });
});

describe("the base after a move", () => {
  const asked = url("https://mosoo.ai/api/v1/threads/1?limit=9");
  it.each([
    ["https://cloud.mosoo.ai/api/v1/threads/1?limit=9", "https://cloud.mosoo.ai/api/v1"],
    ["https://mosoo.ai/public/api/v2/threads/1", "https://mosoo.ai/public/api/v2"],
    ["https://mosoo.ai/threads/1", "https://mosoo.ai/"],
  ])("is the part before the path in %s", (answered, base) => {
    expect(deriveBaseUrl(url("https://mosoo.ai/api/v1"), asked, url(answered))?.href).toBe(base);
  });

  it("is not known where another path answered", () => {
    expect(deriveBaseUrl(url("https://mosoo.ai/api/v1"), asked, url("https://mosoo.ai/login"))).toBeUndefined();
  });
});
