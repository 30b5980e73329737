/** @file The room Decide in Chromium, as the server shows it: its numbers are the library's, and the solver runs in a worker. Skipped where Chromium is not installed. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { planRails, thresholdPlan } from "../../src/demo/planning/rail-plan.ts";
import { BEST_CREW, crewCost, crewTask, policiesOf, railCost, railNumbers, railTask } from "../../src/studio/worker/decide-choice.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { layoutFaults, NARROW, open, out, settled, shows, violations, WIDE } from "../studio/page/open.ts";
import { server } from "../studio/page/served.ts";

const type = async (page: Page, label: string, value: string): Promise<void> => {
  const box = page.getByRole("spinbutton", { name: label, exact: true });
  await box.fill(value);
  await box.press("Enter");
};

/** Drags a chip onto a cell. */
async function drag(page: Page, chip: string, cell: string): Promise<void> {
  const middle = async (name: string): Promise<[number, number]> => {
    const { x, y, width, height } = (await page.locator(name).boundingBox())!;
    return [x + width / 2, y + height / 2];
  };
  await page.locator(".board").scrollIntoViewIfNeeded();
  await page.mouse.move(...(await middle(`[data-chip="${chip}"]`)));
  await page.mouse.down();
  await page.mouse.move(...(await middle(`[data-cell="${cell}"]`)), { steps: 4 });
  await page.mouse.up();
}

const broken = (page: Page): Promise<string[]> => page.locator(".verdict.bad li").allTextContents();

describe("served", () => {
  test("the solver comes from its package, and its worker may neither run text nor send anything away", async () => {
    const answers = await Promise.all(["highs.js", "highs.wasm", "solver.js"].map((name) => fetch(server.url + name)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map(({ headers }) => headers.get("content-type"))).toEqual([
      "text/javascript; charset=utf-8",
      "application/wasm",
      "text/javascript; charset=utf-8",
    ]);
    const policy = answers[2]!.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy.replaceAll("'wasm-unsafe-eval'", "")).not.toContain("unsafe");
    expect((await fetch(`${server.url}highs.mjs`)).status).toBe(404);
  });
});

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("rails: threshold, cost of a failure and work move by key, drag and touch; costs are the library's; the link gives the same pixels", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${server.url}#decide`);
    const [task, dear] = [railTask(7), railTask(7, 400)];
    await shows(page, "shown", thresholdPlan(task).cost.toFixed(2));
    expect([await out(page, "shown"), await out(page, "best-plan")]).toEqual(["203.09", "165.14"]);
    await page.getByLabel("Threshold, slider").press("ArrowLeft");
    await page.getByLabel("Threshold, slider").press("ArrowLeft");
    await type(page, "Threshold", "0.3");
    await shows(page, "shown", thresholdPlan(task, 0.3).cost.toFixed(2));
    await type(page, "Failure cost", "400");
    await shows(page, "best-plan", "372.76");
    expect([await out(page, "shown"), await out(page, "most-often-right"), await out(page, "cheapest")]).toEqual([
      thresholdPlan(dear, 0.3).cost.toFixed(2),
      thresholdPlan(dear, 0.5).cost.toFixed(2),
      "443.12",
    ]);
    await type(page, "Failure cost", "100");
    await page.getByLabel("Best", { exact: true }).check({ force: true });
    await shows(page, "shown", "165.14");
    // Work moves to another week by a drag and back by a key; what is pressed on the picture is chosen.
    const numbers = railNumbers(policiesOf([0, 0, 1, 1, 1, 0, 0, 0, 3, 3, 0, 0, 3, 3, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0]));
    await drag(page, "2", "0 4");
    await shows(page, "shown", railCost(policiesOf(numbers.with(2, 9)), task).toFixed(2));
    expect(await broken(page)).toEqual(["✗ segment 3 is urgent: it must be treated by week 4"]);
    await page.locator('[data-chip="2"]').press("ArrowLeft");
    await shows(page, "shown", railCost(policiesOf(numbers.with(2, 7)), task).toFixed(2));
    expect(await broken(page)).toEqual([]);
    await page.locator(".segments-box").scrollIntoViewIfNeeded();
    const picture = (await page.locator(".segments-box canvas").boundingBox())!;
    await page.touchscreen.tap(picture.x + picture.width - 10, picture.y + 10);
    expect(await page.getByLabel("Segment", { exact: true }).inputValue()).toBe("8");
    await page.getByLabel("Work", { exact: true }).selectOption("replace");
    await shows(page, "shown", railCost(policiesOf(numbers.with(2, 7).with(7, 2)), task).toFixed(2));
    const cost = (await out(page, "shown"))!;
    await page.locator("h1").click({ force: true });
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr", { hasText: "shown" }).locator("td").last().textContent()).toBe(cost);
    expect(
      await page
        .locator(".table tbody tr", { hasText: /^segment 8/ })
        .locator("td")
        .last()
        .textContent(),
    ).toBe("replace, week 1");
    await page.keyboard.press("t");
    await settled(page);
    const pixels = (): Promise<string[]> => page.evaluate(() => [...document.querySelectorAll("canvas")].map((each) => each.toDataURL()));
    const before = await pixels();
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.waitForTimeout(500);
    await page.reload();
    await shows(page, "shown", cost);
    await settled(page);
    expect(await pixels()).toEqual(before);
    expect(await violations(page)).toEqual([]);
    expect(await layoutFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("rails: the solver finds the plan of another instance, and of the stated one the stored plan", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...WIDE }, `${server.url}#decide`);
    await type(page, "Instance", "11");
    await shows(page, "best-plan", "–");
    await page.getByText("Solve", { exact: true }).click();
    const { cost } = await planRails(railTask(11), { gap: 1e-4 });
    await shows(page, "best-plan", cost.toFixed(2));
    await shows(page, "shown", cost.toFixed(2));
    expect(await broken(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("crews: moved by drag and key; what breaks is told; a stranger at a gate is a row without a solution, to the solver too", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...WIDE }, `${server.url}#decide`);
    await page.getByLabel("Crews", { exact: true }).check({ force: true });
    const task = crewTask(6);
    await shows(page, "cost", crewCost(BEST_CREW.plan, task).toFixed(2));
    expect(await out(page, "best")).toBe("59.43");
    // Crew 1 from site 4 to where nothing is open on the first day.
    await drag(page, "0 0", "0 0");
    const moved = BEST_CREW.plan.with(0, 0);
    await shows(page, "cost", crewCost(moved, task).toFixed(2));
    expect(await broken(page)).toEqual([
      "✗ crew 1 at site 1 on day 1: the site opens on day 3",
      "✗ site 1 needs 5 days of work and gets 6",
      "✗ site 4 needs 5 days of work and gets 4",
    ]);
    await page.getByText("Back to the best plan").click();
    await shows(page, "broken", "0");
    // The first day of work changes places with the second, which is the same site: nothing breaks. To the site above it does.
    await page.locator('[data-chip="0 0"]').press("ArrowRight");
    await shows(page, "broken", "0");
    await page.locator('[data-chip="0 1"]').press("ArrowUp");
    await shows(page, "cost", crewCost(BEST_CREW.plan.with(1, 2), task).toFixed(2));
    await page.getByText("Back to the best plan").click();
    await page.getByLabel("At a gate").selectOption("an unknown face");
    await shows(page, "broken", "1");
    expect((await broken(page))[0]).toContain("gate of site 1: nobody knows this face, so its row is 0 = 1");
    await page.locator('[data-chip="gate"]').press("ArrowDown");
    expect((await broken(page))[0]).toContain("gate of site 2");
    await page.getByText("Solve", { exact: true }).click();
    await page.locator("[data-out=solver]", { hasText: "gate_of_site_2" }).waitFor();
    expect(await out(page, "best")).toBe("none");
    await page.keyboard.press("Escape");
    await page.locator("h1").click({ force: true });
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr", { hasText: "cost of the plan" }).locator("td").first().textContent()).toBe("59.43");
    await page.keyboard.press("t");
    expect(await violations(page)).toEqual([]);
    expect(await layoutFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("without the solver the room says so, and the stored plan stays", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${server.url}#boundary`);
    await page.evaluate(() => document.querySelector("meta[name=nabla-solver]")!.remove());
    await page.evaluate(() => {
      location.hash = "#decide";
    });
    await page.locator("[data-out=solver]", { hasText: "npm install highs" }).waitFor();
    expect(await out(page, "best-plan")).toBe("165.14");
    expect(await page.getByText("Solve", { exact: true }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
