import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SHAPE = /^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/;

/** Whether a text has the shape of the service's IDs. */
export function isUlid(text: string): boolean {
  return SHAPE.test(text);
}

let lastTime = 0;
let counter = 0;

/** A new ULID; those made in one process sort in the order they were made while the clock does not go back. */
export function newUlid(nowMs: number): string {
  counter = nowMs === lastTime ? counter + 1 : 0;
  lastTime = nowMs;
  return base32(BigInt(Math.trunc(nowMs)), 10) + base32(BigInt(counter), 6) + randomPart(10);
}

function base32(value: bigint, length: number): string {
  let text = "";
  let rest = value;
  for (let place = 0; place < length; place++) {
    text = ALPHABET.charAt(Number(rest & 31n)) + text;
    rest >>= 5n;
  }
  return text;
}

function randomPart(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHABET.charAt(byte & 31)).join("");
}
