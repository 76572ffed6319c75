/** X.509 certificates for tests, generated at run time: an authority, and what it signs. DER by hand, P-256. */
import { type KeyObject, createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

export interface Certificate {
  /** PEM. */
  key: string;
  cert: string;
}

interface Authority {
  /** The authority's own certificate, for NODE_EXTRA_CA_CERTS. PEM. */
  cert: string;
  /** A server's certificate for these host names and IPv4 addresses. `expired`: until yesterday. */
  issue: (names: readonly string[], options?: { expired?: boolean }) => Certificate;
}

const day = 86_400_000;

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const octets = (bytes: Buffer): Buffer => der(0x04, bytes);
const bits = (bytes: Buffer, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes);
const yes = der(0x01, Buffer.from([0xff]));

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x17, Buffer.from(text.slice(2)));
}

function named(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [yes] : []), octets(value));
}

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIP(name) === 4 ? der(0x87, Buffer.from(name.split(".").map(Number))) : der(0x82, Buffer.from(name)),
  );
  return extension("2.5.29.17", sequence(...entries));
}

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

interface Draft {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  signer: KeyObject;
  until: number;
  extensions: Buffer[];
}

function pem(draft: Draft): string {
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)]);
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ecdsaWithSha256,
    named(draft.issuer),
    sequence(time(Date.now() - 30 * day), time(draft.until)),
    named(draft.subject),
    draft.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...draft.extensions)),
  );
  const whole = sequence(toBeSigned, ecdsaWithSha256, bits(sign("sha256", toBeSigned, draft.signer)));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function keyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

/** An untrusted authority. */
export function makeAuthority(name = "Test authority"): Authority {
  const own = keyPair();
  const keyId = createHash("sha1")
    .update(own.publicKey.export({ type: "spki", format: "der" }))
    .digest();
  const until = Date.now() + 30 * day;
  return {
    cert: pem({
      subject: name,
      issuer: name,
      publicKey: own.publicKey,
      signer: own.privateKey,
      until,
      extensions: [
        extension("2.5.29.19", sequence(yes), true),
        // keyCertSign
        extension("2.5.29.15", bits(Buffer.from([0x04]), 2), true),
        extension("2.5.29.14", octets(keyId)),
      ],
    }),
    issue(names, { expired = false } = {}) {
      const pair = keyPair();
      const cert = pem({
        subject: names[0] ?? "nobody",
        issuer: name,
        publicKey: pair.publicKey,
        signer: own.privateKey,
        until: expired ? Date.now() - day : until,
        extensions: [alternativeNames(names), extension("2.5.29.35", sequence(der(0x80, keyId)))],
      });
      return { cert, key: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}
