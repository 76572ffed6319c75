/**
 * The post step's door. It runs after every job, mostly with nothing to do: then no other module is loaded. Main and
 * post are told apart by their files: a main step that was killed early leaves no state at all.
 */
if (process.env["STATE_waiting"] === "true" || process.env["STATE_comment_open"] === "true") {
  void import("./run.ts").then(({ runPost }) => runPost());
}
