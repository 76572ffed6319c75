/** Proxies and TLS: a real CONNECT proxy, certificates of an authority that is made here, and what goes wrong with both. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { makeAuthority } from "../support/certificates.ts";
import { type ConnectProxy, type ProxyOptions, startConnectProxy } from "../support/connect-proxy.ts";
import { skipUnless } from "../support/host.ts";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf, traces } from "../support/refusals.ts";
import { type StepResult, runStep } from "../support/runner.ts";
import { runConcurrently } from "../support/run-concurrently.ts";

const host = "api.example.test";
const authority = makeAuthority();
const folder = mkdtempSync(join(tmpdir(), "proxies-"));
const knownAuthority = join(folder, "authority.pem");

let mosoo: FakeMosooServer;
let plain: FakeMosooServer;
let port: number;
let proxy: ConnectProxy;
let deadPort: number;
const opened: { close(): Promise<void> }[] = [];

async function open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
  const it = await opening;
  opened.push(it);
  return it;
}

const portOf = (server: FakeMosooServer): number => Number(new URL(server.origin).port);
const openProxy = (options: ProxyOptions): Promise<ConnectProxy> =>
  open(startConnectProxy({ hosts: { [host]: port }, ...options }));
const at = (of: ConnectProxy, user = ""): string => `http://${user}127.0.0.1:${of.port}`;

beforeAll(async () => {
  writeFileSync(knownAuthority, authority.cert);
  mosoo = await open(startFakeMosooServer({ tls: authority.issue([host, "127.0.0.1"]) }));
  plain = await open(startFakeMosooServer());
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

interface Setting {
  env?: Record<string, string>;
  apiUrl?: string;
  with?: Record<string, string>;
  trusted?: boolean;
}

function start({ env = {}, apiUrl = `https://${host}/api/v1`, trusted = true, ...more }: Setting): Promise<StepResult> {
  return runStep({
    with: {
      "agent-id": mosoo.agents.published,
      token: mosoo.tokens.person,
      message: "Look at this, please.",
      "api-url": apiUrl,
      "create-timeout": "4s",
      "request-timeout": "1s",
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

const itByCase = skipUnless("two cases of a variable", it);

describe("through a proxy", () => {
  it.each(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"])(
    "a thread is created where %s names it",
    async (name) => {
      const step = await start({ env: { [name]: at(proxy) } });
      expect(step.exitCode).toBe(0);
      expect(proxy.tunnels).toEqual([`${host}:443`]);
      expect(proxy.others).toEqual([]);
      expect(step.outputs["thread-url"]).toBe(`https://${host}/threads/${step.outputs["thread-id"] ?? ""}`);
    },
  );

  itByCase(
    "the lower-case variable goes first, the one for https before the one for http, and an empty one hides none",
    async () => {
      const dead = `http://127.0.0.1:${deadPort}`;
      const steps = await runConcurrently(
        [
          { https_proxy: at(proxy), HTTPS_PROXY: dead },
          { HTTPS_PROXY: at(proxy), HTTP_PROXY: dead, http_proxy: dead },
          { https_proxy: "", HTTPS_PROXY: ` ${at(proxy)} `, http_proxy: "" },
        ],
        (env) => start({ env }),
      );
      expect(steps.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    },
  );

  it("a path, query or fragment behind it is passed over", async () => {
    const step = await start({ env: { HTTPS_PROXY: `${at(proxy)}/proxy.pac?x=1#y` } });
    expect({ exit: step.exitCode, annotations: step.annotations }).toEqual({ exit: 0, annotations: [] });
  });

  it("its user and password are used and never shown", async () => {
    const guarded = await openProxy({ credentials: "me:p@ss/w0rd-canary" });
    const step = await start({ env: { HTTPS_PROXY: at(guarded, "me:p%40ss%2Fw0rd-canary@") } });
    expect(step.exitCode).toBe(0);
    expect(guarded.credentials).toEqual(["me:p@ss/w0rd-canary"]);
    expect(traces(step)).not.toContain("w0rd-canary");
  });

  it("a proxy that is itself spoken to by TLS works", async () => {
    const secure = await openProxy({ tls: authority.issue(["localhost"]) });
    const step = await start({ env: { HTTPS_PROXY: `https://localhost:${secure.port}` } });
    expect(step.exitCode).toBe(0);
    expect(secure.tunnels).toEqual([`${host}:443`]);
  });

  it("a run is followed to its end, and the step ends with it", async () => {
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
    const way = await openProxy({ hosts: { [host]: portOf(live) } });
    const step = await start({
      env: { HTTPS_PROXY: at(way) },
      with: { "agent-id": live.agents.published, token: live.tokens.person, wait: "true", "user-id": "me" },
    });
    expect(step.exitCode).toBe(0);
    expect(step.outputs["response"]).toBe("Done.");
    expect(step.durationMs).toBeLessThan(6_000);
  });
});

describe("past the proxy", () => {
  it("loopback is spoken to directly, without NO_PROXY", async () => {
    const step = await start({
      apiUrl: `${mosoo.origin}/api/v1`,
      env: { HTTPS_PROXY: `http://127.0.0.1:${deadPort}`, HTTP_PROXY: `http://127.0.0.1:${deadPort}` },
    });
    expect(step.exitCode).toBe(0);
    expect(mosoo.requests).toHaveLength(1);
  });

  it.each(["NO_PROXY", "no_proxy"])("a host of %s is, and a failure does not blame the proxy", async (name) => {
    const step = await start({
      apiUrl: "https://192.0.2.1/api/v1",
      env: { HTTPS_PROXY: at(proxy), [name]: "other.example, 192.0.2.1" },
      with: { "create-timeout": "1s" },
    });
    const message = refused(step);
    expect(message).toContain("192.0.2.1");
    expect(message).not.toMatch(/proxy/i);
    expect(proxy.tunnels).toEqual([]);
  });

  it("a variable that is no URL does not matter there", async () => {
    const step = await start({ apiUrl: `${mosoo.origin}/api/v1`, env: { HTTPS_PROXY: "proxy.corp:3128" } });
    expect(step.exitCode).toBe(0);
  });
});

describe("a proxy that cannot be used", () => {
  it("is an error that names the variable and not its value", async () => {
    const step = await start({ env: { HTTPS_PROXY: "socks5://me:canary@127.0.0.1:1080" } });
    expect(refused(step)).toMatch(/HTTPS_PROXY is not the URL of an HTTP proxy\..* No thread was created\.$/);
    expect(traces(step)).not.toMatch(/canary|127\.0\.0\.1:1080/);
  });

  it("is an error that asks for percent-encoding and shows no part of the password", async () => {
    const step = await start({ env: { HTTPS_PROXY: at(proxy, "me:1#canary@") } });
    expect(refused(step)).toMatch(/HTTPS_PROXY .*not percent-encoded.*%23.* No thread was created\.$/);
    expect(traces(step)).not.toMatch(/canary|me:1/);
  });

  it("a dead one is named", async () => {
    const step = await start({ env: { HTTPS_PROXY: `http://me:canary@127.0.0.1:${deadPort}` } });
    expect(refused(step)).toMatch(
      new RegExp(
        `The proxy 127\\.0\\.0\\.1:${deadPort} refused the connection\\..*HTTPS_PROXY.*No thread was created\\.$`,
      ),
    );
    expect(traces(step)).not.toContain("canary");
  });

  it("one whose name does not exist is named", async () => {
    const step = await start({ env: { HTTPS_PROXY: "http://proxy.invalid:3128" } });
    expect(refused(step)).toMatch(/The host name of the proxy proxy\.invalid:3128 was not found\./);
  });

  it("one that hangs up is named", async () => {
    const rude = await openProxy({ play: "hang-up" });
    const step = await start({ env: { HTTPS_PROXY: at(rude) } });
    expect(refused(step)).toMatch(
      new RegExp(`The proxy 127\\.0\\.0\\.1:${rude.port} closed the connection\\..*No thread was created\\.$`),
    );
  });

  it("one that never answers is named", async () => {
    const mute = await openProxy({ play: "mute" });
    const step = await start({ env: { HTTPS_PROXY: at(mute) }, with: { "create-timeout": "2s" } });
    expect(refused(step)).toMatch(
      new RegExp(`${host} \\(through the proxy 127\\.0\\.0\\.1:${mute.port}\\) did not answer within`),
    );
  });

  it.each([
    [407, "", /with status 407\. It requires a user and password in the proxy variable\./],
    [407, "me:wrong-canary@", /with status 407\./],
    [403, "", /with status 403\. Check the proxy's rules, or name the host in NO_PROXY\./],
    [503, "", /Failed to create the thread after \d+ attempts.*with status 503\./],
  ])("one that refuses with %i is named with that status", async (status, user, says) => {
    const strict = await openProxy(status === 407 ? { credentials: "me:right" } : { refuse: status });
    const step = await start({ env: { HTTPS_PROXY: at(strict, user) }, with: { "create-timeout": "2s" } });
    const message = refused(step);
    expect(message).toMatch(new RegExp(`The proxy 127\\.0\\.0\\.1:${strict.port} refused the connection to ${host}`));
    expect(message).toMatch(says);
    expect(message).toMatch(/No thread was created\.$/);
    expect(traces(step)).not.toContain("wrong-canary");
    if (status !== 503) expect(strict.tunnels).toHaveLength(1);
  });
});

describe("a certificate", () => {
  const tls = (names: string[], options = {}): Promise<FakeMosooServer> =>
    open(startFakeMosooServer({ tls: authority.issue(names, options) }));

  it("of an authority in NODE_EXTRA_CA_CERTS is taken, with and without a proxy", async () => {
    const direct = await start({ apiUrl: `${mosoo.origin}/api/v1` });
    const proxied = await start({ env: { HTTPS_PROXY: at(proxy) } });
    expect([direct.exitCode, proxied.exitCode]).toEqual([0, 0]);
    expect(direct.outputs["thread-id"]).toBe(proxied.outputs["thread-id"]);
  });

  it.each(["directly", "through a proxy"])(
    "of an unknown authority is refused %s, and the cure is named",
    async (way) => {
      const step = await start(
        way === "directly"
          ? { apiUrl: `${mosoo.origin}/api/v1`, trusted: false }
          : { env: { HTTPS_PROXY: at(proxy) }, trusted: false },
      );
      const owner = way === "directly" ? `127.0.0.1:${port}` : host;
      const message = refused(step);
      expect(message).toContain(`The certificate of ${owner} comes from an authority that is not known here`);
      expect(message).toContain("NODE_EXTRA_CA_CERTS");
      expect(message).toMatch(/No thread was created\.$/);
    },
  );

  it.each(["directly", "through a proxy"])("for another host name is refused %s", async (way) => {
    const other = await tls(["other.example.test"]);
    const mapped = await openProxy({ hosts: { [host]: portOf(other) } });
    const step = await start(
      way === "directly" ? { apiUrl: `${other.origin}/api/v1` } : { env: { HTTPS_PROXY: at(mapped) } },
    );
    const owner = way === "directly" ? `127.0.0.1:${portOf(other)}` : host;
    expect(refused(step)).toContain(`The certificate of ${owner} is for another host name`);
    expect(other.requests).toHaveLength(0);
  });

  it("that has expired is refused", async () => {
    const old = await tls(["127.0.0.1"], { expired: true });
    const step = await start({ apiUrl: `${old.origin}/api/v1` });
    expect(refused(step)).toMatch(/was not accepted \(CERT_HAS_EXPIRED\)\. Check the certificate's dates/);
  });

  it("of the proxy's own that is not known is told as such", async () => {
    const secure = await openProxy({ tls: authority.issue(["localhost"]) });
    const step = await start({ env: { HTTPS_PROXY: `https://localhost:${secure.port}` }, trusted: false });
    expect(refused(step)).toContain(`The certificate of ${host} (or of its proxy) comes from an authority`);
    expect(secure.tunnels).toEqual([]);
  });

  it("of the proxy's own for another host name is told as such", async () => {
    const secure = await openProxy({ tls: authority.issue(["proxy.example.test"]) });
    const step = await start({ env: { HTTPS_PROXY: `https://localhost:${secure.port}` } });
    expect(refused(step)).toContain(`The certificate of the proxy localhost:${secure.port} is for another`);
  });

  it("is not there at all where the port speaks no TLS", async () => {
    const step = await start({ apiUrl: `${plain.origin.replace("http:", "https:")}/api/v1` });
    expect(refused(step)).toMatch(/127\.0\.0\.1:\d+ does not speak TLS as expected\. Check the scheme and port/);
  });

  it("is not asked for where the port speaks TLS and the URL says http", async () => {
    const step = await start({ apiUrl: `${mosoo.origin.replace("https:", "http:")}/api/v1` });
    expect(refused(step)).toMatch(/127\.0\.0\.1:\d+/);
  });
});
