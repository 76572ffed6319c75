/** The token in foreign text: a server that echoes headers, an agent that saw it, an answer that quotes it. */

const MASK = "***";
/** Shorter inner pieces of a base64 form would match by chance. */
const SHORTEST_PIECE = 8;
/** Of a longer secret, the expression that finds it with some of its characters escaped would be too large to make. */
const LONGEST_PARTLY_ESCAPED = 1_000;

/**
 * Every occurrence of each secret becomes `***`, also as percent-encoded, base64 (at each of the three places it can
 * begin, both alphabets), JSON-escaped (any of its characters) and XML-escaped text. Empty secrets are ignored.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const key = secrets.join("\n");
  if (last?.key !== key) last = { key, forms: formsOfAll(secrets), escaped: undefined };
  // One by one, not as one regular expression: of a secret as long as GitHub stores it that would be too large to make.
  const plain = last.forms.reduce((rest, form) => (rest.includes(form) ? rest.replaceAll(form, MASK) : rest), text);
  if (!plain.includes("\\u00")) return plain;
  last.escaped ??= secrets.flatMap(unicodeEscapedPattern);
  return last.escaped.reduce((rest, pattern) => rest.replace(pattern, MASK), plain);
}

/** A step cleans many lines of the same few secrets. Compared by content: a list may grow. */
let last: { key: string; forms: readonly string[]; escaped: readonly RegExp[] | undefined } | undefined;

/** The longest first, so that none hides the rest of another. */
function formsOfAll(secrets: readonly string[]): string[] {
  const forms = new Set(secrets.filter((secret) => secret !== "").flatMap(encodedVariants));
  return [...forms].sort((a, b) => b.length - a.length);
}

function encodedVariants(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    percent,
    percent.replace(/%[0-9A-F]{2}/gu, (hex) => hex.toLowerCase()),
    json,
    json.replaceAll("/", "\\/"),
    ...xmlEscapedVariants(secret),
    ...[0, 1, 2].flatMap((shift) => base64Variant(secret, shift)),
  ];
}

/**
 * JSON may write any character as `\u0067`, and JSON inside JSON does so with more backslashes. Their number is bounded,
 * or a text of nothing else would take for ever; a secret with backslashes of its own is looked for in whole forms alone.
 */
function unicodeEscapedPattern(secret: string): RegExp[] {
  if (secret === "" || secret.length > LONGEST_PARTLY_ESCAPED || secret.includes("\\")) return [];
  const units = Array.from({ length: secret.length }, (_, at) => {
    const hex = secret.charCodeAt(at).toString(16).padStart(4, "0");
    const digits = hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    const mayHaveBackslash = '"/'.includes(secret.charAt(at));
    return `(?:\\\\{1,8}u${digits}|${mayHaveBackslash ? "\\\\{0,8}" : ""}\\u${hex})`;
  });
  return [new RegExp(units.join(""), "g")];
}

/** As text and as an attribute's value in XML and HTML. */
function xmlEscapedVariants(secret: string): string[] {
  const text = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const quoted = text.replaceAll('"', "&quot;");
  return [text, quoted, quoted.replaceAll("'", "&#39;"), quoted.replaceAll("'", "&apos;")];
}

/** The characters of base64 text that depend on the secret alone when `shift` bytes stand before it. */
function base64Variant(secret: string, shift: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]);
  const inside = bytes.toString("base64").slice(Math.ceil((shift * 8) / 6), Math.floor((bytes.length * 8) / 6));
  if (inside.length < SHORTEST_PIECE) return [];
  return [inside, inside.replaceAll("+", "-").replaceAll("/", "_")];
}
