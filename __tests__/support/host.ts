/** What some tests need and not every host has. They are skipped there, and `npm test` says which and why. */
const { platform } = process;

/** The reason, where this host lacks it. */
const lacking = {
  signals: platform === "win32" && "stopped steps: on Windows a signal from another process kills at once",
  devices: platform === "win32" && "pipes, devices and endless names as a message's file: Windows has none",
  "quotes in names": platform === "win32" && "quotes in names of files: Windows takes none",
  "two cases of a variable":
    platform === "win32" && "one variable in two cases of letters: Windows knows only one of them",
  "any name": platform !== "linux" && "hostile names of files: only Linux takes them all",
  "a silent address": platform !== "linux" && "a host's second address: only on Linux can a port be made silent",
  "peak memory": platform !== "linux" && "memory of an upload: it is read from /proc",
} as const satisfies Record<string, string | false>;

type Need = keyof typeof lacking;

export function isAvailable(need: Need): boolean {
  return lacking[need] === false;
}

/** The block (`it`, `describe`, `it.concurrent`), or its `skip` on a host that lacks what it needs. */
export function skipUnless<Block extends { skip: unknown }>(need: Need, block: Block): Block | Block["skip"] {
  return isAvailable(need) ? block : block.skip;
}

/** Why tests are skipped on this host. */
export const skipped: readonly string[] = Object.values(lacking).filter((reason) => reason !== false);
