import { describe, expect, it } from "@jest/globals";
import { ProxyResolver, isExempt } from "../../src/mosoo/proxy.ts";

const target = new URL("https://api.example.com/v1");

describe("NO_PROXY", () => {
  it.each([
    "api.example.com",
    "API.Example.COM",
    "example.com",
    ".example.com",
    "*.example.com",
    "*",
    "other.org,api.example.com",
    "other.org api.example.com\tthird.org",
    " , api.example.com , ",
    "api.example.com:443",
    "*:443",
    "api.example.com.",
    "com",
  ])("%j exempts api.example.com", (noProxy) => {
    expect(isExempt(noProxy, target)).toBe(true);
  });

  it.each([
    "",
    " ",
    "pi.example.com",
    "example.org",
    "api.example.com:8443",
    "*.api.example.com",
    "xample.com",
    "https://api.example.com",
    "*:80",
  ])("%j does not", (noProxy) => {
    expect(isExempt(noProxy, target)).toBe(false);
  });

  it("knows ports, addresses and trailing dots", () => {
    expect(isExempt("example.com:8443", new URL("https://example.com:8443"))).toBe(true);
    expect(isExempt("example.com", new URL("https://example.com."))).toBe(true);
    expect(isExempt("*.example.com", new URL("https://example.com"))).toBe(false);
    expect(isExempt("192.0.2.1", new URL("https://192.0.2.1"))).toBe(true);
    for (const written of ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"]) {
      expect(isExempt(written, new URL("https://[2001:db8::1]"))).toBe(true);
    }
  });
});

describe("the way to a host", () => {
  const wayTo = async (
    environment: Record<string, string>,
    host = "https://api.example.com",
  ): Promise<string | undefined> => {
    const proxies = new ProxyResolver(environment, {});
    const way = await proxies.wayTo(new URL(host));
    await proxies.destroy();
    return way?.host;
  };

  it("is direct without a variable, to loopback, and to hosts that are exempt", async () => {
    const set = { HTTPS_PROXY: "http://p:1" };
    expect(await wayTo({})).toBeUndefined();
    expect(await wayTo({ HTTPS_PROXY: "", https_proxy: " " })).toBeUndefined();
    for (const host of ["http://localhost:1", "http://127.0.0.1:1", "https://[::1]"])
      expect(await wayTo(set, host)).toBeUndefined();
    expect(await wayTo({ ...set, no_proxy: "example.com" })).toBeUndefined();
    expect(await wayTo({ ...set, no_proxy: "", NO_PROXY: "example.com" })).toBeUndefined();
    // A value that no call needs is nobody's problem.
    expect(await wayTo({ HTTPS_PROXY: "nonsense", NO_PROXY: "*" })).toBeUndefined();
  });

  it("is told without user and password", async () => {
    expect(await wayTo({ HTTPS_PROXY: "http://me:pw@p:3128" })).toBe("p:3128");
    expect(await wayTo({ HTTPS_PROXY: "https://p" })).toBe("p");
  });

  it("is one for many calls, also where they begin at once", async () => {
    const proxies = new ProxyResolver({ HTTPS_PROXY: "http://p:1" }, {});
    const [one, other] = await Promise.all([proxies.wayTo(target), proxies.wayTo(target)]);
    expect(one).toBe(other);
    await proxies.destroy();
  });
});
