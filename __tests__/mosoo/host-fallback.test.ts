import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { MosooClient } from "../../src/mosoo/client.ts";
import type { ClientEvent } from "../../src/mosoo/operation.ts";
import { MosooError } from "../../src/mosoo/errors.ts";
import type { ServiceHosts } from "../../src/mosoo/http/redirects.ts";
import { patientClock } from "../support/clock.ts";
import { type FakeMosooServer, type Revision, startFakeMosooServer } from "../support/fake-mosoo-server.ts";

interface Answer {
  status: number;
  body: string;
  type?: string;
}

const page = "<!DOCTYPE html><html><body>Mosoo, the website</body></html>";
const opened: { close: () => unknown }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

/** A website where the API was documented to be: it gives the same answer to everything. */
async function startWebsite(...answers: Answer[]): Promise<{ base: string; requests: string[] }> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const {
      status,
      body,
      type = "text/html",
    } = answers[Math.min(requests.length, answers.length - 1)] ?? { status: 404, body: "" };
    requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    request.resume();
    response.writeHead(status, { "content-type": type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push(server);
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`, requests };
}

async function startApi(revision: Revision = "2026-08"): Promise<FakeMosooServer> {
  const server = await startFakeMosooServer({ revision });
  opened.push(server);
  return server;
}

function hostsOf(defaultBase: string, successor: FakeMosooServer): ServiceHosts {
  const host = new URL(successor.origin).host;
  return {
    defaultBase,
    successorBase: successor.apiUrl,
    hosts: new Set([new URL(defaultBase).host, host]),
    newestContractHosts: new Set([host]),
  };
}

interface Client {
  client: MosooClient;
  events: ClientEvent[];
}

function connect(apiUrl: string, serviceHosts: ServiceHosts, token: string): Client {
  const events: ClientEvent[] = [];
  const never = new AbortController().signal;
  const client = new MosooClient({
    apiUrl: new URL(apiUrl),
    token,
    userAgent: "test",
    environment: {},
    requestTimeoutMs: 5_000,
    createTimeoutMs: 5_000,
    stop: { cancelSignal: never, abortRequestsSignal: never },
    note: (event) => events.push(event),
    clock: patientClock(),
    serviceHosts,
  });
  opened.push(client);
  return { client, events };
}

const create = ({ client }: Client, agentId: string): ReturnType<MosooClient["createThread"]> =>
  client.createThread({
    agentId,
    intent: { text: "Hello.", userId: "github:octocat", fileIds: [] },
    key: "key-1",
    withInput: true,
    userIdGiven: false,
    firstAttempt: true,
  });

const errorOf = (work: Promise<unknown>): Promise<MosooError> =>
  work.then(
    () => Promise.reject(new Error("It succeeded.")),
    (error: unknown) => (error instanceof MosooError ? error : Promise.reject(error as Error)),
  );

describe("the default host without an API", () => {
  it.each<[string, Answer]>([
    ["405 and a page", { status: 405, body: page }],
    ["404 and a page", { status: 404, body: page }],
    ["404 and nothing", { status: 404, body: "", type: "text/plain" }],
    ["404 and JSON of its own", { status: 404, body: '{"message":"No route"}', type: "application/json" }],
    ["a page as a success", { status: 200, body: page }],
  ])("is left for its successor, with the same key, after %s", async (_, answer) => {
    const [website, api] = [await startWebsite(answer), await startApi()];
    const connected = connect(website.base, hostsOf(website.base, api), api.tokens.person);
    const created = await create(connected, api.agents.published);
    expect(created.answer.thread.id).toBe(api.threads[0]?.id);
    expect(website.requests).toHaveLength(1);
    expect(api.requests.map(({ method, headers }) => [method, headers["idempotency-key"]])).toEqual([
      ["POST", "key-1"],
    ]);
    expect(connected.client.base.href).toBe(api.apiUrl);
    expect(connected.events).toEqual([{ kind: "host-changed", from: new URL(website.base).host, to: api.apiUrl }]);
  });

  it("is left for a message into a thread, which is sent once", async () => {
    const [website, api] = [await startWebsite({ status: 405, body: page }), await startApi()];
    const { id } = api.createThreadDirectly();
    const { client } = connect(website.base, hostsOf(website.base, api), api.tokens.person);
    await client.sendMessage(
      { threadId: id, text: "Hello.", requestId: "key-1", key: "key-1", fileIds: [], firstAttempt: true },
      1_000,
    );
    expect(api.requests).toHaveLength(1);
    expect(api.findThread(id).messages).toHaveLength(1);
  });

  it("is left by a read, and every request after it goes to the successor", async () => {
    const [website, api] = [await startWebsite({ status: 404, body: page }), await startApi()];
    const connected = connect(website.base, hostsOf(website.base, api), api.tokens.person);
    expect(await connected.client.contract()).toMatchObject({ takesUploads: true });
    await create(connected, api.agents.published);
    expect(website.requests).toHaveLength(1);
  });
});

describe("the default host", () => {
  it.each<[string, Answer]>([
    [
      "an error in the service's envelope",
      { status: 404, body: '{"error":{"code":"not_found","message":"No agent."}}' },
    ],
    ["the service's answer to an unknown path", { status: 404, body: '{"error":"Not Found"}' }],
    ["a firewall's page", { status: 403, body: page }],
  ])("is not left after %s", async (_, answer) => {
    const [website, api] = [await startWebsite({ type: "application/json", ...answer }), await startApi()];
    const connected = connect(website.base, hostsOf(website.base, api), api.tokens.person);
    expect((await errorOf(create(connected, api.agents.published))).details.status).toBe(answer.status);
    expect(api.requests).toHaveLength(0);
    expect(connected.events).toEqual([]);
  });

  it("is not left once the outcome of a request is unknown: the error names the successor", async () => {
    const website = await startWebsite({ status: 502, body: page }, { status: 404, body: page });
    const api = await startApi();
    const connected = connect(website.base, hostsOf(website.base, api), api.tokens.person);
    const { details } = await errorOf(create(connected, api.agents.published));
    expect(details).toMatchObject({ status: 404, threadState: "unknown", input: "api-url" });
    expect(details.advice).toContain(api.apiUrl);
    expect(api.requests).toHaveLength(0);
  });

  it("is not left once it has responded as the API", async () => {
    const [home, api] = [await startApi("reference"), await startApi()];
    home.fault({ on: "thread", kind: "status", status: 404, body: page });
    const connected = connect(home.apiUrl, hostsOf(home.apiUrl, api), home.tokens.person);
    const { answer } = await create(connected, home.agents.published);
    expect((await errorOf(connected.client.getThread(answer.thread.id))).details.status).toBe(404);
    expect(api.requests).toHaveLength(0);
  });
});

describe("another `api-url`", () => {
  it("fails with the successor's name on a host of the service", async () => {
    const [website, api] = [await startWebsite({ status: 404, body: page }), await startApi()];
    const connected = connect(`${website.base}/old`, hostsOf(website.base, api), api.tokens.person);
    const { details } = await errorOf(create(connected, api.agents.published));
    expect(details).toMatchObject({ status: 404, input: "api-url" });
    expect(details.advice).toContain(api.apiUrl);
    expect(api.requests).toHaveLength(0);
  });

  it("is never advised to send the token to another host elsewhere", async () => {
    const [website, api] = [await startWebsite({ status: 404, body: page }), await startApi()];
    const connected = connect(website.base, hostsOf("https://mosoo.example.test/api/v1", api), api.tokens.person);
    const { details } = await errorOf(create(connected, api.agents.published));
    expect(details.advice).not.toContain(api.apiUrl);
    expect(api.requests).toHaveLength(0);
  });
});

describe("a plain create", () => {
  it.each<[string, Revision, boolean]>([
    ["the reference contract", "reference", false],
    ["the newest contract, on a host of the service that serves it", "2026-08", true],
  ])("is one request on %s", async (_, revision, isServiceHost) => {
    const api = await startApi(revision);
    const elsewhere = "https://mosoo.example.test/api/v1";
    const hosts = { ...hostsOf(elsewhere, api), ...(isServiceHost ? {} : { newestContractHosts: new Set<string>() }) };
    await create(connect(api.apiUrl, hosts, api.tokens.person), api.agents.published);
    expect(api.requests).toHaveLength(1);
    expect(api.threads).toHaveLength(1);
  });

  it("adapts to a service host that serves an older contract", async () => {
    const api = await startApi("2026-07");
    await create(
      connect(api.apiUrl, hostsOf("https://mosoo.example.test/api/v1", api), api.tokens.person),
      api.agents.published,
    );
    expect(api.requests.map(({ status }) => status)).toEqual([400, 200, 201]);
  });
});
