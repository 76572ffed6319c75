/** The six questions that the comment asks GitHub. Each is one request, or one a page; none is tried twice here. */
import type { Octokit } from "@octokit/core";
import * as z from "zod/mini";
import { answeredStatus } from "./errors.ts";

export type GitHubClient = Octokit;

/** A login as REST writes it (`github-actions[bot]`), with the kind of account where it is known. */
export interface Account {
  login: string;
  bot: boolean | undefined;
}

export interface IssueComment {
  id: number;
  body: string;
  /** As GitHub gives it; "" where it gives none. */
  url: string;
  author: Account | undefined;
}

const text = z.catch(z.nullish(z.string()), undefined);

/** The ID is all that a comment must have: of whom nobody knows whose it is, or what it says, is none of ours. */
const commentSchema = z.object({
  id: z.int().check(z.positive()),
  body: text,
  html_url: text,
  user: z.catch(z.nullish(z.object({ login: z.string(), type: z.optional(z.string()) })), undefined),
});

const viewerSchema = z.object({ data: z.object({ viewer: z.object({ login: z.string().check(z.minLength(1)) }) }) });

/** Octokit prints deprecations that a server announces in its headers; they are not for this log. */
const silence = (): void => undefined;
const silent = { debug: silence, info: silence, warn: silence, error: silence };

/** One request may take this long, in milliseconds. */
const requestTimeout = 10_000;

function parseComment(data: unknown): IssueComment | undefined {
  const parsed = z.safeParse(commentSchema, data);
  if (!parsed.success) return undefined;
  const { id, body, html_url: url, user } = parsed.data;
  const author =
    user == null ? undefined : { login: user.login, bot: user.type === undefined ? undefined : user.type === "Bot" };
  return { id, body: body ?? "", url: url ?? "", author };
}

function parseCommentOrThrow(data: unknown): IssueComment {
  const comment = parseComment(data);
  if (comment === undefined) throw new Error("GitHub's API answered with something that is no comment");
  return comment;
}

/** undefined where GitHub says that the comment is not there (any more). */
async function ignoreNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (answeredStatus(error) === 404) return undefined;
    throw error;
  }
}

export interface IssueCommentsApi {
  /** Whom the token speaks for; undefined where GraphQL does not say. */
  viewer(): Promise<Account | undefined>;
  /** Every comment of the pull request, oldest first, on all pages. */
  list(): Promise<IssueComment[]>;
  get(id: number): Promise<IssueComment | undefined>;
  create(body: string): Promise<IssueComment>;
  update(id: number, body: string): Promise<IssueComment>;
  remove(id: number): Promise<void>;
}

export interface CallSettings {
  owner: string;
  repo: string;
  number: number;
  graphqlUrl: string;
}

/** @param signal ends a call in flight; a call also ends by itself after ten seconds */
export function createIssueCommentsApi(
  client: GitHubClient,
  settings: CallSettings,
  signal: AbortSignal | undefined,
): IssueCommentsApi {
  const { owner, repo, number: issue_number } = settings;
  const request = (): { signal: AbortSignal; log: typeof silent } => ({
    signal: AbortSignal.any([AbortSignal.timeout(requestTimeout), ...(signal === undefined ? [] : [signal])]),
    log: silent,
  });
  const comments = "/repos/{owner}/{repo}/issues/{issue_number}/comments";
  const oneComment = "/repos/{owner}/{repo}/issues/comments/{comment_id}";
  return {
    async viewer() {
      // `GET /user` is refused to GITHUB_TOKEN and to Apps.
      const response = await client.request({
        method: "POST",
        url: settings.graphqlUrl,
        query: "query { viewer { login } }",
        request: request(),
      });
      const answer = z.safeParse(viewerSchema, response.data);
      if (!answer.success) return undefined;
      const { login } = answer.data.data.viewer;
      return { login, bot: login.endsWith("[bot]") ? true : undefined };
    },
    async list() {
      const all: IssueComment[] = [];
      for (let page = 1; ; page++) {
        const { data, headers } = await client.request(`GET ${comments}`, {
          owner,
          repo,
          issue_number,
          per_page: 100,
          page,
          request: request(),
        });
        if (!Array.isArray(data)) throw new Error("GitHub's API answered with something that is no list of comments");
        all.push(...data.map(parseComment).filter((each) => each !== undefined));
        if (!/;\s*rel="next"/.test(headers.link ?? "")) return all.sort((a, b) => a.id - b.id);
      }
    },
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
