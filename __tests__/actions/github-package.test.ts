import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createFetch } from "../../src/actions/github-package.ts";
import { type Connection, PROXIED_HOST, connectToServer, trustTestAuthority } from "../support/http-ways.ts";

let connection: Connection | undefined;

beforeAll(trustTestAuthority);
afterEach(() => connection?.close());

describe("the fetch of other API clients", () => {
  it("goes out directly where no variable applies", async () => {
    connection = await connectToServer("directly", (request, response) => response.end(`${request.method ?? ""} ok`));
    const fetch = createFetch({ HTTPS_PROXY: "proxy.invalid:1", HTTP_PROXY: "proxy.invalid:1" });
    const response = await fetch(connection.apiUrl.href, { method: "POST", body: "x" });
    expect(await response.text()).toBe("POST ok");
  });

  it("goes through the proxy that a variable names, each time", async () => {
    connection = await connectToServer("through a proxy", (request, response) => {
      request.on("data", (chunk: Buffer) => response.end(`got ${chunk.toString()}`));
    });
    const fetch = createFetch({ HTTPS_PROXY: `127.0.0.1:${connection.proxy?.port ?? 0}` });
    for (const body of ["one", "two"]) {
      const response = await fetch(connection.apiUrl.href, { method: "POST", body });
      expect(await response.text()).toBe(`got ${body}`);
    }
    expect(connection.proxy?.tunnels[0]).toBe(`${PROXIED_HOST}:443`);
  });

  it("is aborted by its signal", async () => {
    const abort = new AbortController();
    connection = await connectToServer("through a proxy", () => {
      abort.abort();
    });
    const fetch = createFetch({ HTTPS_PROXY: `127.0.0.1:${connection.proxy?.port ?? 0}` });
    await expect(fetch(connection.apiUrl.href, { signal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });
  });

  it("fails with a message for people where the variable cannot be used", async () => {
    const fetch = createFetch({ HTTPS_PROXY: "http://me:can#ary@proxy.corp" });
    await expect(fetch("https://api.github.com/", {})).rejects.toThrow(/HTTPS_PROXY.*%23/);
  });
});
