import { describe, expect, it } from "@jest/globals";
import { agentUrl, threadUrl, threadApiUrl } from "../../src/mosoo/endpoints.ts";
import { PATHS } from "../support/hostile.ts";

const base = new URL("https://mosoo.ai/api/v1");
const own = "https://mosoo.ai/api/v1/threads/01K";

describe("a thread's API resource", () => {
  it("is the server's link on the API's origin", () => {
    expect(threadApiUrl(base, "01K", "/api/v1/threads/01K")).toBe(own);
    expect(threadApiUrl(base, "01K", "https://mosoo.ai/other/01K")).toBe("https://mosoo.ai/other/01K");
  });

  it.each([
    ["nothing", undefined],
    ["an empty one", ""],
    ["another host", "https://evil.example/api/v1/threads/01K"],
    ["another host without a scheme", "//evil.example/x"],
    ["another host by backslashes", "\\\\evil.example\\x"],
    ["another port", "https://mosoo.ai:8443/x"],
    ["another scheme", "http://mosoo.ai/x"],
    ["a scheme that borrows an origin", "blob:https://mosoo.ai/x"],
    ["a script", "javascript:alert(1)"],
    ["data", "data:text/html,x"],
    ["a query that a script would carry out", "/x?y=$(id)"],
    ["a fragment", "/x#y"],
    ["a script for a shell", "/$(id);&|x"],
    ["a command for a runner", "::error::x"],
    ["a user", "https://me@mosoo.ai/x"],
    ["a password", "https://:secret@mosoo.ai/x"],
    ["no URL", "https://["],
    ["endless", `/${"x".repeat(5_000)}`],
  ])("is made from the base where the link is %s", (_, link) => {
    expect(threadApiUrl(base, "01K", link)).toBe(own);
  });

  it("is on the API's origin with any ID", () => {
    for (const id of Object.values(PATHS)) {
      const parent = new URL(threadApiUrl(base, id, undefined)).pathname.replace(/[^/]*$/, "");
      expect(parent).toBe("/api/v1/threads/");
      expect(new URL(threadUrl(base, id)).pathname).toMatch(/^\/threads\/[^/]+$/);
      expect(new URL(agentUrl(base, id)).pathname).toMatch(/^\/agent\/[^/]+$/);
    }
  });
});
