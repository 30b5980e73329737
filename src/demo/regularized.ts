/** @file Small problems that show what norms, penalties and capacity do: what the points of the notes and the studio's room compute with. */
import { scan } from "../function/control.ts";
import { grad, valueAndGrad } from "../function/derivative.ts";
import { softShrink } from "../math/activation.ts";
import { softmax } from "../math/softmax.ts";
import { stack, tensor, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { draw, f64, item, scalar } from "./values.ts";

/** A linear problem by its mean loss ½ wᵀ C w - cᵀ w: C = XᵀX/N, c = Xᵀy/N. */
export interface LinearProblem {
  readonly gram: Tensor;
  readonly moment: Tensor;
}

export type Penalty = "l1" | "l2";

/** Twenty features of a hundred examples, of which the first three count. */
export function sparseProblem(): LinearProblem {
  const x = draw(1, 100, 20);
  const truth = tensor([3, -2, 1.5, ...new Array<number>(17).fill(0)], f64);
  const y = x.matmul(truth).add(draw(2, 100).mul(0.1));
  return { gram: x.transpose().matmul(x).div(100), moment: x.transpose().matmul(y).div(100) };
}

/** Weights [strengths, features] after proximal or plain gradient steps with a penalty λ‖w‖₁ or ½ λ‖w‖², for several λ at once. */
export function penalized({ gram, moment }: LinearProblem, kind: Penalty, strengths: readonly number[], rate = 0.1): Tensor {
  // As data, so that another rate or strength compiles nothing anew.
  const lr = scalar(rate);
  const lambda = tensor([...strengths], f64)
    .unsqueeze(1)
    .mul(lr);
  const step = (w: Tensor): [Tensor, null] => {
    const moved = w.sub(w.matmul(gram).sub(moment).mul(lr));
    // A step of the loss, then the penalty's own: towards 0 by a constant, or by a share.
    return [kind === "l1" ? softShrink(moved, { lambda }) : moved.div(lambda.add(1)), null];
  };
  return scan(step, zeros([strengths.length, moment.size], "f64"), null, { length: 300 })[0] as Tensor;
}

/** The batch of one feature that the two below normalize. */
const inputs = (): Tensor => draw(3, 64, 1);

/** Normalizing by moving averages in training: bias and loss after each step on inputs that do not change. */
export function withMovingAverages(steps: number): { biases: number[]; losses: number[] } {
  const x = inputs();
  const step = ([b, m, v]: readonly [Tensor, Tensor, Tensor]): [[Tensor, Tensor, Tensor], [Tensor, Tensor]] => {
    // The loss does not see that the averages will follow, so the step for the bias is undone, and taken again.
    const loss = (bias: Tensor): Tensor => x.add(bias).sub(m).div(v.add(1e-5).sqrt()).sub(1).square().mean();
    const { value, grad: slope } = valueAndGrad(loss)(b);
    const moved = b.sub(slope.mul(0.5));
    const z = x.add(moved);
    const half = (old: Tensor, fresh: Tensor): Tensor => old.add(fresh).mul(0.5);
    return [
      [moved, half(m, z.mean()), half(v, z.sub(z.mean()).square().mean())],
      [moved, value],
    ];
  };
  const [, [biases, losses]] = scan(step, [scalar(0), scalar(0), scalar(1)] as [Tensor, Tensor, Tensor], null, { length: steps });
  return { biases: Array.from((biases as Tensor).dataSync()), losses: Array.from((losses as Tensor).dataSync()) };
}

/** The same with the batch's own statistics, through which the gradient goes: the bias after each step. */
export function withBatchStatistics(steps: number): number[] {
  const x = inputs();
  const loss = (bias: Tensor): Tensor => {
    const z = x.add(bias);
    const centred = z.sub(z.mean());
    return centred.div(centred.square().mean().add(1e-5).sqrt()).sub(1).square().mean();
  };
  const step = (b: Tensor): [Tensor, Tensor] => {
    const moved = b.sub(grad(loss)(b).mul(0.5));
    return [moved, moved];
  };
  return Array.from((scan(step, scalar(0), null, { length: steps })[1] as Tensor).dataSync());
}

/** Means and biased variances of 4,000 batches of m draws from a normal distribution. */
export function batchMoments(m: number): { means: Tensor; variances: Tensor } {
  const x = draw(1, 4000, m, 1);
  const means = x.mean(1);
  return { means, variances: x.sub(means.unsqueeze(1)).square().mean(1) };
}

/** Columns 1, x, x², … of points. */
export const powers = (x: Tensor, degree: number): Tensor =>
  stack(
    Array.from({ length: degree + 1 }, (_, i) => x.pow(i)),
    -1,
  );

export type Points = readonly [x: Tensor, y: Tensor];

/** sin 3x with noise of deviation 0.2. */
export const noisy = (x: Tensor, seed: number): Points => [x, x.mul(3).sin().add(draw(seed, x.size).mul(0.2))];

/** The mean squared error of a polynomial. */
export const polynomialError = (weights: Tensor, [x, y]: Points): number =>
  item(
    powers(x, weights.size - 1)
      .matmul(weights)
      .sub(y)
      .square()
      .mean(),
  );

/** The 2ⁿ sub-networks of a softmax layer of 3 classes on n = 8 inputs: their geometric mean, and the layer with half the weights. */
export function softmaxSubnetworks(): { count: number; geometric: Tensor; halved: Tensor } {
  const n = 8;
  const [x, w, b] = [draw(1, n), draw(2, n, 3), draw(3, 3)];
  const masks = subsets(n);
  const logs = softmax(masks.mul(x).matmul(w).add(b), 1).log();
  return {
    count: masks.shape[0]!,
    geometric: softmax(logs.mean(0), 0),
    halved: softmax(x.mul(0.5).matmul(w).add(b), 0),
  };
}

/** All 2ⁿ rows of n zeros and ones. */
export const subsets = (n: number): Tensor =>
  tensor(
    Array.from({ length: 2 ** n }, (_, i) => Array.from({ length: n }, (_unused, bit) => (i >> bit) & 1)),
    f64,
  );
