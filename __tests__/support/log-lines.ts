/** Lines of the log that tests wait for or look for: a reword is one edit here and one in the snapshots. */
export const LOG_LINES = {
  retrying: "Retrying in ",
  nextKeyGeneration: "retrying with key generation 2",
  waitingForActiveRun: "Waiting for an active run in this thread",
  /** The group that holds what the agent writes. */
  agentOutput: "Agent output",
  outputTruncated: "Agent output truncated here.",
  stillRunning: "Run still in progress after ",
  interruptSucceeded: /^Run \S+ is cancelled$/m,
  reusedMessage: "Message already sent to thread ",
  /** What became of the run of a step that was cancelled: in the error, the comment, and the post step's log. */
  runCancelled: "The agent run is cancelled.",
  runCompleted: "The agent run is completed.",
  runContinues: "The agent run continues",
  interruptFailed: "Failed to interrupt the agent run",
  cleanupFailed: "Failed to interrupt run",
  cancelledAfterStep: "After the step, the run is cancelled.",
} as const;
