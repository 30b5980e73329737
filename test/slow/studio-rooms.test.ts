/**
 * @file The rooms Flow and Runs in Chromium: what they show is what the library computes and what the runs' files say; a run that trains in Node is watched, paused,
 * found again and stopped; its server answers nobody else. Skipped where Chromium is not installed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { exact, fixed, percent } from "../../src/studio/ui/numbers.ts";
import { approximate } from "../../src/studio/worker/approximate.ts";
import { FIRST_APPROXIMATION } from "../../src/studio/worker/approximate-choice.ts";
import { convolve } from "../../src/studio/worker/convolve.ts";
import { FIRST_CONVOLUTION } from "../../src/studio/worker/convolve-choice.ts";
import { FIRST_NET } from "../../src/studio/worker/deep-net.ts";
import { FlowDesk } from "../../src/studio/worker/flow.ts";
import { type LandscapeAnswers, LandscapeDesk } from "../../src/studio/worker/landscape.ts";
import { FIRST_LAND, LEVELS, LOOKS_AT, levelOf, STARTS } from "../../src/studio/worker/landscape-choice.ts";
import { FIRST_MATRIX } from "../../src/studio/worker/matrix-choice.ts";
import { spectrumOf } from "../../src/studio/worker/spectra.ts";
import type { LiveLook, LiveLooks, RunList } from "../../src/train/run-record.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { type Handle, layoutFaults, NARROW, ONE, open, out, seek, settled, shows, violations, WIDE } from "../studio/page/open.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
if (!existsSync(ONE)) throw new Error("dist/studio is missing: npm run build");

const folder = mkdtempSync(join(tmpdir(), "nabla-studio-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasChromium)("in Chromium", () => {
  test("Flow shows what the instruments measure; a remedy mends the net; the table has the same numbers", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${pathToFileURL(ONE).href}#flow`);
    const desk = new FlowDesk();
    const before = await desk.ask({ net: FIRST_NET });
    await shows(page, "ratio", fixed(before.ratio));
    expect(await out(page, "gradient")).toBe(fixed(before.layers[0]!.gradient));
    expect(await out(page, "upper")).toBe(fixed(before.bounds.upper));
    expect(await out(page, "activations")).toBe("9.5e−7");
    await page.locator(".finding strong", { hasText: "The gradient vanishes" }).waitFor();
    await page.locator("h1").click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr").first().textContent()).toContain((await out(page, "gradient"))!);
    await page.keyboard.press("t");
    for (const remedy of ["layer norm", "residual"]) await page.getByRole("button", { name: remedy }).click();
    await page.locator(".finding strong", { hasText: "The gradient arrives" }).waitFor();
    const after = await desk.ask({ net: { ...FIRST_NET, norm: "layer norm", residual: true } });
    await shows(page, "ratio", fixed(after.ratio));
    expect(await violations(page)).toEqual([]);
    await page.getByLabel("Layer", { exact: true }).fill("7");
    await page.getByLabel("Layer", { exact: true }).press("Enter");
    await shows(page, "gradient", fixed(after.layers[6]!.gradient));
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Flow follows the net of the run", async () => {
    const { page } = await open(browser, { theme: "light", ...WIDE }, `${pathToFileURL(ONE).href}#flow`);
    await page.getByLabel("The net of the run").click();
    await page.locator(".flow .hint", { hasText: "3 layers" }).waitFor();
    await page.waitForFunction(() => document.querySelector("[data-out=vector-first]")?.textContent === "72");
    const first = await out(page, "truth");
    await seek(page, 300);
    await page.waitForFunction((text) => document.querySelector("[data-out=truth]")?.textContent !== text, first);
    await page.context().close();
  });

  test("Spectra shows what the library computes, for the lecture's numbers; the circle is turned by key", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${pathToFileURL(ONE).href}#spectra`);
    const found = spectrumOf(FIRST_MATRIX);
    await shows(page, "largest", fixed(found.values[0]!));
    expect([await out(page, "upper"), await out(page, "law-mean")]).toEqual(["2.000", "0.849"]);
    await page.getByLabel("Example").selectOption("He, 4/(n+m)");
    await shows(page, "upper", "2.828");
    await page.getByLabel("Example").selectOption("A signal in noise");
    await shows(page, "outliers", "1");
    await page.locator("h1").click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr").first().textContent()).toContain((await out(page, "largest"))!);
    const before = await out(page, "stretch");
    await page.getByLabel("Angle of y, slider").press("ArrowRight");
    await page.waitForFunction((text) => document.querySelector("[data-out=stretch]")?.textContent !== text, before);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Landscape: the race and the slope show what the library computes; the ball moves by key, drag and touch; the same link, the same pixels", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${pathToFileURL(ONE).href}#landscape`);
    const library = new LandscapeDesk();
    const race = { ask: "race", surface: "valley", at: [-1.5, 1.2], race: FIRST_LAND } as const;
    const { ways } = library.ask(race) as LandscapeAnswers["race"];
    for (const { name, values, at } of ways) {
      await shows(page, `above-${name}`, fixed(values[100]!));
      expect(await out(page, `distance-${name}`)).toBe(fixed(Math.hypot(...at[100]!)));
    }
    const ball = async (axis: "x" | "y"): Promise<number> => Number(await page.getByLabel(`Ball, ${axis}`, { exact: true }).inputValue());
    await page.getByLabel("Ball, x, slider").press("ArrowRight");
    expect(await ball("x")).toBeCloseTo(-1.48, 6);
    const map = page.locator(".stage canvas");
    await map.scrollIntoViewIfNeeded();
    const box = (await map.boundingBox())!;
    await page.touchscreen.tap(box.x + 0.75 * box.width, box.y + 0.25 * box.height);
    expect(await ball("x")).toBeCloseTo(1, 0);
    expect(await ball("y")).toBeCloseTo(1, 0);
    await page.mouse.move(box.x + 0.75 * box.width, box.y + 0.25 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.25 * box.width, box.y + 0.75 * box.height, { steps: 3 });
    await page.mouse.up();
    expect(await ball("x")).toBeCloseTo(-1, 0);
    expect(await ball("y")).toBeCloseTo(-1, 0);
    await page.getByLabel("SGD takes part").click();
    await page.locator("[data-out=above-SGD]").waitFor({ state: "detached" });
    await page.waitForFunction(() => location.hash.includes("?c="));
    await page.getByLabel("Example").selectOption("Slow at the end");
    await shows(page, "left-SGD", fixed((1 - 0.019) ** 2));
    await page.getByLabel("Example").selectOption("The slope in a direction");
    const asked = { ask: "slope", surface: "two minima", at: [0.6, 0.5], degrees: 30, alpha: 0.5 } as const;
    const slope = library.ask(asked) as LandscapeAnswers["slope"];
    await shows(page, "along", fixed(slope.along));
    expect([await out(page, "dot"), await out(page, "steepest")]).toEqual([fixed(slope.along), fixed(Math.hypot(...slope.gradient))]);
    for (const [alpha, error] of slope.errors)
      expect(await page.locator(`[data-out="error-${alpha}"]`).textContent()).toBe(fixed(error, 2));
    const dial = page.locator(".dial canvas");
    const { width, height } = (await dial.boundingBox())!;
    await dial.tap({ position: { x: 0.5 * width, y: 0.1 * height } });
    await expect.poll(() => page.getByLabel("Angle of u", { exact: true }).inputValue()).toBe("90");
    const upward = fixed(slope.gradient[1]);
    await shows(page, "dot", upward);
    await shows(page, "along", upward);
    await page.locator(".landscape .outs").first().click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr").first().locator("td").textContent()).toBe(upward);
    await page.keyboard.press("t");
    expect(await violations(page)).toEqual([]);
    await settled(page);
    await page.waitForTimeout(500);
    const pixels = (): Promise<string> => page.evaluate(() => document.querySelector<HTMLCanvasElement>(".stage canvas")!.toDataURL());
    const before = await pixels();
    await page.reload();
    await shows(page, "along", upward);
    await expect.poll(pixels, { timeout: 30_000 }).toBe(before);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Landscape: a thousand starts end where the lecture says; the run of the page has its way, its loss in the middle, and a table", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...WIDE }, `${pathToFileURL(ONE).href}#landscape`);
    await seek(page, 300);
    await page.getByLabel("Example").selectOption("The run of this page");
    await shows(page, "moments", "6");
    await page.waitForFunction(() => document.querySelector("[data-out=centre]")!.textContent !== "–");
    const loss = await page.evaluate(() => (globalThis as unknown as Handle).nablaStudio.studio.stats().trainLoss!);
    expect(Number(await out(page, "centre"))).toBeCloseTo(loss, 3);
    await page.waitForFunction(() => document.querySelector("[data-out=to]")!.textContent !== "–");
    expect(await out(page, "to")).toBe(await out(page, "centre"));
    expect(await violations(page)).toEqual([]);
    await page.locator("h1").click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr").first().locator("td").textContent()).toBe(await out(page, "centre"));
    await page.keyboard.press("t");
    await page.getByLabel("Example").selectOption("A thousand nets 2-2-1");
    await page.locator("[aria-busy=false]", { hasText: "Where they start" }).waitFor();
    const { losses } = new LandscapeDesk().ask({
      ask: "starts",
      hidden: 2,
      seed: 1,
      look: LOOKS_AT.length - 1,
    }) as LandscapeAnswers["starts"];
    for (const i of LEVELS.keys())
      expect(await out(page, `level-${i}`)).toBe(percent(losses.filter((x) => levelOf(x) === i).length / STARTS));
    await page.getByLabel("Pin A, slider").press("ArrowRight");
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Convolve shows the lecture’s numbers; its window moves by key, by drag and by touch; the table has the same numbers", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${pathToFileURL(ONE).href}#convolve`);
    const example = (name: string): Promise<string[]> => page.getByLabel("Example").selectOption(name);
    await example("The lecture’s window");
    await shows(page, "sum", "65");
    expect([await out(page, "parameters"), await out(page, "side"), await out(page, "terms")]).toEqual(["112", "1", "9"]);
    await page.getByLabel("Filters, slider").press("ArrowRight");
    await shows(page, "parameters", "140");
    await page.getByLabel("Kernel K, row 1, column 1").fill("2");
    await page.getByLabel("Kernel K, row 1, column 1").press("Enter");
    await shows(page, "sum", "265");
    await example("Edges of a seven");
    const { outputs } = convolve(FIRST_CONVOLUTION);
    const sum = (place: number): Promise<void> => shows(page, "sum", exact(outputs[place]!));
    await sum(0);
    const image = page.locator(".number-cells").first();
    await image.focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowDown"]) await page.keyboard.press(key);
    await sum(8);
    const box = (await image.boundingBox())!;
    await page.touchscreen.tap(box.x + box.width * (4.5 / 8), box.y + box.height * (1.5 / 8));
    await sum(3);
    await page.mouse.move(box.x + box.width * (4.5 / 8), box.y + box.height * (1.5 / 8));
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * (6.5 / 8), box.y + box.height * (1.5 / 8), { steps: 3 });
    await page.mouse.up();
    await sum(5);
    await page.getByLabel("Matrix", { exact: true }).click();
    await shows(page, "places", "216");
    expect(await out(page, "back")).toBe("0");
    await page.getByLabel("∂L/∂X", { exact: true }).click();
    await shows(page, "terms", "1");
    await page.getByLabel("Move →, slider").press("ArrowRight");
    await shows(page, "moved", "0");
    await example("A window of 3 × 3");
    await shows(page, "sum", "200");
    await page.locator(".convolve .outs").click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr", { hasText: "pooled 1, 1" }).locator("td").textContent()).toBe("200");
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Curves shows what the library computes; the pen draws, by key, drag and touch; the table has the same numbers", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...NARROW }, `${pathToFileURL(ONE).href}#approximate`);
    await shows(page, "error", fixed(approximate(FIRST_APPROXIMATION).error));
    await page.getByLabel("Curve", { exact: true }).selectOption("sine");
    const sine = approximate({ ...FIRST_APPROXIMATION, curve: "sine" });
    await shows(page, "error", fixed(sine.error));
    expect([await out(page, "weights"), await out(page, "order")]).toEqual(["25", fixed(2 ** sine.order, 3)]);
    await page.getByLabel("bumps", { exact: true }).click();
    await shows(page, "error", fixed(approximate({ ...FIRST_APPROXIMATION, curve: "sine", method: "bumps" }).error));
    await page.getByLabel("Layers, slider").press("ArrowRight");
    await shows(page, "pieces", "16");
    expect([await out(page, "deep"), await out(page, "shallow")]).toEqual(["8", "15"]);
    const value = (label: string): Promise<string> => page.getByLabel(label, { exact: true }).inputValue();
    await page.getByLabel("Height, slider").press("ArrowRight");
    expect(await value("Curve")).toBe("drawn");
    await page.locator(".pen canvas").scrollIntoViewIfNeeded();
    const box = (await page.locator(".pen canvas").boundingBox())!;
    await page.touchscreen.tap(box.x + box.width * 0.55, box.y + box.height * 0.2);
    expect([await value("Point"), Number(await value("Height")) > 0.8]).toEqual(["9", true]);
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.3);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + box.height * 0.7, { steps: 6 });
    await page.mouse.up();
    expect([await value("Point"), Number(await value("Height")) < -0.4]).toEqual(["14", true]);
    await settled(page);
    await page.locator("h2").first().click();
    await page.keyboard.press("t");
    expect(await page.locator(".table tbody tr").first().textContent()).toContain((await out(page, "error"))!);
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("Runs keeps a training of the page and compares it with the next; it is there after a reload", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${pathToFileURL(ONE).href}#runs`);
    await seek(page, 200);
    await page.getByText("Keep this page’s run as it is").click();
    await page.locator(".run-name", { hasText: "kept 1" }).waitFor();
    await page.getByText("These runs have the same settings").waitFor();
    await page.keyboard.press("s");
    await page.locator(".differences th", { hasText: "seed" }).waitFor();
    expect(await page.locator(".differences tbody td").allTextContents()).toEqual(["2", "1"]);
    await page.locator("h1").click();
    await page.keyboard.press("t");
    const loss = await page.locator(".table tbody tr", { hasText: "kept 1" }).locator("td").nth(1).textContent();
    expect(await page.locator(".run-row", { hasText: "kept 1" }).locator(".run-result").textContent()).toContain(loss!);
    expect(await violations(page)).toEqual([]);
    await page.reload();
    await page.locator(".run-name", { hasText: "kept 1" }).waitFor();
    await page.getByLabel("Forget kept 1").click();
    expect(await page.locator(".run-name").allTextContents()).toEqual(["this page"]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

/** The status of a request as no page can send it. */
const raw = (url: string, path: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path, headers }, (response) => resolve(response.statusCode!))
      .on("error", reject)
      .end();
  });

describe("a run of nabla train --studio", () => {
  let child: ChildProcess;
  let url = "";
  let said = "";
  const run = join(folder, "watched");
  const state = (): { state: string; reason?: string } => JSON.parse(readFileSync(join(run, "run.json"), "utf8"));

  /** What the server has of a run that is paused: its last look, of the step at which it stands. */
  const paused = async (): Promise<LiveLook> => {
    const asked = async (): Promise<LiveLook | undefined> => ((await (await fetch(`${url}looks`)).json()) as LiveLooks).last;
    const state = (await (await fetch(`${url}runs`)).json()) as RunList;
    const { epoch, step, steps } = state.live!.progress!;
    await expect.poll(async () => (await asked())?.step ?? 0, { timeout: 30_000 }).toBeGreaterThanOrEqual((epoch - 1) * steps + step);
    return (await asked())!;
  };

  beforeAll(async () => {
    // So many epochs that the tests end it, and not the run.
    const args = ["train", "mlp", "--data", "moons", "--epochs", "1000000", "--seed", "3", "--out", run, "--studio"];
    child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    url = await new Promise<string>((resolve, reject) => {
      child.stdout!.on("data", (text) => {
        said += text;
        const found = /http:\S+/.exec(said);
        if (found) resolve(found[0]);
      });
      child.once("exit", () => reject(new Error(`nabla train ended: ${said}`)));
    });
  });
  afterAll(() => void child.kill());

  test("its server knows the loopback host alone, the token, the origin, and its own files", async () => {
    const { pathname, host, origin } = new URL(url);
    expect(await raw(url, `${pathname}runs`, { host })).toBe(200);
    // A name that another page has bound to this address.
    expect(await raw(url, `${pathname}runs`, { host: "evil.example" })).toBe(403);
    expect(await raw(url, "/0123456789abcdef/runs", { host })).toBe(403);
    expect(await raw(url, `${pathname}runs`, { host, origin: "http://evil.example" })).toBe(403);
    for (const path of ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "runs/../../package.json", "watched/config.json"])
      expect(await raw(url, `${pathname}${path}`, { host })).toBe(404);
    const command = (headers: Record<string, string>, body = '"pause"'): Promise<number> =>
      fetch(`${url}command`, { method: "POST", headers, body }).then(({ status }) => status);
    const json = { "content-type": "application/json" };
    expect(await command(json)).toBe(403);
    expect(await command({ ...json, origin: "http://evil.example" })).toBe(403);
    expect(await command({ origin, "content-type": "text/plain" })).toBe(415);
    expect(await command({ ...json, origin }, '"format the disk"')).toBe(400);
    expect(await command({ ...json, origin }, JSON.stringify("x".repeat(100)))).toBe(413);
  });

  test.skipIf(!hasChromium)("it is shown, paused, found again by a page that reloads, and goes on when the page is closed", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, url);
    expect(await page.locator("h1").textContent()).toBe("Runs");
    await page.locator(".live", { hasText: /watched trains/ }).waitFor();
    await page.waitForFunction(() => /epoch .+ of 1.?000.?000/.test(document.querySelector(".live")?.textContent ?? ""));
    expect(await page.locator(".differences").textContent()).toContain("moons");
    expect(await violations(page)).toEqual([]);
    await page.getByText("Pause", { exact: true }).click();
    await page.locator(".live", { hasText: "is paused" }).waitFor();
    const told = (): Promise<string | null> => page.locator(".live").textContent();
    await settled(page);
    const before = await told();
    await page.reload();
    await page.locator(".live", { hasText: "is paused" }).waitFor();
    await page.waitForTimeout(1000);
    expect(await told()).toBe(before);
    await page.getByText("Go on", { exact: true }).click();
    await page.waitForFunction((text) => document.querySelector(".live")?.textContent !== text, before);
    await page.locator(".live", { hasText: /watched trains/ }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
    const steps = (): Promise<number> =>
      fetch(`${url}runs`)
        .then((response) => response.json())
        .then(({ runs }) => runs[0].curves.trainLoss.at(-1)[0]);
    const closed = await steps();
    await expect.poll(steps, { timeout: 60_000 }).toBeGreaterThan(closed + 10);
  });

  test.skipIf(!hasChromium)("its layers and its mistakes are shown while a page listens, also of a run that is paused", async () => {
    const quiet = (await (await fetch(`${url}runs`)).json()) as RunList;
    expect(quiet.live!.name).toBe("watched");
    for (const look of [WIDE, NARROW]) {
      const { page, complaints } = await open(browser, { theme: look === WIDE ? "light" : "dark", ...look }, url);
      const view = (name: string): Promise<void> => page.getByRole("radio", { name, exact: true }).check();
      await view("Layers");
      const rows = page.locator(".live-layers tbody tr");
      await rows.first().waitFor();
      expect(await rows.count()).toBeGreaterThan(1);
      // A step after the look has told how far it went.
      await page.locator(".live-layers tbody tr:first-child td:nth-child(4)", { hasText: /\d/ }).waitFor();
      expect(await layoutFaults(page)).toEqual([]);
      expect(await violations(page)).toEqual([]);
      await view("Mistakes");
      await page.locator("[data-out=right]").waitFor();
      // Paused, the numbers stand still, and the table has those of the view.
      await page.getByText("Pause", { exact: true }).click();
      await page.locator(".live", { hasText: "is paused" }).waitFor();
      const { step, check } = await paused();
      expect(step).toBeGreaterThan(0);
      const table = check!.table;
      const hits = table.reduce((sum, row, i) => sum + row[i]!, 0);
      await shows(page, "right", percent(hits / check!.count));
      expect(table.flat().reduce((a, b) => a + b, 0)).toBe(check!.count);
      await page.getByRole("button", { name: "The numbers as a table" }).click();
      expect(await page.locator(".table tbody tr").count()).toBe(table.flat().filter((n, i) => i % 3 !== 0 && n > 0).length);
      expect(await layoutFaults(page)).toEqual([]);
      expect(await violations(page)).toEqual([]);
      await page.getByText("Go on", { exact: true }).click();
      await page.locator(".live", { hasText: /watched trains/ }).waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    }
  });

  test.skipIf(!hasChromium)("it is stopped from the page, can be resumed, and the page says that its server has gone", async () => {
    const { page } = await open(browser, { theme: "light", ...WIDE }, url);
    await page.getByText("Stop, to resume later").click();
    await new Promise((resolve) => child.once("exit", resolve));
    expect(state()).toMatchObject({ state: "interrupted", reason: "stopped from the studio" });
    expect(said).toContain("go on with: nabla train --resume");
    await page.locator(".bad", { hasText: "The server does not answer" }).waitFor();
    await page.locator(".run-name", { hasText: "watched" }).waitFor();
    await page.context().close();
  });
});

test("flags that do not go together are told", async () => {
  const said = (args: readonly string[]): Promise<string> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
      let text = "";
      child.stderr.on("data", (part) => {
        text += part;
      });
      child.on("exit", () => resolve(text));
    });
  expect(await said(["train", "mlp", "--data", "moons", "--port", "8000"])).toContain("--port goes with --studio");
  expect(await said(["train", "mlp", "--data", "moons", "--studio", "--fast-dev-run"])).toContain("--studio: shows a run");
  expect(await said(["studio", join(folder, "nowhere")])).toContain("runs are made by nabla train");
});
