/** How many cases a property test tries: ten times as many in the deep suite (jest.deep.config.mjs). */
export function propertyRuns(count: number): { numRuns: number } {
  return { numRuns: "WHOLE_CORPUS" in globalThis ? count * 10 : count };
}
