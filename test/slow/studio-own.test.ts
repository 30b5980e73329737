/**
 * @file The reader's own in the studio, in Chromium: tables that are pasted, images and arrays, points that are drawn, files that are bad; what is saved and opened again;
 * a model's code, which runs where it can load nothing. Skipped where Chromium is not installed.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { PNG } from "pngjs";
import { afterAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeZip } from "../../src/formats/zip.ts";
import { MODEL_EXAMPLES } from "../../src/studio/rooms/model-examples.ts";
import { writePlace } from "../../src/studio/state/url.ts";
import { DEFAULT } from "../../src/studio/worker/config.ts";
import { browser, hasChromium } from "../studio/page/browser.ts";
import { layoutFaults, NARROW, ONE, open, out, ready, seek, settled, violations, WIDE, weights } from "../studio/page/open.ts";
import { serve } from "../studio/page/serve.ts";

const _main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
if (!existsSync(ONE)) throw new Error("dist/studio is missing: npm run build");

const folder = mkdtempSync(join(tmpdir(), "nabla-studio-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const one = pathToFileURL(ONE).href;
const says = (page: Page, hasText: string | RegExp): Promise<void> => page.locator(".notice").filter({ hasText }).waitFor();

/** How many points the run trains on. */
const count = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      (globalThis as unknown as { nablaStudio: { studio: { config(): { points?: readonly number[] } } } }).nablaStudio.studio.config()
        .points?.length ?? 0,
  );

/** The button or the dialog's own input. */
async function choose(page: Page, ...paths: readonly string[]): Promise<void> {
  await page.getByLabel("Files of your own").setInputFiles([...paths]);
}

const save = async (page: Page, name: string): Promise<Buffer> => {
  await page.getByLabel("Files", { exact: true }).click();
  const [saving] = await Promise.all([page.waitForEvent("download"), page.getByText(name, { exact: true }).click()]);
  return readFileSync(await saving.path());
};

/** A table of 60 rows and three classes. */
const TABLE = `height;weight;kind\n${Array.from({ length: 60 }, (_, i) => `${(i * 7) % 60};${(i * 11) % 60};${["ant", "bee", "cat"][i % 3]}`).join("\n")}`;

describe.skipIf(!hasChromium)("data of one's own", () => {
  test("a table that is pasted: other classes are chosen, a reload and the way back find it, a bad file leaves it", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, one);
    await page.getByText("Your own data …").click();
    expect(await violations(page)).toEqual([]);
    await page.getByLabel("From a spreadsheet or a text").fill(TABLE);
    await page.getByText("Use this table").click();
    await says(page, "pasted text: height and weight, class kind: all others are ◆, bee is ●");
    expect(await count(page)).toBe(3 * 60);
    await page.getByLabel("◆", { exact: true }).selectOption("ant");
    await says(page, "ant is ◆, bee is ●");
    await expect.poll(() => count(page)).toBe(3 * 40);
    expect(await violations(page)).toEqual([]);
    const bad = join(folder, "bad.csv");
    writeFileSync(bad, "a,b\n1,2\n");
    await choose(page, bad);
    await says(page, "bad.csv has 1 row of 2 cells; want at least 2");
    expect(await count(page)).toBe(3 * 40);
    await seek(page, 200);
    await page.waitForFunction(() => /[?](c|kept)=/.test(location.hash));
    await page.waitForTimeout(500);
    const bits = await weights(page);
    await page.reload();
    await ready(page);
    await page.waitForFunction(() => document.getElementById("step")?.textContent === "200");
    expect(await weights(page)).toEqual(bits);
    await page.getByLabel("Points", { exact: true }).selectOption("moons");
    await expect.poll(() => count(page)).toBe(0);
    await page.waitForTimeout(500);
    await page.locator("h1").click();
    await page.keyboard.press("Control+z");
    await expect.poll(() => count(page)).toBe(3 * 40);
    await page.getByLabel("Points", { exact: true }).selectOption("circles");
    await page.getByLabel("Points", { exact: true }).selectOption("own");
    await expect.poll(() => count(page)).toBe(3 * 40);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("images by class, and an array with the file of its classes; a damaged image is named", async () => {
    const { page, complaints } = await open(browser, { theme: "dark", ...NARROW }, one);
    const images = Array.from({ length: 12 }, (_, i) => {
      const png = new PNG({ width: 20, height: 20 });
      for (let k = 0; k < 400; k++) png.data.set([i % 2 ? 20 * (k % 12) : 250, 10 * i, k % 255, 255], 4 * k);
      const path = join(folder, `${i % 2 ? "cat" : "dog"}-${i}.png`);
      writeFileSync(path, PNG.sync.write(png));
      return path;
    });
    await choose(page, ...images);
    await says(page, "12 images: principal component 1 and principal component 2, class label: cat is ◆, dog is ●");
    expect(await count(page)).toBe(3 * 12);
    const archive = join(folder, "pets.zip");
    const inFolders = images
      .slice(0, 8)
      .map((path, i): [string, Uint8Array] => [`pets/${i % 2 ? "tabby" : "hound"}/${i}.png`, readFileSync(path)]);
    writeFileSync(archive, writeZip(new Map(inFolders)));
    await choose(page, archive);
    await says(page, "8 images: principal component 1 and principal component 2, class label: hound is ◆, tabby is ●");
    await choose(page, ...images);
    await says(page, "12 images: principal");
    const damaged = join(folder, "dog-99.png");
    writeFileSync(damaged, "no image");
    await choose(page, images[0]!, damaged);
    await says(page, "dog-99.png is no image that this browser can decode");
    expect(await count(page)).toBe(3 * 12);
    const [x, y] = [join(folder, "x.npy"), join(folder, "y.npy")];
    writeFileSync(x, writeNpy({ data: Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)), shape: [20, 3] }));
    writeFileSync(y, writeNpy({ data: Int32Array.from({ length: 20 }, (_, i) => i % 2), shape: [20] }));
    await choose(page, x, y);
    await says(page, "x.npy: column 1 and column 2, class y: 0 is ◆, 1 is ●");
    await page.getByLabel("x₂", { exact: true }).first().selectOption("principal 1");
    await says(page, "column 1 and principal component 1");
    expect(await layoutFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("points are drawn by one stroke", async () => {
    const { page } = await open(browser, { theme: "light", ...WIDE }, one);
    await page.getByText("Your own data …").click();
    await page.getByText("Draw points").click();
    await says(page, "Add points with ● and ◆");
    await expect.poll(() => count(page)).toBe(6);
    await page.getByLabel("add ◆").click();
    const box = (await page.locator(".plane").boundingBox())!;
    await page.mouse.move(box.x + 40, box.y + 60);
    await page.mouse.down();
    for (let i = 1; i <= 5; i++) {
      await page.mouse.move(box.x + 40 + 40 * i, box.y + 60);
      await settled(page);
    }
    await page.mouse.up();
    await page.locator("h1").click();
    await page.keyboard.press("t");
    await page.getByText("Your own data …").waitFor();
    const drawn = await page.evaluate(
      () =>
        (globalThis as unknown as { nablaStudio: { studio: { tap(id: string): { shape: number[] } } } }).nablaStudio.studio.tap("points")
          .shape[0],
    );
    expect(drawn).toBe(2 + 6);
    await page.context().close();
  });
});

describe.skipIf(!hasChromium)("what is saved", () => {
  test("pictures, tables, losses and weights; weights that are opened begin the run", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, one);
    await seek(page, 150);
    const svg = (await save(page, "Save the picture (SVG)")).toString();
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="\d+/);
    expect(svg.match(/<path/g)!.length).toBeGreaterThan(200);
    expect(svg).toContain('href="data:image/png;base64,');
    const png = PNG.sync.read(await save(page, "Save the picture (PNG)"));
    const width = await page.evaluate(() => document.querySelector(".stage canvas")!.clientWidth);
    expect([png.width, png.height]).toEqual([2 * width, 2 * width]);
    expect(new Set(png.data).size).toBeGreaterThan(50);
    const table = (await save(page, "Save the table (CSV)")).toString();
    expect(table).toContain(`training loss,${await page.locator("[data-out=train-loss]").textContent()}`);
    const losses = (await save(page, "Save the losses (CSV)")).toString();
    expect(losses.startsWith("step,train,test\n")).toBe(true);
    const program = (await save(page, "Save the program")).toString();
    expect(program).toContain("epochs: 150");
    const file = await save(page, "Save the weights (safetensors)");
    const bits = await weights(page);
    expect([...readSafetensors(file).entries.values()].flatMap(({ data }) => Array.from(data, Number))).toEqual(bits);
    const path = join(folder, "weights.safetensors");
    writeFileSync(path, file);
    await seek(page, 0);
    expect(await weights(page)).not.toEqual(bits);
    await choose(page, path);
    await says(page, `weights.safetensors: ${bits.length} weights; the run begins with them`);
    expect(await weights(page)).toEqual(bits);
    await page.getByLabel("Remove layer 2").click();
    await settled(page);
    await choose(page, path);
    await says(page, "the net on the page wants");
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test.each(["units", "flow", "spectra", "list"])("the room %s has a picture and a table", async (room) => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${one}#${room}`);
    // A room draws when its worker has answered, which takes a while on a busy machine.
    await expect.poll(async () => (await save(page, "Save the picture (SVG)")).toString(), { timeout: 30_000 }).toContain("<path");
    expect(PNG.sync.read(await save(page, "Save the picture (PNG)")).width).toBeGreaterThan(200);
    expect((await save(page, "Save the table (CSV)")).toString().split("\n").length).toBeGreaterThan(2);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

describe.skipIf(!hasChromium)("a model's code", () => {
  const fault = (page: Page, text: string): Promise<void> => page.locator("#model-fault").filter({ hasText: text }).waitFor();
  const code = (page: Page, text: string): Promise<void> => page.locator("#model-code").fill(text);

  test("in the one file: the lecture's numbers, errors with their lines, a loop that is ended", async () => {
    const { page, complaints } = await open(browser, { theme: "light", ...WIDE }, `${one}#model`);
    await page.locator("[data-out=parameters]").waitFor();
    expect(await out(page, "parameters")).toBe("61\u202f706");
    await page.getByLabel("Example").selectOption("VGG-16");
    await page.locator("[data-out=without-biases]").filter({ hasText: "138\u202f344\u202f128" }).waitFor();
    await page.locator("h1").click();
    await page.keyboard.press("t");
    expect(await page.locator(".table").textContent()).toContain("102\u202f764\u202f544");
    await page.keyboard.press("t");
    await code(page, 'import { nn } from "nabla";\n\nexport default () =>\n  new nn.Linear(2, ;\n');
    await page.locator("#model-code").press("Control+Enter");
    await fault(page, "line 4: Unexpected token ';'new nn.Linear(2, ;");
    await code(page, 'import { nn } from "nabla";\nexport default () => new nn.Linear(3, 2);\n');
    await page.getByText("Run", { exact: true }).click();
    await page.locator("[data-out=parameters]").filter({ hasText: /^8$/ }).waitFor();
    await code(page, "for (;;);\nexport default 1;\n");
    await page.getByText("Run", { exact: true }).click();
    await page.getByText("Stop", { exact: true }).click();
    await fault(page, "It was stopped.");
    expect(await out(page, "parameters")).toBe("8");
    expect(await violations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("that comes with a link runs when the reader says so, and not before", async () => {
    const text = "globalThis.nothing.here;\nexport default 1;\n";
    const link = await writePlace({ room: "model", config: DEFAULT, view: { code: text } });
    const { page } = await open(browser, { theme: "light", ...WIDE }, `${one}#${link}`);
    await page.getByText("This code came with the link").waitFor();
    expect(await page.locator("#model-code").inputValue()).toBe(text);
    await page.waitForTimeout(1000);
    expect(await page.locator("#model-fault").textContent()).toBe("");
    await page.getByText("Run", { exact: true }).click();
    await fault(page, "line 1: Cannot read properties of undefined");
    await page.context().close();
  });

  test("served: the file is read again when it changes; its code can load nothing", async () => {
    const file = join(folder, "model.mjs");
    writeFileSync(file, 'import { nn } from "nabla";\nexport default () => new nn.Linear(4, 3);\n');
    const { child, url } = await serve(["studio", file], folder);
    try {
      const { page } = await open(browser, { theme: "light", ...WIDE }, url);
      expect(await page.locator("h1").textContent()).toBe("Model");
      await page.locator("[data-out=parameters]").filter({ hasText: /^15$/ }).waitFor();
      writeFileSync(file, 'import { nn } from "nabla";\nexport default () => new nn.GRU(4, 5);\nexport const inputShape = [7, 4];\n');
      await page.locator(".layers-table").filter({ hasText: "GRU" }).waitFor();
      for (const reach of [
        'await fetch("runs")',
        'await import("./studio.js")',
        "importScripts('data:text/javascript,1')",
        'new Function("return 1")()',
      ]) {
        await code(page, `${reach};\nexport default 1;\n`);
        await page.getByText("Run", { exact: true }).click();
        await fault(page, reach);
      }
      await page.getByLabel("Example").selectOption(MODEL_EXAMPLES[1]!.name);
      await page.getByText("The gradient vanishes").waitFor();
      await page.context().close();
    } finally {
      child.kill();
    }
  });
});
