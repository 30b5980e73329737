/**
 * @file The golden group `training`: trajectories of optimizers from stored weights over stored data, batches in order.
 */
import { backward, compile, nn, type optim, type Tensor } from "nabla";
import { type Adapter, type Attributes, type Case, type CaseData, type Group, type Outcome, PERFECT, Uncovered, worse } from "./adapter.ts";
import { networkOf } from "./networks.ts";
import { makers } from "./optimizers.ts";

function optimizerOf(parameters: readonly nn.Parameter[], attrs: Attributes): optim.Optimizer {
  const make = Object.hasOwn(makers, attrs.op) ? makers[attrs.op] : undefined;
  if (!make) throw new Uncovered(`there is no optimizer ${attrs.op}`);
  return make(parameters, attrs);
}

function lossOf(name: string): (y: Tensor, target: Tensor) => Tensor {
  if (name === "cross_entropy") return (y, target) => nn.crossEntropy(y, target);
  if (name === "mse_loss" || name === "mse") return (y, target) => nn.mseLoss(y, target);
  throw new Uncovered(`there is no loss ${name}`);
}

function runTraining(_: Adapter, c: Case, data: CaseData): Outcome {
  const { batch_size: size, steps, optimizer, loss } = c.attrs;
  const stored = { ...c.params, ...c.buffers };
  const model = networkOf(c, (name) => data.tensor(stored[name]!).shape);
  const entries = Object.entries(stored).map(([name, key]) => [name, data.tensor(key)] as const);
  // The counters of batches are not stored.
  model.loadStateDict(new Map(entries), { strict: false });
  const parameters = model.parameters();
  const optimizing = optimizerOf(parameters, optimizer);
  const cost = lossOf(loss);
  const step = compile((x: Tensor, target: Tensor) => {
    const { value, grads } = backward(() => cost(model.forward(x), target), parameters);
    optimizing.step(grads);
    return value;
  });
  const [x, target] = [data.tensor(c.inputs!.x!), data.tensor(c.inputs!.target!)];
  const losses = Array.from({ length: steps }, (_, t) => {
    const start = (t * size) % x.shape[0]!;
    return step(x.narrow(0, start, size), target.narrow(0, start, size)).itemSync();
  });
  const logits = model.eval().forward(x);
  const check = (got: ArrayLike<number>, section: "outputs" | "final", role: string): Outcome =>
    data.compare(got, c[section === "outputs" ? "outputs" : "final"]![role as never], c.tol![section]![role]!, `${section} ${role}`);
  const cells = model.stateDict();
  return [
    check(losses, "outputs", "losses"),
    check(logits.dataSync(), "outputs", "eval_logits"),
    ...Object.keys(c.final as object).map((name) => check(cells.get(name)!.value.dataSync(), "final", name)),
  ].reduce(worse, PERFECT);
}

export const training: Group = {
  run: runTraining,
  adapters: {
    training: () => {
      throw new Error("training has a run of its own");
    },
  },
};
