/**
 * Inputs → Settings. The only reader of the inputs. Every problem of a run is collected before anything is sent.
 *
 * An empty input counts as not given: an expression that evaluates to nothing suppresses the default of action.yml,
 * so the defaults stand here, too (__tests__/action-metadata.test.ts holds both together).
 */
import * as core from "@actions/core";
import * as z from "./mosoo/zod.ts";
import {
  Refusal,
  readApiUrl,
  readBoolean,
  readChoice,
  readDuration,
  readId,
  readIds,
  readKey,
  readLine,
  readNumber,
  readPath,
  readPatterns,
  readToken,
} from "./input-rules.ts";
import { InputError, type Problem } from "./problems.ts";

export const defaults = {
  "api-url": "https://mosoo.ai/api/v1",
  "on-rerun": "resume",
  "create-timeout": "5m",
  "request-timeout": "30s",
  wait: "false",
  "wait-timeout": "30m",
  "on-wait-timeout": "leave",
  "on-cancel": "interrupt",
  "on-waiting-input": "fail",
  "fail-on-run-error": "true",
  "pr-comment": "off",
  summary: "true",
  "on-missing-token": "fail",
} as const;

/** An input's rule; a text of nothing gives what stands in its place. */
function input<T, Nothing>(rule: (text: string) => T, nothing: Nothing) {
  return z.transform((text: string, context): T | Nothing => {
    if (text === "") return nothing;
    try {
      return rule(text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.issues.push({ code: "custom", message: error.message, input: undefined });
      return z.NEVER;
    }
  });
}

function optional<T>(rule: (text: string) => T) {
  return input(rule, undefined);
}

function withDefault<T>(name: keyof typeof defaults, rule: (text: string) => T) {
  return input(rule, rule(defaults[name]));
}

const Inputs = z.object({
  "agent-id": optional(readId),
  "thread-id": optional(readId),
  message: optional((text) => text),
  "message-file": optional(readPath),
  "external-ref": optional(readLine),
  "attributed-user-id": optional(readLine),
  "user-id": optional(readLine),
  "file-ids": optional(readIds),
  files: optional(readPatterns),
  "api-url": withDefault("api-url", readApiUrl),
  "idempotency-key": optional(readKey),
  "on-rerun": withDefault("on-rerun", readChoice("resume", "replay", "create")),
  "create-timeout": withDefault("create-timeout", readDuration),
  "request-timeout": withDefault("request-timeout", readDuration),
  wait: withDefault("wait", readBoolean),
  "wait-timeout": withDefault("wait-timeout", readDuration),
  "on-wait-timeout": withDefault("on-wait-timeout", readChoice("leave", "interrupt")),
  "on-cancel": withDefault("on-cancel", readChoice("interrupt", "leave")),
  "on-waiting-input": withDefault("on-waiting-input", readChoice("fail", "wait", "interrupt")),
  "fail-on-run-error": withDefault("fail-on-run-error", readBoolean),
  "pr-comment": withDefault("pr-comment", readChoice("off", "update", "new")),
  "pr-number": optional(readNumber),
  summary: withDefault("summary", readBoolean),
  "on-missing-token": withDefault("on-missing-token", readChoice("fail", "skip-untrusted", "skip")),
  matrix: optional((text) => text),
});

type Values = z.infer<typeof Inputs>;

export type Settings = Values & {
  token: string;
  /** A leading `Bearer ` was dropped from it. */
  tokenHadScheme: boolean;
  githubToken: string | undefined;
};

/** What the token's absence means; looked at before every other input. */
export type MissingTokenPolicy = Values["on-missing-token"];

/** Values that must appear nowhere: told to the runner before the first line of output. */
export interface Secrets {
  token: string;
  githubToken: string;
  /** For redacting our own outputs. */
  all: readonly string[];
}

/** A mask of a few characters would blot out half the log, and drop outputs between jobs. */
const shortestMask = 4;

/** Reads the two secrets and has the runner mask them. Call it first of all. */
export function maskSecrets(): Secrets {
  const given = core.getInput("token");
  // `Bearer ${{ secrets.X }}` where the secret is not there.
  const token = /^Bearer$/i.test(given) ? "" : given;
  const githubToken = core.getInput("github-token");
  const bare = token.replace(/^Bearer\s+/i, "");
  const all = [...new Set([token, bare, githubToken])].filter((secret) => secret.length >= shortestMask);
  for (const secret of all) core.setSecret(secret);
  return { token, githubToken, all };
}

/**
 * The policy for a missing token, where it can be read: a skip comes before every other input's problem, for forks get
 * no `vars` either.
 */
export function missingTokenPolicy(): MissingTokenPolicy | undefined {
  const parsed = Inputs.shape["on-missing-token"].safeParse(core.getInput("on-missing-token"));
  return parsed.success ? parsed.data : undefined;
}

function crossProblems(): Problem[] {
  const problems: Problem[] = [];
  const given = (name: keyof Values): boolean => core.getInput(name) !== "";
  const empty =
    "If it is written as ${{ … }}, the expression came to nothing: check the name of the variable, and that it is visible to this workflow.";
  if (!given("agent-id") && !given("thread-id")) {
    problems.push({
      input: "agent-id",
      text: `It is empty. Give the ID of a published agent (or \`thread-id\` to continue a thread). ${empty}`,
    });
  } else if (!given("agent-id") && given("files")) {
    problems.push({
      input: "agent-id",
      text: "It is empty, and `files` are uploaded to an agent. Give the ID of the thread's agent.",
    });
  }
  if (given("message") && given("message-file")) {
    problems.push({ input: "message-file", text: "It is given together with `message`. Give one of the two." });
  } else if (!given("message") && !given("message-file")) {
    problems.push({
      input: "message",
      text: `It is empty. Say what the agent is to do, here or in a file (\`message-file\`). ${empty}`,
    });
  }
  return problems;
}

/**
 * Reads and checks all inputs that need nothing but themselves.
 *
 * @returns the settings, or undefined with the problems; files and the message are looked at by the caller, so that
 *   their problems stand in the same report
 */
export function readInputs(secrets: Secrets): {
  settings: Settings | undefined;
  values: Partial<Values>;
  problems: Problem[];
} {
  const raw = Object.fromEntries(Object.keys(Inputs.shape).map((name) => [name, core.getInput(name)]));
  const problems: Problem[] = [];

  let token = "";
  if (secrets.token === "") {
    problems.push({ input: "token", text: "It is empty." });
  } else {
    try {
      token = readToken(secrets.token);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push({ input: "token", text: error.message });
    }
  }

  const parsed = Inputs.safeParse(raw);
  const values: Partial<Values> = parsed.success ? parsed.data : {};
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      problems.push({ input: String(issue.path[0]), text: issue.message });
    }
    // What can be read is read, so that the files and the message are looked at, too.
    for (const [name, schema] of Object.entries(Inputs.shape)) {
      const single = schema.safeParse(raw[name]);
      if (single.success) Object.assign(values, { [name]: single.data });
    }
  }
  problems.push(...crossProblems());
  const settings: Settings | undefined = parsed.success
    ? {
        ...parsed.data,
        token,
        tokenHadScheme: token !== secrets.token,
        githubToken: secrets.githubToken === "" ? undefined : secrets.githubToken,
      }
    : undefined;
  return { settings, values, problems };
}

/** @throws InputError where there is any problem */
export function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new InputError(problems);
}
