/** @file Recurrent layers with checkpoints: less memory, little more work, and the values and gradients of the layer that keeps everything. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { scan } from "../../src/function/control.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { GRU, LSTM, type RecurrentLayerOptions, RNN } from "../../src/nn/recurrent.ts";
import { fromArray, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const random = (shape: readonly number[], seed = 1): Tensor =>
  fromArray(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 0.3 * Math.sin(12.9898 * (i + 1) * seed)),
    { shape, dtype: "f32" },
  );

type Layer = LSTM | GRU | RNN;

/** Results and gradients of a layer with fixed weights, and what its program takes. */
function run(layer: Layer, x: Tensor, lengths?: readonly number[]): { values: number[]; scratch: number; work: number } {
  for (const [i, p] of layer.parameters().entries()) p.set(random(p.value.shape, i + 2));
  const step = compile((input: Tensor) =>
    backward(() => {
      const { output, h } = layer.forward(input, undefined, lengths ? { lengths } : {});
      return output.square().mean().add(h.sum());
    }, layer.parameters()),
  );
  const { value, grads } = step(x);
  const values = [value, ...grads].flatMap((t) => [...t.dataSync()]);
  return { values, scratch: step.footprint.scratch, work: step.footprint.work };
}

function expectSame(got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  const far = got.findIndex((v, i) => !(Math.abs(v - want[i]!) <= 1e-5 * Math.max(1, Math.abs(want[i]!))));
  expect(far).toBe(-1);
}

test("LSTM(16, 64) over 400 steps of 8 sequences: half the memory for at most a third more work", () => {
  const x = random([400, 8, 16]);
  const plain = run(new LSTM(16, 64), x);
  const less = run(new LSTM(16, 64, { checkpoint: "sqrt" }), x);
  expectSame(less.values, plain.values);
  // At once: the gates' gradients (4 parts of 0.82 MB), seven values of each step, the outputs and their gradients; and the arguments.
  expect(plain.scratch).toBeLessThan(11e6);
  expect(less.scratch).toBeLessThan(4.95e6);
  expect(less.scratch).toBeLessThan(plain.scratch / 2);
  expect(less.work).toBeLessThanOrEqual((4 / 3) * plain.work);
});

const VARIANTS: Record<string, [make: (options: RecurrentLayerOptions) => Layer, lengths?: readonly number[]]> = {
  "an LSTM of two layers and both directions": [(o) => new LSTM(3, 8, { ...o, layers: 2, bidirectional: true })],
  "a GRU, batch first": [(o) => new GRU(3, 8, { ...o, batchFirst: true })],
  "an RNN in reverse without biases": [(o) => new RNN(3, 8, { ...o, reverse: true, bias: false })],
  "a GRU of both directions with lengths": [(o) => new GRU(3, 8, { ...o, bidirectional: true }), [40, 7]],
};

describe.each(Object.entries(VARIANTS))("%s", (_, [make, lengths]) => {
  test.each([["sqrt"], [{ slots: 2, internal: 4, segment: 10 }]] as const)("keeps %j", (checkpoint) => {
    const plain = make({});
    const x = random(plain.batchFirst ? [2, 40, 3] : [40, 2, 3]);
    const want = run(plain, x, lengths);
    const got = run(make({ checkpoint }), x, lengths);
    expectSame(got.values, want.values);
    expect(got.scratch).toBeLessThan(want.scratch);
  });
});

test("dropout between layers draws the same with and without checkpoints", () => {
  const loss = (checkpoint?: "sqrt"): number[] => {
    const layer = new LSTM(3, 4, { layers: 2, dropout: 0, checkpoint });
    return run(layer, random([17, 2, 3])).values;
  };
  expectSame(loss("sqrt"), loss());
  const layer = new LSTM(3, 4, { layers: 2, dropout: 0.5, checkpoint: "sqrt" });
  expect(run(layer, random([17, 2, 3])).values.every(Number.isFinite)).toBe(true);
});

test.each([[1], [3], [13]])("a loop of %i steps with the root of them kept, forward and in reverse", (length) => {
  const w = random([4, 4]);
  const x = random([length, 2, 4], 3);
  for (const reverse of [false, true]) {
    const loss =
      (checkpoint?: "sqrt") =>
      (v: Tensor): Tensor => {
        const [h, ys] = scan((c: Tensor, s: Tensor) => [c.matmul(v).add(s).tanh(), c.mul(s)], zeros([2, 4]), x, {
          reverse,
          ...(checkpoint && { checkpoint }),
        });
        return h.sum().add(ys.mul(random([length, 2, 4], 5)).sum());
      };
    expectSame([...grad(loss("sqrt"))(w).dataSync()], [...grad(loss())(w).dataSync()]);
  }
});

test("what is no plan is refused where the layer is made", () => {
  for (const checkpoint of [0, 1.5, "root", null, { slots: 0 }, { slots: 2, segment: 0 }] as never[])
    expect(() => new LSTM(2, 3, { checkpoint })).toThrow(/LSTM: want .* a checkpoint is a number of slots/);
});
