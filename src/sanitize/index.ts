/**
 * Text from outside → text that harms nowhere. Foreign is whatever someone else wrote: the agent's answer, names of
 * tools, questions, server errors, the event payload, file names. One rule per place; docs/security.md has the table.
 * The answer's Markdown is cleaned in markdown.ts, which is loaded only when an answer is shown. Pure, but for the
 * random token of `guardedBlocks`.
 */
export { annotationText, excerpt, wrapInStopCommands as guardedBlocks, logLine, logLines } from "./log-text.ts";
export { codeBlock, codeSpan, markdownText, tableCell } from "./inline.ts";
export { truncateUtf8 as cutUtf8 } from "./truncate.ts";
export { redact } from "./redact.ts";
