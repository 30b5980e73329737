/** @file Short trainings on a few numbers, as one program: full-batch steps in a loop. */
import { compile } from "../function/compile.ts";
import { scan } from "../function/control.ts";
import { backward } from "../function/derivative.ts";
import type { Layer } from "../nn/module.ts";
import { zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";

export type LossOf = (says: Tensor, wanted: Tensor) => Tensor;

/** Trains for so many full-batch steps; gives the loss before each. */
export function trained(model: Layer, optimizer: Optimizer, [x, y]: readonly [Tensor, Tensor], loss: LossOf, steps: number): number[] {
  const run = compile((inputs: Tensor, targets: Tensor) => {
    const step = (carry: Tensor): [Tensor, Tensor] => {
      const { value, grads } = backward(() => loss(model.forward(inputs), targets), optimizer.parameters);
      optimizer.step(grads);
      return [carry, value];
    };
    return scan(step, zeros([]), null, { length: steps })[1];
  });
  return Array.from((run(x, y) as Tensor).dataSync());
}

/** Trains on one example after the other, `epochs` times over all of them. */
export function trainedOneByOne(model: Layer, optimizer: Optimizer, [x, y]: readonly [Tensor, Tensor], loss: LossOf, epochs: number): void {
  const epoch = compile((inputs: Tensor, targets: Tensor) => {
    const step = (carry: Tensor, [xi, yi]: readonly [Tensor, Tensor]): [Tensor, null] => {
      const { grads } = backward(() => loss(model.forward(xi.unsqueeze(0)), yi.unsqueeze(0)), optimizer.parameters);
      optimizer.step(grads);
      return [carry, null];
    };
    return scan(step, zeros([]), [inputs, targets])[0];
  });
  for (let i = 0; i < epochs; i++) epoch(x, y);
}
