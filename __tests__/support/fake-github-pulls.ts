/**
 * Pull requests, their reviews, and labels, as the fake of GitHub's API serves them: as strict as GitHub where a script
 * could get it wrong.
 */

/** A file of a pull request as `pulls/{number}/files` lists it. */
export interface ChangedFile {
  filename: string;
  /** The unified diff without its header; GitHub leaves it out for binary and very large files. */
  patch?: string;
}

interface ReviewComment {
  path: string;
  line: number;
  side: string;
  body: string;
}

export interface PullRequestReview {
  number: number;
  commitId: string;
  login: string;
  body: string;
  comments: ReviewComment[];
}

export interface OpenedPullRequest {
  number: number;
  title: string;
  head: string;
  base: string;
  body: string;
}

export interface GitHubPulls {
  /** The changed files of every pull request. */
  changedFiles: ChangedFile[];
  reviews: PullRequestReview[];
  /** Pull requests that somebody opened through the API. */
  opened: OpenedPullRequest[];
  /** Labels by the number of the issue. */
  labels: Map<number, string[]>;
}

export interface PullsRequest {
  method: string;
  /** Below `/repos/{owner}/{repo}`. */
  path: string;
  query: URLSearchParams;
  body: string;
  login: string;
  readOnly: boolean;
  /** The request's address, for links to the next page. */
  address: string;
}

interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

const FORBIDDEN: Answer = { status: 403, body: { message: "Resource not accessible by integration", status: "403" } };

function unprocessable(...errors: string[]): Answer {
  return { status: 422, body: { message: "Unprocessable Entity", errors, status: "422" } };
}

export function emptyPulls(): GitHubPulls {
  return { changedFiles: [], reviews: [], opened: [], labels: new Map() };
}

function paged(all: readonly unknown[], { query, address }: PullsRequest): Answer {
  const perPage = Math.min(Number(query.get("per_page") ?? 30), 100);
  const page = Number(query.get("page") ?? 1);
  const next = new URL(address);
  next.searchParams.set("page", String(page + 1));
  return {
    status: 200,
    body: all.slice((page - 1) * perPage, page * perPage),
    headers: page * perPage < all.length ? { link: `<${next.href}>; rel="next"` } : {},
  };
}

/** The lines of the file's new version that its diff shows; only they can have a review comment. */
function linesOf(file: ChangedFile | undefined): Set<number> {
  const lines = new Set<number>();
  let at = 0;
  for (const text of (file?.patch ?? "").split("\n")) {
    const begin = /^@@ -\d+(?:,\d+)? \+(\d+)/.exec(text)?.[1];
    if (begin !== undefined) at = Number(begin);
    else if (/^[+ ]/.test(text)) lines.add(at++);
  }
  return lines;
}

function review(pulls: GitHubPulls, number: number, { body, login }: PullsRequest): Answer {
  const given = JSON.parse(body) as {
    commit_id?: string;
    event?: string;
    body?: string;
    comments?: Partial<ReviewComment>[];
  };
  if (given.event !== "COMMENT") return unprocessable("This fake takes comments only");
  if (given.body === undefined || given.body.trim() === "") return unprocessable("Body cannot be blank");
  if (given.body.length > 65_536) return unprocessable("Body is too long (maximum is 65536 characters)");
  if (!/^[0-9a-f]{40}$/.test(given.commit_id ?? "")) return unprocessable("The commit does not exist");
  const comments: ReviewComment[] = [];
  for (const { path = "", line = 0, side = "RIGHT", body: text = "" } of given.comments ?? []) {
    const file = pulls.changedFiles.find(({ filename }) => filename === path);
    if (file === undefined) return unprocessable("Path could not be resolved");
    if (!linesOf(file).has(line)) return unprocessable("Line could not be resolved");
    if (text.trim() === "") return unprocessable("Body cannot be blank");
    comments.push({ path, line, side, body: text });
  }
  const added = { number, commitId: given.commit_id ?? "", login, body: given.body, comments };
  pulls.reviews.push(added);
  return { status: 200, body: shownReview(added, pulls.reviews.length) };
}

function shownReview({ body, commitId, login }: PullRequestReview, id: number): unknown {
  return { id, body, commit_id: commitId, state: "COMMENTED", user: { login } };
}

function open(pulls: GitHubPulls, { body }: PullsRequest): Answer {
  const given = JSON.parse(body) as Partial<OpenedPullRequest>;
  const { title = "", head = "", base = "", body: text = "" } = given;
  if (title === "" || head === "" || base === "") return unprocessable("title, head and base are required");
  if (pulls.opened.some((each) => each.head === head)) {
    return {
      status: 422,
      body: { message: "Validation Failed", errors: [{ message: "A pull request already exists" }] },
    };
  }
  const added = { number: 100 + pulls.opened.length, title, head, base, body: text };
  pulls.opened.push(added);
  return { status: 201, body: { ...added, html_url: `https://github.com/octo-org/octo-repo/pull/${added.number}` } };
}

function label(pulls: GitHubPulls, number: number, { body }: PullsRequest): Answer {
  const { labels } = JSON.parse(body) as { labels?: unknown };
  if (!Array.isArray(labels) || !labels.every((each) => typeof each === "string"))
    return unprocessable("labels is not a list of names");
  const all = [...new Set([...(pulls.labels.get(number) ?? []), ...labels])];
  pulls.labels.set(number, all);
  return { status: 200, body: all.map((name) => ({ name })) };
}

/** The answer to a request that concerns pull requests, reviews or labels; undefined for any other. */
export function answerPulls(pulls: GitHubPulls, request: PullsRequest): Answer | undefined {
  const { method, path, query, readOnly } = request;
  const [, numbered, part = ""] = /^\/(?:pulls|issues)\/(\d+)\/(files|reviews|labels)$/.exec(path) ?? [];
  if (numbered === undefined && path !== "/pulls") return undefined;
  if (method === "POST" && readOnly) return FORBIDDEN;
  const number = Number(numbered);
  switch (`${method} ${part}`) {
    case "GET files":
      return paged(pulls.changedFiles, request);
    case "GET reviews":
      return paged(
        pulls.reviews.filter((each) => each.number === number).map((each, index) => shownReview(each, index + 1)),
        request,
      );
    case "POST reviews":
      return review(pulls, number, request);
    case "POST labels":
      return label(pulls, number, request);
    case "POST ":
      return open(pulls, request);
    case "GET ":
      return paged(
        pulls.opened.filter(({ head }) => query.get("head")?.endsWith(`:${head}`) ?? true),
        request,
      );
    default:
      return undefined;
  }
}
