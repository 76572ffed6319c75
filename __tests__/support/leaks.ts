/** Searches everything that a step leaves behind for a secret, in each encoding that it may have there. */
import type { StepResult } from "./runner.ts";

/** So many of a secret's characters in a row are no coincidence. */
const piece = 10;

function bare(text: string): string[] {
  const unescaped = text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"');
  return [
    text,
    unescaped,
    unescaped.replace(/\\(.)/g, "$1"),
    text.replace(/(%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString("latin1")),
    // Zero-width characters separate what GitHub would turn into a link.
    unescaped.replace(/\p{Cf}/gu, ""),
  ];
}

function fromBase64(text: string): string[] {
  return (text.match(/[\w+/-]{16,}/g) ?? []).flatMap((run) =>
    [0, 1, 2, 3].map((shift) => Buffer.from(run.slice(shift), "base64").toString("latin1")),
  );
}

/** The first piece of the secret that the text holds, plain, escaped or encoded. */
export function leakIn(text: string, secret: string): string | undefined {
  const pieces = Array.from({ length: Math.max(1, secret.length - piece + 1) }, (_, at) =>
    secret.slice(at, at + piece),
  );
  const forms = [...bare(text), ...fromBase64(text)];
  return pieces.find((each) => forms.some((form) => form.includes(each)));
}

/** The places where a step left a piece of the secret: all that it printed but the masks, and all that it wrote. */
export function leaksOf(step: StepResult, secret: string, more: Record<string, string> = {}): Record<string, string> {
  const places: Record<string, string> = {
    stdout: step.stdout.replace(/^::add-mask::.*$/gm, ""),
    stderr: step.stderr,
    outputs: Object.values(step.outputs).join("\n"),
    state: Object.values(step.state).join("\n"),
    exported: JSON.stringify(step.exported),
    summary: step.summary,
    ...more,
  };
  return Object.fromEntries(
    Object.entries(places).flatMap(([place, text]) => {
      const leak = leakIn(text, secret);
      return leak === undefined ? [] : [[place, leak]];
    }),
  );
}
