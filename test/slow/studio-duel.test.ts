/** @file The room Duel in Chromium, as the server shows it: its numbers are the library's. Skipped where Chromium is not installed. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { fixed, percent } from "../../src/studio/ui/numbers.ts";
import { DoubtRun } from "../../src/studio/worker/doubt-run.ts";
import { FIRST_DOUBT, FIRST_GAN, FIRST_GUESS } from "../../src/studio/worker/duel-choice.ts";
import { GanRun } from "../../src/studio/worker/gan-run.ts";
import { GuessRun } from "../../src/studio/worker/guess-run.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { NARROW, open, out, settled, shows, violations, WIDE } from "../studio/page/open.ts";
import { server } from "../studio/page/served.ts";

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("Duel shows what the library computes; a Gaussian and a point move by key, drag and touch; the link gives the same pixels", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${server.url}#duel`);
    const time = (step: number): Promise<unknown> =>
      page.waitForFunction((to) => document.getElementById("step")?.textContent === String(to), step);
    const gan = new GanRun(FIRST_GAN);
    await shows(page, "near-real", percent(gan.answer().nearReal));
    await page.locator("h1").click({ force: true });
    await page.keyboard.press("Shift+>");
    await time(100);
    while (gan.step < 100) gan.advance(100);
    const found = gan.answer();
    await shows(page, "says", `${fixed(found.saysReal, 3)}, ${fixed(found.saysFake, 3)}`);
    expect([await out(page, "modes"), await out(page, "near")]).toEqual([`${found.modes} of 8`, percent(found.near)]);
    await settled(page);
    const pixels = (): Promise<string> => page.evaluate(() => document.querySelector<HTMLCanvasElement>(".stage canvas")!.toDataURL());
    const before = await pixels();
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.reload();
    await time(100);
    await settled(page);
    expect(await pixels()).toBe(before);
    expect(await violations(page)).toEqual([]);
    const box = (await page.locator(".duel .square canvas").boundingBox())!;
    const at = (x: number, y: number): [number, number] => [
      box.x + (box.width * (x / 1.6 + 1)) / 2,
      box.y + (box.height * (1 - y / 1.6)) / 2,
    ];
    const value = (label: string): Promise<string> => page.getByLabel(label, { exact: true }).inputValue();
    await page.touchscreen.tap(...at(0, 1));
    expect(await value("Gaussian")).toBe("3");
    await page.mouse.move(...at(0, 1));
    await page.mouse.down();
    await page.mouse.move(...at(0.3, 0.4), { steps: 4 });
    await page.mouse.up();
    await time(0);
    expect(Math.abs(Number(await value("y")) - 0.4)).toBeLessThan(0.03);
    await page.getByLabel("x, slider").press("ArrowRight");
    expect(Number(await value("x"))).toBeGreaterThan(0.3);
    await page.getByLabel("Doubt", { exact: true }).click();
    const doubt = new DoubtRun(FIRST_DOUBT);
    doubt.advance(40);
    await shows(page, "rmse", fixed(doubt.answer().rmse));
    await shows(page, "noise", fixed(doubt.answer().noise));
    const width = (await out(page, "width"))!;
    await page.locator(".duel h2").first().click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr", { hasText: "mean width" }).locator("td").first().textContent()).toBe(width);
    await page.keyboard.press("t");
    await page.getByLabel("Point, slider").press("ArrowRight");
    expect(await value("Point")).toBe("2");
    await page.getByText("Add at the line", { exact: true }).click();
    expect(await value("Point")).toBe("21");
    await page.waitForFunction((text) => document.querySelector("[data-out=width]")?.textContent !== text, width);
    expect(Number(await out(page, "width"))).toBeLessThan(Number(width));
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Duel guesses gradients: cosines and shares are the library's", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...WIDE }, `${server.url}#duel`);
    await page.getByLabel("Guessed gradients", { exact: true }).click();
    await shows(page, "busy", "100.0 %");
    await page.locator("h1").click();
    await page.keyboard.press("Shift+>");
    await page.waitForFunction(() => document.getElementById("step")?.textContent === "100");
    const run = new GuessRun(FIRST_GUESS);
    while (run.step < 100) run.advance(100);
    const { right, cosines } = run.answer();
    await shows(page, "by-guesses", percent(right[0]!));
    expect([await out(page, "by-none"), await out(page, "by-backpropagation")]).toEqual([percent(right[1]!), percent(right[2]!)]);
    await page.keyboard.press("t");
    const row = page.locator(".table tbody tr", { hasText: "cosine, stage 3" }).locator("td");
    expect(await row.textContent()).toBe(cosines[2]!.toFixed(2).replace("-", "−"));
    await page.keyboard.press("t");
    await page.getByLabel("True, λ, slider").press("ArrowRight");
    await shows(page, "busy", "25.0 %");
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
