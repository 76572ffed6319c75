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
} as const;
