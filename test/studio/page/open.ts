/** @file The studio in Chromium: opened as a reader would, and looked at. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";

export const ONE = fileURLToPath(new URL("../../../dist/studio/one.html", import.meta.url));

export interface Look {
  readonly theme: "light" | "dark";
  readonly width: number;
  readonly height: number;
}

export const WIDE: Omit<Look, "theme"> = { width: 1280, height: 800 };
export const NARROW: Omit<Look, "theme"> = { width: 390, height: 844 };

/** What the page gives to tests. */
export interface Handle {
  readonly nablaStudio: {
    readonly studio: {
      step(): number;
      stats(): Readonly<Record<string, number>>;
      seek(step: number): void;
      pause(): void;
      play(): void;
      saved(): Promise<{ step: number; weights: number[] }>;
    };
    readonly drawTimes: readonly number[];
  };
}

/** A page, and what it complained of. */
export async function open(
  browser: Browser,
  look: Look,
  url: string = pathToFileURL(ONE).href,
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.theme,
    hasTouch: look.width < 500,
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  // What has not come in a minute never comes; the reason is then in the message.
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(url);
  await ready(page);
  return { page, complaints };
}

/** Waits until the first frame was drawn. */
export async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => (globalThis as unknown as Handle).nablaStudio?.studio.stats().trainLoss > 0);
}

/** What the page shows under a name. */
export const out = (page: Page, name: string): Promise<string | null> => page.locator(`[data-out=${name}]`).textContent();

/** Waits until the page shows that. */
export const shows = (page: Page, name: string, text: string): Promise<void> =>
  page
    .locator(`[data-out=${name}]`)
    .filter({ hasText: new RegExp(`^${text}$`) })
    .waitFor();

/** Goes to a step and waits there. */
export async function seek(page: Page, step: number): Promise<void> {
  await page.evaluate((to) => {
    (globalThis as unknown as Handle).nablaStudio.studio.seek(to);
  }, step);
  await page.waitForFunction((to) => (globalThis as unknown as Handle).nablaStudio.studio.step() === to, step);
  await settled(page);
}

/** Two frames later: what was asked for is drawn. */
export async function settled(page: Page): Promise<void> {
  await page.waitForTimeout(150);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

export const weights = (page: Page): Promise<number[]> =>
  page.evaluate(async () => (await (globalThis as unknown as Handle).nablaStudio.studio.saved()).weights);

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What a checker of accessibility finds wrong: rule, and the first place. */
export async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
    };
    const found = await axe.run();
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 160)} ${nodes[0]!.failureSummary.slice(0, 200)}`);
  });
}

/** What is cut off at its right, and controls that lie over one another. */
export function layoutFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const name = (e: Element): string =>
      `${e.tagName.toLowerCase()}.${e.getAttribute("class") ?? ""} "${(e.textContent ?? "").slice(0, 30)}"`;
    const isShown = (e: Element): boolean => e.checkVisibility() && !e.closest(".hidden, svg, math, [aria-hidden=true]");
    const faults: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} wide, its window ${root.clientWidth}`);
    for (const e of document.querySelectorAll("#app *")) {
      if (!isShown(e) || e.clientWidth === 0) continue;
      const { overflowX, display } = getComputedStyle(e);
      if (display === "inline" || overflowX === "auto" || overflowX === "scroll") continue;
      if (e.scrollWidth > e.clientWidth + 1) faults.push(`cut off: ${name(e)}`);
    }
    const controls = [...document.querySelectorAll("#app :is(button, select, input, summary)")].filter(
      (e) => isShown(e) && !e.closest(".segments"),
    );
    const boxes = controls.map((e) => e.getBoundingClientRect());
    const bar = document.querySelector(".transport")!;
    for (let i = 0; i < boxes.length; i++) {
      for (let j = i + 1; j < boxes.length; j++) {
        // What is scrolled lies below the bar of time.
        if (bar.contains(controls[i]!) !== bar.contains(controls[j]!)) continue;
        const [a, b] = [boxes[i]!, boxes[j]!];
        const [w, h] = [Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
        if (w > 1 && h > 1) faults.push(`overlap: ${name(controls[i]!)} and ${name(controls[j]!)}`);
      }
    }
    return faults;
  });
}
