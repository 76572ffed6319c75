/**
 * Every input once: its name, parser and default. The only reader of the inputs.
 *
 * An empty input counts as not given: an expression that evaluates to nothing suppresses the default of action.yml, so
 * the defaults are here too (a test compares both).
 */
import * as core from "@actions/core";
import { SERVICE_HOSTS } from "../mosoo/http/redirects.ts";
import { type AllowedActors, parseAllowedActors } from "./allowed-actors.ts";
import {
  type InputIssue,
  InvalidInputError,
  parseApiUrl,
  parseBoolean,
  parseChoice,
  parseCount,
  parseDuration,
  parseEachLine,
  parseId,
  parseIdempotencyKey,
  parseLine,
  parseLines,
  parseNamePatterns,
  parseNumber,
  parsePatterns,
  parseJsonOrPath,
  parseToken,
  rejectExpression,
  unwrapToken,
} from "./parsers.ts";
import type { Environment } from "../mosoo/http/proxy.ts";

interface Input<T> {
  /** Parses the trimmed text, which is empty where the input is not given. */
  parse: (text: string) => T;
  default?: string;
}

function optional<T>(parse: (text: string) => T): Input<T | undefined> {
  return { parse: (text) => (text === "" ? undefined : parse(rejectExpression(text))) };
}

function withDefault<T>(value: string, parse: (text: string) => T): Input<T> {
  return { parse: (text) => parse(text === "" ? value : rejectExpression(text)), default: value };
}

/** A text that may contain expressions, or comes from one. */
const anyText: Input<string | undefined> = { parse: (text) => (text === "" ? undefined : text) };

/** Parser and default of each input, by its name in action.yml. */
export const INPUTS = {
  // Essentials
  "agent-id": optional(parseId),
  message: anyText,
  "message-file": optional((path) => path),
  "thread-id": optional(parseId),
  // Waiting for the response
  wait: withDefault("false", parseBoolean),
  "wait-timeout": withDefault("30m", parseDuration),
  "on-wait-timeout": withDefault("leave", parseChoice("leave", "interrupt")),
  "on-cancel": withDefault("interrupt", parseChoice("interrupt", "leave")),
  "on-waiting-input": withDefault("fail", parseChoice("fail", "wait", "interrupt")),
  "fail-on-run-error": withDefault("true", parseBoolean),
  "response-schema": { parse: (text) => (text === "" ? undefined : parseJsonOrPath(text)) },
  "response-retries": withDefault("1", parseCount(0, 3)),
  "markdown-property": optional(parseLine),
  "download-files": optional(parseNamePatterns),
  // Pull requests and issues
  "pr-comment": withDefault("off", parseChoice("off", "update", "new")),
  "pr-comment-key": optional(parseLine),
  "pr-number": optional(parseNumber),
  "allowed-actors": withDefault("write", parseAllowedActors),
  summary: withDefault("true", parseBoolean),
  "on-missing-token": withDefault("fail", parseChoice("fail", "skip-untrusted", "skip")),
  // Files and references
  files: optional(parsePatterns),
  "include-hidden-files": withDefault("false", parseBoolean),
  "file-ids": optional(parseEachLine(parseId)),
  "external-ref": optional(parseLine),
  "user-id": optional(parseLine),
  "attributed-user-id": optional(parseLine),
  // Reliability and network
  "api-url": withDefault(SERVICE_HOSTS.defaultBase, parseApiUrl),
  "on-rerun": withDefault("resume", parseChoice("resume", "replay", "create")),
  "idempotency-key": optional(parseIdempotencyKey),
  "create-timeout": withDefault("5m", parseDuration),
  "request-timeout": withDefault("30s", parseDuration),
  matrix: anyText,
} satisfies Record<string, Input<unknown>>;

/** Inputs that are read first, to be masked. */
const SECRET_INPUTS = ["token", "github-token"];

/** Every input of the action. */
export const INPUT_NAMES: readonly string[] = [...Object.keys(INPUTS), ...SECRET_INPUTS];

type CamelCase<T extends string> = T extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : T;

type InputName = keyof typeof INPUTS;

/** Each input by its name in camelCase: `agentId` for `agent-id`. */
type Values = { [Name in InputName as CamelCase<Name>]: ReturnType<(typeof INPUTS)[Name]["parse"]> };

function toCamelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export type Inputs = Values & {
  token: string;
  /** A leading `Bearer ` was removed from it. */
  tokenHadBearerPrefix: boolean;
  githubToken: string | undefined;
};

/** What to do without a token; looked at before every other input. */
export type MissingTokenPolicy = Values["onMissingToken"];

/** Values that may appear nowhere: registered with the runner before the first line of output. */
export interface Secrets {
  /** As given, trimmed. */
  token: string;
  githubToken: string;
  /** To redact from our own output. */
  all: readonly string[];
}

/** A mask of a few characters would hide half the log, and drop outputs between jobs. */
const MIN_SECRET_LENGTH = 4;

/**
 * Reads the two secrets and has the runner mask them. Call it first of all.
 *
 * The runner masks a value of several lines line by line, so that a line such as `data` would hide half the log. Such a
 * value is no token: it is rejected later, and until then redacted from our own output alone.
 */
export function maskSecrets(): Secrets {
  const given = core.getInput("token");
  // `Bearer ${{ secrets.X }}` where the secret does not exist.
  const token = /^Bearer$/i.test(given) ? "" : given;
  const githubToken = core.getInput("github-token");
  const isMaskable = (secret: string): boolean => secret.length >= MIN_SECRET_LENGTH;
  const values = [token, githubToken].flatMap((value) => [value, unwrapToken(value).token]);
  const secrets = [...new Set(values)].filter(isMaskable);
  for (const secret of secrets) if (!/[\r\n]/.test(secret)) core.setSecret(secret);
  const lines = secrets.flatMap(parseLines).filter(isMaskable);
  return { token, githubToken, all: [...new Set([...secrets, ...lines])] };
}

/** The value of an input, or what is wrong with it. */
function readInput<T>(name: string, { parse }: Input<T>): { value: T } | InputIssue {
  try {
    return { value: parse(core.getInput(name)) };
  } catch (error) {
    if (error instanceof InvalidInputError) return { input: name, text: error.message };
    throw error;
  }
}

/**
 * The policy for a missing token; undefined where the input is invalid. A skip comes before every other input's problem,
 * for forks get no `vars` either.
 */
export function missingTokenPolicy(): MissingTokenPolicy | undefined {
  const read = readInput("on-missing-token", INPUTS["on-missing-token"]);
  return "value" in read ? read.value : undefined;
}

/** Who may start the agent; undefined where the input is invalid. Like a missing token it comes before other problems. */
export function allowedActors(): AllowedActors | undefined {
  const read = readInput("allowed-actors", INPUTS["allowed-actors"]);
  return "value" in read ? read.value : undefined;
}

/** Inputs of this step whose names are almost one of this action's. */
export function misspelledInputs(): MisspelledInput[] {
  return findMisspelledInputs(process.env, INPUT_NAMES);
}

const EMPTY_EXPRESSION_ADVICE =
  "If it comes from an expression, check that the variable exists and is available to this workflow.";

function validateInputCombinations({ wait }: Partial<Values>): InputIssue[] {
  const isGiven = (name: InputName): boolean => core.getInput(name) !== "";
  const required = (input: InputName, text: string): InputIssue => ({ input, text: withMisspelling(input, text) });
  const issues: InputIssue[] = [];
  if (!isGiven("agent-id") && !isGiven("thread-id")) {
    issues.push(required("agent-id", `Required, unless \`thread-id\` is set. ${EMPTY_EXPRESSION_ADVICE}`));
  } else if (!isGiven("agent-id") && isGiven("files")) {
    issues.push(required("agent-id", "Required with `files`, which are uploaded to an agent: set the thread's agent."));
  }
  if (isGiven("message") && isGiven("message-file")) {
    issues.push({ input: "message-file", text: "Mutually exclusive with `message`: set one of the two." });
  } else if (!isGiven("message") && !isGiven("message-file")) {
    issues.push(required("message", `Required, unless \`message-file\` is set. ${EMPTY_EXPRESSION_ADVICE}`));
  }
  if (isGiven("response-schema") && wait === false) {
    issues.push({ input: "response-schema", text: "Requires `wait: true`: only a response can match a schema." });
  }
  if (isGiven("markdown-property") && !isGiven("response-schema")) {
    issues.push({ input: "markdown-property", text: "Requires `response-schema`, which describes the property." });
  }
  if (isGiven("download-files") && wait === false) {
    issues.push({
      input: "download-files",
      text: "Requires `wait: true`: files are downloaded when the agent run has ended.",
    });
  }
  return issues;
}

/** The problem of a missing input, with the misspelled one that may have been meant for it. */
function withMisspelling(input: string, text: string): string {
  const found = misspelledInputs().find(({ meant }) => meant === input);
  return found === undefined ? text : `The input is misspelled as \`${found.given}\`. ${text}`;
}

/**
 * Reads and checks everything that needs nothing but the inputs themselves.
 *
 * @param missingToken what is wrong where there is no token
 * @returns `inputs` is undefined where there are issues; files and the message are read by the caller, which adds theirs
 */
export function readInputs(
  secrets: Secrets,
  missingToken = "Required.",
): { inputs: Inputs | undefined; values: Partial<Values>; issues: InputIssue[] } {
  const token =
    secrets.token === ""
      ? { input: "token", text: withMisspelling("token", missingToken) }
      : readInput("token", { parse: () => parseToken(secrets.token) });
  const issues: InputIssue[] = "value" in token ? [] : [token];

  const values: Partial<Values> = {};
  for (const [name, input] of Object.entries<Input<unknown>>(INPUTS)) {
    const read = readInput(name, input);
    if ("value" in read) Object.assign(values, { [toCamelCase(name)]: read.value });
    else issues.push(read);
  }
  issues.push(...validateInputCombinations(values));
  if (issues.length > 0 || !("value" in token)) return { inputs: undefined, values, issues };
  const inputs: Inputs = {
    // Every input was read, or there would be an issue.
    ...(values as Values),
    token: token.value,
    tokenHadBearerPrefix: token.value !== secrets.token,
    githubToken: secrets.githubToken === "" ? undefined : secrets.githubToken,
  };
  return { inputs, values, issues };
}

interface MisspelledInput {
  /** As the runner passes it on, in lower case. */
  given: string;
  meant: string;
}

/** Whether one insertion, deletion, substitution or swap of neighbors makes `one` the `other`. */
function isOneEditAway(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  if (long.length - short.length > 1) return false;
  let start = 0;
  while (start < short.length && short[start] === long[start]) start += 1;
  if (short.length < long.length) return short.slice(start) === long.slice(start + 1);
  const isSwap = short[start] === long[start + 1] && short[start + 1] === long[start];
  return (
    short.slice(start + 1) === long.slice(start + 1) || (isSwap && short.slice(start + 2) === long.slice(start + 2))
  );
}

/**
 * The non-empty inputs that are not this action's, but nearly: `agent_id`, `agentid`, `mesage`.
 *
 * @param names of this action's inputs
 */
function findMisspelledInputs(environment: Environment, names: readonly string[]): MisspelledInput[] {
  return Object.entries(environment).flatMap(([variable, value]) => {
    if (!variable.startsWith("INPUT_") || (value ?? "").trim() === "") return [];
    const given = variable.slice("INPUT_".length).toLowerCase();
    if (names.includes(given)) return [];
    const dashed = given.replaceAll("_", "-");
    const meant = names.find((name) => name === dashed) ?? names.find((name) => isOneEditAway(dashed, name));
    return meant === undefined ? [] : [{ given, meant }];
  });
}
