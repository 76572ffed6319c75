import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { openComment } from "../../../src/report/comment/sticky-comment.ts";
import { startFakeGitHubServer, writeToken } from "../../support/fake-github-server.ts";

// In a file of its own: the event file is read when @actions/github is first imported.
it("a broken event file does not keep the comment from being written", async () => {
  const github = await startFakeGitHubServer();
  const folder = mkdtempSync(join(tmpdir(), "event-"));
  const path = join(folder, "event.json");
  writeFileSync(path, "{ no json");
  process.env["GITHUB_EVENT_PATH"] = path;
  process.env["GITHUB_API_URL"] = github.apiUrl;
  try {
    const comment = openComment({
      mode: "update",
      token: writeToken,
      owner: "octo-org",
      repo: "octo-repo",
      number: 12,
      identity: { workflow: "w.yml", job: "review", step: "mosoo", matrix: "null", agent: "A" },
      position: { runId: "1", runNumber: 1, runAttempt: 1 },
      apiUrl: github.apiUrl,
      graphqlUrl: github.graphqlUrl,
    });
    expect(await comment.show("Working")).toMatchObject({ kind: "written" });
    expect(process.env["GITHUB_EVENT_PATH"]).toBe(path);
  } finally {
    rmSync(folder, { recursive: true });
    await github.close();
  }
});
