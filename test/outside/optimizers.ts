/** @file Adapters of PyTorch's optimizers: five steps down the function of scripts/outside.py. */
import { backward, Cell, optim, Tensor } from "nabla";
import { Uncovered } from "./call.ts";
import { compareAll, type Outcome, type Sample, type SampleFile, thrown } from "./run.ts";

/** PyTorch's options under our names; `undefined` for one that changes how it runs and not what it computes. */
const NAMES: Readonly<Record<string, string | undefined>> = {
  lr: "lr",
  weight_decay: "weightDecay",
  maximize: "maximize",
  momentum: "momentum",
  nesterov: "nesterov",
  dampening: "dampening",
  amsgrad: "amsgrad",
  betas: "betas",
  eps: "eps",
  centered: "centered",
  alpha: "alpha",
  lr_decay: "lrDecay",
  initial_accumulator_value: "initialAccumulator",
  rho: "rho",
  momentum_decay: "momentumDecay",
  decoupled_weight_decay: "decoupledWeightDecay",
  t0: "t0",
  lambd: "lambd",
  etas: "etas",
  step_sizes: "stepSizes",
  max_iter: "maxIterations",
  line_search_fn: "lineSearch",
  foreach: undefined,
  fused: undefined,
  differentiable: undefined,
  capturable: undefined,
};
const CLASSES: Readonly<Record<string, new (cells: Cell[], options: never) => optim.Optimizer | optim.LBFGS>> = {
  SGD: optim.SGD,
  Adam: optim.Adam,
  AdamW: optim.AdamW,
  Adamax: optim.Adamax,
  NAdam: optim.NAdam,
  RAdam: optim.RAdam,
  RMSprop: optim.RMSProp,
  Adagrad: optim.Adagrad,
  Adadelta: optim.Adadelta,
  ASGD: optim.ASGD,
  Rprop: optim.Rprop,
  LBFGS: optim.LBFGS,
};
/** PyTorch's rates where none is given; ours has no default. */
const RATES: Readonly<Record<string, number>> = {
  Adamax: 2e-3,
  NAdam: 2e-3,
  RMSprop: 1e-2,
  Adagrad: 1e-2,
  Adadelta: 1,
  ASGD: 1e-2,
  Rprop: 1e-2,
  LBFGS: 1,
};

function optionsOf(file: SampleFile, sample: Sample): Record<string, unknown> {
  const given = Object.entries(file.decode({ dict: sample.options! }, []) as Record<string, unknown>).flatMap(
    ([name, value]): [string, unknown][] => {
      if (!(name in NAMES)) throw new Uncovered(`option ${name}`);
      const own = NAMES[name];
      if (own === undefined || value === null || value === false) return [];
      if (value instanceof Tensor) return [[own, value.itemSync()]];
      return [[own, value === "strong_wolfe" ? "strong-wolfe" : value]];
    },
  );
  const old = sample.name === "NAdam" && file.torch.startsWith("1.") ? { squaredMomentum: true } : {};
  return { lr: RATES[sample.name] ?? 1e-3, ...old, ...Object.fromEntries(given) };
}

function loss(a: Tensor, b: Tensor): Tensor {
  const scale = a.sin().mul(a).sum(0);
  const weights = a.constantOf({ shape: [3], dtype: "f64" }, 1).mul(a.iotaLike(1).select(0, 0).cast("f64"));
  // 1, 3, 0.5
  const factors = weights.eq(0).where(1, weights.eq(1).where(3, 0.5)).cast("f64");
  return scale.mul(factors).sum().add(b.mul(b).mul(b).mul(b).sum()).add(a.select(1, 0).mul(b).sum());
}

/** Tries one optimizer. */
export function runOptimizer(file: SampleFile, sample: Sample): Outcome {
  const Kind = CLASSES[sample.name];
  if (!Kind) return { sample, value: "not covered", why: "no adapter" };
  try {
    const cells = Object.values(sample.state!).map((name) => new Cell(file.tensor(name)));
    const optimizer = new Kind(cells, optionsOf(file, sample) as never);
    const closure = () => backward(() => loss(cells[0]!.value, cells[1]!.value), cells);
    for (let i = 0; i < 5; i++) {
      if (optimizer instanceof optim.LBFGS) optimizer.step(closure as never);
      else optimizer.step(closure().grads);
    }
    const wrong = compareAll(
      file,
      cells.map((cell) => cell.value),
      sample.outputs,
      "parameter",
    );
    return { sample, value: wrong ? "wrong" : "right", why: wrong ?? "" };
  } catch (error) {
    return thrown(sample, error);
  }
}
