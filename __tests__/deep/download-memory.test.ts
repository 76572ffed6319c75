/** Large files pass through a step: its memory does not grow with them. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import { skipUnless } from "../support/host.ts";
import { Agent } from "../support/waiting.ts";

const SIZE = 200_000_000;
/** It takes some 100 MB, of which a step without files has 75. */
const MAX_RSS_KB = 160_000;

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

skipUnless("peak memory", it).each([undefined, "gzip"] as const)(
  "a file of 200 MB is downloaded in bounded memory (%s)",
  (encoding) =>
    Agent.during({}, async (agent) => {
      const content = Buffer.alloc(SIZE, "A line of a large report.\n");
      agent.script = [
        { status: "running" },
        { write: { name: "large.bin", content } },
        { end: "completed", text: "Done." },
      ];
      if (encoding !== undefined) agent.server.fault({ kind: "compressed", encoding, on: "file-content" });
      const step = await agent.run({ "download-files": "*" }, { measureMemory: true });
      expect([step.exitCode, step.outputs["downloaded-files"]]).toEqual([0, expect.stringContaining(`"size":${SIZE}`)]);
      const path = join(step.outputs["files-dir"] ?? "", "large.bin");
      expect(await sha256(path)).toBe(createHash("sha256").update(content).digest("hex"));
      expect(step.maxRssKb ?? 0).toBeLessThan(MAX_RSS_KB);
    }),
);
