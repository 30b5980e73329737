/** @file Layers of every family against golden cases, by PyTorch's names: what a layer computes with its own parameters, and its state. */
import { describe, expect, test } from "vitest";
import * as F from "../../src/math/attention.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";
import { Golden, type GoldenCase } from "./golden.ts";

/** Loads what the layer has of the case's inputs, and compares named outputs. */
function check(golden: Golden, c: GoldenCase, layer: nn.Module, run: (role: (name: string) => Tensor) => Record<string, Tensor>): void {
  const stored = { ...c.params, ...c.inputs };
  const names = [...layer.stateDict().keys()].filter((name) => name in stored);
  expect(names.length).toBeGreaterThan(0);
  layer.loadStateDict(new Map(names.map((name) => [name, golden.tensor(stored[name])])), { strict: false });
  for (const [role, y] of Object.entries(run((name) => golden.tensor(stored[name]))))
    golden.expectClose(y.dataSync(), c.outputs[role], c.tol.outputs[role], `${c.id} ${role}`);
}

const recurrent = new Golden("recurrent_attention");
const normalisation = new Golden("normalisation");

describe("recurrent and attention", () => {
  const sizes = (c: GoldenCase, g: number): [number, number] => {
    const [rows, inputs] = recurrent.entry({ ...c.params, ...c.inputs }.weight_ih_l0).shape;
    return [inputs, rows / g];
  };
  const options = ({ attrs, inputs, params }: GoldenCase): nn.RecurrentLayerOptions => ({
    layers: attrs.num_layers,
    bidirectional: attrs.bidirectional,
    batchFirst: attrs.batch_first,
    bias: "bias_ih_l0" in { ...params, ...inputs },
  });
  const of = (...ops: string[]): [string, GoldenCase][] => recurrent.cases.filter((c) => ops.includes(c.op)).map((c) => [c.id, c]);

  test.each(of("rnn_tanh", "rnn_relu", "gru"))("%s", (_, c) => {
    const layer =
      c.op === "gru"
        ? new nn.GRU(...sizes(c, 3), options(c))
        : new nn.RNN(...sizes(c, 1), { ...options(c), nonlinearity: c.op === "rnn_relu" ? "relu" : "tanh" });
    check(recurrent, c, layer, (role) => {
      const { output, h } = layer.forward(role("x"), "h0" in c.inputs ? role("h0") : undefined);
      return { out: output, hn: h };
    });
  });

  test.each(of("lstm"))("%s", (_, c) => {
    const layer = new nn.LSTM(...sizes(c, 4), options(c));
    check(recurrent, c, layer, (role) => {
      const { output, h, c: cell } = layer.forward(role("x"), "h0" in c.inputs ? [role("h0"), role("c0")] : undefined);
      return { out: output, hn: h, cn: cell };
    });
  });

  test.each(of("multihead_attention"))("%s", (_, c) => {
    const layer = new nn.MultiHeadAttention(recurrent.entry({ ...c.params, ...c.inputs }.q).shape[2], c.attrs.num_heads);
    check(recurrent, c, layer, (role) => {
      const mask = "mask" in c.inputs ? role("mask").cast("bool") : undefined;
      const { output, weights } = layer.forward(role("q"), role("k"), role("v"), { mask });
      return { out: output, weights };
    });
  });

  test.each(of("transformer_encoder_layer"))("%s", (_, c) => {
    const stored = { ...c.params, ...c.inputs };
    const [hidden, features] = recurrent.entry(stored["linear1.weight"]).shape;
    const { nhead, activation, norm_first: normFirst } = c.attrs;
    const layer = new nn.TransformerEncoderLayer(features, nhead, { hidden, activation, normFirst }).eval();
    check(recurrent, c, layer, (role) => ({ out: layer.forward(role("x")) }));
  });
});

describe("normalization", () => {
  const channels = (c: GoldenCase): number => normalisation.entry(c.inputs.x).shape[1];
  const layerOf = (c: GoldenCase): (nn.Module & { forward(x: Tensor): Tensor }) | undefined => {
    if (!("x" in c.inputs)) return undefined;
    const { eps, momentum } = c.attrs;
    const affine = "weight" in c.inputs;
    const rank = normalisation.entry(c.inputs.x).shape.length;
    const BatchNorm = rank <= 3 ? nn.BatchNorm1d : rank === 4 ? nn.BatchNorm2d : nn.BatchNorm3d;
    switch (c.op) {
      case "batch_norm":
        return new BatchNorm(channels(c), { eps, momentum, affine, trackRunningStats: "running_mean" in c.inputs }).train(c.attrs.training);
      case "layer_norm":
        return new nn.LayerNorm(c.attrs.normalized_shape, { eps, affine });
      case "group_norm":
        return new nn.GroupNorm(c.attrs.num_groups, channels(c), { eps, affine });
      case "instance_norm":
        return new nn.InstanceNorm(channels(c), { eps, affine });
      case "rms_norm":
        return new nn.RMSNorm(normalisation.entry(c.inputs.x).shape.at(-1)!, { eps });
      default:
        return undefined;
    }
  };
  const cases = normalisation.cases.filter((c) => "weight" in c.inputs && layerOf(c));
  test.each(cases.map((c) => [c.id, c] as const))("%s", (_, c) => {
    const layer = layerOf(c)!;
    check(normalisation, c, layer, (role) => ({ out: layer.forward(role("x")) }));
    const state = layer.stateDict();
    for (const name of ["running_mean", "running_var"]) {
      const after = `${name}_after`;
      if (after in c.outputs) normalisation.expectClose(state.get(name)!.value.dataSync(), c.outputs[after], c.tol.outputs[after], after);
    }
  });
});

test("a cell with relu, and a transformer's layers without a batch", () => {
  const x = tensor([[1, -2]]);
  const [layer, cell] = [new nn.RNN(2, 3, { nonlinearity: "relu" }), new nn.RNNCell(2, 3, { nonlinearity: "relu" })];
  cell.loadStateDict(new Map([...layer.stateDict()].map(([name, value]) => [name.replace("_l0", ""), value])));
  expect([...cell.forward(x).dataSync()]).toEqual([...layer.forward(x.unsqueeze(0)).output.dataSync()]);
  const y = tensor([
    [1, -2, 0, 1],
    [0.5, 3, 1, 2],
    [0, 1, -1, 2],
  ]);
  const keyMask = tensor([true, true, false]);
  const both = { keyMask: keyMask.unsqueeze(0) };
  const encoder = new nn.TransformerEncoderLayer(4, 2, { hidden: 5, dropout: 0 });
  const close = (a: Tensor, b: Tensor): void => {
    expect(a.shape).toEqual([3, 4]);
    for (const [i, v] of [...a.dataSync()].entries()) expect(v).toBeCloseTo(b.dataSync()[i]!, 5);
  };
  close(encoder.forward(y, { keyMask }), encoder.forward(y.unsqueeze(0), both));
  const model = new nn.Transformer(4, 2, { hidden: 5, dropout: 0, encoderLayers: 1, decoderLayers: 1 });
  close(model.forward(y, y, { source: { keyMask } }), model.forward(y.unsqueeze(0), y.unsqueeze(0), { source: both }));
  const decoder = new nn.TransformerDecoderLayer(4, 2, { hidden: 5 });
  expect(() => decoder.forward(y, y.unsqueeze(0))).toThrow("must both have a batch, or neither");
});

test("cells are one step of their layers", () => {
  const x = tensor([
    [1, -2],
    [0.5, 3],
  ]);
  const pairs = [
    [new nn.RNN(2, 3), new nn.RNNCell(2, 3)],
    [new nn.GRU(2, 3), new nn.GRUCell(2, 3)],
    [new nn.LSTM(2, 3), new nn.LSTMCell(2, 3)],
  ] as const;
  for (const [layer, cell] of pairs) {
    cell.loadStateDict(new Map([...layer.stateDict()].map(([name, value]) => [name.replace("_l0", ""), value])));
    const y = cell.forward(x);
    const h = "h" in y ? y.h : y;
    expect([...h.dataSync()]).toEqual([...layer.forward(x.unsqueeze(0)).output.dataSync()]);
  }
});

test("parameters have PyTorch's names and shapes", () => {
  const shapes = (layer: nn.Module): Record<string, string> =>
    Object.fromEntries([...layer.stateDict()].map(([name, cell]) => [name, cell.shape.join("x")]));
  expect({
    lstm: shapes(new nn.LSTM(2, 3, { layers: 2, bidirectional: true })),
    norm: shapes(new nn.BatchNorm2d(4)),
    transposed: shapes(new nn.ConvTranspose1d(4, 6, 3, { groups: 2 })),
    encoder: shapes(new nn.TransformerEncoderLayer(4, 2, { hidden: 8 })),
    weightNorm: shapes(nn.withWeightNorm(new nn.Conv1d(2, 3, 5))),
    spectralNorm: shapes(nn.withSpectralNorm(new nn.Linear(2, 3))),
  }).toMatchInlineSnapshot(`
    {
      "encoder": {
        "linear1.bias": "8",
        "linear1.weight": "8x4",
        "linear2.bias": "4",
        "linear2.weight": "4x8",
        "norm1.bias": "4",
        "norm1.weight": "4",
        "norm2.bias": "4",
        "norm2.weight": "4",
        "self_attn.in_proj_bias": "12",
        "self_attn.in_proj_weight": "12x4",
        "self_attn.out_proj.bias": "4",
        "self_attn.out_proj.weight": "4x4",
      },
      "lstm": {
        "bias_hh_l0": "12",
        "bias_hh_l0_reverse": "12",
        "bias_hh_l1": "12",
        "bias_hh_l1_reverse": "12",
        "bias_ih_l0": "12",
        "bias_ih_l0_reverse": "12",
        "bias_ih_l1": "12",
        "bias_ih_l1_reverse": "12",
        "weight_hh_l0": "12x3",
        "weight_hh_l0_reverse": "12x3",
        "weight_hh_l1": "12x3",
        "weight_hh_l1_reverse": "12x3",
        "weight_ih_l0": "12x2",
        "weight_ih_l0_reverse": "12x2",
        "weight_ih_l1": "12x6",
        "weight_ih_l1_reverse": "12x6",
      },
      "norm": {
        "bias": "4",
        "num_batches_tracked": "",
        "running_mean": "4",
        "running_var": "4",
        "weight": "4",
      },
      "spectralNorm": {
        "bias": "3",
        "weight_orig": "3x2",
        "weight_u": "3",
        "weight_v": "2",
      },
      "transposed": {
        "bias": "6",
        "weight": "4x3x3",
      },
      "weightNorm": {
        "bias": "3",
        "weight_g": "3x1x1",
        "weight_v": "3x2x5",
      },
    }
  `);
});

test.each([false, true])("a decoder layer is the function of its parameters (normFirst %s)", (normFirst) => {
  const layer = new nn.TransformerDecoderLayer(4, 2, { hidden: 8, activation: "gelu", normFirst }).eval();
  const [x, memory] = [normal(keyOf(1), [2, 3, 4]), normal(keyOf(2), [2, 5, 4])];
  const memoryKeyMask = normal(keyOf(3), [2, 5]).gt(-0.5);
  const attention = ({ in_proj_weight, in_proj_bias, out_proj }: nn.MultiHeadAttention): F.AttentionParameters => ({
    inProjWeight: in_proj_weight,
    inProjBias: in_proj_bias,
    outProjWeight: out_proj.weight,
    outProjBias: out_proj.bias,
  });
  const { linear1, linear2, norm1, norm2, norm3 } = layer;
  const parameters = {
    selfAttention: attention(layer.self_attn),
    crossAttention: attention(layer.multihead_attn),
    feedForward: { weight1: linear1.weight, bias1: linear1.bias, weight2: linear2.weight, bias2: linear2.bias },
    ...{ norm1, norm2, norm3 },
  };
  const options = { heads: 2, activation: "gelu", normFirst, causal: true, memoryKeyMask } as const;
  const want = F.transformerDecoderLayer(x, memory, parameters, options).dataSync();
  expect([...layer.forward(x, memory, { causal: true }, { keyMask: memoryKeyMask }).dataSync()]).toEqual([...want]);
});

test("a transformer's layers drop while training only", () => {
  const layer = new nn.TransformerEncoderLayer(4, 2, { hidden: 8, dropout: 0.5 });
  const x = normal(keyOf(1), [1, 3, 4]);
  const run = (): number[] => [...layer.forward(x).dataSync()];
  expect(run()).not.toEqual(run());
  layer.eval();
  expect(run()).toEqual(run());
});

describe("learnt activations", () => {
  test("maxout has k times a dense layer's parameters and takes the largest piece", () => {
    const layer = new nn.Maxout(3, 2, 4);
    const count = (m: nn.Module): number => m.parameters().reduce((n, p) => n + p.value.size, 0);
    expect(count(layer)).toBe(4 * count(new nn.Linear(3, 2)));
    const x = tensor([[1, 2, 3]]);
    const all = [...layer.linear.forward(x).dataSync()];
    expect([...layer.forward(x).dataSync()]).toEqual([Math.max(...all.slice(0, 4)), Math.max(...all.slice(4))]);
  });

  test("an RBF unit is 1 at its centre", () => {
    const layer = new nn.RBF(2, 3);
    const y = layer.forward(layer.weight.value).dataSync();
    expect([y[0], y[4], y[8]]).toEqual([1, 1, 1]);
  });

  test("PReLU is the family g(z; α)", () => {
    expect([...new nn.PReLU(1, -1).forward(tensor([-2, 3])).dataSync()]).toEqual([2, 3]);
  });
});

test("every activation without settings has a printed form and runs", () => {
  const layers = [
    ...[nn.ReLU, nn.ReLU6, nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.SiLU, nn.Mish, nn.SELU, nn.Softsign, nn.Tanhshrink],
    ...[nn.Hardsigmoid, nn.Hardswish, nn.Absolute, nn.Cosine, nn.Identity, nn.LeakyReLU, nn.ELU, nn.CELU, nn.GELU, nn.Swish],
    ...[nn.Softplus, nn.Hardtanh, nn.Softshrink, nn.Hardshrink, nn.GLU, nn.RReLU, nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.PReLU],
  ];
  const x = tensor([[-3, -0.5, 0, 1]]);
  for (const Kind of layers) {
    const layer = new Kind();
    expect([...layer.forward(x).dataSync()].every(Number.isFinite), Kind.name).toBe(true);
    expect(layer.toString()).toMatch(new RegExp(`^${Kind.name}\\(.*\\)$`));
  }
});

test("losses as modules are their functions", () => {
  const [logits, classes] = [tensor([[1, 2, 0], [0, 1, 5]]), tensor(Int32Array.of(1, 0))]; // biome-ignore format: a matrix
  const options = { weight: tensor([1, 2, 3]), labelSmoothing: 0.1, ignoreIndex: 2, reduction: "sum" } as const;
  expect(new nn.CrossEntropyLoss(options).forward(logits, classes).itemSync()).toBe(nn.crossEntropy(logits, classes, options).itemSync());
  expect(new nn.CrossEntropyLoss(options).toString()).toBe("CrossEntropyLoss(labelSmoothing 0.1, ignoreIndex 2, reduction sum)");
});

test("an embedding's padding row is 0 and has no gradient", () => {
  const layer = new nn.Embedding(4, 2, { paddingIndex: 1 });
  const { seen, value } = nn.watch([layer], () => layer.forward(tensor(Int32Array.of(1, 3))).sum());
  expect([...seen.get(layer)![0].output.dataSync()].slice(0, 2)).toEqual([0, 0]);
  expect(value.shape).toEqual([]);
});

describe("what is refused", () => {
  const x = zeros([2, 3, 8, 8]);
  const classes = (...values: number[]): Tensor => tensor(Int32Array.from(values));
  const model = new nn.Linear(2, 3);
  const mistakes: [run: () => unknown, message: string][] = [
    [() => new nn.Bilinear(2, 3, 4).forward(zeros([5, 3]), zeros([5, 2])), "Bilinear: want an input [..., 2] first, got [5, 3]"],
    [() => new nn.Conv1d(3, 4, 3).forward(x), "Conv1d: want an input [batch, 3, length], got [2, 3, 8, 8]"],
    [() => new nn.Conv3d(3, 4, 3).forward(x), "Conv3d: want an input [batch, 3, depth, height, width]"],
    [() => new nn.ConvTranspose2d(4, 2, 3).forward(x), "ConvTranspose2d: want an input [batch, 4, ...size]"],
    [() => new nn.ConvTranspose2d(3, 2, 3, { groups: 2 }), "ConvTranspose2d: groups must divide both channel counts"],
    [() => new nn.MaxPool1d(2).forward(x), "MaxPool1d: want an input [batch, channels, length]"],
    [() => new nn.AdaptiveAvgPool2d(0), "AdaptiveAvgPool2d: outputSize"],
    [() => new nn.BatchNorm1d(3).forward(x), "BatchNorm1d: want an input [batch, 3] or [batch, 3, size], got [2, 3, 8, 8]"],
    [() => new nn.BatchNorm2d(4).forward(x), "BatchNorm2d: want an input [batch, 4, size, size], got [2, 3, 8, 8]"],
    [() => new nn.BatchNorm1d(3).forward(zeros([1, 3])), "training wants more than one value per channel, got [1, 3]"],
    [() => new nn.BatchNorm1d(3, { momentum: 2 }), "BatchNorm1d: momentum must be from 0 to 1, got 2"],
    [() => new nn.BatchRenorm(4).forward(x), "BatchRenorm: want an input [batch, 4, ...]"],
    [() => new nn.LayerNorm([4]).forward(x), "layerNorm: the last axes of [2, 3, 8, 8] should be [4]"],
    [() => new nn.GroupNorm(2, 3), "GroupNorm: 3 channels do not divide into 2 groups"],
    [() => new nn.InstanceNorm(3).forward(zeros([2, 3, 1])), "InstanceNorm: want an input [batch, 3, ...size] with more than one value"],
    [() => new nn.PReLU(4).forward(x), "PReLU: want an input [batch, 4, ...]"],
    [() => new nn.RBF(4, 2).forward(x), "RBF: want an input [..., 4]"],
    [() => new nn.Softmax(-1, { temperature: 0 }), "Softmax: temperature must be above 0, got 0"],
    [() => new nn.RReLU(1, 0), "RReLU: want lower <= upper, got 1 and 0"],
    [() => new nn.AlphaDropout(2), "AlphaDropout: rate must be from 0 to 1, got 2"],
    [() => new nn.Embedding(3, 2).forward(zeros([2])), "Embedding: want integer indices, got f32[2]"],
    [() => new nn.Embedding(3, 2, { paddingIndex: 3 }), "Embedding: paddingIndex must be a row of 3, got 3"],
    [() => new nn.LSTM(4, 2).forward(zeros([5, 2, 3])), "LSTM: want an input [time, batch, 4], got [5, 2, 3]"],
    [() => new nn.GRU(3, 2).forward(zeros([5, 2, 3]), zeros([1, 1, 2])), "gru: want an initial state [layers·directions, batch, hidden]"],
    [() => new nn.RNNCell(3, 2).forward(zeros([5, 2, 3])), "RNNCell: want an input [batch, 3]"],
    [() => new nn.MultiHeadAttention(6, 4), "MultiHeadAttention: 4 heads do not divide 6 features"],
    [() => new nn.TransformerEncoderLayer(4, 2).forward(zeros([2, 3])), "TransformerEncoderLayer: want an input [batch, length, 4]"],
    [() => new nn.Upsample({}), "Upsample: give either size or scaleFactor"],
    [() => new nn.PixelShuffle(2).forward(x), "pixelShuffle: the number of channels 3 is not a multiple of 4"],
    [() => new nn.ModuleList().forward(), "ModuleList: a list has no forward"],
    [() => new nn.Residual(new nn.Flatten()).forward(x), "Residual: the body gives [2, 192], the shortcut [2, 3, 8, 8]"],
    [() => nn.withWeightNorm(new nn.ReLU()), "withWeightNorm: ReLU has no parameter `weight` of two or more axes"],
    [() => nn.removeReparameterization(new nn.Linear(2, 2)), "removeReparameterization: the weight of Linear is its own"],
    [() => nn.functionalCall(new nn.Linear(2, 2), { w: x }, () => 0), "functionalCall: Linear has no cell w"],
    [() => new nn.CrossEntropyLoss({ weight: zeros([2]) }).forward(zeros([2, 3]), tensor(Int32Array.of(0, 1))), "class weights: want [3]"],
    [
      () => new nn.CrossEntropyLoss().forward(zeros([2, 3]), classes(0, 5)),
      "crossEntropy: class 5 at position 1 is out of range; there are 3",
    ],
    [() => nn.nllLoss(zeros([2, 3]), classes(-1, 0)), "nllLoss: class -1 at position 0 is out of range; there are 3, from 0 to 2"],
    [() => nn.multiMarginLoss(zeros([1, 3]), classes(3)), "multiMarginLoss: class 3 at position 0 is out of range"],
    [() => new nn.Embedding(4, 2).forward(classes(0, 9)), "embedding: index 9 at position 1 is out of range; there are 4, from 0 to 3"],
    [
      () => new nn.Linear(2, 3).loadStateDict(new nn.Conv2d(2, 3, 3).stateDict()),
      "the entries do not fit Linear: misshapen weight (want [3, 2]",
    ],
    [() => new nn.Linear(2, 3).loadStateDict(new nn.LSTM(2, 3).stateDict()), "missing weight, bias; unexpected weight_ih_l0, weight_hh_l0"],
    [
      () => new Adam(model.parameters()).loadStateDict(new SGD(model.parameters(), { lr: 1 }).stateDict()),
      "do not fit Adam: missing t, m.0",
    ],
    [() => new Adam([{ parameters: model.parameters() }, { parameters: [model.weight] }]), "Adam: a parameter is given twice"],
    [() => new Adam(model.parameters(), { lr: -0.1 }), "lr must be a number >= 0, got -0.1"],
    [() => new nn.TransformerDecoderLayer(4, 2).forward(zeros([2, 3, 4]), zeros([2, 3])), "[2, 3]; this is the memory"],
    [() => nn.initializers.orthogonal()([3]), "orthogonal: want a shape of two or more axes, got [3]"],
    [() => nn.initializers.identity()([3, 3, 1]), "identity: want a matrix [out, in], got [3, 3, 1]"],
    [() => nn.initializers.dirac(2)([3, 2, 3]), "dirac: want a shape [out, in/groups, ...kernel] with out a multiple of 2"],
    [() => nn.initializers.truncatedNormal({ low: 1, high: 0 }), "truncatedNormal: want std > 0 and low < high, got 1, 1 and 0"],
    [() => nn.initializers.sparse(2), "sparse: sparsity must be a number from 0 to 1, got 2"],
  ];
  test("there are at least thirty, and messages are of one line", () => {
    expect(mistakes.length).toBeGreaterThanOrEqual(30);
    for (const [, message] of mistakes) expect(message).not.toContain("\n");
  });
  test.each(mistakes.map(([run, message]) => [message, run] as const))("%s", (message, run) => {
    expect(run).toThrow(message);
  });
});
