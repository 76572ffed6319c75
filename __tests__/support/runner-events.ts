/** Event payloads as GitHub writes them to GITHUB_EVENT_PATH, cut down to what an action looks at. */

export interface RunnerEvent {
  name: string;
  /** An object becomes JSON; a string is written unchanged; undefined: GITHUB_EVENT_PATH names a file that is not there. */
  payload: unknown;
  /** What the event decides in the environment: ref, head, actor. */
  env?: Record<string, string>;
}

interface PullRequestFacts {
  number?: number;
  title?: string;
  body?: string | null;
  draft?: boolean;
  action?: string;
  author?: string;
  authorType?: "User" | "Bot";
  headRef?: string;
  headSha?: string;
  /** Full name of the repository that the branch lives in; null once that repository is deleted. */
  headRepository?: string | null;
}

export interface CommentFacts {
  number?: number;
  body?: string;
  author?: string;
  authorType?: "User" | "Bot";
  onPullRequest?: boolean;
}

const owner = "octo-org";
const name = "octo-repo";
const server = "https://github.com";
export const headSha = "5a1f0c6b7e9d4832a1b0c9d8e7f6a5b4c3d2e1f0";
export const baseSha = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567";

function repositoryOf(fullName: string, fork = false): Record<string, unknown> {
  const [login = owner, repo = name] = fullName.split("/");
  return {
    id: fork ? 424243 : 424242,
    name: repo,
    full_name: fullName,
    private: false,
    fork,
    owner: { login, type: "Organization" },
    html_url: `${server}/${fullName}`,
    default_branch: "main",
  };
}

const repository = repositoryOf(`${owner}/${name}`);
const person = { login: "octocat", id: 583231, type: "User" };

function pullRequestPayload(facts: PullRequestFacts): Record<string, unknown> {
  const number = facts.number ?? 12;
  const ref = facts.headRef ?? "feature";
  const sha = facts.headSha ?? headSha;
  const from = facts.headRepository === undefined ? `${owner}/${name}` : facts.headRepository;
  const fork = from !== `${owner}/${name}`;
  const user = { login: facts.author ?? "octocat", type: facts.authorType ?? "User" };
  return {
    action: facts.action ?? "synchronize",
    number,
    pull_request: {
      number,
      title: facts.title ?? "Add a lighthouse",
      body: facts.body === undefined ? "It shines." : facts.body,
      draft: facts.draft ?? false,
      state: "open",
      html_url: `${server}/${owner}/${name}/pull/${number}`,
      user,
      author_association: fork ? "CONTRIBUTOR" : "MEMBER",
      head: {
        ref,
        sha,
        label: `${(from ?? "unknown").split("/")[0] ?? ""}:${ref}`,
        repo: from === null ? null : repositoryOf(from, fork),
      },
      base: { ref: "main", sha: baseSha, label: `${owner}:main`, repo: repository },
    },
    repository,
    sender: user,
  };
}

function pullRequestEnv(facts: PullRequestFacts): Record<string, string> {
  const number = facts.number ?? 12;
  return {
    GITHUB_REF: `refs/pull/${number}/merge`,
    GITHUB_REF_NAME: `${number}/merge`,
    GITHUB_REF_TYPE: "branch",
    GITHUB_HEAD_REF: facts.headRef ?? "feature",
    GITHUB_BASE_REF: "main",
    GITHUB_ACTOR: facts.author ?? "octocat",
  };
}

function issueOf(facts: CommentFacts): Record<string, unknown> {
  const number = facts.number ?? 12;
  const kind = facts.onPullRequest === false ? "issues" : "pull";
  return {
    number,
    title: "Add a lighthouse",
    body: "It shines.",
    state: "open",
    user: person,
    html_url: `${server}/${owner}/${name}/${kind}/${number}`,
    ...(facts.onPullRequest === false
      ? {}
      : {
          pull_request: {
            html_url: `${server}/${owner}/${name}/pull/${number}`,
            url: `https://api.github.com/repos/${owner}/${name}/pulls/${number}`,
          },
        }),
  };
}

/** One builder an event; without arguments each gives the plainest case: pull request or issue 12, by octocat. */
export const events = {
  pullRequest: (facts: PullRequestFacts = {}): RunnerEvent => ({
    name: "pull_request",
    payload: pullRequestPayload(facts),
    env: pullRequestEnv(facts),
  }),
  /** A fork's pull request: no secrets, no variables, a read-only GitHub token. */
  pullRequestFromFork: (facts: PullRequestFacts = {}): RunnerEvent => ({
    name: "pull_request",
    payload: pullRequestPayload({ author: "stranger", headRepository: `stranger/${name}`, ...facts }),
    env: pullRequestEnv({ author: "stranger", ...facts }),
  }),
  /** Dependabot's pull request: a branch of the same repository, secrets from Dependabot's own store. */
  dependabot: (facts: PullRequestFacts = {}): RunnerEvent => {
    const own: PullRequestFacts = {
      author: "dependabot[bot]",
      authorType: "Bot",
      headRef: "dependabot/npm_and_yarn/undici-9",
      ...facts,
    };
    return { name: "pull_request", payload: pullRequestPayload(own), env: pullRequestEnv(own) };
  },
  pullRequestTarget: (facts: PullRequestFacts = {}): RunnerEvent => ({
    name: "pull_request_target",
    payload: pullRequestPayload({ author: "stranger", headRepository: `stranger/${name}`, ...facts }),
    env: {
      ...pullRequestEnv({ author: "stranger", ...facts }),
      GITHUB_REF: "refs/heads/main",
      GITHUB_REF_NAME: "main",
    },
  }),
  issueComment: (facts: CommentFacts = {}): RunnerEvent => {
    const user = { login: facts.author ?? "octocat", type: facts.authorType ?? "User" };
    return {
      name: "issue_comment",
      payload: {
        action: "created",
        issue: issueOf(facts),
        comment: { id: 9001, body: facts.body ?? "Please have a look.", user, author_association: "MEMBER" },
        repository,
        sender: user,
      },
      env: { GITHUB_ACTOR: user.login },
    };
  },
  pullRequestReview: (facts: PullRequestFacts & { review?: string } = {}): RunnerEvent => ({
    name: "pull_request_review",
    payload: {
      ...pullRequestPayload(facts),
      action: "submitted",
      review: {
        id: 77,
        body: facts.review ?? "Looks good.",
        state: "commented",
        user: person,
        commit_id: facts.headSha ?? headSha,
      },
    },
    env: pullRequestEnv(facts),
  }),
  issues: (facts: CommentFacts = {}): RunnerEvent => ({
    name: "issues",
    payload: { action: "opened", issue: issueOf({ ...facts, onPullRequest: false }), repository, sender: person },
  }),
  push: (facts: { ref?: string; sha?: string } = {}): RunnerEvent => {
    const ref = facts.ref ?? "refs/heads/main";
    return {
      name: "push",
      payload: {
        ref,
        before: baseSha,
        after: facts.sha ?? headSha,
        repository,
        sender: person,
        pusher: { name: "octocat" },
      },
      env: {
        GITHUB_REF: ref,
        GITHUB_REF_NAME: ref.replace(/^refs\/(heads|tags)\//, ""),
        GITHUB_SHA: facts.sha ?? headSha,
      },
    };
  },
  schedule: (): RunnerEvent => ({
    name: "schedule",
    payload: { schedule: "0 4 * * 1", repository, workflow: ".github/workflows/mosoo.yml" },
  }),
  workflowDispatch: (inputs: Record<string, string> = {}): RunnerEvent => ({
    name: "workflow_dispatch",
    payload: { inputs, ref: "refs/heads/main", repository, sender: person, workflow: ".github/workflows/mosoo.yml" },
  }),
  mergeGroup: (facts: { number?: number } = {}): RunnerEvent => {
    const branch = `gh-readonly-queue/main/pr-${facts.number ?? 12}-${baseSha}`;
    return {
      name: "merge_group",
      payload: {
        action: "checks_requested",
        merge_group: {
          head_sha: headSha,
          head_ref: `refs/heads/${branch}`,
          base_sha: baseSha,
          base_ref: "refs/heads/main",
        },
        repository,
        sender: person,
      },
      env: { GITHUB_REF: `refs/heads/${branch}`, GITHUB_REF_NAME: branch },
    };
  },
  /** `pullRequests: []` is what GitHub sends for a fork's run. */
  workflowRun: (facts: { pullRequests?: number[]; fork?: boolean; event?: string } = {}): RunnerEvent => ({
    name: "workflow_run",
    payload: {
      action: "completed",
      workflow_run: {
        id: 5151,
        event: facts.event ?? "pull_request",
        conclusion: "success",
        head_branch: "feature",
        head_sha: headSha,
        head_repository: facts.fork === true ? repositoryOf(`stranger/${name}`, true) : repository,
        pull_requests: (facts.pullRequests ?? (facts.fork === true ? [] : [12])).map((number) => ({
          number,
          head: { ref: "feature", sha: headSha, repo: { id: 424242, name } },
          base: { ref: "main", sha: baseSha, repo: { id: 424242, name } },
        })),
      },
      repository,
      sender: person,
    },
  }),
};
