/**
 * Values of an event's payload, each checked for its type: whoever opens a pull request or issue writes parts of it.
 * Every step reads it, so it has no schema: reading a dozen values costs less than building one. Pure.
 */

/** The value at `path`, of any type; undefined where there is none. */
export function get(json: unknown, ...path: string[]): unknown {
  let value = json;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

export function getString(json: unknown, ...path: string[]): string | undefined {
  const value = get(json, ...path);
  return typeof value === "string" ? value : undefined;
}

/** The number of a pull request or issue. */
export function getNumber(json: unknown, ...path: string[]): number | undefined {
  const value = get(json, ...path);
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}

/** A commit's full hash, SHA-1 or SHA-256: it becomes part of a URL. */
export function getCommitHash(json: unknown, ...path: string[]): string | undefined {
  const value = getString(json, ...path);
  return value !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(value) ? value : undefined;
}

/** A repository's ID. */
export function getId(json: unknown, ...path: string[]): number | undefined {
  const value = get(json, ...path);
  return typeof value === "number" ? value : undefined;
}

/** Whether two repositories of an event are the same: by their IDs, else by their names. */
export function compareRepositories(one: unknown, other: unknown): "same" | "different" | "unknown" {
  const [id, otherId] = [getId(one, "id"), getId(other, "id")];
  if (id !== undefined && otherId !== undefined) return id === otherId ? "same" : "different";
  const [name, otherName] = [getString(one, "full_name"), getString(other, "full_name")];
  if (name === undefined || otherName === undefined) return "unknown";
  return name.toLowerCase() === otherName.toLowerCase() ? "same" : "different";
}
