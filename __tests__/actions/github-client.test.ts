import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createGitHubClient, requestOptions } from "../../src/actions/github-client.ts";
import { type FakeGitHubServer, startFakeGitHubServer, writeToken } from "../support/fake-github-server.ts";

/** What `@actions/github` would trip over while it is imported; the address is direct by `NO_PROXY`. */
const VARIABLES: Record<string, string> = {
  GITHUB_EVENT_PATH: "/does/not/exist.json",
  GITHUB_API_URL: "no address",
  HTTPS_PROXY: "http://user:100%@proxy.invalid:1",
  HTTP_PROXY: "http://user:100%@proxy.invalid:1",
  NO_PROXY: "*",
};
const before = { ...process.env };

let github: FakeGitHubServer;
beforeEach(async () => {
  github = await startFakeGitHubServer({ numbers: [7] });
  Object.assign(process.env, VARIABLES);
});
afterEach(async () => {
  for (const name of Object.keys(VARIABLES)) {
    if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before[name];
  }
  await github.close();
});

describe("GitHub's client", () => {
  it("comes from @actions/github, which reads neither the event nor the proxy variables while it is imported", async () => {
    let isLoaded = false;
    const loading = createGitHubClient({ token: writeToken, apiUrl: `${github.apiUrl}/` }).finally(() => {
      isLoaded = true;
    });
    const seen = new Set<string | undefined>();
    do {
      await new Promise(setImmediate);
      seen.add(process.env["HTTPS_PROXY"]);
    } while (!isLoaded);
    const client = await loading;

    // Requests to Mosoo that are sent meanwhile see the variables.
    expect([...seen]).toEqual([VARIABLES["HTTPS_PROXY"]]);
    expect(process.env).toMatchObject(VARIABLES);
    const { status } = await client.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      owner: "octo-org",
      repo: "octo-repo",
      issue_number: 7,
      request: requestOptions(undefined),
    });
    expect(status).toBe(200);
    // Its plugins, which no other package adds.
    expect(typeof client.rest.issues.createComment).toBe("function");
    expect(typeof client.paginate).toBe("function");
  });
});
