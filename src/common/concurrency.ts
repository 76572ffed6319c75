/** Works through a list, a few items at a time. */

/**
 * Calls `work` for each item, in the order of the items. After a failure nothing new begins; what has begun goes on to its
 * end.
 *
 * @param limit how many calls go on at once
 * @returns what the calls failed with, in the order in time; none where all of them succeeded
 */
export async function forEachConcurrently<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<unknown[]> {
  const queue = items.values();
  const failures: unknown[] = [];
  const workThrough = async (): Promise<void> => {
    for (const item of queue) {
      if (failures.length > 0) return;
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, workThrough));
  return failures;
}
