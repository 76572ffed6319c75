/** Untrusted data of a pull request: the event's payload, file names, paths, and what workflows pass on of them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startScene, type Scene } from "../support/commenting.ts";
import { writeToken } from "../support/fake-github-server.ts";
import { unsafeOutput } from "../support/unsafe-output.ts";
import { skipUnless } from "../support/host.ts";
import { portions, sample } from "../support/hostile-groups.ts";
import { CANARY, HOSTILE, LOG, MARKDOWN } from "../support/hostile.ts";
import { events, runStep, type RunnerEvent, type StepOptions, type StepResult } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";
import { runStepHere } from "../support/step-here.ts";

let scene: Scene;
let folder: string;

beforeAll(async () => {
  scene = await startScene();
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
});
beforeEach(() => {
  scene.reset();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await scene.close();
});

let turn = 0;

async function meet(more: Partial<StepOptions>): Promise<{ step: StepResult; harm: string[]; comment: string }> {
  const inputs = { wait: "false", "create-timeout": "2s", ...more.with };
  const options = scene.step({ step: `turn-${(turn += 1)}`, ...more, with: inputs });
  // One of each kind through the built action; in the deep suite all of them.
  const step = await (turn % 4 === 1 ? runStep : runStepHere)(options);
  const id = Number(/#issuecomment-(\d+)$/.exec(step.outputs["comment-url"] ?? "")?.[1]);
  const comment = scene.github.comments.find((each) => each.id === id)?.body;
  const secrets = [scene.mosoo.tokens.person, writeToken];
  const api = more.with?.["api-url"] ?? scene.mosoo.apiUrl;
  return { step, comment: comment ?? "", harm: unsafeOutput(step, { secrets, api, comment }) };
}

/** A text as an environment can hold it. */
const variable = (text: string): string => text.replaceAll("\0", "");
/** A text as an input can hold it that takes one line. */
const oneLine = (text: string): string =>
  variable(text)
    .replace(/\p{Cc}+/gu, " ")
    .toWellFormed()
    .trim();

function issueWith(title: string): RunnerEvent {
  const event = events.issues({ number: 5 });
  const payload = event.payload as { issue: object };
  return { ...event, payload: { ...payload, issue: { ...payload.issue, title, body: title } } };
}

describe("a hostile event", () => {
  it("is sanitized as an issue's title, in summary and comment", async () => {
    const titles = portions(95);
    const results = await runConcurrently(sample(titles.filter((_, at) => at % 3 === 0)), (title) =>
      meet({ event: issueWith(title), with: { "pr-number": "12" } }),
    );
    for (const { step, harm, comment } of results) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
      expect(comment).toContain("For [#5");
    }
  });

  it("is sanitized as branch, author, repository, commit or comment of a pull request", async () => {
    const results = await runConcurrently(sample(portions(280).filter((_, at) => at % 3 === 1)), (text) => {
      const facts = {
        title: text,
        body: text,
        author: variable(text).slice(0, 39),
        headSha: text,
        headRepository: `${text}/x`,
      };
      const event = events.pullRequest({ ...facts, headRef: variable(text) });
      const payload = { ...(event.payload as object), comment: { body: text }, label: { name: text }, ref: text };
      return meet({ event: { ...event, payload }, matrix: { os: text, deep: [{ [text]: text }] } });
    });
    for (const { step, harm, comment } of results) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
      // An invalid commit is not shown; the run's own is.
      expect(comment).toContain("/commit/5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0)");
    }
  });

  it("is sanitized as a ref, an actor, or the name of a workflow or job", async () => {
    const texts = [LOG, MARKDOWN].flatMap((corpus) => Object.values(corpus)).filter((text) => text.length < 200);
    const results = await runConcurrently(sample(texts.filter((_, at) => at % 8 === 0).map(variable)), (text) => {
      const event = events.push({ ref: `refs/heads/${text}` });
      const env = { GITHUB_WORKFLOW: text, GITHUB_WORKFLOW_REF: `octo-org/octo-repo/${text}@${text}` };
      return meet({ event, actor: text, job: text, env, with: { "pr-number": "12" } });
    });
    for (const { step, harm } of results) expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
  });

  it("is sanitized as a reference that the workflow passes on", async () => {
    const results = await runConcurrently(
      sample(portions(250).map((text) => oneLine(text).slice(0, 250).toWellFormed())),
      (reference) => meet({ event: events.pullRequest(), with: { "external-ref": reference, "user-id": reference } }),
    );
    for (const { step, harm } of results) expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
  });

  it("is read with property names that JavaScript objects inherit", async () => {
    const payload = `{"__proto__":{"pull_request":{"number":666}},"constructor":{"prototype":{"number":666}},"pull_request":{"number":12,"__proto__":{"title":"${CANARY}"}}}`;
    const { step, harm, comment } = await meet({ event: { ...events.pullRequest(), payload } });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(step.outputs["external-ref"]).toBe("github:octo-org/octo-repo#12");
    expect(step.summary + comment).not.toContain(CANARY);
  });

  it("is read within bounded time when it has megabytes", async () => {
    const title = `${Object.values(HOSTILE).join("\n")}\n`.repeat(150);
    expect(title.length).toBeGreaterThan(1_000_000);
    const { step, harm } = await meet({ event: issueWith(title), with: { "pr-number": "12" } });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(step.summary.length).toBeLessThan(10_000);
  });
});

skipUnless("any name", describe)("hostile names of files", () => {
  const names = [
    ...new Set(Object.values(HOSTILE).map((text) => variable(text).replaceAll("/", "∕").toWellFormed())),
  ].filter((name) => Buffer.byteLength(name) < 256 && name.trim() !== "" && !/^\.+$/.test(name));

  it("are sanitized when the files are uploaded, each under its own name", async () => {
    const workspace = join(folder, "uploaded");
    mkdirSync(join(workspace, "up"), { recursive: true });
    for (const name of names) writeFileSync(join(workspace, "up", name), "x");
    const { step, harm } = await meet({ workspace, with: { files: "up/**", "include-hidden-files": "true" } });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    const sent = scene.mosoo.requests.flatMap(({ multipart }) => multipart?.filename ?? []);
    // The escapes for line ends and quotes cannot be distinguished from the same characters in a name.
    const read = (name: string) => name.replaceAll("%22", '"').replaceAll("%0D", "\r").replaceAll("%0A", "\n");
    expect(sent.toSorted()).toEqual(names.map(read).toSorted());
    expect(names.length).toBeGreaterThan(50);
  });

  it("are sanitized when the files are refused, and nothing is sent", async () => {
    const workspace = join(folder, "refused");
    mkdirSync(join(workspace, "up"), { recursive: true });
    for (const name of names) symlinkSync("/etc/hostname", join(workspace, "up", name));
    const { step, harm } = await meet({ workspace, with: { files: "up/**", "include-hidden-files": "true" } });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
    expect(step.annotations).toHaveLength(1);
    expect(scene.mosoo.requests).toEqual([]);
  });

  it("are sanitized in the debug log, as links that lead nowhere", async () => {
    const workspace = join(folder, "links");
    mkdirSync(join(workspace, "up"), { recursive: true });
    for (const name of names) symlinkSync("/nowhere/at/all", join(workspace, "up", name));
    writeFileSync(join(workspace, "up/notes.txt"), "x");
    const { step, harm } = await meet({ workspace, with: { files: "up/**" }, env: { RUNNER_DEBUG: "1" } });
    expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 0, harm: [] });
    expect(step.stdout).toContain("::debug::Broken symlink");
  });

  it("are sanitized as the path of the message and in its text", async () => {
    const results = await runConcurrently(sample(names.filter((_, at) => at % 9 === 0)), async (name) => {
      const workspace = mkdtempSync(join(folder, "message-"));
      const given = { workspace, with: { message: "", "message-file": name } };
      const missing = await meet(given);
      writeFileSync(join(workspace, name.trim()), Object.values(HOSTILE).join("\n"));
      return [missing, await meet(given)] as const;
    });
    for (const [missing, found] of results) {
      expect({ exitCode: missing.step.exitCode, harm: missing.harm }).toEqual({ exitCode: 1, harm: [] });
      expect({ exitCode: found.step.exitCode, harm: found.harm }).toEqual({ exitCode: 0, harm: [] });
    }
  });
});

describe("hostile proxy variables", () => {
  it("are rejected without being shown", async () => {
    const values = [
      `::error::${CANARY}`,
      `##[error]${CANARY}`,
      `http://${CANARY}%0A::error::x:##[error]y@127.0.0.1:9`,
      `http://me:${CANARY}@127.0.0.1:9/::error::x`,
      `${CANARY}\n::error::x`,
    ];
    const results = await runConcurrently(sample(values, 2), (proxy) =>
      meet({
        env: { HTTPS_PROXY: proxy, no_proxy: "::error::x\n##[error]y", HTTP_PROXY: proxy },
        with: { "api-url": "https://mosoo.invalid/api/v1", "pr-comment": "off" },
      }),
    );
    for (const { step, harm } of results) {
      expect({ exitCode: step.exitCode, harm }).toEqual({ exitCode: 1, harm: [] });
      expect(step.stdout + step.summary).not.toContain(CANARY);
    }
  });
});
