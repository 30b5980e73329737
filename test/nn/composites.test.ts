/**
 * @file Layers cost nothing: the training step of each has the same instructions as the same net written by hand with methods of tensors,
 * and as many kernels.
 */
import { expect, test } from "vitest";
import { formatType } from "../../src/base/shape.ts";
import { scan } from "../../src/function/control.ts";
import { backward } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import * as F from "../../src/math/attention.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { zeros } from "../../src/ops/create.ts";
import { decay, ratio } from "../../src/ops/elementwise.ts";
import type { Region } from "../../src/ops/op.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import "../../src/runtime/evaluate.ts";

/** Op and types of every instruction of a training step, loops' bodies included, and the number of kernels. */
function stepOf(parameters: readonly nn.Parameter[], x: Tensor, forward: (x: Tensor) => Tensor): { list: string[]; kernels: number } {
  const optimizer = parameters.length > 0 ? new SGD(parameters, { lr: 0.1, momentum: 0.9 }) : undefined;
  const recording = recordFunction(
    (x: Tensor) => {
      const input = new nn.Parameter(x);
      const { grads } = backward(
        () =>
          forward(parameters.length > 0 ? x : input.value)
            .square()
            .sum(),
        optimizer?.parameters ?? [input],
      );
      optimizer?.step(grads);
      return optimizer ? undefined : grads;
    },
    [x],
  );
  const region = optimize(recording.region);
  const cells = [...new Set([...recording.inputs, ...recording.outputs].filter((role) => typeof role !== "string"))];
  return { list: instructions(region).sort(), kernels: plan(region, recording, cells).program.steps.length };
}

function instructions(region: Region): string[] {
  return tapeOfRegion(region).flatMap(({ op, results, regions }) => [
    `${op.name} ${results.map(formatType).join(" ")}`,
    ...regions.flatMap(instructions),
  ]);
}

/** x·gate(x), whose factors stand still far out, so that the product has a value at the infinities. */
function gated(x: Tensor, gate: (x: Tensor) => Tensor): Tensor {
  const z = x.lt(-1e4).where(-1e4, x);
  return z.mul(gate(z.gt(1e4).where(1e4, z)));
}

type Layer = nn.Module & { forward(x: Tensor): unknown };
type Pick = (y: never) => Tensor;
type Row = readonly [name: string, layer: Layer, shape: readonly number[], hand: (x: Tensor) => Tensor, pick: Pick];

/** The value of a layer's cell. */
const at = (layer: nn.Module, name: string): Tensor => layer.namedCells().find(([own]) => own === name)![1].value;
const row = <M extends Layer>(
  layer: M,
  shape: number[],
  hand: (x: Tensor, get: (name: string) => Tensor) => Tensor,
  pick: Pick = (y: Tensor) => y,
): Row => [layer.constructor.name, layer, shape, (x) => hand(x, (name) => at(layer, name)), pick];

const perChannel = (v: Tensor, rank: number): Tensor => v.reshape([1, -1, ...Array<number>(rank - 2).fill(1)]);
const standardized = (x: Tensor, axes: number[]): Tensor => {
  const near = x.sub(x.mean(axes, { keepDims: true }));
  const rest = near.mean(axes, { keepDims: true }).stopGradient();
  const unit = 2 ** -32; // squares of values up to 1e28 do not overflow
  const variance = near.mul(unit).square().mean(axes, { keepDims: true }).sub(rest.mul(unit).square());
  const inverse = variance
    .add(1e-5 * unit * unit)
    .sqrt()
    .recip();
  return near.sub(rest).mul(inverse.mul(unit));
};
const dense = (x: Tensor, w: Tensor, b: Tensor): Tensor => x.dot(w, "nti,oi->nto").add(b);

const ROWS: readonly Row[] = [
  row(new nn.Linear(6, 4), [8, 6], (x, get) => x.dot(get("weight"), "ni,oi->no").add(get("bias"))),
  row(new nn.Conv2d(3, 4, 3, { padding: 1, stride: 2 }), [2, 3, 8, 8], (x, get) =>
    x.conv(get("weight"), { padding: 1, stride: 2 }).add(perChannel(get("bias"), 4)),
  ),
  row(new nn.LayerNorm(6), [8, 6], (x, get) => standardized(x, [1]).mul(get("weight")).add(get("bias"))),
  row(new nn.GroupNorm(2, 4), [2, 4, 5], (x, get) => {
    const y = standardized(x.reshape([2, 2, -1]), [2]).reshape(x.shape);
    return y.mul(perChannel(get("weight"), 3)).add(perChannel(get("bias"), 3));
  }),
  row(new nn.BatchNorm2d(4, { trackRunningStats: false }), [3, 4, 5, 5], (x, get) =>
    standardized(x, [0, 2, 3])
      .mul(perChannel(get("weight"), 4))
      .add(perChannel(get("bias"), 4)),
  ),
  row(new nn.GELU(), [8, 6], (x) => gated(x, (z) => z.mul(Math.SQRT1_2).erf().add(1).mul(0.5))),
  row(new nn.SiLU(), [8, 6], (x) => gated(x, (z) => z.sigmoid())),
  row(new nn.Softmax(1), [8, 6], (x) => {
    const e = x.sub(x.max(1, { keepDims: true })).unary(decay);
    return e.binary(ratio, e.sum(1, { keepDims: true }));
  }),
  row(new nn.AvgPool2d(2), [2, 3, 8, 8], (x) => x.windows([2, 2], [2, 2]).sum([-2, -1]).div(4)),
  row(new nn.Maxout(6, 3, 2), [8, 6], (x, get) => dense2(x, get).reshape([8, 3, 2]).maxWithIndex(-1).values),
  row(
    new nn.RNN(3, 4),
    [5, 2, 3],
    (x, get) => {
      const inputs = dense(x, get("weight_ih_l0"), get("bias_ih_l0")).add(get("bias_hh_l0"));
      const recurrent = get("weight_hh_l0").transpose();
      const step = (h: Tensor, xt: Tensor): [Tensor, Tensor] => {
        const next = xt.add(h.matmul(recurrent)).tanh();
        return [next, next];
      };
      return scan(step, zeros([1, 2, 4]).select(0, 0), inputs)[1];
    },
    ({ output }: { output: Tensor }) => output,
  ),
  row(
    new nn.MultiHeadAttention(4, 2),
    [2, 3, 4],
    (x, get) => {
      const [q, k, v] = [0, 1, 2].map((i) => {
        const y = dense(x, get("in_proj_weight").narrow(0, 4 * i, 4), get("in_proj_bias").narrow(0, 4 * i, 4));
        return y.reshape([2, 3, 2, 2]).moveAxis(2, 1);
      });
      const scores = q.mul(1 / Math.sqrt(2)).matmul(k.transpose([0, 1, 3, 2]));
      const e = scores.sub(scores.max(-1, { keepDims: true }).stopGradient()).unary(decay);
      const y = e
        .binary(ratio, e.sum(-1, { keepDims: true }))
        .matmul(v)
        .moveAxis(1, 2)
        .reshape([2, 3, 4]);
      return dense(y, get("out_proj.weight"), get("out_proj.bias"));
    },
    ({ output }: { output: Tensor }) => output,
  ),
  row(new nn.Sequential(new nn.Linear(6, 4), new nn.ReLU(), new nn.Residual(new nn.Linear(4, 4))), [8, 6], (x, get) => {
    const h = x.dot(get("0.weight"), "ni,oi->no").add(get("0.bias")).relu();
    return h.dot(get("2.body.weight"), "ni,oi->no").add(get("2.body.bias")).add(h);
  }),
];

function dense2(x: Tensor, get: (name: string) => Tensor): Tensor {
  return x.dot(get("linear.weight"), "ni,oi->no").add(get("linear.bias"));
}

test.each(ROWS)("%s", (_, layer, shape, hand, pick) => {
  const x = normal(keyOf(1), shape);
  const forward = (x: Tensor): Tensor => pick(layer.forward(x) as never);
  const [ours, theirs] = [stepOf(layer.parameters(), x, forward), stepOf(layer.parameters(), x, hand)];
  expect(ours.list).toEqual(theirs.list);
  expect(ours.kernels).toBe(theirs.kernels);
  const want = hand(x).dataSync();
  forward(x)
    .dataSync()
    .forEach((v, i) => {
      expect(v).toBeCloseTo(want[i]!, 5);
    });
});

test("a transformer's layer is the function of the same parameters", () => {
  const layer = new nn.TransformerEncoderLayer(4, 2, { hidden: 8, dropout: 0 });
  const { self_attn: attention, linear1, linear2, norm1, norm2 } = layer;
  const selfAttention = {
    inProjWeight: attention.in_proj_weight,
    inProjBias: attention.in_proj_bias,
    outProjWeight: attention.out_proj.weight,
    outProjBias: attention.out_proj.bias,
  };
  const feedForward = { weight1: linear1.weight, bias1: linear1.bias, weight2: linear2.weight, bias2: linear2.bias };
  const x = normal(keyOf(1), [2, 3, 4]);
  const hand = (x: Tensor): Tensor => F.transformerEncoderLayer(x, { selfAttention, feedForward, norm1, norm2 }, { heads: 2 });
  expect(stepOf(layer.parameters(), x, (x) => layer.forward(x))).toEqual(stepOf(layer.parameters(), x, hand));
});
