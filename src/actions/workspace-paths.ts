/** Paths, for both systems: which one is passed in by tests. Pure. */
import path, { type PlatformPath } from "node:path";

/** Whether `inner` is `folder` or lies below it, by their names alone. Both absolute. */
export function isPathInside(folder: string, inner: string, system: PlatformPath = path): boolean {
  const way = system.relative(folder, inner);
  return way !== ".." && !way.startsWith(`..${system.sep}`) && !system.isAbsolute(way);
}

/** The way from `folder` to `inner` with slashes, the same on every system. */
export function toPosixRelativePath(folder: string, inner: string, system: PlatformPath = path): string {
  return system.relative(folder, inner).split(system.sep).join("/");
}

/** A glob pattern below `folder`, whose own path is taken literally. Patterns take slashes on every system. */
export function resolveGlobPattern(folder: string, pattern: string, system: PlatformPath = path): string {
  const literal = folder.replace(/[/\\]+$/, "").replace(/[[?*]/g, "[$&]");
  return `${literal}${system.sep}${pattern.replace(/^(\.[/\\])+/, "")}`;
}
