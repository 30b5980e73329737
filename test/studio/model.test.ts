/** @file The room Model: what it tells of models is what the library counts and the lectures print; errors have their lines; only nabla is imported. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import * as nn from "../../src/nn/index.ts";
import { MODEL_EXAMPLES } from "../../src/studio/rooms/model-examples.ts";
import { fewLayers } from "../../src/studio/worker/few-layers.ts";
import { ModelDesk } from "../../src/studio/worker/model-desk.ts";
import { moduleText, NABLA, told } from "../../src/studio/worker/model-text.ts";

/** Node loads no blobs; a data address is a module too. */
const desk = new ModelDesk(nn, async (text) => {
  const url = `data:text/javascript,${encodeURIComponent(text)}`;
  try {
    return { module: await import(/* @vite-ignore */ url), url };
  } catch (error) {
    throw new Error(told(error, url));
  }
});

const example = (name: string): string => MODEL_EXAMPLES.find((each) => each.name === name)!.text;

test("imports become constants, on the same lines", () => {
  const text = 'import { nn as layers,\n  tensor } from "nabla";\nimport * as all from "nabla/nn";\nexport default 1;';
  const g = `globalThis.${NABLA}`;
  expect(moduleText(text)).toBe(`const { nn: layers, tensor } = ${g};\n\nconst all = ${g}.nn;\nexport default 1;`);
  expect(() => moduleText('\nimport fs from "node:fs";')).toThrow('line 2: write imports as import { nn } from "nabla"');
  expect(() => moduleText('import { readFile } from "node:fs";')).toThrow('line 1: only "nabla" can be imported here, got "node:fs"');
});

test("AlexNet: 55 × 55 × 96 and 34,944; VGG-16: 138,344,128 without biases, 102,760,448 in the first dense layer", async () => {
  const alexnet = await desk.ask(example("AlexNet"));
  expect(alexnet.rows[0]).toMatchObject({ output: [96, 55, 55], parameters: 34_944 });
  expect(alexnet.note).toContain("not measured");
  const vgg = await desk.ask(example("VGG-16"));
  expect(vgg.parameters - vgg.biases).toBe(138_344_128);
  const dense = vgg.rows.find(({ layer }) => layer.startsWith("Linear"))!;
  expect(dense.parameters - dense.biases).toBe(102_760_448);
});

test("three 3 × 3 have 27 C² weights where one 7 × 7 has 49 C²; 1 × 1 convolutions save what the hint says", async () => {
  const three = await desk.ask(example("Three 3×3 against 7×7"));
  expect(three.parameters).toBe(27 * 16 ** 2);
  expect(three.rows.map(({ field }) => field)).toEqual([
    [3, 3],
    [5, 5],
    [7, 7],
  ]);
  const one = await desk.ask(
    example("Three 3×3 against 7×7").replace(/new nn\.Sequential\([^;]*;/, "new nn.Sequential(new nn.Conv2d(C, C, 7, { bias: false }));"),
  );
  expect(one.parameters).toBe(49 * 16 ** 2);
  expect(one.rows.at(-1)!.output).toEqual(three.rows.at(-1)!.output);
  const narrow = await desk.ask(example("Inception, naive and with 1×1"));
  const linear = await desk.ask(example("A linear layer in between"));
  expect(linear.parameters).toBe(100_000);
  expect([narrow.macs, Math.round(narrow.macs / 1e6)]).toEqual([133_267_456, 133]);
});

test("every example is read; the flow of the deep one vanishes", async () => {
  for (const { text } of MODEL_EXAMPLES) expect((await desk.ask(text)).rows.length).toBeGreaterThan(1);
  const deep = await desk.ask(example("Deep, with sigmoids"));
  expect(deep.flow?.verdict).toBe("vanishing");
  const gradients = deep.rows.flatMap(({ gradient }) => gradient ?? []);
  expect(gradients.length).toBe(11);
  expect(gradients[0]! / gradients[9]!).toBeLessThan(1e-4);
});

test("the one file has the layers of the examples, and says which it has not", () => {
  const names = MODEL_EXAMPLES.flatMap(({ text }) => [...text.matchAll(/nn\.(\w+)/g)].map((found) => found[1]!));
  for (const name of names) expect(Reflect.get(fewLayers, name), name).toBe(Reflect.get(nn, name));
  expect(() => Reflect.get(fewLayers, "GRU")).toThrow("nn.GRU is not here; there are AvgPool2d");
});

test.each([
  ["export default 3;", "the file must export a model"],
  ['import { nn } from "nabla";\nexport default () => new nn.Linear("a");', /^line 2: /],
  ['import { nn } from "nabla";\n\nexport default () =>\n  new nn.Lineer(2, 3);', "line 4: nn.Lineer is not a constructor"],
  ['import { nn } from "nabla";\nexport default () => new nn.Conv2d(1, 2, 3);', "say what one example is: export const inputShape"],
  ['import { nn } from "nabla";\nexport const inputShape = "big";\nexport default () => new nn.Linear(2, 3);', 'got "big"'],
  ['import { nn } from "nabla";\nexport const inputShape = [5];\nexport default () => new nn.Linear(2, 3);', "Linear"],
])("%j is told", (text, message) => expect(desk.ask(text)).rejects.toThrow(message));
