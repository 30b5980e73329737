/** @file Attention with added keys and masks per head, stacks of transformer layers, projected LSTMs, padding layers, dicts and lists. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import * as F from "../../src/math/index.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { arange, concatenate, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { expectClose } from "../function/backends.ts";

let seed = 0;
const draw = (...shape: number[]): Tensor => normal(keyOf(++seed), shape, { dtype: "f64" });

/** One head by its definition: each query's mean of the values, weighted by the exponentials of its products with the keys. */
function oneHead(q: number[][], k: number[][], v: number[][], see: (i: number, j: number) => boolean): number[][] {
  return q.map((qi, i) => {
    const e = k.map((kj, j) => (see(i, j) ? Math.exp(kj.reduce((s, x, c) => s + x * qi[c], 0) / Math.sqrt(qi.length)) : 0));
    const total = e.reduce((a, b) => a + b, 0);
    return v[0].map((_, c) => e.reduce((s, w, j) => s + w * v[j][c], 0) / total);
  });
}

describe("added keys", () => {
  const [n, lq, lk, e, heads] = [2, 3, 4, 4, 2];
  const parameters: F.AttentionParameters = {
    inProjWeight: draw(3 * e, e),
    inProjBias: draw(3 * e),
    biasK: draw(1, 1, e),
    biasV: draw(1, 1, e),
    outProjWeight: draw(e, e),
    outProjBias: draw(e),
  };
  const [q, k, v] = [draw(n, lq, e), draw(n, lk, e), draw(n, lk, e)];
  const causal = (i: number, j: number): boolean => j >= lk || j <= i;
  const keyMask = tensor([
    [true, true, true, false],
    [true, true, true, true],
  ]);

  test("are behind the others, seen by all queries, whatever the masks", () => {
    const { context, weights } = F.multiHeadContext(q, k, v, parameters, { heads, zeroAttention: true, causal: true, keyMask });
    expect(weights.shape).toEqual([n, heads, lq, lk + 2]);
    const part = (x: Tensor, i: number): Tensor =>
      F.linear(x, (parameters.inProjWeight as Tensor).narrow(0, i * e, e), (parameters.inProjBias as Tensor).narrow(0, i * e, e));
    const longer = (x: Tensor, bias: Tensor): Tensor => concatenate([x, bias.broadcastTo([n, 1, e]), zeros([n, 1, e], "f64")], 1);
    const [pq, pk, pv] = [part(q, 0), longer(part(k, 1), parameters.biasK as Tensor), longer(part(v, 2), parameters.biasV as Tensor)];
    for (let b = 0; b < n; b++) {
      for (let h = 0; h < heads; h++) {
        const rows = (x: Tensor): number[][] =>
          x
            .select(0, b)
            .narrow(-1, 2 * h, 2)
            .toArray() as number[][];
        const counts = (j: number): boolean => !(b === 0 && j === 3);
        const want = oneHead(rows(pq), rows(pk), rows(pv), (i, j) => causal(i, j) && counts(j));
        expectClose(context.select(0, b).narrow(-1, 2 * h, 2), want.flat(), 1e-12);
      }
    }
    const mean = F.multiHeadContext(q, k, v, parameters, { heads, zeroAttention: true, causal: true, keyMask, averageWeights: true });
    expectClose(mean.weights, weights.mean(1), 1e-14);
  });

  test("masks of each head, as bools, as floats, as PyTorch stacks them, and float key masks", () => {
    const masks = draw(n * heads, lq, lk).gt(-0.5);
    const floats = masks.where(0, Number.NEGATIVE_INFINITY).cast("f64");
    const of = (options: Partial<F.MultiHeadOptions>): Tensor => F.multiHeadContext(q, k, v, parameters, { heads, ...options }).context;
    const want = of({ mask: masks.reshape([n, heads, lq, lk]) });
    expectClose(of({ mask: masks }), want, 1e-14);
    expectClose(of({ mask: floats }), want, 1e-14);
    expectClose(of({ mask: masks, keyMask: keyMask.where(0, Number.NEGATIVE_INFINITY) }), of({ mask: masks, keyMask }), 1e-14);
    expectClose(of({ mask: floats, keyMask }), of({ mask: masks, keyMask }), 1e-14);
  });

  test("the layer: names, one sequence without a batch, compiled", () => {
    const layer = new nn.MultiHeadAttention(4, 2, { addBiasKV: true, addZeroAttention: true, bias: false });
    expect([...layer.stateDict().keys()].sort()).toEqual(["bias_k", "bias_v", "in_proj_weight", "out_proj.weight"]);
    const x = draw(3, 4).cast("f32");
    const { output, weights } = layer.forward(x, x, x, { averageWeights: true, causal: true });
    expect([output.shape, weights.shape]).toEqual([
      [3, 4],
      [3, 5],
    ]);
    expectClose(compile((t: Tensor) => layer.forward(t, t, t, { causal: true }).output)(x), output, 1e-5);
  });
});

describe("stacks", () => {
  const small = { hidden: 8, dropout: 0 } as const;

  test("have PyTorch's names; without bias there is none", () => {
    const layer = (name: string, attentions: readonly string[], norms: number): string[] => [
      ...attentions.flatMap((a) => ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"].map((p) => `${name}.${a}.${p}`)),
      ...["linear1", "linear2", ...Array.from({ length: norms }, (_, i) => `norm${i + 1}`)].flatMap((p) => [
        `${name}.${p}.weight`,
        `${name}.${p}.bias`,
      ]),
    ];
    const names = [
      ...[0, 1].flatMap((i) => layer(`encoder.layers.${i}`, ["self_attn"], 2)),
      ...layer("decoder.layers.0", ["self_attn", "multihead_attn"], 3),
      ...["encoder", "decoder"].flatMap((part) => [`${part}.norm.weight`, `${part}.norm.bias`]),
    ];
    const options = { encoderLayers: 2, decoderLayers: 1, ...small };
    expect([...new nn.Transformer(4, 2, options).stateDict().keys()].sort()).toEqual(names.sort());
    const plain = [...new nn.Transformer(4, 2, { ...options, bias: false }).stateDict().keys()];
    expect(plain.sort()).toEqual(names.filter((name) => !name.endsWith("bias")).sort());
  });

  test("are their layers one after another; targets see no later ones", () => {
    const model = new nn.Transformer(4, 2, { encoderLayers: 2, decoderLayers: 2, normFirst: true, activation: "gelu", ...small });
    const [source, target] = [draw(2, 5, 4).cast("f32"), draw(2, 3, 4).cast("f32")];
    const masks = { target: { causal: true }, source: { keyMask: arange(10).reshape([2, 5]).ne(4) } };
    const y = model.forward(source, target, masks);
    let memory = source;
    for (const layer of model.encoder.layers) memory = layer.forward(memory, masks.source);
    memory = model.encoder.norm!.forward(memory);
    let out = target;
    for (const layer of model.decoder.layers) out = layer.forward(out, memory, masks.target);
    expectClose(model.decoder.norm!.forward(out), y, 1e-5);
    const changed = target.narrow(1, 0, 2).concat([draw(2, 1, 4).cast("f32")], 1);
    expectClose(model.forward(source, changed, masks).narrow(1, 0, 2), y.narrow(1, 0, 2), 1e-5);
    expectClose(compile((a: Tensor, b: Tensor) => model.forward(a, b, masks))(source, target), y, 1e-5);
    const copy = new nn.Transformer(4, 2, { encoderLayers: 2, decoderLayers: 2, normFirst: true, activation: "gelu", ...small });
    copy.loadStateDict(model.stateDict());
    expectClose(copy.forward(source, target, masks), y, 1e-6);
  });

  test.each([
    [() => new nn.TransformerEncoder(4, 2, { layers: 0 }), "TransformerEncoder: layers must be a positive integer, got 0"],
    [() => new nn.Transformer(4, 3), "MultiHeadAttention: 3 heads do not divide 4 features"],
    [() => new nn.Transformer(4, 2, { layers: 2 } as object), "Transformer: there is no option layers"],
    [() => new nn.LSTM(2, 3, { projSize: 3 }), "LSTM: projSize must be below the hidden size, 3, got 3"],
    [() => new nn.ZeroPad2d([1, 2]), "ZeroPad2d: padding must be an integer, or 4 of them, [left, right, top, bottom], got [1, 2]"],
    [() => new nn.ReflectionPad1d(1).forward(zeros([2])), "ReflectionPad1d: want an input [batch, channels, size], got [2]"],
    [() => new nn.ModuleDict({ forward: new nn.Linear(1, 1) }), `ModuleDict: "forward" is a method or property of every ModuleDict`],
    [() => new nn.ModuleDict({ "a.b": new nn.Linear(1, 1) }), "ModuleDict: a name must be a string that is not empty and has no dot"],
    [() => new nn.ParameterDict({ a: 1 as unknown as Tensor }), "ParameterDict: a must be a parameter or a tensor, got 1"],
    [() => new nn.InstanceNorm(2, { momentum: 2 }), "InstanceNorm: momentum must be a number from 0 to 1, got 2"],
  ])("errors %#", (call, message) => {
    expect(call).toThrow(message);
  });
});

test("LSTM with projections: the formula, both directions, layers, ragged batches and names", () => {
  const layer = new nn.LSTM(3, 4, { projSize: 2, layers: 2, bidirectional: true });
  expect(Object.fromEntries([...layer.stateDict()].map(([name, { shape }]) => [name, shape.join("x")]))).toMatchObject({
    weight_ih_l0: "16x3",
    weight_hh_l0: "16x2",
    weight_hr_l0: "2x4",
    weight_ih_l1_reverse: "16x4",
    weight_hr_l1_reverse: "2x4",
  });
  const { output, h, c } = layer.forward(draw(5, 2, 3).cast("f32"), undefined, { lengths: [5, 3] });
  expect([output.shape, h.shape, c.shape]).toEqual([
    [5, 2, 4],
    [4, 2, 2],
    [4, 2, 4],
  ]);
  const w = { weightIh: draw(16, 3), weightHh: draw(16, 2), weightHr: draw(2, 4), biasIh: draw(16), biasHh: draw(16) };
  const x = draw(3, 1, 3);
  const got = F.lstm(x, [draw(1, 1, 2), draw(1, 1, 4)].map((t) => t.mul(0)) as [Tensor, Tensor], [w]);
  let [hidden, cell] = [zeros([1, 2], "f64"), zeros([1, 4], "f64")];
  for (let t = 0; t < 3; t++) {
    const all = F.linear(x.select(0, t), w.weightIh, w.biasIh).add(F.linear(hidden, w.weightHh, w.biasHh));
    const [i, f, g, o] = [0, 1, 2, 3].map((k) => all.narrow(-1, 4 * k, 4));
    cell = f.sigmoid().mul(cell).add(i.sigmoid().mul(g.tanh()));
    hidden = F.linear(o.sigmoid().mul(cell.tanh()), w.weightHr);
    expectClose(got.output.select(0, t), hidden, 1e-12);
  }
  expectClose([...got.h.dataSync(), ...got.c.dataSync()], [...hidden.dataSync(), ...cell.dataSync()], 1e-12);
  expect(() => F.gru(x, undefined, [w])).toThrow(/gru: weightHr is \[projected, hidden\] of an LSTM/);
});

test("instance norm with running statistics: as a batch norm of each example; evaluation uses them", () => {
  const layer = new nn.InstanceNorm(2, { trackRunningStats: true, momentum: 0.25, affine: true });
  expect([...layer.stateDict().keys()].sort()).toEqual(["bias", "num_batches_tracked", "running_mean", "running_var", "weight"]);
  const x = draw(3, 2, 5).cast("f32");
  expectClose(layer.forward(x), F.instanceNorm(x), 1e-6);
  expectClose(layer.running_mean!.value, x.mean([0, 2]).mul(0.25), 1e-6);
  expectClose(layer.running_var!.value, x.var(2).mean(0).mul(0.25).add(0.75), 1e-6);
  const { runningMean, runningVar } = {
    runningMean: layer.running_mean!.value.reshape([2, 1]),
    runningVar: layer.running_var!.value.reshape([2, 1]),
  };
  expectClose(layer.eval().forward(x), x.sub(runningMean).div(runningVar.add(1e-5).sqrt()), 1e-5);
  expect([...new nn.BatchNorm2d(3, { bias: false, trackRunningStats: false }).stateDict().keys()]).toEqual(["weight"]);
});

test("padding layers: sides in PyTorch's order, every mode", () => {
  const x = arange(6, "f32").reshape([1, 1, 2, 3]);
  expect(new nn.ConstantPad2d([1, 0, 0, 1], 9).forward(x).toArray()).toEqual([[[[9, 0, 1, 2], [9, 3, 4, 5], [9, 9, 9, 9]]]]); // biome-ignore format: one thought
  expect(new nn.ZeroPad2d([-1, 0, 0, 0]).forward(x).toArray()).toEqual([[[[1, 2], [4, 5]]]]); // biome-ignore format: one thought
  const row = x.select(2, 0);
  const of = (layer: nn.Layer): unknown => (layer.forward(row).toArray() as number[][][])[0][0];
  expect(of(new nn.ReflectionPad1d(2))).toEqual([2, 1, 0, 1, 2, 1, 0]);
  expect(of(new nn.ReplicationPad1d([2, 1]))).toEqual([0, 0, 0, 1, 2, 2]);
  expect(of(new nn.CircularPad1d([1, 2]))).toEqual([2, 0, 1, 2, 0, 1]);
  expect(new nn.ReplicationPad3d([0, 0, 1, 0, 0, 1]).forward(x.unsqueeze(1)).shape).toEqual([1, 1, 2, 3, 3]);
  expect(`${new nn.CircularPad2d(1)} ${new nn.ZeroPad1d([1, 2])}`).toBe("CircularPad2d(1) ZeroPad1d(1, 2)");
});

test("dicts of modules and lists and dicts of parameters: names, changes, order", () => {
  class Net extends nn.Module {
    readonly parts = new nn.ModuleDict<nn.Layer>({ conv: new nn.Linear(2, 2, { bias: false }), act: new nn.ReLU() });
    readonly list = new nn.ParameterList([zeros([2]), new nn.Parameter(zeros([3]))]);
    readonly dict = new nn.ParameterDict([["left", zeros([1])]]);
    forward(x: Tensor): Tensor {
      return [...this.parts.values()].reduce((y, part) => part.forward(y), x);
    }
  }
  const net = new Net();
  expect([...net.stateDict().keys()]).toEqual(["parts.conv.weight", "list.0", "list.1", "dict.left"]);
  expect(net.forward(zeros([1, 2])).shape).toEqual([1, 2]);
  expect([[...net.parts.keys()], net.parts.size, net.parts.has("act"), net.list.length, net.dict.get("right")]).toEqual([
    ["conv", "act"],
    2,
    true,
    2,
    undefined,
  ]);
  expect([net.parts.delete("act"), net.parts.delete("act"), net.parts.get("act")]).toEqual([true, false, undefined]);
  net.dict.set("right", zeros([2]));
  expect([...net.dict.keys()]).toEqual(["left", "right"]);
  expect(net.parts.set("more", new nn.Tanh()).train(false).get("more")!.training).toBe(false);
});
