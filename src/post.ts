/**
 * Entry point of the post step. It runs after every job, mostly with nothing to do: then no other module is loaded. It
 * has a file of its own, since a main step that was killed early leaves no state that would distinguish the two.
 */
if (process.env["STATE_interrupt_pending"] === "true" || process.env["STATE_comment_pending"] === "true") {
  void import("./run.ts").then(({ runPost }) => runPost());
}
