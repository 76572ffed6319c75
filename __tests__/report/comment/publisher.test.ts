import { describe, expect, it } from "@jest/globals";
import { readContext } from "../../../src/actions/context.ts";
import { commentUrl } from "../../../src/report/comment/publisher.ts";

const gitHub = readContext({ GITHUB_REPOSITORY: "octo-org/octo-repo", GITHUB_SERVER_URL: "https://github.com" });
const gitea = readContext({
  GITHUB_REPOSITORY: "octo-org/octo-repo",
  GITHUB_SERVER_URL: "https://git.example.test/gitea",
  GITEA_ACTIONS: "true",
});
const target = { kind: "pull request", number: 12 } as const;

describe("the URL of a comment", () => {
  it("is the server's own", () => {
    const url = "https://github.com/octo-org/renamed/pull/12#issuecomment-7";
    expect(commentUrl({ id: 7, url }, gitHub, target)).toBe(url);
  });

  it.each([
    "https://evil.example/x",
    "https://github.com@evil.example/x",
    "javascript:alert(1)",
    "x](https://evil.example) [y",
    "",
  ])("is made of what is known where the server's is on another host or is not a URL: %s", (url) => {
    expect(commentUrl({ id: 7, url }, gitHub, target)).toBe(
      "https://github.com/octo-org/octo-repo/pull/12#issuecomment-7",
    );
  });

  it("has the path of an issue, of Gitea's pull requests, and of a server under a sub-path", () => {
    expect(commentUrl({ id: 7, url: "" }, gitHub, { kind: "issue", number: 5 })).toMatch(/\/issues\/5#issuecomment-7$/);
    expect(commentUrl({ id: 7, url: "" }, gitea, target)).toBe(
      "https://git.example.test/gitea/octo-org/octo-repo/pulls/12#issuecomment-7",
    );
  });
});
