/**
 * @file The studio as readers meet it, in Chromium: two tabs, reloads, the way back, storage that is forbidden, links that say what cannot be, a server that was
 * started again, paper. Skipped where Chromium is not installed.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, describe, expect, test } from "vitest";
import { writePlace } from "../../src/studio/state/url.ts";
import { DEFAULT } from "../../src/studio/worker/config.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { type Handle, layoutFaults, NARROW, ONE, open, ready, seek, WIDE } from "../studio/page/open.ts";
import { type Server, serve } from "../studio/page/serve.ts";

if (!existsSync(ONE)) throw new Error("dist/studio is missing: npm run build");
const ADDRESS = pathToFileURL(ONE).href;
const folder = mkdtempSync(join(tmpdir(), "nabla-robust-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const step = (page: Page): Promise<number> => page.evaluate(() => (globalThis as unknown as Handle).nablaStudio.studio.step());
const playing = (page: Page): Promise<number> => page.evaluate(() => (globalThis as unknown as Handle).nablaStudio.studio.stats().playing!);
const play = (page: Page): Promise<void> => page.evaluate(() => (globalThis as unknown as Handle).nablaStudio.studio.play());

/** One more page of the same reader. */
async function tab(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await ready(page);
  return page;
}

/** Serves the studio, at a port of its own or at this one. */
const served = (port?: number): Promise<Server> =>
  serve(["studio", folder, ...(port === undefined ? [] : ["--port", String(port)])], folder);

/** Values of the wrong kind for the controls of every room. */
const WRONG: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(["look", "measure", "of", "curve", "formula", "code", "lecture"].map((name) => [name, 7])),
  ...Object.fromEntries(["smoothing", "layer", "place", "z", "a", "T", "stage"].map((name) => [name, "much"])),
  ...Object.fromEntries(["runs", "logits", "w", "values", "net", "matrix", "convolution", "approximation"].map((name) => [name, "none"])),
};

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("two tabs keep each other's runs", async () => {
    const { page: first } = await open(browser, { theme: "light", ...WIDE }, `${ADDRESS}#runs`);
    const second = await tab(first.context(), `${ADDRESS}#runs`);
    const keep = async (page: Page): Promise<void> => {
      await seek(page, 100);
      await page.getByText("Keep this page’s run as it is").click();
    };
    await keep(first);
    await second.locator(".run-name", { hasText: "kept 1" }).waitFor();
    await keep(second);
    await first.locator(".run-name", { hasText: "kept 2" }).waitFor();
    expect(await first.locator(".run-name").allTextContents()).toEqual(["this page", "kept 2", "kept 1"]);
    await first.context().close();
  });

  test("a page that is reloaded while it trains finds its step again", async () => {
    const { page } = await open(browser, { theme: "light", ...WIDE }, `${ADDRESS}#boundary`);
    await play(page);
    await page.waitForFunction(() => (globalThis as unknown as Handle).nablaStudio.studio.step() > 200);
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.reload();
    await ready(page);
    await page.waitForFunction(() => (globalThis as unknown as Handle).nablaStudio.studio.step() > 0);
    expect(await playing(page)).toBe(0);
    await page.context().close();
  });

  test("the way back leads through rooms and changes, and forward again", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${ADDRESS}#boundary`);
    const title = (text: string): Promise<void> => page.locator("h1", { hasText: text }).waitFor();
    await page.getByLabel("Optimizer").selectOption("momentum");
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.getByRole("button", { name: "Units", exact: true }).click();
    await page.waitForFunction(() => location.hash.startsWith("#units"));
    await page.goBack();
    await title("Boundary");
    expect(await page.getByLabel("Optimizer").inputValue()).toBe("momentum");
    await page.goBack();
    await page.waitForFunction(
      () => document.querySelector<HTMLSelectElement>(".controls select:has(option[value=momentum])")?.value === "Adam",
    );
    await page.goForward();
    await page.goForward();
    await title("Units");
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("without storage everything works until the page is closed", async () => {
    const context = await browser.newContext({ viewport: { width: WIDE.width, height: WIDE.height }, reducedMotion: "reduce" });
    await context.addInitScript(() => {
      for (const name of ["getItem", "setItem"] as const)
        Storage.prototype[name] = () => {
          throw new DOMException("The operation is insecure.", "SecurityError");
        };
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${ADDRESS}#runs`);
    await ready(page);
    await seek(page, 60);
    await page.getByText("Keep this page’s run as it is").click();
    await page.locator(".run-name", { hasText: "kept 1" }).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test.each(["boundary", "units", "flow", "spectra", "list", "convolve", "model", "approximate", "runs"])(
    "a link with values of the wrong kind opens the room %s, or says why not",
    async (room) => {
      const { page } = await open(
        browser,
        { theme: "light", ...NARROW },
        `${ADDRESS}#${await writePlace({ room, config: DEFAULT, view: WRONG })}`,
      );
      await page.locator("main .room, main .notice").first().waitFor();
      if ((await page.locator("main .room").count()) === 0) await page.getByText("Show the room as it is at first").click();
      await page.locator("main .room").waitFor();
      expect(await layoutFaults(page)).toEqual([]);
      await page.context().close();
    },
  );

  test("keys move the run while a slider has the focus; a run waits in a room without time, and goes on", async () => {
    const { page } = await open(browser, { theme: "light", ...WIDE }, `${ADDRESS}#boundary`);
    await page.getByLabel("Rate η, slider").focus();
    await page.keyboard.press(" ");
    await page.waitForFunction(() => (globalThis as unknown as Handle).nablaStudio.studio.step() > 20);
    await page.getByRole("button", { name: "List", exact: true }).click();
    await page.locator(".graph").waitFor();
    await page.waitForFunction(() => (globalThis as unknown as Handle).nablaStudio.studio.stats().playing === 0);
    const at = await step(page);
    await page.getByRole("button", { name: "Boundary", exact: true }).click();
    await page.waitForFunction((from) => (globalThis as unknown as Handle).nablaStudio.studio.step() > from, at);
    await page.context().close();
  });

  test("the menu of files is walked by arrows, and left by Escape and by a click elsewhere", async () => {
    const { page } = await open(browser, { theme: "light", ...NARROW }, `${ADDRESS}#boundary`);
    const files = page.locator("[aria-label=Files]");
    await files.click();
    const list = (await page.locator(".menu-list").boundingBox())!;
    expect([list.x >= 0, list.x + list.width <= NARROW.width, list.y + list.height <= NARROW.height]).toEqual([true, true, true]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate(() => document.activeElement!.textContent)).toBe("Save as a page that trains on");
    await page.keyboard.press("Escape");
    expect(await page.locator(".menu-list").count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement!.getAttribute("aria-label"))).toBe("Files");
    await files.click();
    await page.locator(".stage").click({ position: { x: 5, y: 5 } });
    expect(await page.locator(".menu-list").count()).toBe(0);
    await page.context().close();
  });

  test("on paper all of a room is there", async () => {
    const { page } = await open(browser, { theme: "light", ...WIDE }, `${ADDRESS}#spectra`);
    await page.emulateMedia({ media: "print" });
    const hidden = await page.evaluate(() => {
      const { scrollHeight, clientHeight } = document.querySelector("main")!;
      return scrollHeight - clientHeight;
    });
    expect(hidden).toBeLessThanOrEqual(1);
    expect(await page.locator(".rail").isVisible()).toBe(false);
    await page.context().close();
  });

  test("a server that was started again is told of; one that comes back is asked again", async () => {
    mkdirSync(join(folder, "runs"), { recursive: true });
    const { child, url } = await served();
    const { page } = await open(browser, { theme: "light", ...WIDE }, `${url}#runs`);
    const port = Number(new URL(url).port);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
    await page.locator(".bad", { hasText: "The server does not answer" }).waitFor();
    const again = await served(port);
    await page.locator(".bad", { hasText: "Another server is here now" }).waitFor();
    await page.goto(again.url);
    await ready(page);
    again.child.kill();
    await page.context().close();
  });
});
