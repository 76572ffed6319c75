/**
 * GitHub's own Markdown parser, cmark-gfm, where the machine has it: as the Python wheel `cmarkgfm` (pip install
 * cmarkgfm) or as the Debian package `cmark-gfm`. They are different versions of it: where both are, both judge.
 */
import { spawnSync } from "node:child_process";

export interface MarkdownParser {
  name: string;
  /** HTML with raw HTML kept, as GitHub has it before it sanitizes anything. */
  renderAll(sources: readonly string[]): string[];
}

const EXTENSIONS = ["table", "autolink", "strikethrough", "tasklist"];
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

const PYTHON = `
import sys, json
import cmarkgfm
from cmarkgfm import Options
options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
extensions = ${JSON.stringify(EXTENSIONS)}
sources = json.load(sys.stdin)
json.dump([cmarkgfm.markdown_to_html_with_extensions(each, options, extensions) for each in sources], sys.stdout)
`;

function run(command: string, args: readonly string[], input: string): string | undefined {
  const { status, stdout } = spawnSync(command, args, { input, encoding: "utf8", maxBuffer: MAX_OUTPUT_BYTES });
  return status === 0 ? stdout : undefined;
}

function withPython(sources: readonly string[]): string[] | undefined {
  const output = run("python3", ["-c", PYTHON], JSON.stringify(sources));
  return output === undefined ? undefined : (JSON.parse(output) as string[]);
}

function withProgram(sources: readonly string[]): string[] | undefined {
  const args = ["--unsafe", ...[...EXTENSIONS, "footnotes"].flatMap((extension) => ["-e", extension])];
  const rendered: string[] = [];
  for (const source of sources) {
    const html = run("cmark-gfm", args, source);
    if (html === undefined) return undefined;
    rendered.push(html);
  }
  return rendered;
}

/** The parsers that work on this machine. */
export function availableParsers(): MarkdownParser[] {
  const all = [
    ["the Python wheel cmarkgfm", withPython],
    ["the program cmark-gfm", withProgram],
  ] as const;
  return all
    .filter(([, render]) => render(["*x*"])?.join("").trim() === "<p><em>x</em></p>")
    .map(([name, render]) => ({
      name,
      renderAll: (sources) => {
        const rendered = render(sources);
        if (rendered?.length !== sources.length) throw new Error(`${name} failed`);
        return rendered;
      },
    }));
}
