import { conflict, invalidRequest } from "./refusal.ts";
import type { Answer } from "./refusal.ts";

const RETENTION_MS = 24 * 60 * 60 * 1000;
const KEY_UNITS = 128;

/** One key's memory: what was asked under it, and the answer once there is one. */
export interface Reservation {
  token: string;
  key: string;
  request: string;
  /** Milliseconds: when it was reserved, later when it was answered. */
  at: number;
  answer: { status: number; body: unknown } | null;
}

type KeyState =
  | { state: "reserved"; reservation: Reservation }
  | { state: "replay"; answer: Answer }
  /** The first request died long ago; `retryAfter` in seconds until the key is forgotten. */
  | { state: "stale"; reservation: Reservation; retryAfter: number };

/** The `Idempotency-Key` header, trimmed; `null` where there is none. */
export function readKey(header: string | undefined): string | null {
  if (header === undefined) return null;
  const key = header.trim();
  if (key === "") throw invalidRequest("Idempotency-Key cannot be empty.");
  if (key.length > KEY_UNITS) throw invalidRequest(`Idempotency-Key must be ${KEY_UNITS} characters or fewer.`);
  return key;
}

/** The keys of all tokens: 24 hours each, per token, failures included where the endpoint stores them. */
export class KeyMemory {
  readonly #reservations = new Map<string, Reservation>();
  readonly #stuckMs: number;
  readonly #recovers: boolean;
  readonly #now: () => number;

  constructor(stuckMs: number, recovers: boolean, now: () => number) {
    this.#stuckMs = stuckMs;
    this.#recovers = recovers;
    this.#now = now;
  }

  /**
   * Reserves a key or returns what is stored under it.
   * @param request what makes two requests the same: method, path and parsed body
   * @throws Refusal 409 for another request's key, and while the first is still processing
   */
  begin(token: string, key: string, request: string): KeyState {
    const known = this.#read(token, key);
    if (known === undefined) return { state: "reserved", reservation: this.#reserve(token, key, request) };
    if (known.request !== request) throw conflict("This Idempotency-Key was used for a different request before.");
    if (known.answer !== null) return { state: "replay", answer: replayed(known.answer) };
    const age = this.#now() - known.at;
    if (age < this.#stuckMs) throw conflict("A request with this Idempotency-Key is still processing.");
    return { state: "stale", reservation: known, retryAfter: Math.max(1, Math.ceil((RETENTION_MS - age) / 1000)) };
  }

  complete(reservation: Reservation, answer: { status: number; body: unknown }): void {
    reservation.answer = { status: answer.status, body: structuredClone(answer.body) };
    reservation.at = this.#now();
  }

  release(reservation: Reservation): void {
    this.#reservations.delete(slot(reservation.token, reservation.key));
  }

  clear(): void {
    this.#reservations.clear();
  }

  #reserve(token: string, key: string, request: string): Reservation {
    const reservation: Reservation = { token, key, request, at: this.#now(), answer: null };
    this.#reservations.set(slot(token, key), reservation);
    return reservation;
  }

  #read(token: string, key: string): Reservation | undefined {
    const known = this.#reservations.get(slot(token, key));
    if (known === undefined) return undefined;
    // The reference revision drops a dead reservation and so runs the request again; later ones recover it.
    const lifeMs = known.answer === null && !this.#recovers ? this.#stuckMs : RETENTION_MS;
    if (this.#now() - known.at < lifeMs) return known;
    this.release(known);
    return undefined;
  }
}

/** The stored answer as a replay carries it. */
export function replayed(answer: { status: number; body: unknown }): Answer {
  return { status: answer.status, headers: { "Idempotency-Replayed": "true" }, body: answer.body };
}

const slot = (token: string, key: string): string => `${token}\n${key}`;
