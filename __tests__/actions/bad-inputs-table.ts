/** Invalid inputs, a row per rule and way to break it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Inputs, type Place, secret } from "../support/step-plan.ts";

export type Row = readonly [
  title: string,
  /** The input that the error names. */
  input: string,
  given: Inputs | ((place: Place) => Inputs),
  prepare?: (place: Place) => void,
];

/** A message-file in the workspace with this content. */
const file =
  (content: string | Buffer) =>
  ({ workspace }: Place): void => {
    writeFileSync(join(workspace, "message.txt"), content);
  };
const link =
  (target: (place: Place) => string) =>
  (place: Place): void => {
    writeFileSync(join(place.temp, "kept.txt"), "Another step's credentials.");
    symlinkSync(target(place), join(place.workspace, "message.txt"));
  };
const checkedOut = ({ workspace }: Place): void => {
  mkdirSync(join(workspace, ".git"));
  writeFileSync(join(workspace, ".git", "config"), "extraheader = AUTHORIZATION: basic x");
};
const hidden = ({ workspace }: Place): void => {
  writeFileSync(join(workspace, ".env"), "PASSWORD=x");
  mkdirSync(join(workspace, ".aws"));
  writeFileSync(join(workspace, ".aws", "credentials"), "x");
};
const fromFile = { "message-file": "message.txt", message: "" };

export const ids: Row[] = [
  ["an empty agent ID", "agent-id", { "agent-id": "" }],
  ["a blank agent ID", "agent-id", { "agent-id": " \t\n " }],
  ["two dots as agent ID", "agent-id", { "agent-id": ".." }],
  ["one dot as agent ID", "agent-id", { "agent-id": "." }],
  ["a way up as agent ID", "agent-id", { "agent-id": "../../users" }],
  ["a path as agent ID", "agent-id", { "agent-id": "01K/threads" }],
  ["a backslash in the agent ID", "agent-id", { "agent-id": "..\\01K" }],
  ["an encoded slash in the agent ID", "agent-id", { "agent-id": "01K%2fx" }],
  ["a query in the agent ID", "agent-id", { "agent-id": "01K?admin=1" }],
  ["a fragment in the agent ID", "agent-id", { "agent-id": "01K#x" }],
  ["a URL as agent ID", "agent-id", { "agent-id": "https://mosoo.ai/agents/01K" }],
  ["a blank inside the agent ID", "agent-id", { "agent-id": "01K 01K" }],
  ["two lines as agent ID", "agent-id", { "agent-id": "01K\n01J" }],
  ["a tab inside the agent ID", "agent-id", { "agent-id": "01K\t01J" }],
  ["a control character in the agent ID", "agent-id", { "agent-id": "01K\u0007" }],
  ["an invisible character in the agent ID", "agent-id", { "agent-id": "01K\u200b01J" }],
  ["an unexpanded expression as agent ID", "agent-id", { "agent-id": "${{ vars.MOSOO_AGENT_ID }}" }],
  ["the same without blanks", "agent-id", { "agent-id": "${{vars.MOSOO_AGENT_ID}}" }],
  ["an endless agent ID", "agent-id", { "agent-id": "x".repeat(256) }],
  ["two dots as thread ID", "thread-id", { "thread-id": ".." }],
  ["a page's address as thread ID", "thread-id", { "thread-id": "https://mosoo.ai/threads/01K" }],
  ["a blank inside the thread ID", "thread-id", { "thread-id": "01K 01J" }],
  ["a way up among file IDs", "file-ids", { "file-ids": "01K\n../01J" }],
  ["file IDs on one line", "file-ids", { "file-ids": "01K, 01J" }],
];

export const tokens: Row[] = [
  ["an empty token", "token", { token: "" }],
  ["a blank token", "token", { token: "  " }],
  ["the word Bearer alone", "token", { token: "Bearer " }],
  ["a blank inside the token", "token", { token: `${secret.slice(0, 20)} ${secret.slice(20)}` }],
  ["another scheme before the token", "token", { token: `Basic ${secret}` }],
  ["a line break inside the token", "token", { token: `${secret}\n${secret}x` }],
  ["a tab inside the token", "token", { token: `${secret}\t${secret}` }],
  ["a control character inside the token", "token", { token: `${secret}\u0001x` }],
  ["an umlaut in the token", "token", { token: `${secret}ü` }],
  ["an invisible character in the token", "token", { token: `${secret}\u200bx` }],
  ["a no-break space in the token", "token", { token: `${secret}\u00a0x` }],
  ["an unexpanded expression as token, which is masked like any", "token", { token: "${{ secrets.MOSOO_TOKEN }}" }],
  ["a token in quotes", "token", { token: `"${secret}"` }],
  ["a token in single quotes", "token", { token: `'${secret}'` }],
  ["a token with its variable's name", "token", { token: `MOSOO_TOKEN=${secret}` }],
  ["the same in quotes", "token", { token: `MOSOO_TOKEN="${secret}"` }],
  ["the same without blanks, after Bearer", "token", { token: "Bearer ${{secrets.MOSOO_TOKEN}}" }],
];

export const messages: Row[] = [
  ["no message at all", "message", { message: "" }],
  ["a blank message", "message", { message: "\n \t\n" }],
  ["message and file together", "message-file", { "message-file": "x.txt" }],
  ["one unit too many", "message", { message: "x".repeat(32_001) }],
  ["one astral character too many", "message", { message: "🦊".repeat(16_001) }],
  ["few characters of many bytes", "message", { message: "語".repeat(14_000) }],
  ["quotes, which count twice in JSON", "message", { message: '"'.repeat(20_500) }],
  ["a long message into a thread", "message", { message: "語".repeat(14_000), "thread-id": "01K" }],
  [
    "file IDs that leave no room",
    "message",
    { "file-ids": Array(1_000).fill("01KEXAMPLEFILE000000000000").join("\n") },
  ],
];

export const devices: Row[] = [
  [
    "a FIFO that nobody writes to",
    "message-file",
    fromFile,
    ({ workspace }) => {
      execFileSync("mkfifo", [join(workspace, "message.txt")]);
    },
  ],
  [
    "a link to a FIFO",
    "message-file",
    fromFile,
    ({ workspace }) => {
      execFileSync("mkfifo", [join(workspace, "pipe")]);
      symlinkSync("pipe", join(workspace, "message.txt"));
    },
  ],
  ["an endless device", "message-file", { ...fromFile, "message-file": "/dev/zero" }],
  ["a link to a device", "message-file", fromFile, link(() => "/dev/zero")],
  ["standard input", "message-file", { ...fromFile, "message-file": "/dev/stdin" }],
  ["a name that no file can have", "message-file", { ...fromFile, "message-file": "x".repeat(5_000) }],
];

export const files: Row[] = [
  ["a file that is not there", "message-file", fromFile],
  ["a path through a file", "message-file", { ...fromFile, "message-file": "message.txt/x" }, file("Hi")],
  ["an unexpanded expression as file", "message-file", { ...fromFile, "message-file": "${{ env.FILE }}" }],
  [
    "a folder",
    "message-file",
    { ...fromFile, "message-file": "docs" },
    ({ workspace }) => {
      mkdirSync(join(workspace, "docs"));
    },
  ],
  ["the workspace itself", "message-file", { ...fromFile, "message-file": "." }],
  ["a file in Latin-1", "message-file", fromFile, file(Buffer.from("Grüße", "latin1"))],
  ["a file in UTF-16", "message-file", fromFile, file(Buffer.from("\ufeffHi there", "utf16le"))],
  ["a file in UTF-16 that does not say so", "message-file", fromFile, file(Buffer.from("Hi", "utf16le"))],
  ["an empty file", "message-file", fromFile, file("")],
  ["a blank file", "message-file", fromFile, file("\ufeff \n\t\n")],
  ["a file of 32,001 units", "message-file", fromFile, file("x".repeat(32_001))],
  ["a file of two mebibytes", "message-file", fromFile, file("x".repeat(2_097_152))],
  ["a file outside by two dots", "message-file", { ...fromFile, "message-file": "../../../outside.txt" }],
  [
    "a file outside by absolute path",
    "message-file",
    ({ root }) => ({ ...fromFile, "message-file": join(root, "outside.txt") }),
  ],
  ["the process's own environment", "message-file", { ...fromFile, "message-file": "/proc/self/environ" }],
  [
    "a folder that only begins like the workspace",
    "message-file",
    { ...fromFile, "message-file": "../repo-2/x.txt" },
    ({ workspace }) => {
      mkdirSync(`${workspace}-2`);
      writeFileSync(`${workspace}-2/x.txt`, "x");
    },
  ],
  ["a link that leads out", "message-file", fromFile, link(({ root }) => join(root, "outside.txt"))],
  ["a relative link that leads out", "message-file", fromFile, link(() => "../../../outside.txt")],
  ["a link into RUNNER_TEMP", "message-file", fromFile, link(({ temp }) => join(temp, "kept.txt"))],
  [
    "a linked folder of RUNNER_TEMP",
    "message-file",
    { ...fromFile, "message-file": "message.txt/kept.txt" },
    link(({ temp }) => temp),
  ],
  [
    "a link in RUNNER_TEMP that leads out",
    "message-file",
    ({ temp }) => ({ ...fromFile, "message-file": join(temp, "x.txt") }),
    ({ root, temp }) => {
      symlinkSync(join(root, "outside.txt"), join(temp, "x.txt"));
    },
  ],
  [
    "a link into .git/",
    "message-file",
    fromFile,
    (place) => {
      checkedOut(place);
      symlinkSync(".git/config", join(place.workspace, "message.txt"));
    },
  ],
  ["a file in .git/", "message-file", { ...fromFile, "message-file": ".git/config" }, checkedOut],
  [
    "a link in .git/",
    "message-file",
    { ...fromFile, "message-file": ".git/message.txt" },
    (place) => {
      checkedOut(place);
      file("Hi")(place);
      symlinkSync("../message.txt", join(place.workspace, ".git", "message.txt"));
    },
  ],
  ["a link to nothing", "message-file", fromFile, link(() => "nowhere.txt")],
  ["a link to itself", "message-file", fromFile, link(() => "message.txt")],
  ["patterns without a match", "files", { files: "*.pdf" }],
  ["a pattern without a match beside one that has", "files", { files: "message.txt\n*.pdf" }, file("Hi")],
  ["a wildcard that only matches hidden files", "files", { files: "**" }, hidden],
  ["patterns that exclude all they match", "files", { files: "*.txt\n!message.txt" }, file("Hi")],
  ["a pattern that leads out", "files", { files: "../../../outside.txt" }],
  ["an unexpanded pattern", "files", { files: "${{ inputs.files }}" }],
  ["the whole disk", "files", { files: "/**" }],
  [
    "a linked folder of somebody else",
    "files",
    { files: "all/**/*.conf" },
    ({ workspace }) => {
      symlinkSync("/", join(workspace, "all"));
    },
  ],
  [
    "a link among others that leads in a circle",
    "files",
    { files: "**" },
    ({ workspace }) => {
      mkdirSync(join(workspace, "docs"));
      writeFileSync(join(workspace, "b.txt"), "b");
      symlinkSync("a", join(workspace, "docs", "a"));
    },
  ],
  [
    "what lies under .git/ alone",
    "files",
    { files: ".git" },
    ({ workspace }) => {
      mkdirSync(join(workspace, ".git"));
      writeFileSync(join(workspace, ".git", "config"), "x");
    },
  ],
  [
    "more files than are taken",
    "files",
    { files: "*" },
    ({ workspace }) => {
      for (let n = 0; n <= 1_000; n += 1) writeFileSync(join(workspace, `${n}.txt`), "");
    },
  ],
  ["a match outside by absolute path", "files", ({ root }) => ({ files: join(root, "outside.txt") })],
  [
    "files for a thread without its agent",
    "agent-id",
    { "agent-id": "", "thread-id": "01K", files: "message.txt" },
    file("Hi"),
  ],
];

const withSchema = (schema: string): Inputs => ({ wait: "true", "response-schema": schema });
const schemaFile =
  (content: string | Buffer) =>
  ({ workspace }: Place): void => {
    writeFileSync(join(workspace, "schema.json"), content);
  };

export const schemas: Row[] = [
  ["a schema without wait", "response-schema", { "response-schema": "{}" }],
  ["a schema that is no JSON", "response-schema", withSchema('{\n  "type": "object",\n}')],
  ["a schema that ends too early", "response-schema", withSchema('{"type":')],
  ["a schema with text after it", "response-schema", withSchema("{} # any")],
  ["a schema with a comment", "response-schema", withSchema('{ // any\n"type": "object" }')],
  ["an array as schema", "response-schema", withSchema("[]")],
  ["a string as schema", "response-schema", withSchema("schema.json"), schemaFile('"object"')],
  ["null as schema", "response-schema", withSchema("schema.json"), schemaFile("null")],
  ["a type that does not exist", "response-schema", withSchema('{"properties":{"a/b":{"type":"text"}}}')],
  ["several invalid keywords", "response-schema", withSchema('{"required":"a","minLength":-1}')],
  ["a pattern that is none", "response-schema", withSchema('{"items":{"pattern":"("}}')],
  ["a name pattern that is none", "response-schema", withSchema('{"patternProperties":{"[":true}}')],
  ["draft 4", "response-schema", withSchema('{"$schema":"http://json-schema.org/draft-04/schema#"}')],
  ["draft 2019-09", "response-schema", withSchema('{"$schema":"https://json-schema.org/draft/2019-09/schema"}')],
  ["a meta-schema of somebody", "response-schema", withSchema('{"$schema":"https://example.com/schema"}')],
  ["a remote reference", "response-schema", withSchema('{"items":{"$ref":"https://example.com/a.json#/b"}}')],
  ["a reference to another file", "response-schema", withSchema('{"$id":"https://x.example/a","$ref":"b.json"}')],
  ["a reference to nothing", "response-schema", withSchema('{"items":{"$ref":"#/$defs/a"}}')],
  ["two schemas of one name", "response-schema", withSchema('{"allOf":[{"$anchor":"a"},{"$anchor":"a","not":{}}]}')],
  ["an asynchronous schema", "response-schema", withSchema('{"$async":true}')],
  ["an asynchronous schema inside", "response-schema", withSchema('{"properties":{"a":{"$async":true}}}')],
  ["a schema that Ajv cannot take", "response-schema", withSchema(`${'{"not":'.repeat(999)}{}${"}".repeat(999)}`)],
  ["a schema of a thousand levels", "response-schema", withSchema('{"not":'.repeat(1_001) + "{}" + "}".repeat(1_001))],
  ["a schema file that is not there", "response-schema", withSchema("schema.json")],
  ["a schema file that is empty", "response-schema", withSchema("schema.json"), schemaFile(" ")],
  ["a schema file that is YAML", "response-schema", withSchema("schema.json"), schemaFile("type: object")],
  ["a schema file in Latin-1", "response-schema", withSchema("schema.json"), schemaFile(Buffer.from('"é"', "latin1"))],
  ["a schema file outside", "response-schema", withSchema("../../../outside.txt")],
  ["a schema file under .git/", "response-schema", withSchema(".git/config"), checkedOut],
  ["an unevaluated expression as schema", "response-schema", withSchema("${{ vars.SCHEMA }}")],
  ["a schema that is too long", "response-schema", withSchema(`{"description":"${"x".repeat(32_000)}"}`)],
  ["a schema that leaves no room", "message", { ...withSchema("{}"), message: "x".repeat(31_990) }],
  ["a property for people without a schema", "markdown-property", { "markdown-property": "text" }],
  [
    "a line break in the property for people",
    "markdown-property",
    { ...withSchema("{}"), "markdown-property": "a\nb" },
  ],
  ["four corrections", "response-retries", { ...withSchema("{}"), "response-retries": "4" }],
  ["a negative number of corrections", "response-retries", { ...withSchema("{}"), "response-retries": "-1" }],
  ["half a correction", "response-retries", { ...withSchema("{}"), "response-retries": "0.5" }],
];

export const references: Row[] = [
  ["256 characters of reference", "external-ref", { "external-ref": "x".repeat(256) }],
  ["a line break in the reference", "external-ref", { "external-ref": "a\nb" }],
  ["an unexpanded reference", "external-ref", { "external-ref": "${{ github.sha }}" }],
  [
    "a control character in the attributed user",
    "attributed-user-id",
    { "attributed-user-id": "a\u0000b".replace("\u0000", "\u001b") },
  ],
  ["256 characters of user", "user-id", { "user-id": "x".repeat(256) }],
  ["a line break in the user", "user-id", { "user-id": "a\r\nb" }],
  ["a key of 129 characters", "idempotency-key", { "idempotency-key": "x".repeat(129) }],
  ["a blank in the key", "idempotency-key", { "idempotency-key": "my key" }],
  ["an umlaut in the key", "idempotency-key", { "idempotency-key": "schlüssel" }],
  ["a line break in the key", "idempotency-key", { "idempotency-key": "a\nIdempotency-Key: b" }],
  ["an unexpanded key, the same for all runs", "idempotency-key", { "idempotency-key": "${{github.run_id}}" }],
];

export const urls: Row[] = [
  ["a host without a scheme", "api-url", { "api-url": "mosoo.ai/api/v1" }],
  ["a host and port without a scheme", "api-url", { "api-url": "mosoo.ai:443/api/v1" }],
  ["a URL without a host", "api-url", { "api-url": "https://" }],
  ["a port that is none", "api-url", { "api-url": "https://mosoo.ai:99999/api/v1" }],
  ["another scheme", "api-url", { "api-url": "ftp://mosoo.ai/api/v1" }],
  ["a file", "api-url", { "api-url": "file:///etc/passwd" }],
  ["a script", "api-url", { "api-url": "javascript:alert(1)" }],
  ["http to a host", "api-url", { "api-url": "http://mosoo.ai/api/v1" }],
  ["http to a host that begins like loopback", "api-url", { "api-url": "http://127.0.0.1.example.com/api/v1" }],
  ["http to a host named like loopback", "api-url", { "api-url": "http://localhost.example.com/api/v1" }],
  ["http to every address", "api-url", { "api-url": "http://0.0.0.0:8080/api/v1" }],
  ["http to loopback in disguise", "api-url", { "api-url": "http://[::ffff:127.0.0.1]/api/v1" }],
  ["a user before a host", "api-url", { "api-url": "http://127.0.0.1@example.com/api/v1" }],
  ["a user and password", "api-url", { "api-url": `https://me:${secret}@mosoo.ai/api/v1` }],
  ["an empty user", "api-url", { "api-url": "https://@mosoo.ai/api/v1" }],
  ["a query", "api-url", { "api-url": "https://mosoo.ai/api/v1?x=1" }],
  ["an empty query", "api-url", { "api-url": "https://mosoo.ai/api/v1?" }],
  ["a fragment", "api-url", { "api-url": "https://mosoo.ai/api/v1#x" }],
  ["a blank in the URL", "api-url", { "api-url": "https://mosoo.ai/api /v1" }],
  ["backslashes", "api-url", { "api-url": "https:\\\\mosoo.ai\\api" }],
  ["an unexpanded URL", "api-url", { "api-url": "https://${{vars.HOST}}/api/v1" }],
];

const downloads = (patterns: string): Inputs => ({ wait: "true", "download-files": patterns });

export const others: Row[] = [
  ["downloads without wait", "download-files", { "download-files": "*" }],
  ["a pattern of a folder", "download-files", downloads("*.md\nout/*.patch")],
  ["a pattern of a folder on Windows", "download-files", downloads("out\\*.patch")],
  ["a pattern with a control character", "download-files", downloads("a\u0007b")],
  ["an unevaluated pattern", "download-files", downloads("${{ inputs.files }}")],
  ["a negative duration", "create-timeout", { "create-timeout": "-5" }],
  ["a zero duration", "create-timeout", { "create-timeout": "0" }],
  ["zero minutes", "request-timeout", { "request-timeout": "0m" }],
  ["a second more than a day", "wait-timeout", { "wait-timeout": "86401" }],
  ["25 hours", "wait-timeout", { "wait-timeout": "25h" }],
  ["a huge duration", "create-timeout", { "create-timeout": "9".repeat(400) }],
  ["an exponent", "request-timeout", { "request-timeout": "1e3" }],
  ["a fraction", "request-timeout", { "request-timeout": "1.5m" }],
  ["a hexadecimal duration", "request-timeout", { "request-timeout": "0x10" }],
  ["words", "wait-timeout", { "wait-timeout": "ten minutes" }],
  ["a blank inside a duration", "wait-timeout", { "wait-timeout": "10 m" }],
  ["another unit", "wait-timeout", { "wait-timeout": "500ms" }],
  ["a unit in capitals", "wait-timeout", { "wait-timeout": "10M" }],
  ["an unevaluated boolean", "wait", { wait: "${{ inputs.wait }}" }],
  ["an unevaluated choice", "on-rerun", { "on-rerun": "${{ inputs.mode }}" }],
  ["an unevaluated number", "pr-number", { "pr-number": "${{ github.event.number }}" }],
  ["an unevaluated duration", "wait-timeout", { "wait-timeout": "${{ env.TIMEOUT }}" }],
  ["a boolean of YAML 1.1", "wait", { wait: "yes" }],
  ["a number as boolean", "summary", { summary: "1" }],
  ["odd capitals of a boolean", "fail-on-run-error", { "fail-on-run-error": "tRuE" }],
  ["a misspelled choice", "on-rerun", { "on-rerun": "reuse" }],
  ["a choice in capitals", "on-wait-timeout", { "on-wait-timeout": "Leave" }],
  ["another choice's word", "on-cancel", { "on-cancel": "fail" }],
  ["a misspelled answer to questions", "on-waiting-input", { "on-waiting-input": "waits" }],
  ["a boolean as comment mode", "pr-comment", { "pr-comment": "true" }],
  ["a number sign", "pr-number", { "pr-number": "#12" }],
  ["pull request zero", "pr-number", { "pr-number": "0" }],
  ["a misspelled policy beside a token", "on-missing-token", { "on-missing-token": "skip_untrusted" }],
];
