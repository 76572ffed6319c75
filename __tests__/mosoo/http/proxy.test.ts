import { describe, expect, it } from "@jest/globals";
import { MosooConnectionError } from "../../../src/mosoo/errors.ts";
import { type Environment, matchesNoProxy, resolveProxy } from "../../../src/mosoo/http/proxy.ts";

const target = new URL("https://api.example.com/v1");

/** `true` where NO_PROXY exempts the host. */
const exempts = (noProxy: string, url: string): boolean => matchesNoProxy(noProxy, new URL(url));

describe("an entry of NO_PROXY", () => {
  it.each([
    ["the host", "api.example.com"],
    ["the host in capitals", "API.Example.COM"],
    ["a domain above it", "example.com"],
    ["a domain above it with a leading dot", ".example.com"],
    ["a domain above it with a wildcard", "*.example.com"],
    ["a top-level domain", "com"],
    ["a wildcard", "*"],
    ["the host with a trailing dot", "api.example.com."],
    ["a domain with a trailing dot", ".example.com."],
    ["the host with the scheme's port", "api.example.com:443"],
    ["a wildcard with the scheme's port", "*:443"],
    ["one of several after commas", "other.org,api.example.com"],
    ["one of several after whitespace", "other.org api.example.com\tthird.org"],
    ["one among empty entries", " , api.example.com ,, "],
  ])("exempts the host when it is %s", (_, noProxy) => {
    expect(matchesNoProxy(noProxy, target)).toBe(true);
  });

  it.each([
    ["empty", ""],
    ["whitespace", " "],
    ["a lone dot", "."],
    ["the end of a label", "pi.example.com"],
    ["the end of a domain's label", "xample.com"],
    ["another domain", "example.org"],
    ["a wildcard below the host", "*.api.example.com"],
    ["the host with another port", "api.example.com:8443"],
    ["a wildcard with another port", "*:80"],
    ["a URL", "https://api.example.com"],
    ["a CIDR range of addresses", "10.0.0.0/8"],
  ])("does not exempt the host when it is %s", (_, noProxy) => {
    expect(matchesNoProxy(noProxy, target)).toBe(false);
  });

  it.each([
    ["example.com:8443", "https://example.com:8443"],
    ["example.com", "https://example.com."],
    ["example.com:80", "http://example.com"],
    ["192.0.2.1", "https://192.0.2.1"],
    ["192.0.2.1:443", "https://192.0.2.1"],
    ["2001:db8::1", "https://[2001:db8::1]"],
    ["2001:DB8:0:0::1", "https://[2001:db8::1]"],
    ["[2001:db8::1]", "https://[2001:db8::1]"],
    ["[2001:db8::1]:443", "https://[2001:db8::1]"],
    ["10.0.0.0/8", "https://10.200.3.4"],
    ["10.1.2.3/8", "https://10.200.3.4"],
    ["192.0.2.1/32", "https://192.0.2.1"],
    ["0.0.0.0/0", "https://192.0.2.1"],
    ["172.16.0.0/12, 10.0.0.0/8", "https://172.31.255.255"],
    ["fd00::/8", "https://[fd12::1]"],
    ["2001:db8::/32", "https://[2001:db8:ffff::1]"],
    ["10.0.0.0/8", "https://[::ffff:10.0.0.1]"],
  ])("%j exempts %s", (noProxy, url) => {
    expect(exempts(noProxy, url)).toBe(true);
  });

  it.each([
    ["*.example.com", "https://example.com"],
    ["192.0.2.1", "https://192.0.2.10"],
    ["2.1", "https://192.0.2.1"],
    ["192.0.2.1:8443", "https://192.0.2.1"],
    ["10.0.0.0/8", "https://11.0.0.1"],
    ["172.16.0.0/12", "https://172.32.0.0"],
    ["10.0.0.0/99", "https://10.0.0.1"],
    ["10.0.0/8", "https://10.0.0.1"],
    ["10.0.0.0/", "https://10.0.0.1"],
    ["fd00::/8", "https://[fe80::1]"],
    ["fd00::/200", "https://[fd00::1]"],
    ["10.0.0.0/8", "https://10.example.com"],
  ])("%j does not exempt %s", (noProxy, url) => {
    expect(exempts(noProxy, url)).toBe(false);
  });
});

function resolve(environment: Environment, url = target.href): string | undefined {
  return resolveProxy(environment, new URL(url))?.url.href;
}

function rejection(environment: Environment): MosooConnectionError {
  try {
    resolve(environment);
  } catch (error) {
    if (error instanceof MosooConnectionError) return error;
  }
  throw new Error("The variable was accepted.");
}

describe("a request's proxy", () => {
  it("is none without a variable, and where the variables are empty", () => {
    expect(resolve({})).toBeUndefined();
    expect(resolve({ HTTPS_PROXY: "", https_proxy: " " })).toBeUndefined();
  });

  it.each(["http://localhost:1", "http://127.0.0.1:1", "https://127.8.9.10", "https://[::1]"])(
    "is none for the loopback address %s",
    (url) => {
      expect(resolve({ HTTPS_PROXY: "http://p:1", HTTP_PROXY: "http://p:1" }, url)).toBeUndefined();
    },
  );

  it("is none where NO_PROXY names the host, in either case", () => {
    const set = { HTTPS_PROXY: "http://p:1" };
    expect(resolve({ ...set, no_proxy: "example.com" })).toBeUndefined();
    expect(resolve({ ...set, no_proxy: "", NO_PROXY: "example.com" })).toBeUndefined();
    expect(resolve({ ...set, no_proxy: "example.org", NO_PROXY: "example.com" })).toBe("http://p:1/");
  });

  it("is not looked at where no request needs it", () => {
    expect(resolve({ HTTPS_PROXY: "socks5://p", NO_PROXY: "*" })).toBeUndefined();
  });

  it.each([
    [{ https_proxy: "http://a:1", HTTPS_PROXY: "http://b:1" }, "http://a:1/"],
    [{ HTTPS_PROXY: "http://a:1", http_proxy: "http://b:1", HTTP_PROXY: "http://c:1" }, "http://a:1/"],
    [{ https_proxy: "", HTTPS_PROXY: " http://a:1 " }, "http://a:1/"],
    [{ HTTP_PROXY: "http://a:1" }, "http://a:1/"],
  ])("is the first variable that is set for https: %j", (environment, expected) => {
    expect(resolve(environment)).toBe(expected);
  });

  it("is never HTTPS_PROXY for http", () => {
    const environment = { HTTPS_PROXY: "http://a:1", HTTP_PROXY: "http://b:1" };
    expect(resolve(environment, "http://ghe.example.com/api/v3")).toBe("http://b:1/");
    expect(resolve({ HTTPS_PROXY: "http://a:1" }, "http://ghe.example.com/api/v3")).toBeUndefined();
  });

  it.each([
    ["proxy.corp:3128", "http://proxy.corp:3128/"],
    ["10.0.0.1:3128", "http://10.0.0.1:3128/"],
    ["proxy.corp", "http://proxy.corp/"],
    ["[2001:db8::1]:3128", "http://[2001:db8::1]:3128/"],
    ["HTTPS://proxy.corp", "https://proxy.corp/"],
    ["http://proxy.corp:3128/proxy.pac?x=1#y", "http://proxy.corp:3128/"],
    ["http://me:pw@proxy.corp:3128", "http://proxy.corp:3128/"],
  ])("may be written %s, which is %s", (value, expected) => {
    expect(resolve({ HTTPS_PROXY: value })).toBe(expected);
  });

  it.each([
    ["http://me:p%40ss%2Fw0rd@p:1", "me:p@ss/w0rd"],
    ["http://me:p@ss@p:1", "me:p@ss"],
    ["me:pw@p:1", "me:pw"],
    ["http://me@p:1", "me:"],
    ["http://m%C3%BCller:%25@p:1", "müller:%"],
  ])("has its credentials decoded from %s", (value, expected) => {
    const { authorization = "" } = resolveProxy({ HTTPS_PROXY: value }, target) ?? {};
    expect(authorization).toMatch(/^Basic /);
    expect(Buffer.from(authorization.slice(6), "base64").toString()).toBe(expected);
  });

  it.each([
    "socks5://me:canary@127.0.0.1:1080",
    "ftp://canary",
    "http://canary:99999",
    "http://",
    "http:canary",
    "http://can ary",
  ])("is an error that names the variable and not the value %j", (value) => {
    const { code, message, advice } = rejection({ https_proxy: "", HTTP_PROXY: value });
    expect(code).toBe("proxy_refused");
    expect(message).toContain("HTTP_PROXY");
    expect(message + advice).not.toMatch(/canary|127\.0\.0\.1/);
  });

  it.each([
    "http://me:can#ary@proxy.corp:3128",
    "http://me:1#canary@proxy.corp:3128",
    "http://me:can/ary@proxy.corp:3128",
    "http://me:can?ary@proxy.corp:3128",
    "http://me:can\\ary@proxy.corp:3128",
    "http://me:100%canary@proxy.corp:3128",
    "http://me:canary%@proxy.corp:3128",
    "http://me:canary%FF@proxy.corp:3128",
    "http://canary#:pw@proxy.corp:3128",
    "http://can/ary@proxy.corp:3128",
    "me:can#ary@proxy.corp:3128",
    "me:can/ary@proxy.corp:3128",
    "http://me:can/a:b@ry@proxy.corp:3128",
  ])("is an error that asks for percent-encoding and shows nothing of %j", (value) => {
    const { code, message, advice } = rejection({ HTTPS_PROXY: value });
    expect(code).toBe("proxy_refused");
    expect(message).toContain("HTTPS_PROXY");
    expect(advice).toContain("%23");
    expect(message + advice).not.toMatch(/can|ary|me:|corp|3128/);
  });
});
