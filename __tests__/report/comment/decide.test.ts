import { describe, expect, it } from "@jest/globals";
import { decide, type OwnershipProof } from "../../../src/report/comment/decide.ts";
import type { Account, IssueComment } from "../../../src/report/comment/github-api.ts";
import {
  createMarkerSigner,
  formatMarker,
  makeMarker,
  type CommentMode,
  type WritingStep,
} from "../../../src/report/comment/marker.ts";

const identity = { workflow: "w.yml", job: "review", step: "mosoo", matrix: "null", agent: "A", key: undefined };
const step: WritingStep = { runId: "17", runNumber: 7, runAttempt: 2, key: "gh-17-abc" };
const made = (given: Partial<WritingStep> = {}, mode: CommentMode = "update", of = identity) =>
  makeMarker(of, { ...step, ...given }, mode);
const own = { ...made(), isShared: false, isKeyReplayed: false };
const sign = createMarkerSigner("mst_token", { repository: "1", number: 12, identity: own.identity });

const bot: Account = { id: 41, login: "github-actions[bot]", isBot: true };
const mallory: Account = { id: 66, login: "mallory", isBot: false };

/** A comment by our bot, with our marker; the signature is for its own author unless `signedFor` says otherwise. */
function comment(
  given: { id?: number; author?: Account; signedFor?: number; marker?: ReturnType<typeof made>; body?: string } = {},
): IssueComment {
  const { id = 1, author = bot, signedFor, marker = made({ runAttempt: 1 }), body } = given;
  const signature = signedFor === undefined ? {} : { signature: sign(signedFor) };
  return { id, author, url: "", body: body ?? `${formatMarker({ ...marker, ...signature })}\nText` };
}

type Row = [string, IssueComment[], Partial<OwnershipProof>, Partial<typeof own>, string];

/** `update 1`: the action's kind and the target's ID. */
function decided(comments: IssueComment[], proof: Partial<OwnershipProof>, given: Partial<typeof own> = {}): string {
  const viewer: Account = { id: undefined, login: "github-actions", isBot: undefined };
  const action = decide(comments, { ...own, ...given }, { viewer, sign, knownIds: new Set(), ...proof });
  return action.kind === "create" ? "create" : `${action.kind} ${action.target.id}`;
}

describe("deciding whose comment it is", () => {
  const byId: Account = { id: 41, login: "renamed", isBot: true };
  const unknown = { viewer: "unknown" } as const;
  const unavailable = { viewer: "unavailable" } as const;
  const rows: Row[] = [
    ["creates one where there is none", [], {}, {}, "create"],
    ["updates the account's own comment", [comment()], {}, {}, "update 1"],
    ["updates the oldest of several", [comment({ id: 9 }), comment({ id: 2 })], {}, {}, "update 2"],
    ["ignores a copied marker", [comment({ author: mallory })], {}, {}, "create"],
    ["ignores a copied signature", [comment({ author: mallory, signedFor: 41 })], unknown, {}, "create"],
    [
      "ignores a person with the bot's name",
      [comment({ author: { id: 5, login: "github-actions", isBot: false } })],
      { viewer: { ...bot, id: undefined } },
      {},
      "create",
    ],
    ["compares account IDs where both are known", [comment()], { viewer: byId }, {}, "update 1"],
    ["compares IDs before logins", [comment({ author: { ...bot, id: 42 } })], { viewer: bot }, {}, "create"],
    ["ignores a comment without an author", [{ ...comment(), author: undefined }], {}, {}, "create"],
    ["ignores a marker that is not at the start", [comment({ body: `> ${comment().body}` })], {}, {}, "create"],
    [
      "ignores another identity",
      [comment({ marker: made({}, "update", { ...identity, job: "x" }) })],
      {},
      {},
      "create",
    ],
    ["ignores another mode", [comment({ marker: made({}, "new") })], {}, {}, "create"],
    ["trusts the author's signature if the account is unknown", [comment({ signedFor: 41 })], unknown, {}, "update 1"],
    ["trusts it if the account cannot be read", [comment({ signedFor: 41 })], unavailable, {}, "update 1"],
    ["does not trust a marker without a signature", [comment()], unknown, {}, "create"],
    [
      "trusts an ID that this step saved",
      [comment({ author: mallory })],
      { ...unknown, knownIds: new Set([1]) },
      {},
      "update 1",
    ],
    [
      "does not trust such an ID without the marker",
      [comment({ body: "x" })],
      { knownIds: new Set([1]) },
      {},
      "create",
    ],
    ["posts no second comment while the account cannot be read", [comment()], unavailable, {}, "unproven 1"],
    ["posts no second comment in one attempt", [comment({ marker: made() })], unknown, {}, "unproven 1"],
  ];

  it.each(rows)("%s", (_, comments, proof, given, expected) => {
    expect(decided(comments, proof, given)).toBe(expected);
  });
});

describe("deciding whether to write over a comment", () => {
  const other = { key: "gh-17-other" };
  const rows: [string, Partial<WritingStep>, Partial<typeof own>, string][] = [
    ["updates an older run's", { runId: "16", key: "gh-16-abc" }, {}, "update 1"],
    ["updates its own earlier attempt's", { runAttempt: 1 }, {}, "update 1"],
    ["updates its own earlier text", {}, {}, "update 1"],
    ["leaves a newer run's", { runId: "18", key: "gh-18-abc" }, {}, "superseded 1"],
    ["leaves a newer attempt's", { runAttempt: 3 }, {}, "superseded 1"],
    ["leaves the one of another step of this attempt", other, {}, "conflict 1"],
    ["updates an earlier attempt's with another message", { ...other, runAttempt: 1 }, {}, "update 1"],
    ["leaves another step's of an earlier attempt", { ...other, runAttempt: 1 }, { isKeyReplayed: true }, "conflict 1"],
    ["updates the one that steps share by `pr-comment-key`", other, { isShared: true }, "update 1"],
    ["updates one without a key", { key: "" }, {}, "update 1"],
  ];

  it.each(rows)("%s", (_, marker, given, expected) => {
    expect(decided([comment({ marker: made(marker) })], {}, given)).toBe(expected);
  });

  it("takes no run for the same where the runner numbers every run 1", () => {
    const marker = made({ runId: "1", key: "other" });
    expect(decided([comment({ marker })], {}, { runId: "1" })).toBe("update 1");
  });
});
