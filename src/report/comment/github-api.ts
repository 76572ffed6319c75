/** The requests that the comment makes to GitHub's API, each made once, or once per page. */
import * as z from "../../common/json.ts";
import { type GitHubClient, requestOptions, responseStatus } from "../../actions/github-client.ts";

export interface Account {
  /** Servers without accounts' IDs exist. */
  id: number | undefined;
  /** As REST writes it: `github-actions[bot]`. */
  login: string;
  /** undefined where the server does not say. */
  isBot: boolean | undefined;
}

export interface IssueComment {
  id: number;
  body: string;
  /** As the server gives it; "" where it gives none. */
  url: string;
  author: Account | undefined;
}

/** A pull request that contains a commit. */
export interface CommitPullRequest {
  number: number;
  isOpen: boolean;
  headSha: string;
  /** `id:1` or `name:owner/repo`; undefined for a repository that was deleted. */
  headRepository: RepositoryId | undefined;
  baseRepository: RepositoryId | undefined;
}

export interface RepositoryId {
  id: number | undefined;
  fullName: string | undefined;
}

const optionalText = z.catch(z.nullish(z.string()), undefined);
const optionalInt = z.catch(z.nullish(z.int()), undefined);

const accountSchema = z.object({ login: z.string().check(z.minLength(1)), id: optionalInt, type: optionalText });

/** Only the ID is required: a comment without an author or a text is nobody's of ours. */
const commentSchema = z.object({
  id: z.int().check(z.positive()),
  body: optionalText,
  html_url: optionalText,
  user: z.catch(z.nullish(accountSchema), undefined),
});

const viewerSchema = z.object({ data: z.object({ viewer: z.object({ login: z.string().check(z.minLength(1)) }) }) });

const repositorySchema = z.catch(z.nullish(z.object({ id: optionalInt, full_name: optionalText })), undefined);

const pullRequestSchema = z.object({
  number: z.int().check(z.positive()),
  state: z.string(),
  head: z.object({ sha: z.string(), repo: repositorySchema }),
  base: z.object({ repo: repositorySchema }),
});

function toAccount({ login, id, type }: z.infer<typeof accountSchema>): Account {
  return { login, id: id ?? undefined, isBot: type == null ? undefined : type === "Bot" };
}

function parseComment(data: unknown): IssueComment | undefined {
  const parsed = z.safeParse(commentSchema, data);
  if (!parsed.success) return undefined;
  const { id, body, html_url: url, user } = parsed.data;
  return { id, body: body ?? "", url: url ?? "", author: user == null ? undefined : toAccount(user) };
}

function parseCommentOrThrow(data: unknown): IssueComment {
  const comment = parseComment(data);
  if (comment === undefined) throw new Error("GitHub's API returned something that is not a comment");
  return comment;
}

function toRepositoryId(repository: z.infer<typeof repositorySchema>): RepositoryId | undefined {
  if (repository == null) return undefined;
  return { id: repository.id ?? undefined, fullName: repository.full_name ?? undefined };
}

function parsePullRequest(data: unknown): CommitPullRequest | undefined {
  const parsed = z.safeParse(pullRequestSchema, data);
  if (!parsed.success) return undefined;
  const { number, state, head, base } = parsed.data;
  return {
    number,
    isOpen: state === "open",
    headSha: head.sha,
    headRepository: toRepositoryId(head.repo),
    baseRepository: toRepositoryId(base.repo),
  };
}

/** undefined where GitHub says that the comment is not there (anymore). */
async function ignoreNotFound<T>(response: Promise<T>): Promise<T | undefined> {
  try {
    return await response;
  } catch (error) {
    if (responseStatus(error) === 404) return undefined;
    throw error;
  }
}

interface Page {
  data: unknown;
  headers: { link?: string | undefined };
}

/** Every item of every page. Servers that ignore the page send all at once, without links. */
async function readPages<T>(
  read: (page: number) => Promise<Page>,
  parse: (data: unknown) => T | undefined,
  what: string,
): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; ; page++) {
    const { data, headers } = await read(page);
    if (!Array.isArray(data)) throw new Error(`GitHub's API returned something that is not a list of ${what}`);
    all.push(...data.map(parse).filter((each) => each !== undefined));
    if (!/;\s*rel="next"/.test(headers.link ?? "")) return all;
  }
}

export interface IssueCommentsApi {
  /** The token's account by GraphQL; undefined where the response does not say. */
  viewer(): Promise<Account | undefined>;
  /** The token's account by REST, which refuses GitHub's own and Apps' tokens. */
  user(): Promise<Account | undefined>;
  /** Every comment of the pull request or issue. */
  list(): Promise<IssueComment[]>;
  get(id: number): Promise<IssueComment | undefined>;
  create(body: string): Promise<IssueComment>;
  update(id: number, body: string): Promise<IssueComment>;
  remove(id: number): Promise<void>;
}

interface RepositoryName {
  owner: string;
  repo: string;
}

/** @param signal aborts a request in flight */
export function createIssueCommentsApi(
  client: GitHubClient,
  settings: RepositoryName & { number: number; graphqlUrl: string },
  signal: AbortSignal | undefined,
): IssueCommentsApi {
  const { owner, repo, number: issue_number } = settings;
  const comments = "/repos/{owner}/{repo}/issues/{issue_number}/comments";
  const oneComment = "/repos/{owner}/{repo}/issues/comments/{comment_id}";
  const request = (): ReturnType<typeof requestOptions> => requestOptions(signal);
  return {
    async viewer() {
      const { data }: { data: unknown } = await client.request({
        method: "POST",
        url: settings.graphqlUrl,
        query: "query { viewer { login } }",
        request: request(),
      });
      const response = z.safeParse(viewerSchema, data);
      if (!response.success) return undefined;
      const { login } = response.data.data.viewer;
      return { id: undefined, login, isBot: login.endsWith("[bot]") ? true : undefined };
    },
    async user() {
      const response = z.safeParse(accountSchema, (await client.request("GET /user", { request: request() })).data);
      return response.success ? toAccount(response.data) : undefined;
    },
    list: () =>
      readPages(
        (page) =>
          client.request(`GET ${comments}`, { owner, repo, issue_number, per_page: 100, page, request: request() }),
        parseComment,
        "comments",
      ),
    get: (comment_id) =>
      ignoreNotFound(
        client
          .request(`GET ${oneComment}`, { owner, repo, comment_id, request: request() })
          .then(({ data }) => parseCommentOrThrow(data)),
      ),
    create: async (body) => {
      const options = { owner, repo, issue_number, body, request: request() };
      return parseCommentOrThrow((await client.request(`POST ${comments}`, options)).data);
    },
    update: async (comment_id, body) => {
      const options = { owner, repo, comment_id, body, request: request() };
      return parseCommentOrThrow((await client.request(`PATCH ${oneComment}`, options)).data);
    },
    remove: async (comment_id) => {
      await ignoreNotFound(client.request(`DELETE ${oneComment}`, { owner, repo, comment_id, request: request() }));
    },
  };
}

/** The pull requests that contain the commit: also merged and stacked ones, and those of forks. */
export function listPullRequestsOfCommit(
  client: GitHubClient,
  { owner, repo }: RepositoryName,
  sha: string,
  signal: AbortSignal | undefined,
): Promise<CommitPullRequest[]> {
  return readPages(
    (page) =>
      client.request("GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls", {
        owner,
        repo,
        commit_sha: sha,
        per_page: 100,
        page,
        request: requestOptions(signal),
      }),
    parsePullRequest,
    "pull requests",
  );
}
