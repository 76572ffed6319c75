/** A step without `api-url`, at the service's own hosts by their names: TLS through a proxy that knows where they are. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { makeAuthority } from "../support/certificates.ts";
import { type ConnectProxy, startConnectProxy } from "../support/connect-proxy.ts";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { failureOf } from "../support/refusals.ts";
import { type StepResult, runPost, runStep } from "../support/runner.ts";

const folder = mkdtempSync(join(tmpdir(), "default-host-"));
const page = "<!DOCTYPE html><html><body>Mosoo</body></html>";
/** The website at mosoo.ai, which has no API, and the API at cloud.mosoo.ai. */
let website: Server;
let api: FakeMosooServer;
let proxy: ConnectProxy;
let env: Record<string, string>;

beforeAll(async () => {
  const authority = makeAuthority();
  const ca = join(folder, "authority.pem");
  writeFileSync(ca, authority.cert);
  website = createServer(authority.issue(["mosoo.ai", "try.mosoo.ai"]), (request, response) => {
    request.resume();
    response.writeHead(request.method === "POST" ? 405 : 404, { "content-type": "text/html" }).end(page);
  });
  await new Promise<void>((resolve) => website.listen(0, "127.0.0.1", resolve));
  api = await startFakeMosooServer({
    revision: "2026-08",
    tls: authority.issue(["cloud.mosoo.ai"]),
    script: [{ after: 50, end: "completed", text: "Done." }],
  });
  const port = (website.address() as AddressInfo).port;
  proxy = await startConnectProxy({
    hosts: { "mosoo.ai": port, "try.mosoo.ai": port, "cloud.mosoo.ai": Number(new URL(api.origin).port) },
  });
  env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NODE_EXTRA_CA_CERTS: ca };
});

beforeEach(() => {
  api.reset();
  proxy.tunnels.length = 0;
});

afterAll(async () => {
  website.close();
  await Promise.all([api.close(), proxy.close()]);
  rmSync(folder, { recursive: true });
});

function run(inputs: Record<string, string> = {}): Promise<StepResult> {
  const { published } = api.agents;
  return runStep({
    env,
    with: { "agent-id": published, token: api.tokens.person, message: "Hello.", "create-timeout": "10s", ...inputs },
  });
}

describe("a step without `api-url`", () => {
  it("creates its thread at the successor of a default host that has no API, by one request, without an annotation", async () => {
    const step = await run({ wait: "true" });
    expect(step.exitCode).toBe(0);
    expect(step.annotations).toEqual([]);
    expect(api.threads).toHaveLength(1);
    expect(api.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
    expect(proxy.tunnels[0]).toBe("mosoo.ai:443");
    expect(new Set(proxy.tunnels.slice(1))).toEqual(new Set(["cloud.mosoo.ai:443"]));
    expect(step.shown.match(/cloud\.mosoo\.ai\/api\/v1/g)).toHaveLength(1);
    expect(step.outputs).toMatchObject({
      response: "Done.",
      "thread-url": `https://cloud.mosoo.ai/threads/${api.threads[0]?.id ?? ""}`,
    });
  });

  it("leaves the host in use to its post step", async () => {
    const step = await run({ wait: "true", "wait-timeout": "1s" });
    expect(step.state["api_url"]).toBe("https://cloud.mosoo.ai/api/v1");
    proxy.tunnels.length = 0;
    expect((await runPost(step)).exitCode).toBe(0);
    expect(proxy.tunnels).not.toContain("mosoo.ai:443");
  });
});

describe("a step with another `api-url` of the service", () => {
  it("fails where there is no API, and names the one that has it", async () => {
    const message = failureOf(await run({ "api-url": "https://try.mosoo.ai/api/v1" }));
    expect(message).toContain("`api-url`");
    expect(message).toContain("https://cloud.mosoo.ai/api/v1");
    expect(api.requests).toHaveLength(0);
  });

  it("creates its thread by one request where the newest contract is served", async () => {
    expect((await run({ "api-url": "https://cloud.mosoo.ai/api/v1" })).exitCode).toBe(0);
    expect(api.requests).toHaveLength(1);
  });
});
