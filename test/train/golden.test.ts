/** @file Twenty steps of training from stored weights on stored data: every loss, the final weights, the logits after them. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { crossEntropy } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, type Optimizer, SGD } from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";
import { Golden, type GoldenCase } from "../nn/golden.ts";
import { GoldenLeNet, GoldenMlp, loadGolden, shapesOf } from "../nn/golden-networks.ts";

const golden = new Golden("training");

function optimizerOf(model: GoldenMlp | GoldenLeNet, { attrs: { optimizer: a } }: GoldenCase): Optimizer {
  return a.op === "sgd"
    ? new SGD(model.parameters(), { lr: a.lr, momentum: a.momentum, weightDecay: a.weight_decay })
    : new Adam(model.parameters(), { lr: a.lr, betas: a.betas, eps: a.eps });
}

describe("training", () => {
  const cases = golden.cases.filter((c) => c.attrs.network === "mlp" || c.attrs.network === "lenet5");
  test.each(cases.map((c) => [c.id, c] as const))("%s", (_, c) => {
    const { network, batch_size: size, steps } = c.attrs;
    const model = network === "mlp" ? new GoldenMlp(shapesOf(golden, c), "tanh") : new GoldenLeNet(shapesOf(golden, c));
    loadGolden(golden, model, c);
    const optimizer = optimizerOf(model, c);
    const step = compile((x: Tensor, y: Tensor) => {
      const { value, grads } = backward(() => crossEntropy(model.forward(x), y), optimizer.parameters);
      optimizer.step(grads);
      return value;
    });
    const [x, y] = [golden.tensor(c.inputs.x), golden.tensor(c.inputs.target)];
    const losses = Array.from({ length: steps }, (_, t) => {
      const at = (t * size) % x.shape[0];
      return step(x.narrow(0, at, size), y.narrow(0, at, size)).itemSync();
    });
    golden.expectClose(losses, c.outputs.losses, c.tol.outputs.losses);
    golden.expectClose(model.forward(x).dataSync(), c.outputs.eval_logits, c.tol.outputs.eval_logits);
    for (const [name, cell] of model.namedParameters()) golden.expectClose(cell.value.dataSync(), c.final![name], c.tol.final[name]);
    expect(step.recompilations).toBe(1);
  });
});
