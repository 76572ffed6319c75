/** The context that schemas are compiled in: what code could reach there, and how long it may run. */
import { describe, expect, it, jest } from "@jest/globals";

let script = "";
jest.unstable_mockModule("../../src/response-schema/validator-script.ts", () => ({
  readValidatorScript: () => script,
}));
const { createSandbox } = await import("../../src/response-schema/sandbox.ts");
const { TimeLimitError } = await import("../../src/common/time-limit.ts");

/** What an expression is in the context, as text. */
function evaluate(expression: string, timeLimitMs?: number): string | undefined {
  script = `globalThis.compile = () => JSON.stringify({ problem: String(${expression}) });`;
  return createSandbox(timeLimitMs).compile("{}").problem;
}

describe("The context of a schema", () => {
  it.each(["process", "require", "module", "Buffer", "fetch", "setTimeout", "queueMicrotask"])("has no %s", (name) => {
    expect(evaluate(`typeof ${name}`)).toBe("undefined");
  });

  it.each(["globalThis", "({})", "compile", "[].map", "Error('x')"])("leads to no other context by %s", (value) => {
    expect(evaluate(`${value}.constructor.constructor("return typeof process")()`)).toBe("undefined");
  });

  it("cannot make WebAssembly, which no time limit stops while it compiles", () => {
    const module = "new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])";
    expect(evaluate(`(() => { try { return new WebAssembly.Module(${module}) } catch { return "refused" } })()`)).toBe(
      "refused",
    );
  });

  it("is another for each schema", () => {
    expect(evaluate("globalThis.seen = (globalThis.seen ?? 0) + 1")).toBe("1");
    expect(evaluate("globalThis.seen = (globalThis.seen ?? 0) + 1")).toBe("1");
  });

  it.each([
    ["a loop", "(() => { for (;;); })()"],
    ["a pattern that backtracks", '/^(a+)+$/.test("a".repeat(60) + "b")'],
    ["a promise that never rests", "(async () => { for (;;) await 0; })()"],
  ])("stops %s after its time", (_what, endless) => {
    expect(() => evaluate(endless, 50)).toThrow(TimeLimitError);
  });

  it("gives work its time again where the machine did not", () => {
    const slowOnce = "(() => { if (globalThis.again) return 'done'; globalThis.again = true; for (;;); })()";
    script = `globalThis.compile = () => JSON.stringify({ problem: String(${slowOnce}) });`;
    expect(createSandbox(50, () => 0).compile("{}").problem).toBe("done");
    const attempts = jest.fn(() => 0);
    script = "globalThis.compile = () => { for (;;); };";
    expect(() => createSandbox(50, attempts).compile("{}")).toThrow(TimeLimitError);
    expect(attempts).toHaveBeenCalledTimes(6);
  });

  it.each([
    ["an object", "({ problem: 'x' })"],
    ["other JSON", "'{\"problem\":1}'"],
    ["no JSON", "'x'"],
    ["nothing", "undefined"],
    ["an error", "(() => { throw new Error('x') })()"],
    ["an error that lies", "(() => { throw new Proxy({}, { get() { throw 1 } }) })()"],
  ])("is not trusted where it returns %s", (_what, result) => {
    script = `globalThis.compile = () => ${result};`;
    expect(() => createSandbox().compile("{}")).toThrow();
  });
});
