/** Steps behind a CONNECT proxy, and with certificates of an authority that is made here. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { makeAuthority } from "../support/certificates.ts";
import { type ConnectProxy, type ProxyOptions, startConnectProxy } from "../support/connect-proxy.ts";
import { startFakeGitHubServer, writeToken } from "../support/fake-github-server.ts";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { CONSEQUENCES, failureOf, traces } from "../support/refusals.ts";
import { type StepOptions, type StepResult, events, runStep } from "../support/runner.ts";

const host = "api.example.test";
const authority = makeAuthority();
const folder = mkdtempSync(join(tmpdir(), "proxies-"));
const knownAuthority = join(folder, "authority.pem");

let mosoo: FakeMosooServer;
let port: number;
let proxy: ConnectProxy;
let deadPort: number;
const opened: { close(): Promise<void> }[] = [];

async function open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
  const it = await opening;
  opened.push(it);
  return it;
}

const portOf = ({ apiUrl }: { apiUrl: string }): number => Number(new URL(apiUrl).port);
const openProxy = (options: ProxyOptions): Promise<ConnectProxy> =>
  open(startConnectProxy({ hosts: { [host]: port }, ...options }));
const at = (of: ConnectProxy, user = ""): string => `http://${user}127.0.0.1:${of.port}`;

beforeAll(async () => {
  writeFileSync(knownAuthority, authority.cert);
  mosoo = await open(startFakeMosooServer({ tls: authority.issue([host, "127.0.0.1"]) }));
  port = portOf(mosoo);
  proxy = await openProxy({});
  const gone = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => gone.once("listening", resolve));
  deadPort = (gone.address() as AddressInfo).port;
  await new Promise((resolve) => gone.close(resolve));
});

beforeEach(() => {
  mosoo.reset();
  proxy.tunnels.length = proxy.credentials.length = 0;
});

afterAll(async () => {
  await Promise.all(opened.map((each) => each.close()));
  rmSync(folder, { recursive: true });
});

interface Setting extends Partial<StepOptions> {
  apiUrl?: string;
  /** The authority's certificate is in NODE_EXTRA_CA_CERTS. */
  trusted?: boolean;
}

function start({ env = {}, apiUrl = `https://${host}/api/v1`, trusted = true, ...more }: Setting): Promise<StepResult> {
  return runStep({
    ...more,
    with: {
      "agent-id": mosoo.agents.published,
      token: mosoo.tokens.person,
      message: "Look at this, please.",
      "api-url": apiUrl,
      "create-timeout": "1m",
      "request-timeout": "20s",
      ...more.with,
    },
    env: { ...(trusted ? { NODE_EXTRA_CA_CERTS: knownAuthority } : {}), RUNNER_DEBUG: "1", ...env },
  });
}

function refused(step: StepResult): string {
  const message = failureOf({ ...step, shown: step.shown.replace(/^##\[debug\].*$/gm, "") });
  expect(mosoo.requests).toHaveLength(0);
  return message;
}

describe("a step behind a proxy", () => {
  it("creates its thread through a tunnel, and links to the host behind it", async () => {
    const step = await start({ env: { HTTPS_PROXY: at(proxy) } });
    expect(step.exitCode).toBe(0);
    expect(proxy.tunnels).toEqual([`${host}:443`]);
    expect(proxy.others).toEqual([]);
    expect(step.outputs["thread-url"]).toBe(`https://${host}/threads/${step.outputs["thread-id"] ?? ""}`);
  });

  it("uses the proxy's user and password, and never shows them", async () => {
    const guarded = await openProxy({ credentials: "me:p@ss/w0rd-canary" });
    const step = await start({ env: { HTTPS_PROXY: at(guarded, "me:p%40ss%2Fw0rd-canary@") } });
    expect(step.exitCode).toBe(0);
    expect(guarded.credentials).toEqual(["me:p@ss/w0rd-canary"]);
    expect(traces(step)).not.toContain("w0rd-canary");
  });

  it("speaks TLS to a proxy whose URL says https", async () => {
    const secure = await openProxy({ tls: authority.issue(["localhost"]) });
    const step = await start({ env: { HTTPS_PROXY: `https://localhost:${secure.port}` } });
    expect(step.exitCode).toBe(0);
    expect(secure.tunnels).toEqual([`${host}:443`]);
  });

  it("follows its run by the event stream, comments through the proxy as well, and then ends at once", async () => {
    const githubHost = "github.example.test";
    const live = await open(
      startFakeMosooServer({
        revision: "2026-08",
        tls: authority.issue([host]),
        script: [
          { status: "running" },
          { emit: { type: "agent.message.delta", content: "Done." } },
          { end: "completed" },
        ],
      }),
    );
    const github = await open(startFakeGitHubServer({ tls: authority.issue([githubHost]) }));
    const tunnel = await openProxy({ hosts: { [host]: portOf(live), [githubHost]: portOf(github) } });
    const inHost = (url: string): string => url.replace(/\/\/[^/]+/, `//${githubHost}`);
    const step = await start({
      event: events.pullRequest(),
      githubToken: writeToken,
      env: {
        HTTPS_PROXY: at(tunnel),
        GITHUB_API_URL: inHost(github.apiUrl),
        GITHUB_GRAPHQL_URL: inHost(github.graphqlUrl),
      },
      with: {
        "agent-id": live.agents.published,
        token: live.tokens.person,
        wait: "true",
        "user-id": "me",
        "pr-comment": "update",
      },
    });
    expect({ exitCode: step.exitCode, annotations: step.annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(step.outputs["response"]).toBe("Done.");
    expect(github.comments).toHaveLength(1);
    expect(new Set(tunnel.tunnels)).toEqual(new Set([`${host}:443`, `${githubHost}:443`]));
  });
});

describe("a step past the proxy", () => {
  it("reaches loopback directly, without NO_PROXY, with any proxy variables", async () => {
    const step = await start({
      apiUrl: `${mosoo.origin}/api/v1`,
      env: { HTTPS_PROXY: `http://127.0.0.1:${deadPort}`, HTTP_PROXY: "socks5://proxy.corp" },
    });
    expect(step.exitCode).toBe(0);
    expect(mosoo.requests).toHaveLength(1);
  });

  it("does not blame the proxy where NO_PROXY names the host", async () => {
    const step = await start({
      apiUrl: "https://mosoo.invalid/api/v1",
      env: { HTTPS_PROXY: at(proxy), NO_PROXY: "other.example, .invalid" },
      with: { "create-timeout": "20s" },
    });
    const message = refused(step);
    expect(message).toContain("mosoo.invalid");
    expect(message).not.toMatch(/proxy/i);
    expect(proxy.tunnels).toEqual([]);
  });
});

describe("a proxy that cannot be used", () => {
  it("is an error that names the variable and not its value", async () => {
    const step = await start({ env: { HTTPS_PROXY: "socks5://me:canary@127.0.0.1:1080" } });
    const message = refused(step);
    expect(message).toContain("HTTPS_PROXY");
    expect(message).toContain(CONSEQUENCES["no thread"]);
    expect(traces(step)).not.toMatch(/canary|127\.0\.0\.1:1080/);
  });

  it("is an error that asks for percent-encoding, shows no part of the password, and asks no name server", async () => {
    const step = await start({ env: { HTTPS_PROXY: at(proxy, "me:1#canary@") } });
    expect(refused(step)).toMatch(/HTTPS_PROXY .*%23/);
    expect(traces(step)).not.toMatch(/canary|me:1/);
    expect(step.shown).not.toContain("ENOTFOUND");
  });

  it.each<[string, () => Promise<string>, string]>([
    ["a closed port", () => Promise.resolve(`me:canary@127.0.0.1:${deadPort}`), "127\\.0\\.0\\.1:\\d+"],
    ["an unknown name", () => Promise.resolve("me:canary@proxy.invalid:3128"), "proxy\\.invalid:3128"],
    [
      "a proxy that closes the connection",
      async () => at(await openProxy({ play: "hang-up" }), "me:canary@"),
      "127\\.0\\.0\\.1:\\d+",
    ],
  ])("is named in the error, with the variable: %s", async (_, url, facts) => {
    const step = await start({ env: { HTTPS_PROXY: await url() }, with: { "create-timeout": "20s" } });
    expect(refused(step)).toMatch(new RegExp(`proxy ${facts}.*HTTPS_PROXY`, "s"));
    expect(traces(step)).not.toContain("canary");
  });

  it("is named in the error where it never answers", async () => {
    const mute = await openProxy({ play: "mute" });
    const step = await start({
      env: { HTTPS_PROXY: at(mute) },
      with: { "create-timeout": "2s", "request-timeout": "1s" },
    });
    expect(refused(step)).toMatch(new RegExp(`${host} .*proxy 127\\.0\\.0\\.1:${mute.port}`));
  });

  it.each([
    ["with 407 at once: it requires other credentials", 407, 1],
    ["with 503 after retries", 503, 2],
  ])("is named in the error where it refuses %s", async (_, status, minTunnels) => {
    const strict = await openProxy(status === 407 ? { credentials: "me:right" } : { refuse: status });
    const step = await start({
      env: { HTTPS_PROXY: at(strict, "me:wrong-canary@") },
      with: { "create-timeout": "4s", "request-timeout": "2s" },
    });
    const message = refused(step);
    expect(message).toMatch(new RegExp(`proxy 127\\.0\\.0\\.1:${strict.port} .*${host}.* ${status}`));
    expect(message).toContain(CONSEQUENCES["no thread"]);
    expect(traces(step)).not.toContain("wrong-canary");
    if (status === 407) expect(strict.tunnels).toHaveLength(1);
    else expect(strict.tunnels.length).toBeGreaterThanOrEqual(minTunnels);
  });
});

describe("a step's TLS", () => {
  it("accepts an authority of NODE_EXTRA_CA_CERTS, with and without a proxy: the same key finds the same thread", async () => {
    const direct = await start({ apiUrl: `${mosoo.origin}/api/v1` });
    const proxied = await start({ env: { HTTPS_PROXY: at(proxy) } });
    expect([direct.exitCode, proxied.exitCode]).toEqual([0, 0]);
    expect(direct.outputs["thread-id"]).toBe(proxied.outputs["thread-id"]);
  });

  it.each(["directly", "through a proxy"])(
    "refuses an unknown authority %s, and names NODE_EXTRA_CA_CERTS",
    async (way) => {
      const step = await start(
        way === "directly"
          ? { apiUrl: `${mosoo.origin}/api/v1`, trusted: false }
          : { env: { HTTPS_PROXY: at(proxy) }, trusted: false },
      );
      const owner = way === "directly" ? `127.0.0.1:${port}` : host;
      expect(refused(step)).toMatch(new RegExp(`${owner} .*NODE_EXTRA_CA_CERTS`));
    },
  );
});
