/** @file Recurrent layers (RNN-1) and attention: layers against loops of cells, back-propagation through time, masks. Values against PyTorch: test/golden. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import * as A from "../../src/math/attention.ts";
import { linear } from "../../src/math/linear.ts";
import * as R from "../../src/math/recurrent.ts";
import { stack, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends, range } from "../function/backends.ts";

let state = 11;
function draw(...shape: number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
  return tensor(values, { shape });
}

const weights = (gates: number, size: number, hidden: number): R.RecurrentWeights => ({
  weightIh: draw(gates * hidden, size),
  weightHh: draw(gates * hidden, hidden),
  biasIh: draw(gates * hidden),
  biasHh: draw(gates * hidden),
});

onBothBackends("recurrent layers", () => {
  const [T, N, I, H] = [4, 2, 3, 2];
  const x = draw(T, N, I);
  const [h0, c0] = [draw(1, N, H), draw(1, N, H)];

  test("RNN-1: a vanilla layer is its cell, step by step: h′ = tanh(W x + U h + b)", () => {
    const w = weights(1, I, H);
    const { output, h } = R.rnn(x, h0, [w]);
    let now = h0.select(0, 0);
    const steps = range(T, (t) => {
      now = linear(x.select(0, t), w.weightIh, w.biasIh)
        .add(linear(now, w.weightHh, w.biasHh))
        .tanh();
      return now;
    });
    expectClose(output, stack(steps));
    expectClose(h.select(0, 0), now);
    expectClose(R.rnnCell(x.select(0, 0), h0.select(0, 0), w), steps[0]);
  });

  test("RNN-1: LSTM and GRU layers are loops of their cells", () => {
    const [wl, wg] = [weights(4, I, H), weights(3, I, H)];
    let pair = { h: h0.select(0, 0), c: c0.select(0, 0) };
    let now = h0.select(0, 0);
    const lstm = range(T, (t) => {
      pair = R.lstmCell(x.select(0, t), [pair.h, pair.c], wl);
      return pair.h;
    });
    const gru = range(T, (t) => {
      now = R.gruCell(x.select(0, t), now, wg);
      return now;
    });
    const result = R.lstm(x, [h0, c0], [wl]);
    expectClose(result.output, stack(lstm));
    expectClose(result.c.select(0, 0), pair.c);
    expectClose(R.gru(x, h0, [wg]).output, stack(gru));
  });

  test("RNN-1: a GRU whose update gate is open keeps its state, an LSTM whose forget gate is open its memory", () => {
    const zero = { weightIh: draw(6, I).mul(0), weightHh: draw(6, H).mul(0) };
    const { output } = R.gru(x, h0, [{ ...zero, biasIh: f64([0, 0, 50, 50, 0, 0]) }]);
    expectClose(output.select(0, T - 1), h0.select(0, 0));
    const idle = { weightIh: draw(8, I).mul(0), weightHh: draw(8, H).mul(0), biasIh: f64([-50, -50, 50, 50, 0, 0, 0, 0]) };
    expectClose(R.lstm(x, [h0, c0], [idle]).c, c0);
  });

  test("RNN-1: back-propagation through time is the derivative of the unrolled loop, in both modes and compiled", () => {
    const w = weights(4, I, H);
    const ct = draw(T, N, H);
    const byScan = (params: R.RecurrentWeights): Tensor => R.lstm(x, [h0, c0], [params]).output.mul(ct).sum();
    const byLoop = (params: R.RecurrentWeights): Tensor => {
      let pair = { h: h0.select(0, 0), c: c0.select(0, 0) };
      return range(T, (t) => {
        pair = R.lstmCell(x.select(0, t), [pair.h, pair.c], params);
        return pair.h.mul(ct.select(0, t)).sum();
      }).reduce((a, b) => a.add(b));
    };
    const direction = weights(4, I, H);
    expectClose(grad(byScan)(w), elements(grad(byLoop)(w)));
    expectClose(compile(grad(byScan))(w), elements(grad(byLoop)(w)));
    expectClose(jvp(byScan)([w], [direction]).tangent, jvp(byLoop)([w], [direction]).tangent);
  });

  test("both directions, two layers, batch first, one sequence alone", () => {
    const [first, second] = [
      [weights(1, I, H), weights(1, I, H)],
      [weights(1, 2 * H, H), weights(1, 2 * H, H)],
    ];
    const start = draw(4, N, H);
    const { output, h } = R.rnn(x, start, [...first, ...second], { bidirectional: true });
    const ahead = R.rnn(x, start.narrow(0, 0, 1), [first[0]!]);
    const back = R.rnn(x.flip(0), start.narrow(0, 1, 1), [first[1]!]);
    const middle = ahead.output.concat([back.output.flip(0)], -1);
    const top = R.rnn(middle, start.narrow(0, 2, 2), second, { bidirectional: true });
    expectClose(output, top.output);
    expectClose(h, ahead.h.concat([back.h, top.h]));
    const batchFirst = R.rnn(x.moveAxis(1, 0), start, [...first, ...second], { bidirectional: true, batchFirst: true });
    expectClose(batchFirst.output, output.moveAxis(1, 0));
    const one = R.rnn(x.select(1, 1), start.select(1, 1), [...first, ...second], { bidirectional: true });
    expectClose(one.output, output.select(1, 1));
    expectClose(one.h, h.select(1, 1));
    expectClose(R.gru(x, undefined, [weightsOf(3)]).output, R.gru(x, h0.mul(0), [weightsOf(3)]).output);
  });

  const fixed = new Map([3].map((gates) => [gates, weights(gates, I, H)]));
  const weightsOf = (gates: number): R.RecurrentWeights => fixed.get(gates)!;
});

onBothBackends("attention", () => {
  const [q, k, v] = [draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 6)];

  test("weights are shares of softmax(q·kᵀ/√d), and a mask of -∞ is a bool mask", () => {
    const w = A.attentionWeights(q, k);
    expectClose(
      w.sum(-1),
      range(6, () => 1),
    );
    const byHand = vmap((a: Tensor, b: Tensor) => a.matmul(b.transpose()).div(2))(q, k);
    expectClose(w, byHand.exp().div(byHand.exp().sum(-1, { keepDims: true })));
    const mask = tensor([true, true, false, true, false]);
    const added = mask.where(f64(0), Number.NEGATIVE_INFINITY);
    expectClose(A.scaledDotProductAttention(q, k, v, { mask }), A.scaledDotProductAttention(q, k, v, { mask: added }));
  });

  test("causal attention does not see the future", () => {
    const w = A.attentionWeights(q, q, { causal: true });
    expect(elements(w.select(0, 0))).toEqual(elements(w.select(0, 0).mul(f64(range(3, (i) => range(3, (j) => (j <= i ? 1 : 0)))))));
    expectClose(w.select(1, 0), [1, 0, 0, 1, 0, 0]);
  });

  test("a query that may attend to nothing gets zeros and no NaN in its derivative", () => {
    const mask = tensor([[true], [false], [true]]).broadcastTo([3, 5]);
    const f = (t: Tensor): Tensor => A.scaledDotProductAttention(t, k, v, { mask });
    expect(elements(f(q).select(1, 1)).every((y) => y === 0)).toBe(true);
    expect(elements(grad((t: Tensor) => f(t).square().sum())(q)).every(Number.isFinite)).toBe(true);
  });

  const E = 6;
  const parameters: A.AttentionParameters = {
    inProjWeight: draw(3 * E, E),
    inProjBias: draw(3 * E),
    outProjWeight: draw(E, E),
    outProjBias: draw(E),
  };

  test("two heads are two attentions on halves of the projections", () => {
    const [x, y] = [draw(2, 3, E), draw(2, 5, E)];
    const { output, weights: shares } = A.multiHeadAttention(x, y, y, parameters, { heads: 2 });
    const [weight, bias] = [parameters.inProjWeight as Tensor, parameters.inProjBias as Tensor];
    const [pq, pk, pv] = [x, y, y].map((t, i) => linear(t, weight.narrow(0, i * E, E), bias.narrow(0, i * E, E))) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const heads = [0, 1].map((h) => {
      const own = (t: Tensor): Tensor => t.narrow(2, (h * E) / 2, E / 2);
      expectClose(shares.select(1, h), A.attentionWeights(own(pq), own(pk)));
      return A.scaledDotProductAttention(own(pq), own(pk), own(pv));
    });
    expectClose(output, linear(heads[0]!.concat([heads[1]!], 2), parameters.outProjWeight, parameters.outProjBias));
  });

  test("padded keys change nothing", () => {
    const [x, y] = [draw(2, 3, E), draw(2, 5, E)];
    const keyMask = tensor([
      [true, true, true, false, false],
      [true, true, true, false, false],
    ]);
    const short = y.narrow(1, 0, 3);
    expectClose(
      A.multiHeadAttention(x, y, y, parameters, { heads: 3, keyMask }).output,
      A.multiHeadAttention(x, short, short, parameters, { heads: 3 }).output,
    );
  });

  test("transformer layers keep the shape, do not see the future when causal, and have derivatives", () => {
    const layer: A.DecoderLayerParameters = {
      selfAttention: parameters,
      crossAttention: parameters,
      feedForward: { weight1: draw(8, E), bias1: draw(8), weight2: draw(E, 8), bias2: draw(E) },
      norm1: {},
      norm2: {},
      norm3: {},
    };
    const x = draw(1, 4, E);
    for (const normFirst of [false, true]) {
      const f = (t: Tensor): Tensor => A.transformerEncoderLayer(t, layer, { heads: 2, causal: true, activation: "gelu", normFirst });
      expect(f(x).shape).toEqual([1, 4, E]);
      const changed = x.add(x.iotaLike(1).eq(3).where(f64(1), 0));
      expectClose(f(x).narrow(1, 0, 3), f(changed).narrow(1, 0, 3));
      const d = A.transformerDecoderLayer(x, draw(1, 7, E), layer, { heads: 2, normFirst });
      expect(d.shape).toEqual([1, 4, E]);
    }
    const positions = A.sinusoidalPositions(x, 3, 4);
    expectClose(positions.select(0, 2), [Math.sin(2), Math.cos(2), Math.sin(0.02), Math.cos(0.02)]);
  });
});

describe("wrong calls say what they want", () => {
  test.each([
    [() => R.rnn(draw(3, 2, 4), undefined, [weights(1, 3, 2)]), "for inputs of 4 want weightIh"],
    [() => R.lstm(draw(3, 2, 4), undefined, [weights(3, 4, 2)]), "weightIh [4·hidden, 4]"],
    [() => R.rnn(draw(3, 2, 4), draw(2, 2, 2), [weights(1, 4, 2)]), "[layers·directions, batch, hidden] = [1, 2, 2]"],
    [() => A.attentionWeights(draw(3, 4), draw(3, 5)), "queries [..., Lq, d] and keys"],
    [
      () => A.multiHeadAttention(draw(1, 2, 6), draw(1, 2, 6), draw(1, 2, 6), { outProjWeight: draw(6, 6) }, { heads: 4 }),
      "multiple of 4 heads",
    ],
    [
      () => A.multiHeadAttention(draw(1, 2, 6), draw(1, 2, 6), draw(1, 2, 6), { outProjWeight: draw(6, 6) }, { heads: 2 }),
      "want inProjWeight",
    ],
  ])("%#", (f, message) => {
    expect(f).toThrow(message);
  });
});
