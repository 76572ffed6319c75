import { describe, expect, it } from "@jest/globals";
import { at, call, create, idAt, LATER, message, send, start, upload } from "./mosoo/test-client.ts";

const STRANGER = "01J00000000000000000000001";

describe("files", () => {
  const sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

  it.each(LATER)("are uploaded as multipart, hashed, and get a new ID each time (%s)", async (revision) => {
    const server = await start({ revision });
    const name = 'résumé "final" v2.txt';
    const first = await upload(server, "hello", name);
    expect(first.status).toBe(201);
    expect(at(first.json, "file")).toMatchObject({ name, size: 5, mimeType: "text/plain" });
    expect(idAt((await upload(server, "hello")).json, "file", "id")).not.toBe(idAt(first.json, "file", "id"));
    expect(server.uploads[0]).toMatchObject({ name, size: 5, sha256, threadId: null });
    expect(server.requests[0]?.multipart).toEqual({
      name: "file",
      filename: name,
      mimeType: "text/plain",
      size: 5,
      sha256,
    });
    expect((await upload(server, "")).status).toBe(201);
  });

  it("may hold 67,108,864 bytes and no more", async () => {
    const server = await start({ revision: "2026-08" });
    const bytes = new Uint8Array(67_108_865);
    expect((await upload(server, bytes.subarray(1))).status).toBe(201);
    expect((await upload(server, bytes)).status).toBe(400);
    expect(server.uploads.map((file) => file.size)).toEqual([67_108_864]);
  });

  it("are refused without multipart (500), without the field (400), for an unknown Agent (404)", async () => {
    const server = await start({ revision: "2026-08" });
    const path = `/agents/${server.agents.published}/files`;
    expect((await call(server, "POST", path, { body: { file: "x" } })).status).toBe(500);
    const body = '--b\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\nx\r\n--b--\r\n';
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    expect((await call(server, "POST", path, { body, headers })).status).toBe(400);
    const right = body.replace("other", "file");
    expect((await call(server, "POST", path, { body: right, headers })).status).toBe(201);
    expect((await call(server, "POST", path, { body: right.slice(0, -5), headers })).status).toBe(500);
    expect((await call(server, "POST", `/agents/${STRANGER}/files`, { body: right, headers })).status).toBe(404);
  });

  it("are drafts that one thread may claim once", async () => {
    const server = await start({ revision: "2026-07" });
    const { id } = server.createThreadDirectly();
    const fileId = idAt((await upload(server, "hello")).json, "file", "id");
    const resources = [{ type: "file", file_id: fileId }];
    expect((await send(server, id, message("Go", { resources }))).status).toBe(200);
    expect(server.findThread(id).messages[0]?.fileIds).toEqual([fileId]);
    expect(server.uploads[0]?.threadId).toBe(id);
    const again = await create(server, { body: { resources } });
    expect([again.status, again.message]).toEqual([400, `Attachment ${fileId} is not a draft attachment.`]);
    const unknown = await create(server, { body: { resources: [{ type: "file", file_id: STRANGER }] } });
    expect([unknown.status, unknown.message]).toEqual([400, `Attachment ${STRANGER} was not found.`]);
    expect(server.threads).toHaveLength(1);
  });

  it("are used up even by a message that is then refused", async () => {
    const server = await start({ revision: "2026-08" });
    const { id } = server.createThreadDirectly({ text: "First" });
    const resources = [{ type: "file", file_id: server.addFile().id }];
    expect((await send(server, id, message("Second", { resources }))).status).toBe(500);
    expect((await send(server, id, message("Second", { resources }))).status).toBe(400);
  });

  it.each(LATER)("are listed with what the agent produced, which can be downloaded (%s)", async (revision) => {
    const server = await start({
      revision,
      script: [
        {
          write: [
            { name: "a.txt", content: "A" },
            { name: "late.txt", listedAfterReads: 1 },
          ],
        },
      ],
    });
    const fileId = idAt((await upload(server, "hello")).json, "file", "id");
    const thread = server.createThreadDirectly();
    await send(server, thread.id, message("Go", { resources: [{ type: "file", file_id: fileId }] }));
    while (thread.artifacts.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const list = async (): Promise<unknown> =>
      (
        at((await call(server, "GET", `/threads/${thread.id}/files`)).json, "files") as { name: string; kind: string }[]
      ).map(({ name, kind }) => `${kind} ${name}`);
    expect(await list()).toEqual(["attachment notes.txt", "artifact a.txt"]);
    expect(await list()).toEqual(["attachment notes.txt", "artifact a.txt", "artifact late.txt"]);
    const [artifact] = thread.artifacts;
    const content = await call(server, "GET", `/files/${artifact?.id ?? ""}/content`);
    expect([content.status, content.text, content.headers.get("content-length")]).toEqual([200, "A", "1"]);
    expect((await call(server, "GET", `/files/${STRANGER}/content`)).status).toBe(404);
    const stranger = await call(server, "GET", `/files/${artifact?.id ?? ""}/content`, {
      token: server.tokens.otherPerson,
    });
    expect(stranger.status).toBe(404);
  });

  it("are listed but not served on the reference revision", async () => {
    const server = await start();
    const thread = server.createThreadDirectly({ text: "Go" });
    const { id } = server.writeFile(thread.runs[0]?.id ?? "", { name: "a.txt" });
    expect(at((await call(server, "GET", `/threads/${thread.id}/files`)).json, "files")).toHaveLength(1);
    expect((await call(server, "GET", `/files/${id}/content`)).json).toEqual({ error: "Not Found" });
  });

  it("get lost without a word on the reference revision where they are unknown", async () => {
    const server = await start();
    const { id } = server.createThreadDirectly();
    const known = server.addFile();
    expect((await send(server, id, message("Go", { attachmentIds: [known.id, STRANGER] }))).status).toBe(200);
    expect(server.findThread(id).messages[0]?.fileIds).toEqual([known.id]);
  });
});
