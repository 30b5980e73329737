/** @file What is taken from the page and brought to it: programs that train to the same bits, points from CSV files, the names of weights, contours. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { contour } from "../../src/studio/draw/heat.ts";
import { losses } from "../../src/studio/draw/losses.ts";
import { rgbOf, shadesOf } from "../../src/studio/draw/palette.ts";
import { csvOf, programOf } from "../../src/studio/export/program.ts";
import { SvgContext } from "../../src/studio/export/svg-context.ts";
import { weightsFile, weightsIn } from "../../src/studio/own/own-desk.ts";
import { layoutOf, nameOf } from "../../src/studio/rooms/network-layout.ts";
import { exact, fixed } from "../../src/studio/ui/numbers.ts";
import { type Config, DEFAULT, parameterCount } from "../../src/studio/worker/config.ts";
import { featuresOf } from "../../src/studio/worker/features.ts";
import { Session } from "../../src/studio/worker/session.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-studio-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cases: readonly [string, Config][] = [
  ["all points, Adam", { ...DEFAULT, count: 30, layers: [{ units: 3, activation: "tanh" }] }],
  [
    "batches, penalties, dropout",
    { ...DEFAULT, count: 30, batch: 8, l1: 0.01, l2: 0.02, dropout: 0.2, optimizer: "momentum", layers: [{ units: 3, activation: "ELU" }] },
  ],
  [
    "squared error, given weights",
    {
      ...DEFAULT,
      data: "xor",
      count: 4,
      loss: "squared error",
      layers: [{ units: 2, activation: "ReLU" }],
      weights: [1, 1, 1, 1, 0, -1, 1, -2, 0.1],
    },
  ],
];

describe("the program that is saved", () => {
  test.each(cases)("%s: trains to the same bits", async (name, config) => {
    const session = new Session(config);
    const epochs = 25;
    const steps = epochs * session.epochSteps;
    while (session.step < steps) session.advance(steps - session.step);
    const { xy, labels } = session.train;
    const text = programOf(config, { inputs: featuresOf(xy, config.features), labels }, epochs);
    const file = join(folder, `${name.replaceAll(/\W/g, "-")}.mjs`);
    writeFileSync(file, text.replace('from "nabla"', `from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)}`));
    const { trained } = (await import(/* @vite-ignore */ file)) as { trained: number[] };
    expect(trained).toEqual(Array.from(session.net.weights()));
  });
});

test("weights that are saved are loaded by the saved program's model, and give the same outputs; the page takes them back", async () => {
  const config = cases[1]![1];
  const session = new Session(config);
  session.seek(40);
  const weights = Array.from(session.net.weights());
  const bytes = weightsFile(config, weights);
  const { nn, manualSeed, tensor, formats } = await import("../../src/index.ts");
  manualSeed(99);
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.ELU(), new nn.Dropout(0.2), new nn.Linear(3, 1));
  model.loadStateDict(formats.readSafetensors(bytes).entries);
  model.eval();
  const x = tensor([
    [0.3, -0.2],
    [1, 0.5],
  ]);
  expect(Array.from(model.forward(x).dataSync())).toEqual(Array.from(session.net.stages(x).at(-1)!.outputs.dataSync()));
  expect(weightsIn(config, { name: "w.safetensors", bytes })).toEqual(weights);
  expect(() => weightsIn(DEFAULT, { name: "w.safetensors", bytes })).toThrow(
    /w.safetensors has the weights 0.weight \[3, 2\].*wants 0.weight \[8, 2\]/,
  );
  expect(() => weightsIn(config, { name: "w.safetensors", bytes: bytes.slice(0, 40) })).toThrow("w.safetensors: truncated file");
});

test("a drawing becomes SVG: paths, dashes, clips, texts", () => {
  const svg = new SvgContext(40, 20);
  const ctx = svg as unknown as CanvasRenderingContext2D;
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, 0, 20, 20);
  ctx.clip();
  ctx.strokeStyle = "red";
  ctx.setLineDash([2, 3]);
  ctx.globalAlpha = 0.5;
  ctx.beginPath();
  ctx.moveTo(0, 0);
  ctx.lineTo(10, 10.126);
  ctx.stroke();
  ctx.restore();
  ctx.beginPath();
  ctx.arc(5, 5, 2, 0, 2 * Math.PI);
  ctx.fill();
  ctx.fillText("a < b", 1, 2);
  const picture = svg.picture("white");
  expect(picture).toContain('<clipPath id="clip1"><path d="M0 0h20v20h-20Z"/></clipPath>');
  expect(picture).toContain('d="M0 0L10 10.13" fill="none" stroke="red"');
  expect(picture).toContain('stroke-dasharray="2 3" clip-path="url(#clip1)" opacity="0.5"/>');
  expect(picture).toContain('<path d="M7 5A2 2 0 0 1 3 5A2 2 0 0 1 7 5" fill="#000"/>');
  expect(picture).toContain(">a &#60; b</text>");
});

test("cells with commas, quotes and lines are quoted", () =>
  expect(
    csvOf([
      ["a", 'b "c", d'],
      ["1", "2\n"],
    ]),
  ).toBe('a,"b ""c"", d"\n1,"2\n"\n'));

test("every weight has a name and a line", () => {
  const { links, bias } = layoutOf(DEFAULT, 500);
  const indices = [...links.map(({ index }) => index), ...[8, 8, 1].flatMap((n, l) => Array.from({ length: n }, (_, u) => bias(l + 1, u)))];
  expect(indices.sort((a, b) => a - b)).toEqual(Array.from({ length: parameterCount(DEFAULT) }, (_, i) => i));
  expect([0, 1, 16, 24, parameterCount(DEFAULT) - 1].map((i) => nameOf(DEFAULT, i))).toEqual([
    "w⁽¹⁾₁₁",
    "w⁽¹⁾₁₂",
    "b⁽¹⁾₁",
    "w⁽²⁾₁₁",
    "b⁽³⁾₁",
  ]);
});

test("the contour of a slope is a straight line at its level", () => {
  const n = 9;
  const segments = contour(
    Float32Array.from({ length: n * n }, (_, i) => i % n),
    n,
    3.25,
  );
  for (let i = 0; i < segments.length; i += 2) expect(segments[i]).toBeCloseTo(3.75, 6);
  expect(segments.length).toBe(4 * (n - 1));
});

test("shades run from one colour over the middle to the other", () => {
  const shades = shadesOf(rgbOf("rgb(255, 0, 0)"), rgbOf("rgb(128, 128, 128)"), rgbOf("rgb(0, 0, 255)"));
  expect([shades[0], shades[255]].map((x) => x!.toString(16))).toEqual(["ff0000ff", "ffff0000"]);
});

test("the curve of losses is drawn inside its box", () => {
  const calls: [string, number, number][] = [];
  const ctx = new Proxy({} as Record<string, unknown>, {
    get: (target, name: string) => target[name] ?? ((...args: number[]) => calls.push([name, args[0]!, args[1]!])),
    set: (target, name: string, value) => Reflect.set(target, name, value),
  }) as unknown as CanvasRenderingContext2D;
  const palette = { rule: "", soft: "", ink: "", highInk: "" } as never;
  losses(ctx, { width: 300, height: 120 }, [1, 0.9, 1, 50, 0.1, Number.NaN, 100, 0.001, 0.2], 50, 100, palette);
  const lines = calls.filter(([name]) => name === "lineTo" || name === "moveTo");
  expect(lines.length).toBeGreaterThan(8);
  for (const [, x, y] of lines) {
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(300);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(120);
  }
});

test.each([
  [0.005, 3, "0.0050"],
  [0.25, 4, "0.250"],
  [0, 4, "0.000"],
  [12.3456, 4, "12.35"],
  [-0.0001234, 4, "−1.23e−4"],
  [123456, 4, "1.23e5"],
  [Number.NaN, 4, "–"],
])("%d with %d digits is %s", (x, digits, text) => expect(fixed(x, digits)).toBe(text));

test("whole numbers are written whole", () =>
  expect([exact(7), exact(-3), exact(1234567), exact(0.5)]).toEqual(["7", "−3", "1\u202f234\u202f567", "0.500"]));
