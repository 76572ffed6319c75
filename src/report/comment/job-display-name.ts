/** Tells several uses on one pull request apart for readers, as GitHub names a matrix's jobs: `review (linux, 24)`. Pure. */

/** The scalars of a leg's values, however deep. */
function scalars(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(scalars);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? [String(value)] : [];
}

/**
 * @param job the job's ID
 * @param matrix the leg, as JSON; anything else counts as none
 */
export function jobDisplayName(job: string, matrix: string): string | undefined {
  let leg: string[] = [];
  try {
    leg = scalars(JSON.parse(matrix));
  } catch {
    // Not for readers, then.
  }
  const name = leg.length === 0 ? job : `${job} (${leg.join(", ")})`;
  return name.trim() === "" ? undefined : name;
}
