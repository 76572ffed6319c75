import { isDeepStrictEqual } from "node:util";

/** Says what was seen, whether or not it is what was wanted, and keeps count. */
export class Checks {
  failed = 0;
  passed = 0;

  private report(good: boolean, what: string, saw: unknown, wanted: string): void {
    const shown = typeof saw === "string" && !saw.includes("\n") ? saw : JSON.stringify([saw]).slice(1, -1);
    const short = shown.length > 300 ? `${shown.slice(0, 300)}…` : shown;
    console.log(`    ${good ? "✓" : "✗"} ${what}: ${short}${good ? "" : `\n      wanted: ${wanted}`}`);
    if (good) this.passed += 1;
    else this.failed += 1;
  }

  equal(what: string, saw: unknown, wanted: unknown): void {
    this.report(isDeepStrictEqual(saw, wanted), what, saw, JSON.stringify(wanted));
  }

  matches(what: string, saw: string, wanted: RegExp): void {
    this.report(wanted.test(saw), what, saw, String(wanted));
  }

  differ(what: string, saw: unknown[]): void {
    this.report(new Set(saw.map((each) => JSON.stringify(each))).size === saw.length, what, saw, "each another");
  }
}
