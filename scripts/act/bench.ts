/** What an example's case works with: the fake servers, act, and the checks. */
import { checkExchange, publishedContracts } from "../../__tests__/support/contract-check.ts";
import {
  startFakeGitHubServer,
  writeToken,
  type FakeGitHubServer,
} from "../../__tests__/support/fake-github-server.ts";
import type { Exchange, RunScript, ScriptStep } from "../../__tests__/support/mosoo/types.ts";
import {
  startFakeMosooServer,
  type FakeMosooServer,
  type FakeMosooServerOptions,
} from "../../__tests__/support/fake-mosoo-server.ts";
import { runExample, type ActOptions, type ActRun } from "./act.ts";
import { Checks } from "./checks.ts";

export interface ExampleCase {
  /** File in examples/. */
  example: string;
  /** What is shown, in a sentence. */
  shows: string;
  run(bench: Bench): Promise<void>;
}

type RunOptions = Omit<ActOptions, "apiUrl"> & {
  mosoo: FakeMosooServer;
  github?: FakeGitHubServer;
  /** A fork's or Dependabot's run: neither secrets nor variables. */
  untrusted?: boolean;
};

/** An agent that works a moment, answers and is done. */
export function answering(text: string): RunScript {
  return conversation([text]);
}

/** An agent that gives the first answer to the first message, the second to the next; the last one ever after. */
export function conversation(answers: string[]): RunScript {
  let next = 0;
  return (): ScriptStep[] => {
    const text = answers[Math.min(next, answers.length - 1)] ?? "";
    next += 1;
    return [
      { after: 50, status: "running" },
      { after: 50, emit: { type: "agent.message.delta", content: text } },
      { after: 50, end: "completed", text },
    ];
  };
}

/** An agent that writes these files, by name, and answers. */
export function producing(files: Record<string, string>, text: string): RunScript {
  return () => [
    { after: 50, status: "running" },
    { after: 50, write: Object.entries(files).map(([name, content]) => ({ name, content })) },
    { after: 50, end: "completed", text },
  ];
}

export interface Bench {
  check: Checks;
  /** The runs so far. */
  runs: ActRun[];
  mosoo: (options: FakeMosooServerOptions) => Promise<FakeMosooServer>;
  github: () => Promise<FakeGitHubServer>;
  /** Runs the example once. The fake server's agent is the repository's variable, its token the secret. */
  act: (example: string, options: RunOptions) => Promise<ActRun>;
  close: () => Promise<void>;
}

const contracts = publishedContracts();

/** What the service's published contract, where there is a copy, finds wrong with the requests and responses. */
function violations(server: FakeMosooServer, said: Exchange[]): string[] {
  const contract = contracts?.[server.revision];
  return contract === undefined ? [] : said.flatMap((exchange) => checkExchange(contract, exchange));
}

export function makeBench(): Bench {
  const check = new Checks();
  const open: { close(): Promise<void> }[] = [];
  const runs: ActRun[] = [];
  const lastly: (() => void)[] = [];
  const kept = <Server extends { close(): Promise<void> }>(server: Server): Server => {
    open.push(server);
    return server;
  };
  return {
    check,
    runs,
    mosoo: async (options) => {
      const said: Exchange[] = [];
      const server = kept(await startFakeMosooServer({ ...options, onExchange: (exchange) => said.push(exchange) }));
      if (contracts !== undefined) {
        lastly.push(() => {
          const wrong = violations(server, said);
          check.equal(`what the contract of ${server.revision} finds wrong in ${said.length} exchanges`, wrong, []);
        });
      }
      return server;
    },
    github: async () => kept(await startFakeGitHubServer()),
    act: async (example, { mosoo, untrusted = false, vars, ...rest }) => {
      const trusted = {
        secrets: { MOSOO_TOKEN: mosoo.tokens.person },
        vars: { MOSOO_AGENT_ID: mosoo.agents.published, ...vars },
      };
      const given = { ...rest, ...(untrusted ? {} : trusted), githubToken: writeToken, apiUrl: mosoo.apiUrl };
      const run = await runExample(example, given);
      runs.push(run);
      return run;
    },
    close: async () => {
      for (const checkNow of lastly) checkNow();
      await Promise.all(open.map((server) => server.close()));
    },
  };
}

/** The page that people open, as the action has to name it. */
export function pageOf(mosoo: FakeMosooServer, index = 0): string {
  return `${mosoo.origin}/threads/${mosoo.threads[index]?.id ?? "?"}`;
}

/** Bodies of the messages that reached the server, in order. */
export function asked(mosoo: FakeMosooServer): string[] {
  return mosoo.threads.flatMap((thread) => thread.messages.map((message) => message.text));
}
