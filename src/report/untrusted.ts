/**
 * Text from outside → text that harms nowhere. Foreign is whatever someone else wrote: the agent's answer, names of
 * tools, questions, server errors, the event payload, file names. One rule per place; docs/security.md has the table.
 * The answer's Markdown is cleaned in markdown.ts, which is loaded only when an answer is shown. Pure, but for the
 * random token of `guardedBlocks`.
 */
export { annotationText, excerpt, guardedBlocks, logLine, logLines } from "./untrusted/log.ts";
export { codeBlock, codeSpan, markdownText, tableCell } from "./untrusted/inline.ts";
export { cutUtf8 } from "./untrusted/cut.ts";
export { redact } from "./untrusted/secrets.ts";
