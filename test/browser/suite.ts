/**
 * @file Runs test files in Workers of an isolated page, with a number of threads, and reports.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, serve } from "../../scripts/page.mjs";
import { bundle, pageFiles, root } from "./bundle.ts";

export interface Outcome {
  /** The test and the groups it is in. */
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly errors: readonly string[];
}

export interface FileReport {
  readonly outcomes: readonly Outcome[];
  readonly ms: number;
}

const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Tests</title>`;

/** Longer than any file takes on a slow machine. */
const FILE_TIMEOUT_MS = 120_000;

/** Runs in the page. A Worker for each file; it is stopped when it has reported, and its helpers with it. */
function runInWorker({ file, threads, timeout }: { file: string; threads: number; timeout: number }): Promise<FileReport> {
  const worker = new Worker("/project/test/browser/worker.ts", { type: "module", name: file });
  return new Promise<FileReport>((resolve) => {
    const broken = (message: string): void => resolve({ outcomes: [{ name: "the file", state: "failed", errors: [message] }], ms: 0 });
    const late = setTimeout(() => broken(`no report after ${timeout / 1000} s`), timeout);
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => broken(`${event.message ?? "a module does not load"} (${event.filename}:${event.lineno})`);
    worker.addEventListener("message", () => clearTimeout(late));
    worker.postMessage({ file, threads });
  }).finally(() => worker.terminate());
}

/** The browser, with all tests that are for a page at hand. */
class PageSuite {
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #close: () => void;

  private constructor(browser: Browser, page: Page, close: () => void) {
    this.#browser = browser;
    this.#page = page;
    this.#close = close;
  }

  static async open(): Promise<PageSuite> {
    const texts = (await bundle(pageFiles())).set("/", PAGE);
    const { url, close } = await serve({ texts, folders: { "/project/": root, "/shared/": join(root, "../shared/") } });
    const browser = await launch();
    const page = await browser.newPage();
    await page.goto(`${url}/`);
    if (!(await page.evaluate(() => crossOriginIsolated))) throw new Error("the page is not isolated");
    return new PageSuite(browser, page, close);
  }

  run(file: string, threads: number): Promise<FileReport> {
    return this.#page.evaluate(runInWorker, { file, threads, timeout: FILE_TIMEOUT_MS });
  }

  async close(): Promise<void> {
    this.#close();
    await this.#browser.close();
  }
}

export interface Run {
  readonly file: string;
  readonly threads: number;
}

/** How many files run at the same time. */
const AT_ONCE = 2;

/** Starts `work` for every item, so many at a time and in order; the results as promises. */
function pooled<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R>[] {
  const results: Promise<R>[] = [];
  for (const [i, item] of items.entries()) {
    const before = results[i - AT_ONCE]?.catch(() => undefined);
    results.push((before ?? Promise.resolve()).then(() => work(item)));
  }
  return results;
}

const count = ({ outcomes }: FileReport, state: Outcome["state"]): number => outcomes.filter((outcome) => outcome.state === state).length;

/** What is said of a file when it is done: the counts, and every skipped test by its name, which says why. */
function lineOf({ file, threads }: Run, report: FileReport): string {
  const skipped = report.outcomes.filter(({ state }) => state === "skipped").map(({ name }) => `\n    skipped: ${name}`);
  const counts = `${count(report, "passed")} passed, ${count(report, "failed")} failed, ${skipped.length} skipped`;
  return `${file} (${threads}): ${counts}, ${(report.ms / 1000).toFixed(1)} s${skipped.join("")}`;
}

/** A test for each run of a file in the page. It fails with the names of the tests that failed in there, and what they said. */
export function testInPage(runs: readonly Run[]): void {
  describe.skipIf(!existsSync(CHROMIUM))("in a page (skipped where Chromium is not installed)", () => {
    let suite: PageSuite | undefined;
    let reports: readonly Promise<FileReport>[] = [];
    beforeAll(async () => {
      const opened = await PageSuite.open();
      suite = opened;
      reports = pooled(runs, async (run) => {
        const report = await opened.run(run.file, run.threads);
        process.stdout.write(`${lineOf(run, report)}\n`);
        return report;
      });
      for (const report of reports) report.catch(() => undefined); // its own test says so
    });
    afterAll(() => suite?.close());

    const names = runs.map(({ file, threads }, i) => [`${file} on ${threads} thread${threads > 1 ? "s" : ""}`, i] as const);
    test.each(names)("%s", async (_, i) => {
      const report = await reports[i]!;
      const failed = report.outcomes.filter(({ state }) => state === "failed");
      expect(failed.map(({ name, errors }) => `${name}\n${errors.join("\n")}`).join("\n\n")).toBe("");
      expect(count(report, "passed")).toBeGreaterThan(0);
    });
  });
}
