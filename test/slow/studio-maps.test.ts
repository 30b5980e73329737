/** @file The room Maps in Chromium: its numbers are the library's. Skipped where Chromium is not installed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { digitImages } from "../../src/data/digits.ts";
import { counted, fixed, percent } from "../../src/studio/ui/numbers.ts";
import { MapsDesk } from "../../src/studio/worker/maps.ts";
import { FIRST_MAPS, MAP_NETS } from "../../src/studio/worker/maps-choice.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { layoutFaults, NARROW, ONE, open, out, settled, shows, violations, WIDE } from "../studio/page/open.ts";
import { type Server, serve } from "../studio/page/serve.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-maps-"));
let server: Server;
beforeAll(async () => {
  server = await serve(["studio"], folder);
});
afterAll(() => {
  server?.child.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("Maps shows what the library computes; a unit is picked by key, drag and touch, an image is drawn; a link gives the same pixels", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${pathToFileURL(ONE).href}#maps`);
    await shows(page, "steps", "100");
    const desk = new MapsDesk();
    const found = await desk.ask(FIRST_MAPS);
    expect(await out(page, "value")).toBe(fixed(found.value));
    expect([await out(page, "field"), await out(page, "accuracy")]).toEqual(["8 × 8", percent(found.accuracy)]);
    const likely = [...found.probabilities].sort((a, b) => b - a).slice(0, 4);
    expect(await page.locator(".likely output").allTextContents()).toEqual(likely.map((p) => percent(p)));
    await page.getByLabel("Layer, slider").press("ArrowLeft");
    const { sum, value } = await desk.ask({ ...FIRST_MAPS, layer: 3 });
    expect(sum!.windows.length).toBe(8);
    await shows(page, "value", fixed(value));
    await shows(page, "sum", fixed(value));
    const first = page.locator(".map-tiles canvas").first();
    await first.scrollIntoViewIfNeeded();
    const row = (await first.boundingBox())!;
    await page.touchscreen.tap(row.x + row.width - 6, row.y + 6);
    await shows(page, "field", "3 × 3");
    const channel = (): Promise<string> => page.getByLabel("Channel", { exact: true }).inputValue();
    expect(await channel()).toBe("7");
    await page.mouse.move(row.x + row.width - 6, row.y + 6);
    await page.mouse.down();
    await page.mouse.move(row.x + 6, row.y + 6, { steps: 3 });
    await page.mouse.up();
    await expect.poll(channel, { timeout: 20_000 }).toBe("0");
    const image = page.locator(".maps-image canvas");
    const pixels = (): Promise<string> => image.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
    await page.getByLabel("saliency", { exact: true }).check();
    await image.focus();
    const before = await pixels();
    await image.press("Enter");
    await image.blur();
    await expect.poll(pixels, { timeout: 20_000 }).not.toBe(before);
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.waitForFunction(() => document.querySelector(".stage")!.getAttribute("aria-busy") === "false");
    await settled(page);
    const drawn = await pixels();
    await page.reload();
    await shows(page, "steps", "100");
    await expect.poll(pixels, { timeout: 20_000 }).toBe(drawn);
    await page.locator("h1").click({ force: true });
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr").first().locator("td").textContent()).toBe(await out(page, "value"));
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("three 3 × 3 see what one 7 × 7 sees; LeNet-5 reads the digits of the served page; the lessons lie beside it", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...WIDE }, `${server.url}#maps`);
    await page.getByLabel("Net", { exact: true }).selectOption(MAP_NETS[1]);
    await shows(page, "three", counted(1728));
    await shows(page, "one", counted(3136));
    await shows(page, "field", "7 × 7");
    const choice = { ...FIRST_MAPS, net: "LeNet-5", data: "digits" } as const;
    await page.getByLabel("Images", { exact: true }).selectOption("digits");
    await page.getByLabel("Net", { exact: true }).selectOption("LeNet-5");
    await shows(page, "parameters", counted(61_706));
    await shows(page, "steps", "100");
    const found = await new MapsDesk({ digits: digitImages }).ask(choice);
    await shows(page, "value", fixed(found.value));
    expect(await out(page, "accuracy")).toBe(percent(found.accuracy));
    expect(await layoutFaults(page)).toEqual([]);
    await page.keyboard.press("l");
    await page.locator(".lessons").waitFor();
    await settled(page);
    expect(await layoutFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
