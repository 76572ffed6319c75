import { describe, expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import { parseRunnerLog } from "../support/runner-log.ts";
import { startStep } from "../support/runner.ts";
import { Agent, delta, stopped, tool, until } from "../support/waiting.ts";
import { LOG_LINES } from "../support/log-lines.ts";

/** The log as people see it. */
function shownLines(stdout: string): string[] {
  const { lines, stopped: open } = parseRunnerLog(stdout);
  expect(open).toBe(false);
  return lines;
}

/** What was emitted goes out at the end of the server's turn. */
async function sent(): Promise<void> {
  for (let turns = 0; turns < 2; turns += 1) await new Promise(setImmediate);
}

describe("the log of a step that waits", () => {
  it.concurrent("has the agent's text as whole lines and its tools, in a group", () =>
    Agent.during({}, async (agent) => {
      agent.script = [{ status: "running" }];
      const running = startStep(agent.step());
      // Events from before the stream, or of one turn, arrive folded: text first, then tools.
      await until(() => agent.server.openStreams === 1);
      const { id } = agent.newestRun();
      const thought = { type: "agent.thinking.delta", content: "secret thoughts" };
      for (const content of ["Read", "ing the", " diff.\nIt is", " short"]) {
        agent.server.emit(id, delta(content));
        await sent();
      }
      agent.server.emit(id, [tool("read"), thought, { type: "agent.mood.changed", content: "merry" }]);
      await sent();
      agent.server.emit(id, delta(".\nAll fine."));
      await sent();
      agent.server.endRun(id, "completed");
      const { stdout } = await running.result;
      const lines = shownLines(stdout);
      const begin = lines.indexOf(`##[group]${LOG_LINES.agentOutput}`);
      const end = lines.indexOf("##[endgroup]");
      const shown = lines.slice(begin + 1, end).filter((line) => !line.startsWith("##[debug]"));
      expect(shown).toEqual(["Reading the diff.", "It is short", "Tool: read", ".", "All fine."]);
      expect(stdout).not.toContain("secret thoughts");
      expect(stdout).toMatch(/^::debug::.*agent\.mood\.changed/m);
    }),
  );

  it.concurrent("has the agent's thinking with debug logging", () =>
    Agent.during({}, async (agent) => {
      agent.script = [{ emit: { type: "agent.thinking.delta", content: "Hm." } }, { end: "completed", text: "Yes." }];
      const { stdout } = await agent.run({}, { env: { RUNNER_DEBUG: "1" } });
      expect(shownLines(stdout)).toContain("##[debug]thinking: Hm.");
    }),
  );

  const itStopped = skipUnless("signals", it.concurrent);
  itStopped("is not taken over by what the agent says, also when the step is stopped in the middle", () =>
    Agent.during({}, async (agent) => {
      agent.script = [
        { status: "running" },
        {
          emit: delta(
            "::error::Mine!\n##[error]And mine\n::stop-commands::all\nlast words without an end ::warning::x",
          ),
        },
      ];
      const running = startStep(agent.step());
      await running.waitForLog("And mine");
      const { result } = await stopped(running, "SIGTERM");
      expect(shownLines(result.stdout)).toContain("last words without an end ::warning::x");
      const names = parseRunnerLog(result.stdout).commands.map(({ name }) => name);
      expect(names.filter((name) => name === "error")).toHaveLength(1);
      expect(names).not.toContain("warning");
      expect(names.filter((name) => name === "group")).toHaveLength(1);
      expect(names.filter((name) => name === "endgroup")).toHaveLength(1);
    }),
  );
});
