/** A service that has moved: which redirects are followed, what is sent, and where the token is not sent. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { makeAuthority } from "../support/certificates.ts";
import { type ConnectProxy, startConnectProxy } from "../support/connect-proxy.ts";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { expectFailure, traces } from "../support/refusals.ts";
import { type StepOptions, type StepResult, runPost, runStep } from "../support/runner.ts";
import { runStepHere } from "../support/step-here.ts";

const folder = mkdtempSync(join(tmpdir(), "redirects-"));
/** The old host, the new one, and one that the token must not reach. */
let old: FakeMosooServer;
let moved: FakeMosooServer;
let strange: FakeMosooServer;
/** The same three by the service's own names, over TLS. */
let hosts: Record<"old" | "moved" | "strange", FakeMosooServer>;
let proxy: ConnectProxy;
let all: FakeMosooServer[];
let byName: Record<string, string>;

const portOf = (server: FakeMosooServer): number => Number(new URL(server.origin).port);

beforeAll(async () => {
  const authority = makeAuthority();
  const ca = join(folder, "authority.pem");
  writeFileSync(ca, authority.cert);
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), authority.cert]);
  const byTls = (name: string): Promise<FakeMosooServer> => startFakeMosooServer({ tls: authority.issue([name]) });
  [old, moved, strange] = await Promise.all([startFakeMosooServer(), startFakeMosooServer(), startFakeMosooServer()]);
  const [first, second, third] = await Promise.all([
    byTls("mosoo.ai"),
    byTls("cloud.mosoo.ai"),
    byTls("evil.example.test"),
  ]);
  hosts = { old: first, moved: second, strange: third };
  proxy = await startConnectProxy({
    hosts: { "mosoo.ai": portOf(first), "cloud.mosoo.ai": portOf(second), "evil.example.test": portOf(third) },
  });
  all = [old, moved, strange, first, second, third];
  byName = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NODE_EXTRA_CA_CERTS: ca };
});

beforeEach(() => {
  all.forEach((server) => {
    server.reset();
  });
  proxy.tunnels.length = 0;
});

afterAll(async () => {
  await Promise.all([...all, proxy].map((each) => each.close()));
  rmSync(folder, { recursive: true });
});

/** A step for the API at `of`, with an account of the server that is to take it. */
function start(
  of: string,
  account: FakeMosooServer,
  options: Partial<StepOptions> = {},
  runner = runStepHere,
): Promise<StepResult> {
  return runner({
    ...options,
    with: {
      "agent-id": account.agents.published,
      token: account.tokens.person,
      message: "Bitte schön. 🦊",
      "api-url": of,
      "create-timeout": "1m",
      "request-timeout": "20s",
      ...options.with,
    },
  });
}

const notices = (step: StepResult): string[] =>
  step.annotations.filter(({ level }) => level === "notice").map(({ message }) => message);

describe("a move of the service", () => {
  it.each([307, 308])("%i is followed with the same method, body, key and token", async (status) => {
    old.fault({ kind: "redirect", on: "create", status, origin: moved.origin });
    const step = await start(old.apiUrl, moved);
    expect(step.exitCode).toBe(0);
    const [asked, answered] = [old.requests[0], moved.requests[0]];
    for (const part of ["method", "path", "body", "authorization"] as const)
      expect(answered?.[part]).toBe(asked?.[part]);
    for (const name of ["idempotency-key", "content-type", "user-agent", "content-length"]) {
      expect(answered?.headers[name]).toBe(asked?.headers[name]);
    }
    expect(moved.threads).toHaveLength(1);
  });

  it("makes the links on the host that answered, and one notice names the new `api-url`", async () => {
    old.fault({ kind: "redirect", on: "any", origin: moved.origin, times: 9 });
    const step = await start(
      old.apiUrl,
      moved,
      { with: { wait: "true", "wait-timeout": "1s", "on-cancel": "leave" } },
      runStep,
    );
    const id = moved.threads[0]?.id ?? "";
    expect(step.outputs).toMatchObject({
      "thread-url": `${moved.origin}/threads/${id}`,
      "thread-api-url": `${moved.apiUrl}/threads/${id}`,
    });
    expect(notices(step)).toEqual([expect.stringMatching(new RegExp(`${moved.apiUrl}\\b.*\`api-url\``))]);
    // Later requests go there directly.
    expect(old.requests).toHaveLength(1);
    expect(moved.requests.length).toBeGreaterThan(1);
    expect(step.state["api_url"]).toBe(moved.apiUrl);
    expect((await runPost(step)).exitCode).toBe(0);
    expect(old.requests).toHaveLength(1);
  });

  it("between the service's own hosts takes the token along", async () => {
    hosts.old.fault({ kind: "redirect", on: "create", origin: "https://cloud.mosoo.ai" });
    const step = await start("https://mosoo.ai/api/v1", hosts.moved, { env: byName }, runStep);
    expect(step.exitCode).toBe(0);
    expect(proxy.tunnels).toEqual(["mosoo.ai:443", "cloud.mosoo.ai:443"]);
    expect(step.outputs["thread-url"]).toMatch(/^https:\/\/cloud\.mosoo\.ai\/threads\//);
    expect(notices(step)).toEqual([]);
  });

  it("may change the path on the same host", async () => {
    old.fault({
      kind: "redirect",
      on: (request) => request.path.startsWith("/old/"),
      location: `/api/v1/agents/${old.agents.published}/threads`,
    });
    const step = await start(`${old.origin}/old/api`, old);
    expect(step.exitCode).toBe(0);
    expect(notices(step)).toEqual([expect.stringMatching(new RegExp(`${old.apiUrl}\\b.*\`api-url\``))]);
    expect(step.outputs["thread-api-url"]).toMatch(`${old.apiUrl}/threads/`);
  });

  it("is followed five times, and not six", async () => {
    const hop = (n: number): string => `${moved.origin}/hop/${n}`;
    const chain = (length: number): void => {
      old.fault({ kind: "redirect", on: "create", location: hop(1) });
      for (let n = 1; n < length; n += 1) {
        moved.fault({
          kind: "redirect",
          on: ({ path }) => path === `/hop/${n}`,
          location: n === length - 1 ? `${moved.apiUrl}/agents/${moved.agents.published}/threads` : hop(n + 1),
        });
      }
    };
    chain(5);
    expect((await start(old.apiUrl, moved)).exitCode).toBe(0);
    expect(moved.requests).toHaveLength(5);
    all.forEach((server) => {
      server.reset();
    });
    chain(6);
    expectFailure(await start(old.apiUrl, moved), { exists: "no thread", names: ["5 times", "`api-url`"] });
    expect(moved.threads).toHaveLength(0);
  });
});

describe("a redirect that is not followed", () => {
  it.each([
    [
      "to itself",
      (): void => {
        old.fault({ kind: "redirect", on: "create", origin: "", times: 9 });
      },
    ],
    [
      "back and forth",
      (): void => {
        old.fault({ kind: "redirect", on: "create", origin: moved.origin, times: 9 });
        moved.fault({ kind: "redirect", on: "create", origin: old.origin, times: 9 });
      },
    ],
  ])("leads in a circle: %s", async (_, prepare) => {
    prepare();
    expectFailure(await start(old.apiUrl, moved), { exists: "no thread", names: ["in a circle", "`api-url`"] });
    expect(old.requests).toHaveLength(1);
  });

  it.each([301, 302, 303])("is %i for a POST: the error names the target and what to set", async (status) => {
    old.fault({ kind: "redirect", on: "create", status, origin: moved.origin });
    const names = [`${moved.apiUrl}/agents/`, `\`api-url\` to ${moved.apiUrl}.`];
    expectFailure(await start(old.apiUrl, moved), { status, exists: "no thread", names });
    expect(moved.requests).toHaveLength(0);
    expect(old.requests).toHaveLength(1);
  });

  it.each<[string, () => string, RegExp]>([
    ["another host", () => "https://evil.example.test/api/v1/x", /another host, https:\/\/evil\.example\.test;/],
    ["a host that ends alike", () => "https://mosoo.ai.evil.example.test/", /another host/],
    ["http on the same host", () => "http://mosoo.ai/api/v1/x", /an unencrypted address, http:\/\/mosoo\.ai;/],
    ["http on a host of the service", () => "http://cloud.mosoo.ai/api/v1/x", /another host, http:/],
    ["another port", () => "https://mosoo.ai:8443/", /another port/],
    ["loopback", () => `${strange.apiUrl}/x`, /another host, http:\/\/127\.0\.0\.1/],
    [
      "a user and password",
      () => "https://me:canary@cloud.mosoo.ai/",
      /a user or password, https:\/\/cloud\.mosoo\.ai;/,
    ],
  ])("leads to %s: the token does not follow", async (_, location, what) => {
    hosts.old.fault({ kind: "redirect", on: "create", status: 308, location: location() });
    const step = await start("https://mosoo.ai/api/v1", hosts.old, { env: byName });
    expectFailure(step, { exists: "no thread", names: [what, "the token is not sent there", "`api-url`"] });
    expect(traces(step)).not.toContain("canary");
    expect(proxy.tunnels).toEqual(["mosoo.ai:443"]);
    expect([hosts.strange, hosts.moved, strange].map(({ requests }) => requests.length)).toEqual([0, 0, 0]);
  });

  it("leads from 127.0.0.1 to localhost: another name is another host", async () => {
    old.fault({ kind: "redirect", on: "create", origin: moved.origin.replace("127.0.0.1", "localhost") });
    expectFailure(await start(old.apiUrl, moved), { names: [/another host, http:\/\/localhost:\d+/] });
    expect(moved.requests).toHaveLength(0);
  });

  it("leads away only at the second step", async () => {
    hosts.old.fault({ kind: "redirect", on: "create", origin: "https://cloud.mosoo.ai" });
    hosts.moved.fault({ kind: "redirect", on: "create", origin: "https://evil.example.test" });
    const step = await start("https://mosoo.ai/api/v1", hosts.moved, { env: byName });
    expectFailure(step, { status: 308, names: ["cloud.mosoo.ai", "another host, https://evil.example.test"] });
    expect(hosts.strange.requests).toHaveLength(0);
  });

  it.each(["", "https://[", "mailto:me@example.com"])("has no usable Location: %j", async (location) => {
    old.fault({
      kind: "status",
      on: "create",
      status: 308,
      body: "",
      headers: location === "" ? {} : { Location: location },
    });
    expectFailure(await start(old.apiUrl, old), { status: 308, exists: "no thread", names: ["`api-url`"] });
  });
});
