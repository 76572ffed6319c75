import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import * as untrusted from "../../src/sanitize/index.ts";
import { COMMIT, FRAGMENTS, HOSTILE, LOG } from "../support/hostile.ts";
import { decoded, render } from "../support/rendered.ts";
import { parseRunnerLog } from "../support/runner-log.ts";

const { annotationText, codeBlock, codeSpan, cutUtf8, excerpt, guardedBlocks } = untrusted;
const { logLine, logLines, markdownText, redact, tableCell } = untrusted;

/** Foreign text: fragments of attacks in any order, with anything at all in between. */
const foreign = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...FRAGMENTS) }, fc.string({ unit: "binary", maxLength: 4 })),
    {
      maxLength: 24,
    },
  )
  .map((parts) => parts.join(""));
const runs = { numRuns: 400 };

function oneOf(characters: string) {
  return fc.constantFrom(...characters.split(""));
}

const LINE_ENDS = /[\n\r\v\f\u0085\u2028\u2029]/u;
const UNSEEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;

describe("foreign lines in the log", () => {
  it.each(Object.entries(LOG))("are never carried out: %s", (_, text) => {
    const log = parseRunnerLog(logLines(text).join("\n"));
    expect(log.commands).toEqual([]);
    expect(log.masks).toEqual([]);
  });

  it("the corpus is hostile: without the rules the runner carries it out", () => {
    const obeyed = Object.values(LOG).filter((text) => parseRunnerLog(text).commands.length > 0);
    expect(obeyed.length).toBeGreaterThan(20);
  });

  it("are never carried out, whatever is mixed into them, one line at a time or as one line", () => {
    fc.assert(
      fc.property(foreign, (text) => {
        const printed = [...logLines(text), logLine(text), excerpt(text), annotationText(text)];
        expect(parseRunnerLog(printed.join("\n")).commands).toEqual([]);
        for (const line of printed) {
          expect(line).not.toMatch(LINE_ENDS);
          expect(line).not.toMatch(UNSEEN);
          expect(line.isWellFormed()).toBe(true);
        }
      }),
      runs,
    );
  });

  it("show harmless text as it is", () => {
    const text = "Reading src/a.ts: 12 % done, std::vector, a ## b, [x], ümläut 👩‍👩‍👧, \ttab";
    expect(logLines(text)).toEqual([text]);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9 .,:;!?()'"éß日]*[a-z]$/u), (line) => {
        fc.pre(!/^\s*::/u.test(line));
        expect(logLines(line)).toEqual([line]);
      }),
    );
  });

  it("are parted at every line end, and the last line end begins no line", () => {
    expect(logLines("a\nb\r\nc\rd\u2028e\u2029f\u0085g\vh\fi\n")).toEqual("abcdefghi".split(""));
    expect(logLines("a\n\n")).toEqual(["a", ""]);
    expect(logLines("")).toEqual([]);
  });

  it("show a backslash where a command was, a picture for a control, and the number of an override", () => {
    expect(logLines("  ::error::x")).toEqual(["  \\::error::x"]);
    expect(logLines("x ##[group]y")).toEqual(["x ##\\[group]y"]);
    expect(logLines("a\u0007b\u001bc\u202ed\u009b31me\u0081")).toEqual(["a␇b[U+202E]de\ufffd"]);
  });

  it("as one line, join their parts, and are cut between characters", () => {
    expect(logLine("\n a \n\nb\r\nc \n")).toBe("a ⏎ b ⏎ c");
    expect(logLine("x👩‍👩‍👧y", 6)).toBe("x…");
    expect(logLine("abcdef", 6)).toBe("abcdef");
    expect(logLine("abcdefg", 6)).toBe("abcde…");
    expect(annotationText("é".repeat(9_000))).toHaveLength(4_096);
    expect(excerpt("<html>\n  <body>\n".repeat(100)).length).toBeLessThanOrEqual(300);
    expect(excerpt("<html>\n   <p>no")).toBe("<html> <p>no");
    expect(excerpt("abc", 2)).toBe("a…");
  });
});

describe("the guard around foreign lines", () => {
  const guards = (blocks: readonly string[]) =>
    blocks.map((block) => /^::stop-commands::([0-9a-f]{48})\n[^]*\n::\1::\n$/u.exec(block)?.[1]);

  it("stops every command between its ends, and its own end cannot be guessed", () => {
    const [token = ""] = guards(guardedBlocks("text"));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.values(LOG)), { maxLength: 6 }), (texts) => {
        // Raw: as if another module had forgotten the rules.
        const printed = [`::stop-commands::${token}`, ...texts, `::${token}::`, "::notice::ours"];
        const log = parseRunnerLog(printed.join("\n"));
        expect(log.commands.map((command) => command.name)).toEqual(["stop-commands", "notice"]);
        expect(log.stopped).toBe(false);
      }),
      runs,
    );
  });

  it("stands around each block, each of which a pipe takes whole, and nothing inside is a command", () => {
    const texts = fc.array(
      fc.oneof(
        foreign,
        foreign.map((text) => text.repeat(400)),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(texts, (parts) => {
        const blocks = guardedBlocks(parts.join("\n"));
        expect(guards(blocks)).not.toContain(undefined);
        for (const block of blocks) {
          expect(Buffer.byteLength(block)).toBeLessThanOrEqual(4_096);
          const lines = block.split("\n").slice(1, -2);
          expect(parseRunnerLog(lines.join("\n")).commands).toEqual([]);
          for (const line of lines) expect(line.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("uses one long token, for the runner looks for each in every later line", () => {
    const tokens = guards([...guardedBlocks("a"), ...guardedBlocks("b".repeat(100_000))]);
    expect(tokens.length).toBeGreaterThan(20);
    expect(new Set(tokens).size).toBe(1);
    expect(guardedBlocks("")).toEqual([]);
  });

  it("keeps every word, and breaks a line that is too long so that no part begins like a command", () => {
    const wordsOf = (blocks: readonly string[]) => blocks.flatMap((block) => block.split("\n").slice(1, -2));
    expect(wordsOf(guardedBlocks("one\n\ntwo\n"))).toEqual(["one", "", "two"]);
    const long = "é日".repeat(20_000);
    expect(wordsOf(guardedBlocks(long)).join("")).toBe(long);
    const hidden = "::error::x".repeat(2_000);
    for (let shift = 0; shift < 10; shift += 1)
      for (const line of wordsOf(guardedBlocks("x".repeat(shift) + hidden))) expect(line).not.toMatch(/^::/u);
  });

  it("takes a moment for megabytes", () => {
    const since = process.cpuUsage();
    for (const text of [
      "x".repeat(1e6),
      "x\n".repeat(1e5),
      "#".repeat(1e6),
      "\u001b[".repeat(1e5),
      ":\u200b".repeat(1e5),
    ])
      guardedBlocks(text);
    expect(process.cpuUsage(since).user).toBeLessThan(8e6);
  });
});

describe("foreign text inside Markdown of ours", () => {
  const textOf = (html: string) => decoded(html.replace(/<[^>]*>/gu, ""));

  it.each(Object.entries(HOSTILE))("renders as text: %s", (_, text) => {
    expect(render(markdownText(text)).problems).toEqual([]);
    expect(render(`| a | b |\n| - | - |\n| ${markdownText(text)} | ${tableCell(codeSpan(text))} |`).problems).toEqual(
      [],
    );
    expect(render(`[${markdownText(text)}](https://example.com)`).problems).toEqual([]);
  });

  it("renders as text, whatever is mixed, at a line's start, in a cell, in a link, in bold, in HTML", () => {
    fc.assert(
      fc.property(foreign, (text) => {
        const inline = markdownText(text);
        expect(inline).not.toMatch(LINE_ENDS);
        expect(inline).not.toMatch(/^\//u);
        const plain = render(inline);
        expect(plain.problems).toEqual([]);
        expect(plain.html.replace(/<\/?p>/gu, "")).not.toContain("<");
        expect(render(`**x ${inline} x** | x [${inline}](https://example.com)`).problems).toEqual([]);
        const table = render(`| a | b |\n| - | - |\n| ${inline} | END |`);
        expect(table.problems).toEqual([]);
        expect(table.html).toContain("<td>END</td>");
        const folded = render(`<details><summary>${inline}</summary>\n\nEND\n\n</details>`, ["details", "summary"]);
        expect(folded.problems).toEqual([]);
      }),
      runs,
    );
  });

  it("reads exactly as it was, but for blanks and zero-width spaces", () => {
    fc.assert(
      fc.property(fc.string({ unit: oneOf("ab1 *_`#<>&;|~[](){}!\\/@.:-+=$^\"'é") }), (text) => {
        const line = text.trim().replace(/ +/gu, " ");
        const { html } = render(markdownText(line));
        expect(textOf(html).replaceAll("\u200b", "").trim()).toBe(line);
      }),
      runs,
    );
  });

  it("keeps plain words plain", () => {
    expect(markdownText("Fix the parser, again (part 2)")).toBe("Fix the parser, again (part 2)");
    expect(markdownText("# @octocat: 1 < 2")).toBe("&#35; @\u200boctocat: 1 &#60; 2");
    expect(markdownText("1. first")).toBe("1&#46; first");
    expect(markdownText("a\nb", 2)).toBe("a…");
  });

  it("in a code span is exact and cannot break out", () => {
    fc.assert(
      fc.property(foreign, (text) => {
        const { html, problems } = render(`x ${codeSpan(text)} END`);
        expect(problems).toEqual([]);
        expect(html).toMatch(/^<p>x <code>[^<]*<\/code> END<\/p>$/u);
      }),
      runs,
    );
    expect(codeSpan("a`b")).toBe("``a`b``");
    expect(codeSpan("`")).toBe("`` ` ``");
    expect(codeSpan("")).toBe("` `");
  });

  it("in a code block is exact and cannot break out", () => {
    fc.assert(
      fc.property(foreign, (text) => {
        const { html, problems } = render(`before\n\n${codeBlock(text)}\n\nEND`);
        expect(problems).toEqual([]);
        expect(html).toMatch(/^<p>before<\/p>\n<pre><code class="language-text">[^<]*<\/code><\/pre>\n<p>END<\/p>$/u);
        const code = /text">([^<]*)</u.exec(html)?.[1] ?? "";
        const expected = text.toWellFormed().replace(/\r\n?/gu, "\n").replaceAll("\0", "\ufffd").replace(/\n$/u, "");
        expect(textOf(code).replace(/\n$/u, "")).toBe(expected);
      }),
      runs,
    );
    expect(codeBlock("/lgtm\nx")).toBe(" ```text\n /lgtm\n x\n ```");
  });

  it("in a code block does not close the fences that GitHub counts in one byte", () => {
    expect(codeBlock("`".repeat(300))).toMatch(/^~~~text\n`{300}\n~~~$/u);
    const both = codeBlock(`${"`".repeat(300)}\n${"~".repeat(300)}`);
    expect(both.split("\n").slice(1, -1)).toEqual([`${"`".repeat(200)}\u200b${"`".repeat(100)}`, "~".repeat(300)]);
  });
});

describe("secrets in foreign text", () => {
  const secret = fc.string({ unit: oneOf('abcXYZ019-_.+/=$^"\\&<>'), minLength: 12, maxLength: 40 });

  it("become *** wherever they stand", () => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(foreign, { maxLength: 4 }),
        (secrets, texts) => {
          const text = texts.flatMap((part, index) => [part, secrets[index % secrets.length] ?? ""]).join("");
          const result = redact(text, secrets);
          for (const each of secrets) expect(result).not.toContain(each);
        },
      ),
      runs,
    );
  });

  it("become *** in every usual coding", () => {
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (token, before, after) => {
        const bytes = Buffer.from(before.toWellFormed() + token + after.toWellFormed());
        const core = Buffer.from(token).toString("base64").slice(4, 12);
        expect(redact(encodeURIComponent(`k=${token}`), [token])).toBe("k%3D***");
        expect(redact(JSON.stringify({ authorization: `Bearer ${token}` }), [token])).toBe(
          '{"authorization":"Bearer ***"}',
        );
        const encoded = redact(bytes.toString("base64"), [token]);
        expect(encoded).toContain("***");
        if (Buffer.byteLength(before.toWellFormed()) % 3 === 0) expect(encoded).not.toContain(core);
        expect(redact(bytes.toString("base64url"), [token])).toContain("***");
      }),
      runs,
    );
  });

  it("become *** whichever of their characters JSON escapes, and however deep", () => {
    const escape = (token: string, chosen: boolean[], backslashes: string): string =>
      Array.from(token)
        .map((each, at) => (chosen[at % chosen.length] === true ? `${backslashes}u${unitOf(each)}` : each))
        .join("");
    const unitOf = (character: string): string => character.charCodeAt(0).toString(16).padStart(4, "0");
    fc.assert(
      fc.property(
        fc.stringMatching(/^mst_[\w./+=-]{8,40}$/),
        fc.array(fc.boolean(), { minLength: 1 }),
        fc.constantFrom("\\", "\\\\", "\\\\\\\\"),
        fc.boolean(),
        (token, chosen, backslashes, upper) => {
          const text = escape(token, chosen, backslashes);
          const written = upper ? text.replace(/u00../g, (unit) => `u${unit.slice(1).toUpperCase()}`) : text;
          expect(redact(`a ${written} z`, [token])).toBe("a *** z");
        },
      ),
      runs,
    );
  });

  it("are looked for in no time in a text made to take long", () => {
    const before = performance.now();
    redact(`${"\\".repeat(1_000_000)}\\u0000`, ["mst_secret_value"]);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it("that are empty change nothing, and harmless text stays", () => {
    expect(redact("a b c", [])).toBe("a b c");
    expect(redact("a b c", ["", "mst_xyz"])).toBe("a b c");
  });
});

describe("cutting", () => {
  it("keeps within the bytes, between characters, with the note inside", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.nat({ max: 120 }), (text, maxBytes) => {
        const result = cutUtf8(text, maxBytes, "[…]");
        expect(Buffer.byteLength(result.text)).toBeLessThanOrEqual(maxBytes);
        expect(result.cut).toBe(Buffer.byteLength(text) > maxBytes);
        if (!result.cut) expect(result.text).toBe(text);
        else if (maxBytes >= 5) {
          expect(result.text.endsWith("[…]")).toBe(true);
          const kept = result.text.slice(0, -3);
          expect(text.startsWith(kept)).toBe(true);
          const whole = Array.from(new Intl.Segmenter("en").segment(text), ({ index }) => index);
          expect([...whole, text.length]).toContain(kept.length);
        }
      }),
      runs,
    );
  });

  it("repairs half characters, and leaves out a note that has no room", () => {
    expect(cutUtf8("a\ud800b", 10, "…")).toEqual({ text: "a\ufffdb", cut: false });
    expect(cutUtf8("abcdef", 3, "a long note")).toEqual({ text: "abc", cut: true });
    expect(cutUtf8("äöü", 4, "")).toEqual({ text: "äö", cut: true });
    expect(cutUtf8("x", 0, "")).toEqual({ text: "", cut: true });
  });
});

describe("foreign text of any size", () => {
  it("costs time in proportion to its length", () => {
    const texts = [
      "#",
      "\u001b]",
      "@a.",
      "`",
      "abcdef1.",
      "&",
      "\u009b0",
      "www.",
      "::",
      " ",
      `${COMMIT}/`,
      "/",
      "$a",
      "…\r",
    ];
    const start = performance.now();
    for (const text of texts.map((piece) => `@x${piece.repeat(Math.floor(200_000 / piece.length))}!`)) {
      for (const rule of [logLine, annotationText, excerpt, markdownText, codeSpan, codeBlock]) rule(text);
      logLines(text);
      redact(text, ["mst_secret_value"]);
    }
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
