/**
 * @file The build in a page, by a plain module script without a bundler: with cross-origin isolation (shared memory) and without.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, ISOLATION, launch, serve } from "../../scripts/page.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

const page = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="module">
  import { tensor, compile, backward, nn, optim } from "./dist/index.js";
  try {
    const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1), new nn.Sigmoid());
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
    const step = compile((x, y) => {
      const { value, grads } = backward(() => nn.mseLoss(model.forward(x), y), model.parameters());
      optimizer.step(grads);
      return value;
    });
    const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), y = tensor([[0], [1], [1], [0]]);
    for (let i = 0; i < 500; i++) step(x, y);
    window.result = { loss: await step(x, y).item(), isolated: crossOriginIsolated };
  } catch (error) {
    window.result = { error: String(error.stack) };
  }
</script>`;

/** What a page cannot do is said in words. */
const refusalPage = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="module">
  import { data } from "./dist/index.js";
  try {
    const source = data.fromModule("data:text/javascript,export default () => ({ count: 0 })");
    for await (const batch of new data.Loader(source, { batchSize: 1, workers: 1 }));
    window.result = {};
  } catch (error) {
    window.result = { refused: error.message };
  }
</script>`;

/** The engine in a Worker, where it may have others; the page itself has one thread. */
const threadsPage = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="module">
  import { getThreads, setThreads } from "./dist/index.js";
  let refused;
  try {
    setThreads(2);
  } catch (error) {
    refused = error.message;
  }
  const worker = new Worker("/engine.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    window.result = { ...data, page: getThreads(), refused };
  };
  worker.onerror = (event) => {
    window.result = { error: event.message };
  };
</script>`;

const engine = `
import { compile, getThreads, nn, setThreads, tensor } from "./dist/index.js";
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const n = 192;
const elements = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i) / 14);
async function run(threads) {
  setThreads(threads);
  const x = new nn.State(tensor(elements, { shape: [n, n] }));
  const step = compile(() => x.set(x.value.matmul(x.value).add(x.value).tanh()));
  for (let i = 0; i < 20; i++) {
    step();
    if (i % 5 === 1) await pause(100);
  }
  return [...new Uint32Array(new Float32Array(await x.value.data()).buffer)].reduce((a, b) => (Math.imul(a, 31) + b) | 0, 0);
}
try {
  const most = getThreads();
  if (!crossOriginIsolated) {
    let refused;
    try { setThreads(2); } catch (error) { refused = error.message; }
    postMessage({ most, one: await run(1), refusedInWorker: refused });
  } else {
    const [one, two, three] = [await run(1), await run(2), await run(3)];
    postMessage({ most, one, two, three });
  }
} catch (error) {
  postMessage({ error: String(error.stack) });
}`;

describe.skipIf(!existsSync(CHROMIUM))("in a page (skipped where chromium is not installed)", () => {
  let browser: Browser;
  beforeAll(async () => {
    if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: npm run build");
    browser = await launch();
  });
  afterAll(() => browser?.close());

  /** What a page leaves in `window.result`. */
  async function resultOf<T>(start: string, headers: Record<string, string>): Promise<T> {
    const texts = new Map([
      ["/", start],
      ["/engine.js", engine],
    ]);
    const { url, close } = await serve({ texts, folders: { "/dist/": join(root, "dist") }, headers });
    const tab = await browser.newPage();
    const complaints: string[] = [];
    tab.on("pageerror", (error) => complaints.push(error.message));
    tab.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    tab.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
    tab.on("response", (response) => response.status() >= 400 && complaints.push(`${response.status()} ${response.url()}`));
    try {
      await tab.goto(`${url}/`);
      const done = tab.waitForFunction(() => "result" in globalThis, undefined, { timeout: 60_000 });
      // A module that does not load never sets the result; what the page said is then the reason to show.
      await done.catch(() => expect(complaints.join("\n")).toBe(""));
      const result = (await tab.evaluate("window.result")) as T & { error?: string };
      expect(result.error ?? "").toBe("");
      expect(complaints.join("\n")).toBe("");
      return result;
    } finally {
      await tab.close();
      close();
    }
  }

  test.each([
    { isolated: true, headers: ISOLATION },
    { isolated: false, headers: {} },
  ])("a plain module script trains XOR (cross-origin isolated: $isolated)", async ({ isolated, headers }) => {
    const result = await resultOf<{ loss: number; isolated: boolean }>(page, headers as Record<string, string>);
    expect(result.isolated).toBe(isolated);
    expect(result.loss).toBeLessThan(0.05);
  });

  interface Threads {
    readonly page: number;
    readonly refused: string;
    readonly refusedInWorker: string;
    readonly most: number;
    readonly one: number;
    readonly two: number;
    readonly three: number;
  }

  test("in a worker of an isolated page there are threads, with the same bits; in the page itself one", async () => {
    const { page, refused, most, one, two, three } = await resultOf<Threads>(threadsPage, ISOLATION);
    expect(page).toBe(1);
    expect(refused).toContain("run the engine in a Worker");
    expect(most).toBeGreaterThanOrEqual(1);
    expect(one).not.toBe(0);
    expect([two, three]).toEqual([one, one]);
  });

  test("without isolation there is one thread, in a worker too", async () => {
    const { page, refused, refusedInWorker, most } = await resultOf<Threads>(threadsPage, {});
    expect([page, most]).toEqual([1, 1]);
    for (const message of [refused, refusedInWorker]) expect(message).toContain("shared memory");
  });

  test("a loader's threads are Node's, and it says so", async () => {
    const { refused } = await resultOf<{ refused: string }>(refusalPage, ISOLATION);
    expect(refused).toBe("Loader: threads of a loader are Node's; in a page use workers: 0");
  });
});
