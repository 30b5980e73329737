/** @file The character model: texts as data, a look back alone, cached generation against uncached, learning by heart. */
import { describe, expect, test } from "vitest";
import { decodeText, encodeText, textDataset, windowsOf } from "../../src/data/text.ts";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { manualSeed } from "../../src/math/random.ts";
import { type GenerateOptions, Gpt, generate } from "../../src/models/gpt.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import { tensor } from "../../src/ops/create.ts";
import { Adam } from "../../src/optim/adam.ts";
import "../../src/runtime/evaluate.ts";
import { expectClose } from "../function/backends.ts";

describe("texts", () => {
  test("characters are code points; windows follow each other, targets are the next characters", () => {
    const { classes, train, test: held, inputShape } = textDataset("t", "ab😀ab😀ab😀ab😀ab😀", { context: 3, testShare: 0.3 });
    expect(classes).toEqual(["a", "b", "😀"]);
    expect(inputShape).toEqual([3]);
    expect([[...train.inputs], [...train.targets], train.count]).toEqual([[0, 1, 2, 0, 1, 2, 0, 1, 2], [1, 2, 0, 1, 2, 0, 1, 2, 0], 3]);
    expect(held.count).toBe(1);
    expect(windowsOf(Int32Array.of(1), 1).count).toBe(0);
  });

  test.each([
    [
      () => textDataset("t", "abc", { context: 4 }),
      "t: has 3 characters; a context of 4 wants at least 10: 5 to train on and as many to test",
    ],
    [() => textDataset("t", "a".repeat(99), { context: 4 }), 't: is "a" (U+0061) and nothing else; there is nothing to learn'],
    [() => textDataset("t", "abc", { context: 0 }), "textDataset: context must be a positive integer, got 0"],
    [
      () => encodeText("axbyy", ["a", "b"], "p"),
      'p: has 2 characters that the model has never seen: "x" (U+0078), "y" (U+0079); replace them',
    ],
    [() => decodeText(new Uint8Array(0), "f"), "f: is empty; want a text to learn from"],
    [() => decodeText(Uint8Array.of(97, 0), "f"), "f: is no text: byte 1 is 0"],
    [() => decodeText(Uint8Array.of(99, 0xe9, 99), "f"), "f: is no text in UTF-8; save it in that encoding"],
  ])("errors %#", (call, message) => {
    expect(call).toThrow(message);
  });
  test("line ends of Windows are line ends", () => {
    expect(decodeText(new TextEncoder().encode("a\r\nb"), "f")).toBe("a\nb");
  });
});

const small = { vocabulary: 5, context: 8, layers: 1, heads: 2, features: 16, dropout: 0 };

test("names are nanoGPT's, and the default size is what it says", () => {
  const names = [...new Gpt(small).stateDict().keys()];
  expect(names).toMatchInlineSnapshot(`
    [
      "transformer.wte.weight",
      "transformer.wpe.weight",
      "transformer.h.0.ln_1.weight",
      "transformer.h.0.ln_1.bias",
      "transformer.h.0.attn.c_attn.weight",
      "transformer.h.0.attn.c_attn.bias",
      "transformer.h.0.attn.c_proj.weight",
      "transformer.h.0.attn.c_proj.bias",
      "transformer.h.0.ln_2.weight",
      "transformer.h.0.ln_2.bias",
      "transformer.h.0.mlp.c_fc.weight",
      "transformer.h.0.mlp.c_fc.bias",
      "transformer.h.0.mlp.c_proj.weight",
      "transformer.h.0.mlp.c_proj.bias",
      "transformer.ln_f.weight",
      "transformer.ln_f.bias",
    ]
  `);
  expect(new Gpt({ vocabulary: 65 }).parameters().reduce((n, p) => n + p.value.size, 0)).toBe(809_856);
});

async function textOf(model: Gpt, prompt: readonly number[], options: GenerateOptions): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of generate(model, prompt, options)) tokens.push(token);
  return tokens;
}

test("logits do not depend on later characters; with keys and values kept they are the same to 1e-5", () => {
  manualSeed(3);
  const model = new Gpt(small).eval();
  for (const p of model.parameters()) p.set(p.value.mul(8)); // far from flat
  const tokens = [1, 0, 4, 2, 3, 3, 1, 0];
  const logits = model.forward(tensor([tokens]));
  expect(logits.shape).toEqual([1, 5, 8]);
  expectClose(model.forward(tensor([[...tokens.slice(0, 5), 0, 0, 0]])).narrow(2, 0, 5), logits.narrow(2, 0, 5), 1e-5);
  const step = compile(model.step.bind(model));
  let kept = model.start();
  tokens.forEach((token, i) => {
    const result = step(tensor([token], { dtype: "i32" }), tensor(i, { dtype: "i32" }), kept);
    expectClose(result.logits, logits.select(2, i).reshape([5]), 1e-5);
    kept = result.kept;
  });
  expect(step.recompilations).toBe(1);
});

test("learns a text by heart; cached text is uncached text, past the context too; seeds, temperature and top-k", async () => {
  manualSeed(1);
  const { classes, train } = textDataset("abc", "abcdbe".repeat(30), { context: 8 });
  const model = new Gpt({ ...small, vocabulary: classes.length });
  const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
  const x = tensor(train.inputs, { shape: [train.count, 8] });
  const y = tensor(train.targets as Int32Array, { shape: [train.count, 8] });
  const learn = compile(() => {
    const { value, grads } = backward(() => crossEntropy(model.forward(x), y), model.parameters());
    optimizer.step(grads);
    return value;
  });
  let loss = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 60; i++) loss = await learn().item();
  // What the first character of a window cannot tell: of two, whether b or e follows, or d or e behind b.
  expect(loss).toBeLessThan(0.15);
  model.eval();
  const start = encodeText("abcdb", classes, "start");
  const best = await textOf(model, [...start], { tokens: 20, temperature: 0 });
  expect(best.map((i) => classes[i]).join("")).toBe("eabcdbeabcdbeabcdbea");
  const prompt = Array.from({ length: 21 }, (_, i) => start[i % 5]);
  for (const options of [
    { temperature: 2, seed: 5 },
    { temperature: 3, topK: 2, seed: 6 },
  ]) {
    const cached = await textOf(model, prompt, { tokens: 12, ...options });
    expect(await textOf(model, prompt, { tokens: 12, cache: false, ...options })).toEqual(cached);
  }
  const wild = (seed: number): Promise<number[]> => textOf(model, prompt, { tokens: 12, temperature: 5, seed });
  expect(await wild(1)).not.toEqual(await wild(2));
});

test.each([
  [() => new Gpt({ ...small, heads: 3 }), "Gpt: 3 heads do not divide 16 features"],
  [() => new Gpt({} as { vocabulary: number }), "Gpt: vocabulary must be a positive integer, got undefined"],
  [() => new Gpt(small).forward(tensor([[1, 2, 3, 4, 0, 1, 2, 3, 4]])), "Gpt: want numbers of characters [batch, 1 to 8], got [1, 9]"],
])("errors %#", (call, message) => {
  expect(call).toThrow(message);
});

test.each([
  [[], {}, "generate: the prompt is empty"],
  [[7], {}, "generate: 7 is no character; want numbers from 0 to 4"],
  [[1], { temperature: -1 }, "generate: temperature must be a number of at least 0, got -1"],
  [[1], { topK: 0 }, "generate: topK must be a positive integer, got 0"],
])("generate refuses %j %j", async (prompt, options, message) => {
  await expect(textOf(new Gpt(small).eval(), prompt, options)).rejects.toThrow(message);
});

test("generate refuses a model in training mode", async () => {
  await expect(textOf(new Gpt(small), [1], {})).rejects.toThrow("call model.eval() first");
});
