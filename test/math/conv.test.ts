/** @file Convolution: rows CNN-1, CNN-3, CNN-4 and CNN-5, and sums written out as loops. Values against PyTorch: test/golden. */
import { expect, test } from "vitest";
import { grad, vjp } from "../../src/function/derivative.ts";
import * as F from "../../src/math/conv.ts";
import { linear } from "../../src/math/linear.ts";
import { pad } from "../../src/math/rearrange.ts";
import { unfold } from "../../src/math/unfold.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends } from "../function/backends.ts";

let state = 3;
/** Numbers in [-1, 1) that are the same every time. */
function draw(...shape: number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
  return tensor(values, { shape });
}

/** One-dimensional convolution by its definition. */
function byLoops(x: Tensor, w: Tensor, s: number, p: number, d: number, groups: number): number[] {
  const [n, c, l] = x.shape as [number, number, number];
  const [o, cg, k] = w.shape as [number, number, number];
  const [xs, ws] = [x.dataSync(), w.dataSync()];
  const out = Math.floor((l + 2 * p - d * (k - 1) - 1) / s) + 1;
  const y: number[] = [];
  for (let b = 0; b < n; b++)
    for (let j = 0; j < o; j++)
      for (let i = 0; i < out; i++) {
        let sum = 0;
        for (let q = 0; q < cg; q++)
          for (let t = 0; t < k; t++) {
            const at = i * s - p + t * d;
            const channel = Math.floor(j / (o / groups)) * cg + q;
            if (at >= 0 && at < l) sum += xs[(b * c + channel) * l + at]! * ws[(j * cg + q) * k + t]!;
          }
        y.push(sum);
      }
  return y;
}

onBothBackends("convolution", () => {
  test("CNN-1: the vertical edge filter on the corner of an image gives 65 + bias", () => {
    const x = f64([
      [200, 150, 150],
      [100, 50, 100],
      [25, 25, 10],
    ]).reshape([1, 1, 3, 3]);
    const w = f64([
      [1, 0, -1],
      [2, 0, -2],
      [1, 0, -1],
    ]).reshape([1, 1, 3, 3]);
    expectClose(F.conv2d(x, w, { bias: f64([7]) }), [65 + 7]);
  });

  test.each([
    [1, 0, 1, 1],
    [2, 1, 1, 1],
    [3, 2, 2, 2],
    [1, 4, 3, 4],
  ])("CNN-5: stride %i, padding %i, dilation %i, %i group(s) as a sum written out", (stride, padding, dilation, groups) => {
    const x = draw(2, 4, 9);
    const w = draw(4, 4 / groups, 3);
    expectClose(F.conv1d(x, w, { stride, padding, dilation, groups }), byLoops(x, w, stride, padding, dilation, groups));
  });

  test("CNN-3: ∂L/∂k is the cross-correlation of input and upstream gradient", () => {
    const [x, k, up] = [draw(1, 1, 6, 5), draw(1, 1, 3, 2), draw(1, 1, 4, 4)];
    const [ck] = vjp((w: Tensor) => F.conv2d(x, w))(k).pullback(up);
    expectClose(ck, F.conv2d(x, up));
  });

  test("CNN-3: ∂L/∂x is the full convolution of the upstream gradient with the kernel, turned by 180°", () => {
    const [x, k, up] = [draw(1, 1, 6, 5), draw(1, 1, 3, 2), draw(1, 1, 4, 4)];
    const [cx] = vjp((t: Tensor) => F.conv2d(t, k))(x).pullback(up);
    expectClose(cx, F.conv2d(up, k.flip([2, 3]), { padding: [2, 1] }));
  });

  test("CNN-3: forward is a matrix product of the kernels with the patches", () => {
    const [x, k] = [draw(2, 3, 6, 5), draw(4, 3, 3, 2)];
    const options = { stride: [2, 1], padding: [1, 0] };
    const columns = unfold(x, [3, 2], options); // [2, 18, L]
    expectClose(k.reshape([4, 18]).matmul(columns), F.conv2d(x, k, options).flatten(2));
  });

  test("CNN-4: a 1×1 convolution is the same dense layer at each pixel", () => {
    const [x, w, b] = [draw(2, 3, 4, 5), draw(6, 3), draw(6)];
    const pixels = x.transpose([0, 2, 3, 1]); // [N, H, W, C]
    const dense = linear(pixels, w, b).transpose([0, 3, 1, 2]);
    expectClose(F.conv2d(x, w.reshape([6, 3, 1, 1]), { bias: b }), dense);
  });

  test("CNN-5: a depthwise convolution treats each channel alone", () => {
    const [x, w] = [draw(1, 3, 5, 5), draw(3, 1, 3, 3)];
    const whole = F.conv2d(x, w, { groups: 3 });
    for (let c = 0; c < 3; c++) expectClose(whole.narrow(1, c, 1), F.conv2d(x.narrow(1, c, 1), w.narrow(0, c, 1)));
  });

  test("CNN-5: a transposed convolution is the transpose: ⟨conv x, y⟩ = ⟨x, convᵀ y⟩", () => {
    const w = draw(4, 1, 3, 2);
    const options = { stride: [2, 3], padding: [1, 0], dilation: [1, 2], groups: 2 };
    const x = draw(2, 2, 8, 9);
    const y = draw(...F.conv2d(x, w, options).shape);
    const back = F.convTranspose2d(y, w, { ...options, outputPadding: [1, 0] });
    expect(back.shape).toEqual(x.shape);
    expectClose(F.conv2d(x, w, options).mul(y).sum(), back.mul(x).sum());
  });

  test("outputPadding beyond the stride, where dilation allows it, adds zeros", () => {
    const [x, w] = [draw(1, 2, 4), draw(2, 1, 2)];
    const plain = F.convTranspose1d(x, w, { dilation: 3 });
    const longer = F.convTranspose1d(x, w, { dilation: 3, outputPadding: 2 });
    expectClose(longer, pad(plain, [[0, 2]]));
    const g = grad((t: Tensor) => F.convTranspose1d(t, w, { dilation: 3, outputPadding: 2 }).square().sum())(x);
    expectClose(g, grad((t: Tensor) => F.convTranspose1d(t, w, { dilation: 3 }).square().sum())(x));
  });

  test('padding "same" keeps the size and puts an odd remainder at the end', () => {
    const [x, w] = [draw(1, 1, 7), draw(1, 1, 4)];
    const y = F.conv1d(x, w, { padding: "same" });
    expect(y.shape).toEqual([1, 1, 7]);
    expectClose(y, F.conv1d(x.pad([0, 0, 1], [0, 0, 2]), w));
    expect(F.conv3d(draw(1, 1, 4, 5, 6), draw(2, 1, 3, 3, 3), { padding: "same" }).shape).toEqual([1, 2, 4, 5, 6]);
  });

  test("padding modes are those of pad", () => {
    const row = f64([[[1, 2, 3, 4]]]);
    const by = (mode: "constant" | "reflect" | "replicate" | "circular"): number[] => elements(pad(row, [[2, 3]], mode));
    expect(by("constant")).toEqual([0, 0, 1, 2, 3, 4, 0, 0, 0]);
    expect(by("reflect")).toEqual([3, 2, 1, 2, 3, 4, 3, 2, 1]);
    expect(by("replicate")).toEqual([1, 1, 1, 2, 3, 4, 4, 4, 4]);
    expect(by("circular")).toEqual([3, 4, 1, 2, 3, 4, 1, 2, 3]);
    const [x, w] = [draw(1, 2, 5, 4), draw(3, 2, 3, 3)];
    for (const paddingMode of ["reflect", "replicate", "circular"] as const) {
      const padded = pad(
        x,
        [
          [1, 1],
          [2, 2],
        ],
        paddingMode,
      );
      expectClose(F.conv2d(x, w, { padding: [1, 2], paddingMode }), F.conv2d(padded, w));
    }
  });
});

test("wrong calls say what they want", () => {
  expect(() => F.conv2d(draw(4, 4), draw(1, 3, 2, 2))).toThrow("or [channels, height, width], got [4, 4]");
  expect(() => F.conv1d(draw(1, 1, 8), draw(1, 1, 3), { padding: "same", stride: 2 })).toThrow("wants stride 1");
  expect(() => F.convTranspose1d(draw(1, 2, 4), draw(3, 1, 2))).toThrow("2 channels in 1 group(s)");
  expect(() => F.convTranspose1d(draw(1, 2, 4), draw(2, 1, 2), { outputPadding: 1 })).toThrow("below stride or dilation");
  expect(() => F.conv1d(draw(1, 1, 3), draw(1, 1, 2), { padding: 3, paddingMode: "reflect" })).toThrow("can add at most 2");
});
