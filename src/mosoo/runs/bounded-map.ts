/** What is remembered of a stream that may never end: the newest of it. Pure. */

/** Ten times what a connection repeats of the past. */
const most = 10_000;

/** A map that forgets its oldest entries, some thousands at a time. */
export class BoundedMap<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  get(name: string): T | undefined {
    return this.#young.get(name) ?? this.#old.get(name);
  }

  has(name: string): boolean {
    return this.#young.has(name) || this.#old.has(name);
  }

  set(name: string, value: T): void {
    if (this.#young.size >= most) [this.#old, this.#young] = [this.#young, new Map<string, T>()];
    this.#young.set(name, value);
  }
}
