/**
 * @file The benchmarks in a page. `--browser` runs them in Chromium without a window and prints the rows, `--page` serves the page for any browser until it is
 * stopped. The page is bundled from `bench/page` over the built package.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { CHROMIUM, launch, serve } from "./page.mjs";
import { root } from "./setup.mjs";

/** The page's files by their path. */
async function pageTexts() {
  const made = await rolldown({
    input: { page: join(root, "bench/page/page.ts"), worker: join(root, "bench/page/worker.ts") },
    platform: "browser",
    resolve: { alias: { nabla: join(root, "dist/index.js") } },
    treeshake: false,
  });
  const { output } = await made.generate({ format: "esm", keepNames: true, entryFileNames: "[name].js", chunkFileNames: "[name].js" });
  await made.close();
  const texts = new Map(output.map((file) => [`/${file.fileName}`, file.code]));
  return texts.set("/", readFileSync(join(root, "bench/page/index.html"), "utf8"));
}

/** Runs groups without a window; prints their rows. @throws {Error} what the page says went wrong. */
async function runInBrowser(url, { only, threads }) {
  if (!existsSync(CHROMIUM))
    throw new Error(`--browser wants Chromium at ${CHROMIUM} (Debian: apt install chromium); any other browser: --page`);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const failed = new Promise((_, reject) => page.on("pageerror", reject));
    page.on("console", (message) => (message.type() === "log" ? console.log(message.text()) : console.error(message.text())));
    await page.goto(`${url}/?${new URLSearchParams({ only, threads })}`);
    await Promise.race([
      failed,
      page.waitForFunction(() => /done|failed/.test(document.body.dataset.state ?? ""), undefined, { timeout: 0 }),
    ]);
    const [state, status] = await page.evaluate(() => [document.body.dataset.state, document.getElementById("status")?.textContent]);
    if (state === "failed") throw new Error(status);
  } finally {
    await browser.close();
  }
}

export async function benchInPage(args) {
  const { values } = parseArgs({
    args,
    options: {
      browser: { type: "boolean" },
      page: { type: "boolean" },
      only: { type: "string", default: "" },
      threads: { type: "string", default: "1" },
      port: { type: "string", default: "8080" },
      jsonl: { type: "boolean" }, // the only form of output there is
    },
  });
  if (!/^[1-9]\d*$/.test(values.threads)) throw new Error(`--threads: want a positive integer, got "${values.threads}"`);
  const { url, close } = await serve({ texts: await pageTexts(), port: values.page ? Number(values.port) : 0 });
  if (values.page) console.log(`The benchmarks are at ${url}/ until this is stopped (Ctrl-C).`);
  else await runInBrowser(url, values).finally(close);
}
