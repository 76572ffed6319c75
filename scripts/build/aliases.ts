/**
 * Lays scripts/alias over copies of the packages, where the bundled code finds them first: what this action never runs
 * is neither loaded nor shipped (scripts/alias/README.md).
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Requires of undici's modules that lead to scripts/alias instead; each must stand there, or the build fails. */
const detours: readonly { modules: readonly string[]; from: string; to: string }[] = [
  {
    modules: [
      ...["api/api-connect.js", "api/api-request.js", "api/readable.js", "core/connect.js", "core/request.js"],
      ...["core/util.js", "dispatcher/client-h1.js", "dispatcher/client.js"],
    ],
    from: "node:assert",
    to: "builtin/assert.js",
  },
  { modules: ["core/util.js", "dispatcher/client.js"], from: "node:http", to: "builtin/http.js" },
  { modules: ["dispatcher/client-h1.js"], from: "../web/fetch/body.js", to: "builtin/no-form-data.js" },
  { modules: ["core/request.js"], from: "../web/fetch/formdata", to: "builtin/no-form-data.js" },
  { modules: ["core/request.js"], from: "../web/webidl", to: "builtin/no-form-data.js" },
];

function divert(undici: string): void {
  for (const { modules, from, to } of detours) {
    for (const name of modules) {
      const path = join(undici, "lib", name);
      const code = readFileSync(path, "utf8");
      const call = `require('${from}')`;
      if (!code.includes(call)) throw new Error(`undici/lib/${name} has no ${call}: see scripts/alias/README.md.`);
      writeFileSync(path, code.replaceAll(call, `require('../${to}')`));
    }
  }
}

/**
 * undici breaks the connection at a "100 Continue" that nobody asked for, and the answer behind it, of a request that
 * was carried out, is lost with every try. RFC 9110, 15.2: a client parses it and goes on, as undici does for 102 and 103.
 */
function letContinuePass(undici: string): void {
  const path = join(undici, "lib/dispatcher/client-h1.js");
  const code = readFileSync(path, "utf8");
  const refusal = /\n *if \(statusCode === 100\) \{[^{}]*'bad response'[^{}]*\}\n/;
  if (!refusal.test(code)) throw new Error("undici refuses a 100 otherwise than the build knows.");
  writeFileSync(path, code.replace(refusal, "\n"));
}

/** llhttp as a file of bytes beside the bundle: as base64 inside it, every step would read and decode it as code. */
function unpackParser(undici: string, original: string): void {
  for (const name of ["llhttp", "llhttp_simd"]) {
    const code = readFileSync(join(original, `lib/llhttp/${name}-wasm.js`), "utf8");
    const base64 = /'([A-Za-z0-9+/=]{1000,})'/.exec(code)?.[1];
    if (base64 === undefined) throw new Error(`undici's ${name}-wasm.js holds no base64: see scripts/alias/README.md.`);
    writeFileSync(join(undici, `lib/llhttp/${name}.wasm`), Buffer.from(base64, "base64"));
  }
}

/** @param build where tsc wrote the action's own JavaScript */
export function layAliases(root: string, build: string): void {
  const modules = join(build, "node_modules");
  const copy = (from: string, to: string): void => {
    cpSync(join(root, from), join(modules, to), { recursive: true });
  };
  for (const name of ["@actions/core", "@actions/glob", "@actions/github", "undici"])
    copy(`node_modules/${name}`, name);
  copy("scripts/alias/http-client", "@actions/http-client");
  copy("scripts/alias/exec", "@actions/exec");
  copy("scripts/alias/glob-core", "@actions/glob/node_modules/@actions/core");
  copy("scripts/alias/undici", "undici");
  divert(join(modules, "undici"));
  letContinuePass(join(modules, "undici"));
  unpackParser(join(modules, "undici"), join(root, "node_modules/undici"));
}
