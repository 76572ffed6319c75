/**
 * How links are written where a report is read. Pure.
 *
 * A comment also goes out as mail, so its links are absolute. In a summary the runner masks secrets, and an owner's or
 * repository's name is easily part of one: there, links within GitHub are root-relative, the names as character
 * references. (`../../pull/12` would be right on `…/runs/1` and wrong on `…/runs/1/attempts/2`, and each summary is
 * shown on both.)
 */
import type { Report } from "./report.ts";

export type RenderTarget = "summary" | "comment";

/** A Markdown link. `label` is Markdown. */
export function link(label: string, address: string): string {
  return `[${label}](${address.replaceAll("(", "%28").replaceAll(")", "%29")})`;
}

/** A link to a page of the GitHub that runs the workflow. */
export function gitHubLink(label: string, address: string, place: RenderTarget): string {
  return link(label, place === "summary" ? rootRelative(address) : address);
}

/** `/owner/name/pull/12` with owner and name as character references: masks find no name, browsers read the plain address. */
function rootRelative(address: string): string {
  if (!URL.canParse(address)) return address;
  const { pathname, search, hash } = new URL(address);
  return pathname.replace(/^\/[^/]+\/[^/]+/, references) + search + hash;
}

function references(names: string): string {
  return names.replace(/[^/]/gu, (character) => `&#${character.codePointAt(0) ?? 0};`);
}

/** The repository's page, as the workflow run's page has it; undefined where none is known. */
function repositoryPage({ runPage }: Report): string | undefined {
  const end = runPage?.lastIndexOf("/actions/runs/") ?? -1;
  return end < 0 ? undefined : runPage?.slice(0, end);
}

/** The commit's page. */
export function commitPage(report: Report): string | undefined {
  const repository = repositoryPage(report);
  return repository === undefined || report.sha === undefined ? undefined : `${repository}/commit/${report.sha}`;
}
