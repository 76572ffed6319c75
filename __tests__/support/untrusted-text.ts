/** Generators of untrusted text. */
import fc from "fast-check";
import { FRAGMENTS } from "./hostile.ts";

/** Fragments of attacks in any order, with anything at all in between. */
export const untrustedText = fc
  .array(
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...FRAGMENTS) }, fc.string({ unit: "binary", maxLength: 4 })),
    { maxLength: 28 },
  )
  .map((parts) => parts.join(""));

/** Lines that a runner, a terminal or a bot takes for the end of one. */
export const LINE_END = /[\n\r\v\f\u0085\u2028\u2029]/u;
