/** A host with two addresses, of which the first never answers: an unroutable IPv6 address, a dead server of a pool. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type FakeMosooServer, startFakeMosooServer } from "../support/fake-mosoo-server.ts";
import { skipUnless } from "../support/host.ts";
import { runStep } from "../support/runner.ts";
import { SILENT_ADDRESS, type SilentAddress, startSilentAddress } from "../support/silent-address.ts";

/** `ADDRESS_TIMEOUT_MS` in src/run.ts; Node's default is 250 ms. */
const ADDRESS_TIMEOUT_MS = 2_000;

const folder = mkdtempSync(join(tmpdir(), "addresses-"));
const preload = join(folder, "lookup.cjs");
let mosoo: FakeMosooServer;
let silent: SilentAddress;

skipUnless("a silent address", describe)("a host whose first address never answers", () => {
  beforeAll(async () => {
    const addresses = [SILENT_ADDRESS, "127.0.0.1"].map((address) => ({ address, family: 4 }));
    writeFileSync(preload, `require("dns").lookup = (_, __, done) => done(null, ${JSON.stringify(addresses)});\n`);
    mosoo = await startFakeMosooServer();
    silent = await startSilentAddress(Number(new URL(mosoo.origin).port));
  });
  afterAll(async () => {
    await Promise.all([mosoo.close(), silent.close()]);
    rmSync(folder, { recursive: true });
  });

  it("is reached at its second address, after a time that is enough for a far host", async () => {
    const step = await runStep({
      with: {
        "agent-id": mosoo.agents.published,
        token: mosoo.tokens.person,
        message: "Look at this, please.",
        "api-url": mosoo.apiUrl.replace("127.0.0.1", "localhost"),
      },
      env: { NODE_OPTIONS: `--require=${preload}` },
    });
    expect({ exitCode: step.exitCode, annotations: step.annotations }).toEqual({ exitCode: 0, annotations: [] });
    expect(mosoo.requests).toHaveLength(1);
    expect(step.durationMs).toBeGreaterThanOrEqual(ADDRESS_TIMEOUT_MS);
  });
});
