import { describe, expect, it } from "@jest/globals";
import { deriveExternalRef, parseContext } from "../../src/actions/context.ts";
import { EVENT_EXAMPLES, expectedReference, repositoryOf } from "../support/event-examples.ts";

describe("GitHub's own examples of events", () => {
  it("have the external reference of the pull request or issue that they are about, else of the branch", () => {
    const derived: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const example of EVENT_EXAMPLES) {
      const { name, id } = repositoryOf(example);
      const environment = {
        GITHUB_REPOSITORY: name,
        GITHUB_REPOSITORY_ID: id,
        GITHUB_EVENT_NAME: example.name,
        GITHUB_REF: "refs/heads/main",
        GITHUB_REF_NAME: "main",
      };
      derived[example.title] = deriveExternalRef(parseContext(environment, example.payload));
      expected[example.title] = expectedReference(example, name);
    }
    expect(derived).toEqual(expected);
    expect(EVENT_EXAMPLES.length).toBeGreaterThan(300);
  });
});
