/** An address that answers no connection: a process that is stopped while its queue of connections is full. Linux only. */
import { spawn } from "node:child_process";
import { type Socket, connect } from "node:net";

export const SILENT_ADDRESS = "127.0.0.2";

/** With this backlog Linux completes two connections that nobody accepts; it ignores each further one. */
const BACKLOG = 1;
const QUEUED_CONNECTIONS = 2;

export interface SilentAddress {
  close(): Promise<void>;
}

/** Makes the port of SILENT_ADDRESS silent. */
export async function startSilentAddress(port: number): Promise<SilentAddress> {
  const options = JSON.stringify({ host: SILENT_ADDRESS, port, backlog: BACKLOG });
  const script = `require("net").createServer().listen(${options}, () => console.log("listening"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGSTOP");
  const sockets: Socket[] = [];
  for (let count = 0; count < QUEUED_CONNECTIONS; count += 1) {
    const socket = connect(port, SILENT_ADDRESS).on("error", () => undefined);
    sockets.push(socket);
    await new Promise((resolve) => socket.once("connect", resolve));
  }
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
      await ended;
    },
  };
}
