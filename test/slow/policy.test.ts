/**
 * @file The build under a Content-Security-Policy, in Chromium: with the policy that docs/browser.md gives it trains on threads; where the policy forbids them, or
 * WebAssembly, it trains all the same and says so in one line.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, ISOLATION, launch, serve } from "../../scripts/page.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

const PAGE = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="/icon.svg">
<script type="module" src="/page.js"></script>`;

/** The page only starts the engine, in a module Worker. */
const SCRIPT = `
const worker = new Worker("/engine.js", { type: "module" });
worker.onmessage = ({ data }) => { window.result = data; };
worker.onerror = (event) => { window.result = { error: event.message }; };`;

const ENGINE = `
import { data, getThreads, manualSeed, nn, optim, setThreads, train } from "/dist/index.js";
const said = [];
console.warn = (text) => said.push(text);
const forbidden = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective }) => forbidden.push(effectiveDirective));
try {
  manualSeed(1);
  setThreads(2);
  const model = new nn.Sequential(new nn.Linear(2, 64), new nn.Tanh(), new nn.Linear(64, 2));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  const { epochs } = await train.fit(model, data.moons({ count: 512 }), { optimizer, epochs: 3, batchSize: 256 });
  // What a browser forbids it reports when it comes to it, which may be after a training that is so short.
  for (let i = 0; i < (FORBIDS ? 600 : 5) && said.length === 0; i++) await new Promise((done) => setTimeout(done, 100));
  postMessage({ losses: epochs.map(({ trainLoss }) => trainLoss), threads: getThreads(), said, forbidden: [...new Set(forbidden)] });
} catch (error) {
  postMessage({ error: String(error.stack) });
}`;

interface Result {
  readonly losses: readonly number[];
  readonly threads: number;
  readonly said: readonly string[];
  readonly forbidden: readonly string[];
}

const DOCUMENTED = { "script-src": "'self' 'wasm-unsafe-eval'", "worker-src": "'self' blob:" };

describe.skipIf(!existsSync(CHROMIUM))("under a Content-Security-Policy (skipped where chromium is not installed)", () => {
  let browser: Browser;
  let usual: Result;
  beforeAll(async () => {
    if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: npm run build");
    browser = await launch();
    usual = await trainedUnder(DOCUMENTED);
  });
  afterAll(() => browser?.close());

  async function trainedUnder(directives: Readonly<Record<string, string>>): Promise<Result> {
    const policy = Object.entries({ "default-src": "'self'", ...directives }).map((directive) => directive.join(" "));
    const texts = new Map([
      ["/", PAGE],
      ["/page.js", SCRIPT],
      ["/engine.js", ENGINE.replace("FORBIDS", String(directives !== DOCUMENTED))],
      ["/icon.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"],
    ]);
    const headers = { ...ISOLATION, "Content-Security-Policy": policy.join("; ") };
    const { url, close } = await serve({ texts, folders: { "/dist/": join(root, "dist") }, headers });
    const tab = await browser.newPage();
    try {
      await tab.goto(url);
      await tab.waitForFunction(() => "result" in globalThis, undefined, { timeout: 120_000 });
      const result = await tab.evaluate(() => (globalThis as unknown as { result: Result & { error?: string } }).result);
      expect(result.error).toBeUndefined();
      return result;
    } finally {
      await tab.close();
      await close();
    }
  }

  test("the documented policy is enough: it trains on two threads, and nothing is forbidden", () => {
    expect(usual).toMatchObject({ threads: 2, said: [], forbidden: [] });
    expect(usual.losses).toHaveLength(3);
    expect(usual.losses[2]).toBeLessThan(usual.losses[0]!);
  });

  test("where workers are forbidden one thread comes to the same bits, and one line says so", async () => {
    const { losses, threads, said } = await trainedUnder({ ...DOCUMENTED, "worker-src": "'self'" });
    expect(losses).toEqual(usual.losses);
    expect(threads).toBe(1);
    expect(said).toEqual([
      expect.stringMatching(
        /^nabla: one thread computes: this host starts no workers \(.*\).*blob: in the worker-src of its Content-Security-Policy/,
      ),
    ]);
  });

  test("where WebAssembly is forbidden the interpreter computes, and one line says so", async () => {
    const { losses, threads, said } = await trainedUnder({ ...DOCUMENTED, "script-src": "'self'" });
    expect(losses).toEqual(usual.losses.map((loss) => expect.closeTo(loss, 4)));
    expect(threads).toBe(2);
    expect(said).toEqual([expect.stringMatching(/^nabla: the interpreter computes, which is slow: /)]);
  });
});
