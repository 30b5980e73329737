/** @file The room Norm in Chromium, as the server shows it: its numbers are the library's. Skipped where Chromium is not installed. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { exact, fixed, percent } from "../../src/studio/ui/numbers.ts";
import { bagging, fitting } from "../../src/studio/worker/fitting.ts";
import { masks } from "../../src/studio/worker/masks.ts";
import {
  FIRST_BAGGING,
  FIRST_DROPOUT,
  FIRST_FITTING,
  FIRST_NORMS,
  FIRST_PENALTIES,
  FEATURES_SHOWN as N,
} from "../../src/studio/worker/norm-choice.ts";
import { averages, norms } from "../../src/studio/worker/norms.ts";
import { matricesOf, penalties } from "../../src/studio/worker/penalties.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { layoutFaults, NARROW, open, out, settled, shows, violations, WIDE, weights } from "../studio/page/open.ts";
import { server } from "../studio/page/served.ts";

const value = (page: Page, label: string): Promise<string> => page.getByLabel(label, { exact: true }).inputValue();

const pixels = (page: Page): Promise<string> =>
  page.evaluate(() => document.querySelector<HTMLCanvasElement>(".stage canvas")!.toDataURL());

/** Whole and accessible, as each view of the room is to be. */
async function isWhole(page: Page): Promise<void> {
  await settled(page);
  expect(await violations(page)).toEqual([]);
  expect(await layoutFaults(page)).toEqual([]);
}

/** The table has what the view shows under a name. */
async function tableHas(page: Page, row: string, name: string): Promise<void> {
  await page.locator(".norm").click({ position: { x: 1, y: 1 } });
  await page.keyboard.press("t");
  const cell = page.locator(".table tbody tr", { hasText: row }).first().locator("td");
  expect(await cell.textContent()).toBe(await out(page, name));
  await page.keyboard.press("t");
}

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("norms are the library's; a dot moves by key, drag and touch; a link gives the same pixels", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${server.url}#norm`);
    const first = norms(FIRST_NORMS);
    await shows(page, "mean", fixed(first.mean[0]!));
    expect([await out(page, "running-var"), await out(page, "bessel")]).toEqual([fixed(first.runningVar[0]!), fixed(8 / 7)]);
    expect([await out(page, "scale"), await out(page, "shift")]).toEqual([exact(first.scale[0]!), exact(first.shift[0]!)]);
    const { moving, losses } = averages();
    await shows(page, "moving", fixed(Math.abs(moving[59]!)));
    expect(await out(page, "averaged-loss")).toBe(fixed(losses[59]!));
    await page.getByLabel("z, slider").press("ArrowRight");
    const lifted = norms({ ...FIRST_NORMS, values: FIRST_NORMS.values.map((z, k) => (k === 0 ? 2.5 : z)) });
    await shows(page, "mean", fixed(lifted.mean[0]!));
    await page.getByLabel("eval", { exact: true }).check();
    await page.getByLabel("Layer", { exact: true }).check();
    await shows(page, "length", fixed(lifted.length[0]!));
    expect(await out(page, "row-mean")).toBe(fixed(lifted.rowMean[0]!));
    await tableHas(page, "spread, s/√n", "row-spread");
    const canvas = page.locator(".norm-pair canvas").first();
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    const at = (feature: number, z: number): [number, number] => [
      box.x + 30 + ((feature - 0.5) / N) * (box.width - 36),
      box.y + 10 + ((6 - z) / 12) * (box.height - 34),
    ];
    await page.touchscreen.tap(...at(2, -4.4));
    expect([await value(page, "Column"), await value(page, "Example")]).toEqual(["2", "5"]);
    await page.mouse.move(...at(4, 4.6));
    await page.mouse.down();
    await page.mouse.move(...at(4, 1), { steps: 4 });
    await page.mouse.up();
    expect([await value(page, "Column"), await value(page, "Example")]).toEqual(["4", "3"]);
    expect(Math.abs(Number(await value(page, "z")) - 1)).toBeLessThan(0.1);
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.waitForFunction(() => document.querySelector(".stage")!.getAttribute("aria-busy") === "false");
    await settled(page);
    const [before, spread] = [await pixels(page), (await out(page, "row-spread"))!];
    await page.reload();
    await shows(page, "row-spread", spread);
    await settled(page);
    expect(await pixels(page)).toBe(before);
    await isWhole(page);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("penalties and dropout are the library's, in the net of the run too", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...NARROW }, `${server.url}#norm`);
    await page.getByLabel("Penalties", { exact: true }).check();
    const l1 = penalties(FIRST_PENALTIES);
    await shows(page, "w2", exact(l1.weights[1]!));
    expect([await out(page, "w1"), await out(page, "corner"), await out(page, "zeros")]).toEqual(["0", "1", "17 of 17"]);
    await page.getByLabel("L2", { exact: true }).check();
    await shows(page, "w1", exact(penalties({ ...FIRST_PENALTIES, kind: "l2" }).weights[0]!));
    const run = matricesOf({ weights: await weights(page), widths: [2, 8, 8, 1] });
    const rows = page.locator(".norm-matrices tbody tr");
    expect(await rows.first().locator("td").allTextContents()).toEqual([fixed(run[0]!.spectral), fixed(run[0]!.frobenius)]);
    const square = page.locator(".norm-plane canvas");
    await square.scrollIntoViewIfNeeded();
    const box = (await square.boundingBox())!;
    await page.touchscreen.tap(box.x + box.width * 0.75, box.y + box.height * 0.75);
    expect([await value(page, "w₁*"), await value(page, "w₂*")].map((w) => Math.round(10 * Number(w)))).toEqual([15, -15]);
    await tableHas(page, "weights that are exactly 0", "corner");
    await isWhole(page);
    await page.getByLabel("Dropout", { exact: true }).check();
    const found = masks(FIRST_DROPOUT);
    await shows(page, "scaled", fixed(found.scaled));
    const mean = (k: number): string => fixed(found.outputs.slice(0, k).reduce((a, b) => a + b) / k);
    expect([await out(page, "mean-of-masks"), await out(page, "mean-of-all")]).toEqual([mean(12), fixed(found.mean)]);
    expect(await out(page, "subnetworks")).toBe("1\u202f024");
    // Both are 0 but for the last bit, which depends on the processor's instructions.
    expect(
      [found.geometric, Number(await out(page, "geometric").then((text) => text!.replace("−", "-")))].every((x) => Math.abs(x) < 1e-12),
    ).toBe(true);
    await page.getByLabel("linear units", { exact: true }).check();
    await shows(page, "difference", "0");
    await tableHas(page, "weight scaling, once", "scaled");
    await isWhole(page);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("bagging and fitting are the library's; a remedy is taken", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${server.url}#norm`);
    await page.getByLabel("Bagging", { exact: true }).check();
    const bags = bagging(FIRST_BAGGING);
    await shows(page, "together", fixed(bags.byMembers.at(-1)!));
    expect([await out(page, "share"), await out(page, "limit")]).toEqual([percent(bags.shares.at(-1)![1]), "63.2 %"]);
    await tableHas(page, "of one model on all examples", "alone");
    await isWhole(page);
    await page.getByLabel("Fitting", { exact: true }).check();
    const over = fitting(FIRST_FITTING);
    await shows(page, "verdict", over.verdict);
    expect([await out(page, "train-error"), await out(page, "test-error")]).toEqual([fixed(over.trainError), fixed(over.testError)]);
    await page.getByRole("button", { name: "a smaller model" }).click();
    await shows(page, "test-error", fixed(fitting({ ...FIRST_FITTING, degree: FIRST_FITTING.degree - 2 }).testError));
    await tableHas(page, "gap", "gap");
    await isWhole(page);
    // With the lessons beside it the room has less width: the controls lie below.
    await page.keyboard.press("l");
    await page.locator(".lessons").waitFor();
    await isWhole(page);
    const [stage, controls] = [await page.locator(".stage").boundingBox(), await page.locator(".controls").boundingBox()];
    expect(stage!.width).toBeGreaterThan(300);
    expect(controls!.y).toBeGreaterThanOrEqual(stage!.y + stage!.height);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
