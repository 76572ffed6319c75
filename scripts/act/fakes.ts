/** What takes the place of what a workflow uses beside GitHub's API: its remote repository, some actions, and `gh`. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ghBinary } from "./binary.ts";
import { root, writeFiles } from "./folders.ts";

/** Names where the artifacts are, for two of the actions below. */
const FOLDER_VARIABLE = "ACT_ARTIFACTS";

const ACTIONS: Record<string, string> = {
  // act has its own for the event's commit, and asks for the real one where a workflow names a `ref`: here the base branch.
  checkout: `name: Checkout
description: Clones the base branch
inputs:
  ref: { description: Ignored, default: "" }
  sparse-checkout: { description: Ignored, default: "" }
  persist-credentials: { description: Ignored, default: "true" }
runs:
  using: composite
  steps:
    - shell: bash
      run: git clone --quiet "https://github.com/$GITHUB_REPOSITORY" .
`,
  "upload-artifact": `name: Upload
description: Copies a file, or a folder without its hidden files, as actions/upload-artifact does
inputs:
  name: { description: Name, default: artifact }
  path: { description: File or folder, required: true }
  if-no-files-found: { description: warn, error or ignore, default: warn }
outputs:
  artifact-url: { description: Its page, value: "\${{ steps.copy.outputs.url }}" }
runs:
  using: composite
  steps:
    - id: copy
      shell: bash
      env: { NAME: "\${{ inputs.name }}", FROM: "\${{ inputs.path }}", MISSING: "\${{ inputs.if-no-files-found }}" }
      run: |
        to="$${FOLDER_VARIABLE}/$NAME"
        mkdir -p "$to"
        if [ -d "$FROM" ]; then find "$FROM" -mindepth 1 -maxdepth 1 ! -name '.*' -exec cp -R {} "$to" ';'
        elif [ -f "$FROM" ]; then cp "$FROM" "$to"; fi
        if [ -z "$(ls "$to")" ] && [ "$MISSING" = error ]; then echo "::error::No files were found: $FROM"; exit 1; fi
        echo "url=https://github.com/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID/artifacts/1" >> "$GITHUB_OUTPUT"
`,
  "download-artifact": `name: Download
description: Copies an artifact back
inputs:
  name: { description: Name, required: true }
  path: { description: Folder, default: . }
runs:
  using: composite
  steps:
    - shell: bash
      env: { NAME: "\${{ inputs.name }}", TO: "\${{ inputs.path }}" }
      run: mkdir -p "$TO" && cp -R "$${FOLDER_VARIABLE}/$NAME/." "$TO"
`,
};

/** Writes those of the actions that `workflow` uses, and returns act's options for them. */
export function fakeActions(folder: string, workflow: string): string[] {
  const store = join(folder, "artifacts");
  mkdirSync(store);
  const used = new Set([...workflow.matchAll(/uses: (actions\/[\w-]+@\S+)/g)].map(([, reference]) => reference));
  const replacements = [...used].flatMap((reference = "") => {
    const name = /\/(.*)@/.exec(reference)?.[1] ?? "";
    writeFiles(join(folder, name), { "action.yml": ACTIONS[name] ?? "" });
    return ["--local-repository", `${reference}=${join(folder, name)}`];
  });
  return [...replacements, "--env", `${FOLDER_VARIABLE}=${store}`];
}

/** The text files of each artifact, as `name/path`. */
export function artifactsIn(folder: string): Record<string, string> {
  const store = join(folder, "artifacts");
  if (!existsSync(store)) return {};
  const files = readdirSync(store, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(store, name)).isFile(),
  );
  return Object.fromEntries(files.sort().map((name) => [name, readFileSync(join(store, name), "utf8")]));
}

function git(folder: string, ...args: string[]): string {
  return execFileSync("git", ["-C", folder, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** Makes the repository that a `git push` reaches, and returns act's options for it. */
export function fakeRemote(folder: string, repository: string): string[] {
  const bare = join(folder, "remote.git");
  git(folder, "clone", "--quiet", "--bare", repository, bare);
  const settings = {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `url.${bare}.insteadOf`,
    GIT_CONFIG_VALUE_0: "https://github.com/octo-org/octo-repo",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
}

/** What each pushed branch adds to `main`: author, subject and changes. */
export function pushedTo(folder: string): Record<string, string> {
  const bare = join(folder, "remote.git");
  const branches = git(bare, "for-each-ref", "--format=%(refname:short)", "refs/heads")
    .split("\n")
    .filter((name) => name !== "" && name !== "main");
  return Object.fromEntries(
    branches.map((name) => [name, git(bare, "log", "--format=%an: %s", "--patch", `main..${name}`)]),
  );
}

/**
 * A folder with the real `gh`, which speaks to the fake GitHub: `github.localhost` is its own name for a server without
 * TLS, and the fake is the proxy on the way there.
 */
export function fakeGhFolder(folder: string, apiUrl: string): string {
  const script = `#!/bin/sh\nhttp_proxy=${new URL(apiUrl).origin} GH_HOST=github.localhost exec ${ghBinary(root)} "$@"\n`;
  writeFiles(join(folder, "bin"), { gh: script });
  return join(folder, "bin");
}
