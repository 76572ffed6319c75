/**
 * A fake of GitHub's API on loopback: an issue's comments and a commit's pull requests over REST, `viewer.login` over
 * GraphQL. It is as strict as GitHub (or Gitea) where a client could get it wrong, and it fails on demand.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { answerPulls, emptyPulls, type GitHubPulls } from "./fake-github-pulls.ts";

export interface GitHubComment {
  id: number;
  /** The pull request or issue that it is on. */
  number: number;
  body: string;
  login: string;
  type: "User" | "Bot";
  createdAt: string;
  updatedAt: string;
}

/** The account of a token. */
interface GitHubAccount {
  /** As REST shows it: `github-actions[bot]`, `octocat`. */
  login: string;
  type: "User" | "Bot";
  /** A fork's token: reads, but every write is 403. */
  readOnly?: boolean;
  /** What GraphQL's `viewer.login` says, `login` where not given; null: it is refused. */
  viewer?: string | null;
}

export type RepositoryRole = "admin" | "maintain" | "write" | "triage" | "read" | "none" | "owner";

/** GitHub's `permission` knows no `maintain` and `triage`. */
const PERMISSIONS: Partial<Record<RepositoryRole, string>> = { maintain: "write", triage: "read" };

/** The next matching requests, `times` of them (1 unless said), have one fault. */
export interface GitHubFault {
  method?: string;
  /** Tested against the path below the API's base, query included. */
  path?: RegExp;
  times?: number;
  /** Wait before anything else. */
  delayMs?: number;
  /** Cut the connection instead of answering. */
  drop?: boolean;
  status?: number;
  /** An object becomes JSON; a string is sent as HTML. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Do what was asked first: the answer alone is lost. */
  afterwards?: boolean;
}

interface GitHubRequest {
  method: string;
  /** Below the API's base, query included; "graphql" for GraphQL. */
  path: string;
  authorization: string | undefined;
  body: string;
}

/** A pull request as `commits/{sha}/pulls` lists it, by default one that an author of this repository opened. */
export interface FakePullRequest {
  number: number;
  headSha: string;
  state?: "open" | "closed";
  /** Full name of the head's repository; null once that is deleted. */
  headRepository?: string | null;
  baseRepository?: string;
  /** Further commits that it contains. */
  commits?: string[];
}

export interface FakeGitHubServerOptions {
  /** GitHub Enterprise Server: REST under /api/v3, GraphQL under /api/graphql. */
  enterprise?: boolean;
  /** Gitea and Forgejo: REST under /api/v1, no GraphQL, no account types, all comments in one page, `/pulls/12`. */
  gitea?: boolean;
  /** Like an old Enterprise Server. */
  noGraphql?: boolean;
  /** Of the pages' addresses; `https://github.com` unless given. */
  serverUrl?: string;
  /** A path in front of everything, such as "/github". */
  prefix?: string;
  repository?: string;
  /** Pull requests and issues that exist. */
  numbers?: number[];
  /** Which of the numbers are issues. */
  issues?: number[];
  tokens?: Record<string, GitHubAccount>;
  /** Loopback port; any free one unless given. */
  port?: number;
  tls?: { key: string | Buffer; cert: string | Buffer };
}

export interface FakeGitHubServer {
  apiUrl: string;
  graphqlUrl: string;
  comments: GitHubComment[];
  /** What `commits/{sha}/pulls` lists. */
  pullRequests: FakePullRequest[];
  /** Changed files, reviews, labels, and pull requests opened through the API. */
  pulls: GitHubPulls;
  requests: GitHubRequest[];
  tokens: Map<string, GitHubAccount>;
  /** People's and bots' roles in the repository, by login in lower case; `owner` as Gitea says it. Others are unknown. */
  roles: Map<string, RepositoryRole>;
  faults: GitHubFault[];
  /** Called before a request is answered: where a test lets something happen between two calls. */
  onRequest: ((request: GitHubRequest) => void | Promise<void>) | undefined;
  addComment(comment: { body: string; login?: string; type?: "User" | "Bot"; number?: number }): GitHubComment;
  /** Adds `count` comments of other people. */
  preload(count: number, number?: number): void;
  close(): Promise<void>;
}

export const actionsBot: GitHubAccount = { login: "github-actions[bot]", type: "Bot" };

/** The token that works unless a test brings others: GITHUB_TOKEN with `pull-requests: write`. */
export const writeToken = "ghs_writeTokenOfNoValue000000000000000000";
/** A fork's GITHUB_TOKEN. */
export const readToken = "ghs_readTokenOfNoValue0000000000000000000";

/** Ready-made faults with GitHub's own status, headers and messages. */
export const faults = {
  serverError: (times = 1, status = 502): GitHubFault => ({
    times,
    status,
    body: "<html><title>Unicorn!</title></html>",
  }),
  secondaryRateLimit: (retryAfterSeconds?: number, times = 1): GitHubFault => ({
    times,
    status: 403,
    body: { message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." },
    headers: retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) },
  }),
  primaryRateLimit: (resetInSeconds: number, times = 1): GitHubFault => ({
    times,
    status: 403,
    body: { message: "API rate limit exceeded for installation ID 1." },
    headers: {
      "x-ratelimit-limit": "1000",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + resetInSeconds),
    },
  }),
  dropped: (times = 1): GitHubFault => ({ times, drop: true }),
  slow: (delayMs: number, times = 1): GitHubFault => ({ times, delayMs }),
};

interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

const maximumBody = 65_536;
const notFound: Answer = {
  status: 404,
  body: { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" },
};
const forbidden: Answer = { status: 403, body: { message: "Resource not accessible by integration", status: "403" } };

/** Everybody's ID, by login. */
function accountId(login: string): number {
  return Array.from(login.toLowerCase()).reduce((id, character) => (id * 31 + character.charCodeAt(0)) % 99_999_989, 7);
}

function invalid(message: string): Answer {
  const errors = [{ resource: "IssueComment", code: "unprocessable", field: "data", message }];
  return { status: 422, body: { message: "Validation Failed", errors, status: "422" } };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The `body` of a JSON object, or the answer GitHub gives to anything else. */
function commentText(json: string): string | Answer {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return { status: 400, body: { message: "Problems parsing JSON" } };
  }
  const text = typeof parsed === "object" && parsed !== null && "body" in parsed ? parsed.body : undefined;
  if (typeof text !== "string" || text.trim() === "") return invalid("Body cannot be blank");
  if (Array.from(text).length > maximumBody) return invalid(`Body is too long (maximum is ${maximumBody} characters)`);
  return text;
}

function send(response: ServerResponse, answer: Answer): void {
  const html = typeof answer.body === "string";
  response.writeHead(answer.status, {
    "content-type": html ? "text/html" : "application/json; charset=utf-8",
    ...answer.headers,
  });
  response.end(answer.body === undefined ? "" : html ? answer.body : JSON.stringify(answer.body));
}

function graphql(account: GitHubAccount, json: string): Answer {
  const query = /"query"\s*:\s*"([^"]*)"/.exec(json)?.[1] ?? "";
  const viewer = account.viewer === undefined ? account.login : account.viewer;
  if (!/viewer\s*\{\s*login\s*\}/.test(query)) {
    return { status: 200, body: { errors: [{ message: "Parse error: only viewer { login } is known here" }] } };
  }
  if (viewer === null) {
    return {
      status: 200,
      body: { data: null, errors: [{ type: "FORBIDDEN", message: "Resource not accessible by integration" }] },
    };
  }
  return { status: 200, body: { data: { viewer: { login: viewer } } } };
}

/** Starts the server on a free loopback port. */
export async function startFakeGitHubServer(options: FakeGitHubServerOptions = {}): Promise<FakeGitHubServer> {
  const prefix = options.prefix ?? "";
  const { gitea = false, noGraphql = gitea, serverUrl = "https://github.com" } = options;
  const restBase = `${prefix}${gitea ? "/api/v1" : options.enterprise === true ? "/api/v3" : ""}`;
  const graphqlPath = `${prefix}${options.enterprise === true ? "/api" : ""}/graphql`;
  const repository = options.repository ?? "octo-org/octo-repo";
  const numbers = new Set(options.numbers ?? [12]);
  let origin = "";
  let nextId = 1_000_001;

  const pageOf = (number: number): string =>
    options.issues?.includes(number) === true ? "issues" : gitea ? "pulls" : "pull";
  const shown = (comment: GitHubComment): unknown => ({
    id: comment.id,
    body: comment.body,
    user: { login: comment.login, id: accountId(comment.login), ...(gitea ? {} : { type: comment.type }) },
    url: `${origin}${restBase}/repos/${repository}/issues/comments/${comment.id}`,
    html_url: `${serverUrl}/${repository}/${pageOf(comment.number)}/${comment.number}#issuecomment-${comment.id}`,
    issue_url: `${origin}${restBase}/repos/${repository}/issues/${comment.number}`,
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: "NONE",
  });

  const server: FakeGitHubServer = {
    apiUrl: "",
    graphqlUrl: "",
    comments: [],
    pullRequests: [],
    pulls: emptyPulls(),
    requests: [],
    tokens: new Map(
      Object.entries(options.tokens ?? { [writeToken]: actionsBot, [readToken]: { ...actionsBot, readOnly: true } }),
    ),
    roles: new Map(),
    faults: [],
    onRequest: undefined,
    addComment({ body, login = "octocat", type = "User", number = 12 }) {
      const now = new Date(1_790_000_000_000 + nextId * 1000).toISOString();
      const comment = { id: nextId++, number, body, login, type, createdAt: now, updatedAt: now };
      server.comments.push(comment);
      return comment;
    },
    preload(count, number = 12) {
      for (let i = 1; i <= count; i++) server.addComment({ body: `Remark ${i}`, login: `reader-${i % 7}`, number });
    },
    async close() {
      await new Promise<void>((resolve) => {
        http.close(() => {
          resolve();
        });
        http.closeAllConnections();
      });
    },
  };

  const repositoryObject = (fullName: string): unknown => ({
    id: fullName === repository ? 424_242 : 900_000_000 + fullName.length,
    full_name: fullName,
  });

  function pullRequestsOf(sha: string): Answer {
    if (gitea) return notFound;
    if (!/^[0-9a-f]{40}$/.test(sha)) return { status: 422, body: { message: `No commit found for SHA: ${sha}` } };
    const found = server.pullRequests.filter(({ headSha, commits = [] }) => headSha === sha || commits.includes(sha));
    return {
      status: 200,
      body: found.map(({ number, headSha, state = "open", headRepository = repository, baseRepository }) => ({
        number,
        state,
        head: { sha: headSha, repo: headRepository === null ? null : repositoryObject(headRepository) },
        base: { repo: repositoryObject(baseRepository ?? repository) },
      })),
    };
  }

  function list(number: number, query: URLSearchParams): Answer {
    const perPage = Math.min(Math.max(Number(query.get("per_page") ?? 30), 1), 100);
    const page = Math.max(Number(query.get("page") ?? 1), 1);
    const all = server.comments.filter((comment) => comment.number === number);
    if (gitea) return { status: 200, body: all.map(shown) };
    const last = Math.max(Math.ceil(all.length / perPage), 1);
    const link = (to: number, rel: string): string =>
      `<${origin}${restBase}/repositories/424242/issues/${number}/comments?per_page=${perPage}&page=${to}>; rel="${rel}"`;
    const links = [
      ...(page > 1 ? [link(page - 1, "prev"), link(1, "first")] : []),
      ...(page < last ? [link(page + 1, "next"), link(last, "last")] : []),
    ];
    return {
      status: 200,
      body: all.slice((page - 1) * perPage, page * perPage).map(shown),
      headers: links.length === 0 ? {} : { link: links.join(", ") },
    };
  }

  function permissionOf(login: string): Answer {
    const role = server.roles.get(login.toLowerCase());
    if (role === undefined) return { status: 404, body: { message: `${login} is not a user`, status: "404" } };
    const permission = PERMISSIONS[role] ?? role;
    return { status: 200, body: { permission, role_name: role, user: { login, id: accountId(login), type: "User" } } };
  }

  function rest(account: GitHubAccount, method: string, url: URL, body: string): Answer {
    const path = url.pathname.slice(restBase.length).replace(/^\/repositories\/424242\//, `/repos/${repository}/`);
    if (path === "/user") {
      const { login, type } = account;
      return type === "Bot" ? forbidden : { status: 200, body: { login, id: accountId(login), type } };
    }
    const below = /^\/repos\/[^/]+\/[^/]+/.exec(path)?.[0] ?? "";
    if (below.toLowerCase() === `/repos/${repository}`.toLowerCase()) {
      const { login, readOnly = false } = account;
      const asked = { method, path: path.slice(below.length), query: url.searchParams, body, login, readOnly };
      const answer = answerPulls(server.pulls, { ...asked, address: url.href });
      if (answer !== undefined) return answer;
    }
    const commit = /^\/repos\/([^/]+\/[^/]+)\/commits\/([^/]+)\/pulls$/.exec(path);
    if (commit?.[1]?.toLowerCase() === repository.toLowerCase()) return pullRequestsOf(commit[2] ?? "");
    const collaborator = /^\/repos\/([^/]+\/[^/]+)\/collaborators\/([^/]+)\/permission$/.exec(path);
    if (collaborator?.[1]?.toLowerCase() === repository.toLowerCase() && method === "GET")
      return permissionOf(decodeURIComponent(collaborator[2] ?? ""));
    const found = /^\/repos\/([^/]+\/[^/]+)\/issues\/(?:(\d+)\/comments|comments\/(\d+))$/.exec(path);
    if (found?.[1]?.toLowerCase() !== repository.toLowerCase()) return notFound;
    const write = method !== "GET";
    if (found[2] !== undefined) {
      const number = Number(found[2]);
      if (!numbers.has(number)) return notFound;
      if (!write) return list(number, url.searchParams);
      if (method !== "POST") return notFound;
      if (account.readOnly === true) return forbidden;
      const text = commentText(body);
      if (typeof text !== "string") return text;
      return {
        status: 201,
        body: shown(server.addComment({ body: text, login: account.login, type: account.type, number })),
      };
    }
    const comment = server.comments.find(({ id }) => id === Number(found[3]));
    if (write && account.readOnly === true) return forbidden;
    if (comment === undefined) return notFound;
    if (method === "GET") return { status: 200, body: shown(comment) };
    if (method === "DELETE") {
      server.comments.splice(server.comments.indexOf(comment), 1);
      return { status: 204 };
    }
    if (method !== "PATCH") return notFound;
    const text = commentText(body);
    if (typeof text !== "string") return text;
    comment.body = text;
    comment.updatedAt = new Date().toISOString();
    return { status: 200, body: shown(comment) };
  }

  function answerTo(request: GitHubRequest, url: URL, userAgent: string | undefined): Answer {
    if (userAgent === undefined)
      return { status: 403, body: "Request forbidden by administrative rules. Please send a User-Agent." };
    const token = /^(?:token|bearer) (.+)$/i.exec(request.authorization ?? "")?.[1];
    const account = token === undefined ? undefined : server.tokens.get(token);
    if (account === undefined) {
      return {
        status: 401,
        body: { message: token === undefined ? "Requires authentication" : "Bad credentials", status: "401" },
      };
    }
    if (url.pathname === graphqlPath && !noGraphql)
      return request.method === "POST" ? graphql(account, request.body) : notFound;
    return url.pathname.startsWith(`${restBase}/`) ? rest(account, request.method, url, request.body) : notFound;
  }

  function takeFault(request: GitHubRequest): GitHubFault | undefined {
    const fault = server.faults.find(
      ({ method = request.method, path, times = 1 }) =>
        times > 0 && method === request.method && (path?.test(request.path) ?? true),
    );
    if (fault !== undefined) fault.times = (fault.times ?? 1) - 1;
    return fault;
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? "/", origin);
    const path = url.pathname === graphqlPath ? "graphql" : `${url.pathname.slice(restBase.length)}${url.search}`;
    const request = {
      method: message.method ?? "GET",
      path,
      authorization: message.headers.authorization,
      body: await textOf(message),
    };
    server.requests.push(request);
    await server.onRequest?.(request);
    const fault = takeFault(request);
    if (fault?.delayMs !== undefined) await sleep(fault.delayMs, undefined, { ref: false });
    const broken = fault?.drop === true || fault?.status !== undefined;
    const answer =
      !broken || fault.afterwards === true ? answerTo(request, url, message.headers["user-agent"]) : notFound;
    if (fault?.drop === true) message.socket.destroy();
    else if (fault?.status !== undefined)
      send(response, {
        status: fault.status,
        body: fault.body ?? { message: "Broken" },
        ...(fault.headers === undefined ? {} : { headers: fault.headers }),
      });
    else send(response, answer);
  }

  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    handle(message, response).catch(() => message.socket.destroy());
  };
  const http = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  await new Promise<void>((resolve) => {
    http.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  origin = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${(http.address() as AddressInfo).port}`;
  server.apiUrl = `${origin}${restBase}`;
  server.graphqlUrl = `${origin}${graphqlPath}`;
  return server;
}
