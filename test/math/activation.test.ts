/** @file Activations: the identities and limits of rows ACT-1, ACT-2 and ACT-4, and the conventions at kinks. Values against PyTorch: test/golden. */
import { describe, expect, test } from "vitest";
import { grad } from "../../src/function/derivative.ts";
import * as F from "../../src/math/activation.ts";
import { keyOf } from "../../src/math/random.ts";
import { entropy, logSoftmax, softmax, softmin } from "../../src/math/softmax.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends, range } from "../function/backends.ts";

const UNARY: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sigmoid: F.sigmoid,
  tanh: F.tanh,
  relu: F.relu,
  relu6: F.relu6,
  leakyRelu: F.leakyRelu,
  absolute: F.absolute,
  elu: F.elu,
  "celu, α = ½": (x) => F.celu(x, { alpha: 0.5 }),
  selu: F.selu,
  gelu: F.gelu,
  "gelu, tanh": (x) => F.gelu(x, { approximate: "tanh" }),
  silu: F.silu,
  "swish, β = 1.5": (x) => F.swish(x, { beta: 1.5 }),
  mish: F.mish,
  softplus: F.softplus,
  "softplus, β = 2, threshold 20": (x) => F.softplus(x, { beta: 2, threshold: 20 }),
  softsign: F.softsign,
  hardTanh: F.hardTanh,
  hardSigmoid: F.hardSigmoid,
  hardSwish: F.hardSwish,
  logSigmoid: F.logSigmoid,
  tanhShrink: F.tanhShrink,
  softShrink: F.softShrink,
  hardShrink: F.hardShrink,
  threshold: (x) => F.threshold(x, { threshold: 0.1, value: 20 }),
  cosine: F.cosine,
};

const slope = (f: (x: Tensor) => Tensor, x: Tensor): number[] => elements(grad((t: Tensor) => f(t).sum())(x));

onBothBackends("activations", () => {
  const x = f64(range(41, (i) => (i - 20) / 4));

  test("ACT-2: tanh x = 2σ(2x) - 1", () => {
    expectClose(F.tanh(x), F.sigmoid(x.mul(2)).mul(2).sub(1), 1e-12);
  });

  test("ACT-2: σ′ = σ(1 - σ)", () => {
    const y = F.sigmoid(x);
    expectClose(slope(F.sigmoid, x), elements(y.mul(y.neg().add(1))), 1e-12);
  });

  test.each(Object.entries(UNARY))("ACT-2: %s and its slope are finite at ±1e4 and at 0, in f32", (_, f) => {
    const far = tensor([-1e4, -100, -20, -1, -0, 0, 1, 20, 100, 1e4]);
    for (const value of [...elements(f(far)), ...slope(f, far)]) expect(value).toSatisfy(Number.isFinite);
  });

  test.each(Object.entries(UNARY))("%s: NaN stays", (_, f) => {
    expect(elements(f(tensor([Number.NaN])))).toEqual([Number.NaN]);
  });

  test("ACT-1: the family max(0, z) + α min(0, z) has |z| at α = -1 and relu at 0", () => {
    expectClose(F.leakyRelu(x, { negativeSlope: -1 }), F.absolute(x));
    expectClose(F.leakyRelu(x, { negativeSlope: 0 }), F.relu(x));
    expectClose(F.prelu(x.reshape([1, 41]), f64([0.3])), F.leakyRelu(x, { negativeSlope: 0.3 }).reshape([1, 41]));
  });

  test("ACT-1: maxout takes the largest of k neighbours, so it needs k times the inputs", () => {
    expectClose(F.maxout(f64([[1, 5, 2, 3, 4, 0]]), { pieces: 3 }), [5, 4]);
    expectClose(F.maxout(f64([[1, 5, 2, 3, 4, 0]]), { pieces: 2 }), [5, 3, 4]);
  });

  test("ACT-1: a radial unit is 1 at its centre, and σ is its width", () => {
    const centres = f64([
      [0, 0],
      [3, 4],
    ]);
    expectClose(F.rbf(f64([[0, 0]]), centres, { sigma: 5 }), [1, Math.exp(-1)]);
    expectClose(F.rbf(f64([[0, 0]]), centres, { sigma: f64([1, 10]) }), [1, Math.exp(-0.25)]);
  });

  test("glu gates one half by the other", () => {
    expectClose(F.glu(f64([[2, 3, 0, 0]])), [1, 1.5]);
    expectClose(F.glu(f64([[2, 3, -1, 4]]), { activation: F.relu }), [0, 12]);
  });

  test("ACT-4: entropy rises with the temperature, the winner stays, and shares sum to 1", () => {
    const logits = f64([1.2, -0.3, 4, 3.1, 0.7, -2, 0, 2.2, 3.9, -1]);
    const at = (temperature: number): Tensor => softmax(logits, -1, { temperature });
    const [cold, plain, hot] = [0.01, 1, 5].map(at);
    const [a, b, c] = [cold!, plain!, hot!].map((p) => entropy(p).itemSync());
    expect(a).toBeLessThan(b!);
    expect(b).toBeLessThan(c!);
    expect(c).toBeLessThan(Math.log(10));
    for (const p of [cold!, plain!, hot!]) {
      expect(p.argmax(0).itemSync()).toBe(2);
      expectClose(p.sum(), 1);
    }
  });

  test("softmax: log, minimum, masked and very large entries", () => {
    const z = f64([
      [1, 2, 3],
      [0, -1, 5],
    ]);
    expectClose(logSoftmax(z, 1).exp(), softmax(z, 1));
    expectClose(softmin(z, 1), softmax(z.neg(), 1));
    expectClose(softmax(tensor([0, Number.NEGATIVE_INFINITY, 0])), [0.5, 0, 0.5]);
    for (const f of [softmax, logSoftmax, softmin]) expect(f(z.narrow(1, 0, 0), 1).shape).toEqual([z.shape[0], 0]);
    expectClose(logSoftmax(tensor([1e4, -1e4, 1e4])), [-Math.LN2, -2e4 - Math.LN2, -Math.LN2], 1e-6);
    expect(slope((t) => softmax(t).select(0, 0), tensor([1e4, -1e4, Number.NEGATIVE_INFINITY]))).toEqual([0, 0, 0]);
  });

  test("softmax keeps the digits of a small gradient where one share is almost 1", () => {
    const weights = f64([0.7741795, 2.1748571, 1.1435335]);
    const z = f64([-9.5318, -8.9357, 0]);
    const f = (t: Tensor): Tensor => softmax(t).mul(weights.cast(t.dtype));
    const exact = slope(f, z);
    slope(f, z.cast("f32")).forEach((g, i) => {
      expect(Math.abs(g / exact[i]! - 1)).toBeLessThan(1e-5);
    });
  });

  test("a sample of gumbelSoftmax is a distribution, and hard ones are one-hot with the soft derivative", () => {
    const logits = f64([
      [0, 1, 2],
      [3, 1, 0],
    ]);
    const key = keyOf(7);
    const soft = F.gumbelSoftmax(logits, { key, temperature: 0.7 });
    expectClose(soft.sum(1), [1, 1]);
    const hard = F.gumbelSoftmax(logits, { key, temperature: 0.7, hard: true });
    expectClose(hard.max(1), [1, 1]);
    expectClose(hard.argmax(1), elements(soft.argmax(1)));
    const weigh = (y: Tensor): Tensor => y.mul(f64([1, 5, -2]));
    expectClose(
      slope((t) => weigh(F.gumbelSoftmax(t, { key, hard: true })), logits),
      slope((t) => weigh(F.gumbelSoftmax(t, { key })), logits),
    );
  });
});

describe("slopes at kinks are PyTorch's", () => {
  test.each([
    ["relu", F.relu, 0, 0],
    ["leakyRelu", F.leakyRelu, 0, 0.01],
    ["absolute", F.absolute, 0, 0],
    ["relu6", F.relu6, 6, 0],
    ["hardTanh", F.hardTanh, 1, 0],
    ["hardSigmoid", F.hardSigmoid, 3, 0],
    ["hardSwish", F.hardSwish, 3, 1.5],
    ["hardSwish", F.hardSwish, -3, -0.5],
    ["softShrink", F.softShrink, 0.5, 0],
    ["hardShrink", F.hardShrink, 0.5, 0],
    ["elu", (x: Tensor) => F.elu(x, { alpha: 1.5 }), 0, 1.5],
    ["softplus", F.softplus, 0, 0.5],
  ] as const)("%s at %f", (_, f, at, want) => {
    expectClose(slope(f as (x: Tensor) => Tensor, f64([at])), [want]);
  });
});

test("wrong calls say what they want", () => {
  expect(() => F.maxout(tensor([[1, 2, 3]]), { pieces: 2 })).toThrow("does not divide into groups of 2");
  expect(() => F.glu(tensor([[1, 2, 3]]))).toThrow("even size");
  expect(() => F.hardTanh(tensor([1]), { minVal: 2, maxVal: 1 })).toThrow("minVal < maxVal");
});
