/** The system's Chromium without a window: HTML → PNG, cut to one element. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--hide-scrollbars",
  "--force-color-profile=srgb",
];
const startMs = 30_000;

interface Answer {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One page of a browser, driven over the DevTools protocol. */
export class Browser {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  private constructor(process: ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      this.#waiting.get(answer.id ?? -1)?.(answer);
    });
  }

  /** @param program the browser's command */
  static async start(program = "chromium"): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), "pictures-"));
    const process = spawn(
      program,
      [...flags, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"],
      {
        stdio: "ignore",
      },
    );
    // Rejects when the program cannot be started.
    await once(process, "spawn");
    const socket = new WebSocket(await pageAddress(profile));
    await once(socket, "open");
    return new Browser(process, profile, socket);
  }

  /** `html` at `width` CSS pixels, twice as many in the picture: the element that `selector` names. */
  async picture(html: string, width: number, selector: string): Promise<Buffer> {
    await this.#call("Emulation.setDeviceMetricsOverride", { width, height: 800, deviceScaleFactor: 2, mobile: false });
    const { frameTree } = await this.#call("Page.getFrameTree");
    const { frame } = frameTree as { frame: { id: string } };
    await this.#call("Page.setDocumentContent", { frameId: frame.id, html });
    const look = `document.fonts.ready.then(() => { const { x, y, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect(); return { x, y, width, height } })`;
    const { result } = await this.#call("Runtime.evaluate", {
      expression: look,
      awaitPromise: true,
      returnByValue: true,
    });
    const box = (result as { value: Box }).value;
    const { data } = await this.#call("Page.captureScreenshot", {
      format: "png",
      captureBeyondViewport: true,
      clip: { ...box, scale: 1 },
    });
    return Buffer.from(String(data), "base64");
  }

  async close(): Promise<void> {
    this.#socket.close();
    const gone = once(this.#process, "exit");
    this.#process.kill();
    await gone;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

/** The WebSocket address of the browser's page, once it has printed its port. */
async function pageAddress(profile: string): Promise<string> {
  const file = join(profile, "DevToolsActivePort");
  for (const end = Date.now() + startMs; Date.now() < end;) {
    await sleep(100);
    const [port] = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    if (!port) continue;
    const response = await fetch(`http://127.0.0.1:${port}/json/list`);
    const targets = (await response.json()) as { type: string; webSocketDebuggerUrl: string }[];
    const page = targets.find(({ type }) => type === "page");
    if (page !== undefined) return page.webSocketDebuggerUrl;
  }
  throw new Error("The browser did not start.");
}
