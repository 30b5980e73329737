/**
 * @file The build in a page, by a plain module script without a bundler: with cross-origin isolation (shared memory) and without.
 * Needs Debian's chromium; a browser download of the test tool's own is not wanted.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const executablePath = "/usr/bin/chromium";
const flags =
  "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

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

const types: Record<string, string> = { ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };

/** Serves the page at / and the build below /dist, on loopback only. */
function serve(headers: Record<string, string>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(root, path);
    if (path === "/") return response.writeHead(200, { ...headers, "content-type": "text/html" }).end(page);
    if (!path.startsWith("/dist/") || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    return response.writeHead(200, { ...headers, "content-type": types[extname(file)] ?? "text/plain" }).end(readFileSync(file));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

describe.skipIf(!existsSync(executablePath))("in a page (skipped where chromium is not installed)", () => {
  let browser: Browser;
  beforeAll(async () => {
    if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: npm run build");
    browser = await chromium.launch({ executablePath, args: flags.split(" ") });
  });
  afterAll(() => browser?.close());

  test.each([
    { isolated: true, headers: { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" } },
    { isolated: false, headers: {} },
  ])("a plain module script trains XOR (cross-origin isolated: $isolated)", async ({ isolated, headers }) => {
    const server = await serve(headers as Record<string, string>);
    const tab = await browser.newPage();
    const complaints: string[] = [];
    tab.on("pageerror", (error) => complaints.push(error.message));
    tab.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    tab.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
    tab.on("response", (response) => response.status() >= 400 && complaints.push(`${response.status()} ${response.url()}`));
    try {
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const done = tab.waitForFunction(() => "result" in globalThis, undefined, { timeout: 60_000 });
      // A module that does not load never sets the result; what the page said is then the reason to show.
      await done.catch(() => expect(complaints.join("\n")).toBe(""));
      const result = (await tab.evaluate("window.result")) as { loss: number; isolated: boolean; error?: string };
      expect(result.error ?? "").toBe("");
      expect(result.isolated).toBe(isolated);
      expect(result.loss).toBeLessThan(0.05);
      expect(complaints.join("\n")).toBe("");
    } finally {
      await tab.close();
      server.close();
    }
  });
});
