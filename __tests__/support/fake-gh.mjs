#!/usr/bin/env node
// A strict fake of `gh` for scripts/release/release.sh: it knows the calls that the script makes, and fails on any other.
// The real one is used instead where the variable GH names it.
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";

const api = process.env.FAKE_API;
const args = process.argv.slice(2);

async function call(method, path, fields, raw) {
  const body = raw ?? (fields && JSON.stringify(fields));
  const response = await fetch(`${api}/${path}`, {
    method,
    headers: { authorization: `token ${process.env.GH_TOKEN}` },
    body,
  });
  const text = await response.text();
  const answer = text === "" ? undefined : JSON.parse(text);
  if (!response.ok) fail(`${answer?.message} (HTTP ${response.status})`);
  return answer;
}

function fail(message) {
  console.error(`gh: ${message}`);
  process.exit(1);
}

/** Options with a value, flags, and what is left, of the call. */
function parse(words, valued, flags) {
  const options = {};
  const rest = [];
  for (let at = 0; at < words.length; at++) {
    const [name, inline] = words[at].split(/=(.*)/s);
    if (flags.includes(name)) options[name] = inline ?? "true";
    else if (valued.includes(name)) (options[name] ??= []).push(inline ?? words[++at]);
    else if (name.startsWith("-")) fail(`unknown option ${name}`);
    else rest.push(words[at]);
  }
  return { options, rest };
}

const filters = {
  ".[] | [.id, .draft, .prerelease, .tag_name] | @tsv": (list) =>
    list.map((each) => [each.id, each.draft, each.prerelease, each.tag_name].join("\t")),
};

function filtered(answer, filter) {
  const [, ref] = /^\.\[\] \| select\(\.ref == "([^"]+)"\) \| \.object\.sha$/.exec(filter) ?? [];
  if (ref !== undefined) return answer.filter((each) => each.ref === ref).map((each) => each.object.sha);
  return filters[filter]?.(answer) ?? fail(`unknown filter ${filter}`);
}

async function runApi() {
  const { options, rest } = parse(args.slice(1), ["--jq", "--method", "-f", "-F"], ["--paginate", "--silent"]);
  if (rest.length !== 1) fail("one path is needed");
  const pairs = [...(options["-f"] ?? []), ...(options["-F"] ?? [])].map((each) => each.split(/=(.*)/s));
  const fields = Object.fromEntries(pairs.map(([name, value]) => [name, name === "force" ? value === "true" : value]));
  const answer = await call(options["--method"]?.[0] ?? "GET", rest[0], pairs.length > 0 ? fields : undefined);
  if (options["--jq"]) for (const line of filtered(answer, options["--jq"][0])) console.log(line);
}

const releaseOptions = ["--repo", "--title", "--notes-file"];
const { GITHUB_REPOSITORY: repository } = process.env;

async function findByTag(tag) {
  const releases = await call("GET", `repos/${repository}/releases`);
  return releases.find((each) => each.tag_name === tag) ?? fail("release not found");
}

async function create() {
  const { options, rest } = parse(args.slice(2), releaseOptions, ["--draft", "--verify-tag"]);
  const [tag, ...assets] = rest;
  for (const asset of assets) if (!statSync(asset).isFile()) fail(`no file ${asset}`);
  const refs = await call("GET", `repos/${repository}/git/matching-refs/tags/${tag}`);
  if (options["--verify-tag"] && !refs.some((each) => each.ref === `refs/tags/${tag}`))
    fail(`tag ${tag} does not exist`);
  const body = readFileSync(options["--notes-file"][0], "utf8");
  const fields = { tag_name: tag, draft: options["--draft"] === "true", name: options["--title"][0], body };
  const { id } = await call("POST", `repos/${repository}/releases`, fields);
  for (const asset of assets)
    await call(
      "POST",
      `repos/${repository}/releases/${id}/assets?name=${basename(asset)}`,
      undefined,
      readFileSync(asset),
    );
}

async function edit() {
  const { options, rest } = parse(args.slice(2), releaseOptions, ["--draft", "--latest"]);
  const { id } = await findByTag(rest[0]);
  await call("PATCH", `repos/${repository}/releases/${id}`, {
    draft: options["--draft"] === "true",
    make_latest: options["--latest"],
  });
}

const commands = { api: runApi, "release create": create, "release edit": edit };
const command = commands[args[0]] ?? commands[`${args[0]} ${args[1]}`] ?? fail(`unknown command ${args.join(" ")}`);
await command();
