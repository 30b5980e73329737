/** @file Exclusive or: its table, and many small networks that learn it at once. */

import { compile } from "../function/compile.ts";
import { scan } from "../function/control.ts";
import { grad } from "../function/derivative.ts";
import { keyOf, normal, split } from "../math/random.ts";
import { tensor, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

export const XOR: { readonly inputs: number[][]; readonly targets: number[] } = {
  inputs: [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ],
  targets: [0, 1, 1, 0],
};

/**
 * Final mean squared errors of 2-h-1 ReLU networks with weights N(0, 1) and biases 0, after full-batch gradient descent at rate 0.1. All starts
 * are trained together, as one program over a leading axis.
 */
export function xorLosses(hidden: number, starts: number, steps: number, seed: number): number[] {
  const [first, second] = split(keyOf(seed), 2) as [Tensor, Tensor];
  const [x, y] = [tensor(XOR.inputs), tensor(XOR.targets)];
  type Weights = readonly [w: Tensor, c: Tensor, v: Tensor, b: Tensor];
  const losses = ([w, c, v, b]: Weights): Tensor => {
    const h = w.dot(x, "shi,ni->snh").add(c.unsqueeze(1)).relu();
    return h.dot(v, "snh,sh->sn").add(b.unsqueeze(1)).sub(y.unsqueeze(0)).square().mean(1);
  };
  const gradient = grad((p: Weights) => losses(p).sum());
  const train = compile((start: Weights) => {
    const step = (p: Weights): [Weights, null] => {
      const g = gradient(p);
      const [w, c, v, b] = p.map((each, i) => each.sub(g[i]!.mul(0.1))) as [Tensor, Tensor, Tensor, Tensor];
      return [[w, c, v, b], null];
    };
    return losses(scan(step, start, null, { length: steps })[0]);
  });
  const shape = [starts, hidden];
  const start: Weights = [normal(first, [...shape, 2]), zeros(shape), normal(second, shape), zeros([starts])];
  return Array.from(train(start).dataSync());
}
