/**
 * Inputs → Settings. The only reader of the inputs. Every problem of a run is collected before anything is sent.
 *
 * An empty input counts as not given: an expression that evaluates to nothing suppresses the default of action.yml,
 * so the defaults stand here, too (__tests__/action-metadata.test.ts holds both together).
 */
import * as core from "@actions/core";
import * as z from "../common/zod.ts";
import {
  InvalidInputError,
  parseApiUrl,
  parseBoolean,
  parseChoice,
  parseDuration,
  parseId,
  parseIds,
  parseIdempotencyKey,
  parseLine,
  parseNumber,
  parsePath,
  parsePatterns,
  parseToken,
} from "./parsers.ts";
import { InputValidationError, type InputIssue } from "./input-errors.ts";

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
      if (!(error instanceof InvalidInputError)) throw error;
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

const schema = z.object({
  "agent-id": optional(parseId),
  "thread-id": optional(parseId),
  message: optional((text) => text),
  "message-file": optional(parsePath),
  "external-ref": optional(parseLine),
  "attributed-user-id": optional(parseLine),
  "user-id": optional(parseLine),
  "file-ids": optional(parseIds),
  files: optional(parsePatterns),
  "api-url": withDefault("api-url", parseApiUrl),
  "idempotency-key": optional(parseIdempotencyKey),
  "on-rerun": withDefault("on-rerun", parseChoice("resume", "replay", "create")),
  "create-timeout": withDefault("create-timeout", parseDuration),
  "request-timeout": withDefault("request-timeout", parseDuration),
  wait: withDefault("wait", parseBoolean),
  "wait-timeout": withDefault("wait-timeout", parseDuration),
  "on-wait-timeout": withDefault("on-wait-timeout", parseChoice("leave", "interrupt")),
  "on-cancel": withDefault("on-cancel", parseChoice("interrupt", "leave")),
  "on-waiting-input": withDefault("on-waiting-input", parseChoice("fail", "wait", "interrupt")),
  "fail-on-run-error": withDefault("fail-on-run-error", parseBoolean),
  "pr-comment": withDefault("pr-comment", parseChoice("off", "update", "new")),
  "pr-number": optional(parseNumber),
  summary: withDefault("summary", parseBoolean),
  "on-missing-token": withDefault("on-missing-token", parseChoice("fail", "skip-untrusted", "skip")),
  matrix: optional((text) => text),
});

type CamelCase<T extends string> = T extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : T;

type InputName = keyof typeof schema.shape;

/** Each input by its name in camelCase: `agentId` for `agent-id`. */
type Values = { [Name in InputName as CamelCase<Name>]: z.infer<(typeof schema.shape)[Name]> };

function toCamelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export type Inputs = Values & {
  token: string;
  /** A leading `Bearer ` was dropped from it. */
  tokenHadScheme: boolean;
  githubToken: string | undefined;
};

/** What the token's absence means; looked at before every other input. */
export type MissingTokenPolicy = Values["onMissingToken"];

/** Values that must appear nowhere: told to the runner before the first line of output. */
export interface Secrets {
  token: string;
  githubToken: string;
  /** For redacting our own outputs. */
  all: readonly string[];
}

/** A mask of a few characters would blot out half the log, and drop outputs between jobs. */
const MIN_SECRET_LENGTH = 4;

/** Reads the two secrets and has the runner mask them. Call it first of all. */
export function maskSecrets(): Secrets {
  const given = core.getInput("token");
  // `Bearer ${{ secrets.X }}` where the secret is not there.
  const token = /^Bearer$/i.test(given) ? "" : given;
  const githubToken = core.getInput("github-token");
  const bare = token.replace(/^Bearer\s+/i, "");
  const all = [...new Set([token, bare, githubToken])].filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  for (const secret of all) core.setSecret(secret);
  return { token, githubToken, all };
}

/**
 * The policy for a missing token, where it can be read: a skip comes before every other input's problem, for forks get
 * no `vars` either.
 */
export function missingTokenPolicy(): MissingTokenPolicy | undefined {
  const parsed = schema.shape["on-missing-token"].safeParse(core.getInput("on-missing-token"));
  return parsed.success ? parsed.data : undefined;
}

function validateInputCombinations(): InputIssue[] {
  const problems: InputIssue[] = [];
  const given = (name: InputName): boolean => core.getInput(name) !== "";
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
 * @returns the inputs, or undefined with the problems; files and the message are looked at by the caller, so that
 *   their problems stand in the same report
 */
export function readInputs(secrets: Secrets): {
  inputs: Inputs | undefined;
  values: Partial<Values>;
  problems: InputIssue[];
} {
  const raw = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, core.getInput(name)]));
  const problems: InputIssue[] = [];

  let token = "";
  if (secrets.token === "") {
    problems.push({ input: "token", text: "It is empty." });
  } else {
    try {
      token = parseToken(secrets.token);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      problems.push({ input: "token", text: error.message });
    }
  }

  const values: Partial<Values> = {};
  for (const [name, rule] of Object.entries(schema.shape)) {
    const parsed = rule.safeParse(raw[name]);
    if (parsed.success) Object.assign(values, { [toCamelCase(name)]: parsed.data });
    else for (const issue of parsed.error.issues) problems.push({ input: name, text: issue.message });
  }
  const isComplete = problems.every(({ input }) => input === "token");
  problems.push(...validateInputCombinations());
  const inputs: Inputs | undefined = isComplete
    ? {
        ...(values as Values),
        token,
        tokenHadScheme: token !== secrets.token,
        githubToken: secrets.githubToken === "" ? undefined : secrets.githubToken,
      }
    : undefined;
  return { inputs, values, problems };
}

/** @throws InputValidationError where there is any problem */
export function throwIfInvalid(problems: readonly InputIssue[]): void {
  if (problems.length > 0) throw new InputValidationError(problems);
}
