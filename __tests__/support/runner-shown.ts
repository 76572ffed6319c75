/** What the runner makes of a step's printed lines: the commands it obeys and the text a reader of the log sees. */

export interface RunnerCommand {
  command: string;
  properties: Record<string, string>;
  message: string;
}

interface ShownLog {
  commands: RunnerCommand[];
  masks: string[];
  shown: string;
}

const known = new Set(
  "add-mask add-matcher remove-matcher debug error warning notice group endgroup echo save-state set-output set-env add-path stop-commands".split(
    " ",
  ),
);
const levels: Record<string, string> = { error: "Error: ", warning: "Warning: ", notice: "Notice: " };

function unescape(text: string, property: boolean): string {
  const plain = text.replaceAll("%0D", "\r").replaceAll("%0A", "\n");
  return (property ? plain.replaceAll("%3A", ":").replaceAll("%2C", ",") : plain).replaceAll("%25", "%");
}

function propertiesOf(text: string, separator: string): Record<string, string> {
  const pairs = text.split(separator).map((pair) => pair.trim().split(/=(.*)/s));
  return Object.fromEntries(
    pairs.flatMap(([key = "", value = ""]) => (key === "" ? [] : [[key, unescape(value, true)]])),
  );
}

/** `::name k=v::text` starting the line, or the older `##[name k=v]text` anywhere in it. */
function parseCommand(line: string, stopToken: string | undefined): RunnerCommand | undefined {
  const isKnown = (name: string): boolean =>
    known.has(name.toLowerCase()) || name.toLowerCase() === stopToken?.toLowerCase();
  const found = /^\s*::([^\s:]+)(?: (.*?))?::(.*)$/s.exec(line);
  if (found !== null && isKnown(found[1] ?? "")) {
    const [, name = "", properties = "", text = ""] = found;
    return { command: name.toLowerCase(), properties: propertiesOf(properties, ","), message: unescape(text, false) };
  }
  const older = /##\[([^\s\]]+)(?: ([^\]]*))?\](.*)$/s.exec(line);
  if (older !== null && isKnown(older[1] ?? "")) {
    const [, name = "", properties = "", text = ""] = older;
    return { command: name.toLowerCase(), properties: propertiesOf(properties, ";"), message: unescape(text, false) };
  }
  return undefined;
}

/** A secret as the runner also looks for it: whole, trimmed, a line at a time, and in the encodings it knows. */
function formsOf(secret: string): string[] {
  const plain = [secret, secret.trim(), ...secret.split(/\r?\n/).map((line) => line.trim())];
  return plain.flatMap((text) => [
    text,
    ...[0, 1, 2].map((shift) =>
      Buffer.from(text)
        .subarray(shift)
        .toString("base64")
        .replace(/.?.?=+$/, ""),
    ),
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&apos;"),
  ]);
}

function masked(text: string, masks: readonly string[]): string {
  const byDescendingLength = masks.toSorted((a, b) => b.length - a.length);
  return byDescendingLength.reduce((rest, mask) => rest.replaceAll(mask, "***"), text);
}

/**
 * @param lines what was printed on stdout and stderr, in the order of arrival
 * @param secrets what the runner masks from the start: secrets of the workflow, the GitHub token
 */
export function readLog(lines: readonly string[], secrets: readonly string[], debug = false): ShownLog {
  const commands: RunnerCommand[] = [];
  const added: string[] = [];
  const masks: string[] = [];
  const shown: string[] = [];
  let stopToken: string | undefined;
  const mask = (secret: string): void => {
    // Below three characters an encoded form would mask half the alphabet; the plain value is masked at any length.
    masks.push(
      ...new Set(
        [secret, secret.trim(), ...formsOf(secret).filter((form) => form.length > 2)].filter((form) => form !== ""),
      ),
    );
  };
  secrets.forEach(mask);
  for (const line of lines) {
    const command = parseCommand(line, stopToken);
    if (stopToken !== undefined) {
      if (command?.command === stopToken.toLowerCase()) stopToken = undefined;
      else shown.push(masked(line, masks));
      continue;
    }
    if (command === undefined) {
      shown.push(masked(line, masks));
      continue;
    }
    commands.push(command);
    const { command: name, message } = command;
    if (name === "add-mask") {
      added.push(message);
      mask(message);
    } else if (name === "stop-commands") {
      stopToken = message;
    } else if (name === "group" || name in levels) {
      shown.push(masked(`${levels[name] ?? ""}${message}`, masks));
    } else if (name === "debug" && debug) {
      shown.push(masked(`##[debug]${message}`, masks));
    }
  }
  return { commands, masks: added, shown: shown.join("\n") };
}
