/** Lines of the log that tests wait for or look for: a reword is one edit here and one in the snapshots. */
export const LOG_LINES = {
  retrying: "Retrying in ",
  nextKeyGeneration: "with a new key (number 2)",
  waitingForActiveRun: "Waiting for another agent run in this thread",
  /** The group that holds what the agent writes. */
  agentOutput: "Agent output",
  outputTruncated: "Agent output truncated here.",
  stillRunning: "Agent run still in progress after ",
  interruptSucceeded: /Agent run \S+ was cancelled/m,
  reusedMessage: "Message already sent to thread ",
  /** What became of the run of a step that was cancelled: in the error, the comment, and the post step's log. */
  runCancelled: "The agent run was cancelled.",
  runCompleted: "The agent run completed.",
  runContinues: "The agent run continues",
  interruptFailed: "Failed to interrupt the agent run",
  cleanupFailed: "Failed to interrupt agent run",
  cancelledAfterStep: "After the step, the agent run was cancelled.",
} as const;
