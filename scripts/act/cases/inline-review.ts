import { events, headSha } from "../../../__tests__/support/runner-events.ts";
import { answering, asked, type ExampleCase } from "../bench.ts";

const example = "inline-review.yml";

const patch =
  "@@ -1,2 +1,3 @@ function start() {\n one();\n+two();\n three();\n@@ -10 +11 @@\n-old();\n+@@ -1 +90,9 @@";
/** More than one page of them. */
const others = Array.from({ length: 120 }, (_, index) => ({
  filename: `docs/${index}.md`,
  patch: "@@ -0,0 +1 @@\n+x",
}));
const hostile =
  "Ask @octo-org/owners, see #12, https://github.com/o/r/issues/1 ![](https://evil.example/?q) <b>$(touch pwned)</b>";
const response = {
  summary: "Two things to fix, @octocat.",
  findings: [
    { path: "src/start.js", line: 2, body: "```suggestion\ntwo(2);\n```" },
    { path: "src/start.js", line: 11, body: hostile },
    { path: "src/start.js", line: 95, body: "This line is not in the diff." },
    { path: "src/other.js", line: 1, body: "This file was not changed." },
    { path: "logo.png", line: 1, body: "This file has no lines." },
  ],
};

export const cases: ExampleCase[] = [
  {
    example,
    shows: "findings become one review, with comments on the diff's lines and the rest in its text; a re-run adds none",
    async run({ check, mosoo, github, act }) {
      const server = await mosoo({ revision: "2026-08", script: answering(JSON.stringify(response)) });
      const gitHub = await github();
      gitHub.pulls.changedFiles.push(...others, { filename: "src/start.js", patch }, { filename: "logo.png" });
      const options = { mosoo: server, github: gitHub, gh: true, event: events.pullRequest() };
      const first = await act(example, options);
      check.equal("the job", first.job("review"), "success");
      check.equal("reviews", gitHub.pulls.reviews.length, 1);
      const [review] = gitHub.pulls.reviews;
      check.equal("its commit", review?.commitId, headSha);
      check.equal(
        "its comments",
        review?.comments.map(({ path, line, side }) => [path, line, side]),
        [
          ["src/start.js", 2, "RIGHT"],
          ["src/start.js", 11, "RIGHT"],
        ],
      );
      check.equal("a suggestion", review?.comments[0]?.body, "```text\ntwo(2);\n```");
      const written = [review?.body ?? "", ...(review?.comments ?? []).map(({ body }) => body)].join("\n");
      check.equal(
        "mentions, references, links, images and HTML in it",
        written.match(/[@#][a-z0-9]|:\/\/|!\[|<b>/g),
        null,
      );
      check.matches(
        "its text has the findings outside the diff",
        review?.body ?? "",
        /line 95:.*\n\n.*src\/other\.js, line 1:.*\n\n.*logo\.png/,
      );
      check.equal("messages", asked(server).length, 1);
      const again = await act(example, { ...options, runAttempt: 2 });
      check.equal("the job of a re-run", again.job("review"), "success");
      check.equal("reviews after it", gitHub.pulls.reviews.length, 1);
    },
  },
  {
    example,
    shows: "a response without findings becomes a review without comments",
    async run({ check, mosoo, github, act }) {
      const script = answering('{"summary":"Nothing to fix.","findings":[]}');
      const server = await mosoo({ revision: "reference", script });
      const gitHub = await github();
      const run = await act(example, { mosoo: server, github: gitHub, gh: true, event: events.pullRequest() });
      check.equal("the job", run.job("review"), "success");
      check.matches("the review", gitHub.pulls.reviews[0]?.body ?? "", /Nothing to fix\.$/);
      check.equal("its comments", gitHub.pulls.reviews[0]?.comments, []);
    },
  },
];
