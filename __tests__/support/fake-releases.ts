/** A fake of the GitHub API that scripts/release/release.sh uses: releases, uploads and tags. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

interface FakeRelease {
  id: number;
  tag_name: string;
  name: string;
  draft: boolean;
  prerelease: boolean;
  assets: string[];
  body: string;
}

/** What the server holds, and the faults it is asked for. */
export class FakeReleases {
  releases: FakeRelease[] = [];
  /** Commit by tag. */
  tags: Record<string, string> = {};
  latest: string | undefined;
  isUploadRejected = false;
  isTagUpdateRejected = false;
  /** Method and path of each request that changes something. */
  changes: string[] = [];
  unexpected: string[] = [];
  #nextId = 1;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(status === 204 ? undefined : JSON.stringify(body));
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(tag: string, facts: Partial<FakeRelease> = {}): FakeRelease {
    const release = {
      id: this.#nextId++,
      tag_name: tag,
      name: tag,
      draft: false,
      prerelease: false,
      assets: [],
      body: "",
    };
    this.releases.push({ ...release, ...facts });
    this.tags[tag] ??= `${tag}-commit`;
    return release;
  }

  async #answer(request: IncomingMessage): Promise<[number, unknown]> {
    // A proxy request has an absolute URL: the host then is the API's, or the one for uploads.
    const { pathname } = new URL(request.url ?? "/", "http://api.github.localhost");
    const path = pathname.replace(/^\/api\/(uploads|v3)/, "");
    const method = request.method ?? "GET";
    const body = await text(request);
    if (path.endsWith("/graphql")) return [200, this.#graphql(body)];
    if (method !== "GET") this.changes.push(`${method} ${path}`);
    const answer = this.#rest(method, path, new URL(request.url ?? "/", "http://x").searchParams, body);
    if (answer !== undefined) return answer;
    this.unexpected.push(`${method} ${path}`);
    return [404, { message: "Not Found" }];
  }

  #rest(method: string, path: string, query: URLSearchParams, body: string): [number, unknown] | undefined {
    const [, resource = ""] = /^\/repos\/octo-org\/octo-repo\/(.*)$/.exec(path) ?? [];
    const [, id] = /^releases\/(\d+)/.exec(resource) ?? [];
    const release = this.releases.find((each) => String(each.id) === id);
    const fields = body.startsWith("{") ? (JSON.parse(body) as Record<string, unknown>) : {};
    switch (
      `${method} ${resource.replace(/\d+(?=$|\/assets)/, "N").replace(/(?<=releases\/tags|ref\/tags|refs\/tags)\/.*/, "/T")}`
    ) {
      case "GET releases":
        return [200, this.releases.toReversed().map((each) => this.#shown(each))];
      case "POST releases":
        return [201, this.#create(fields)];
      case "GET releases/N":
        return release && [200, this.#shown(release)];
      case "DELETE releases/N":
        this.releases = this.releases.filter((each) => each !== release);
        return [204, undefined];
      case "PATCH releases/N":
        return release && [200, this.#edit(release, fields)];
      case "POST releases/N/assets":
        if (this.isUploadRejected) return [422, { message: "Validation Failed" }];
        release?.assets.push(query.get("name") ?? "");
        return [201, { name: query.get("name"), state: "uploaded" }];
      case "GET releases/tags/T": {
        const found = this.releases.find((each) => !each.draft && resource.endsWith(`/${each.tag_name}`));
        return found ? [200, this.#shown(found)] : [404, { message: "Not Found" }];
      }
      case "PATCH git/refs/tags/T":
        return this.#setTag(resource.replace("git/refs/tags/", ""), fields);
      case "POST git/refs":
        return this.#setTag(String(fields["ref"]).replace("refs/tags/", ""), fields);
    }
    const [, prefix] = /^git\/matching-refs\/tags\/(.*)$/.exec(resource) ?? [];
    if (method !== "GET" || prefix === undefined) return undefined;
    const refs = Object.entries(this.tags).filter(([tag]) => tag.startsWith(prefix));
    return [200, refs.map(([tag, sha]) => ({ ref: `refs/tags/${tag}`, object: { sha, type: "commit" } }))];
  }

  #setTag(tag: string, fields: Record<string, unknown>): [number, unknown] {
    if (this.isTagUpdateRejected) return [403, { message: "Resource not accessible by integration" }];
    if (tag in this.tags && fields["force"] !== true) return [422, { message: "Update is not a fast forward" }];
    this.tags[tag] = String(fields["sha"]);
    return [200, { ref: `refs/tags/${tag}` }];
  }

  #create(fields: Record<string, unknown>): unknown {
    const tag = String(fields["tag_name"]);
    const facts = { draft: fields["draft"] === true, name: String(fields["name"]), body: String(fields["body"]) };
    const { id } = this.add(tag, facts);
    return this.#shown(this.releases.find((each) => each.id === id) ?? this.add(tag));
  }

  #edit(release: FakeRelease, fields: Record<string, unknown>): unknown {
    if (fields["draft"] === false) release.draft = false;
    if (!release.draft && fields["make_latest"] !== "false") this.latest = release.tag_name;
    return this.#shown(release);
  }

  #shown(release: FakeRelease): unknown {
    const base = "http://api.github.localhost";
    return {
      ...release,
      assets: [],
      url: `${base}/repos/octo-org/octo-repo/releases/${release.id}`,
      upload_url: `${base}/repos/octo-org/octo-repo/releases/${release.id}/assets{?name,label}`,
      html_url: `http://github.localhost/octo-org/octo-repo/releases/tag/${release.tag_name}`,
    };
  }

  /** gh looks up tags and drafts by GraphQL. */
  #graphql(body: string): unknown {
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, string> };
    const tag = variables["tagName"] ?? "";
    if (/\bref\(qualifiedName/.test(query)) {
      const name = tag.replace("refs/tags/", "");
      return { data: { repository: { ref: name in this.tags ? { id: name } : null } } };
    }
    if (/\brelease\(tagName/.test(query)) {
      const found = this.releases.find((each) => each.tag_name === tag);
      const release = found && { databaseId: found.id, isDraft: found.draft };
      return { data: { repository: { release: release ?? null } } };
    }
    this.unexpected.push(`POST graphql ${query}`);
    return { errors: [{ message: "unexpected" }] };
  }
}
