/**
 * @file Adapters of the golden group `optimizers`: trajectories, each step one compiled program.
 */
import { backward, Cell, compile, optim, type Tensor, tensor } from "nabla";
import { type Adapter, type Attributes, type Case, type CaseData, type Group, type Outcome, PERFECT, Uncovered, worse } from "./adapter.ts";

type Make = (cells: readonly Cell[], attrs: Attributes) => optim.Optimizer;

/** Options that most optimizers have. */
const shared = ({ lr, weight_decay, maximize, eps, betas, amsgrad }: Attributes): Record<string, unknown> => ({
  lr,
  weightDecay: weight_decay,
  maximize,
  eps,
  betas,
  amsgrad,
});

/** Numbers collected step by step, as a tensor of [steps, ...]. */
const collected = (steps: readonly ArrayLike<number>[]): Tensor => tensor(Float64Array.from(steps.flatMap((x) => [...(x as number[])])));

/** Steps along stored gradients: outputs are the parameters after each step, and at the end the averages of those who keep them. */
function alongGiven(make: Make, x: Readonly<Record<string, Tensor>>, attrs: Attributes): Record<string, Tensor> {
  const names = Object.keys(x).filter((name) => name.startsWith("p"));
  const cells = names.map((name) => new Cell(x[name]!, name));
  const optimizer = make(cells, attrs);
  const averages = optimizer instanceof optim.ASGD ? optimizer.averages : [];
  const path: Record<string, ArrayLike<number>[]> = Object.fromEntries(names.map((name) => [name, []]));
  const step = compile((...grads: Tensor[]) => optimizer.step(grads));
  for (let t = 0; t < attrs.steps; t++) {
    step(...names.map((name) => x[name.replace("p", "g")]!.select(0, t)));
    cells.forEach((cell, i) => {
      path[names[i]!]!.push(cell.value.dataSync() as Float32Array);
    });
  }
  const means = averages.map((cell, i): [string, Tensor] => [names[i]!.replace("p", "ax"), cell.value]);
  return Object.fromEntries([...Object.entries(path).map(([name, steps]): [string, Tensor] => [name, collected(steps)]), ...means]);
}

/** The function a case goes down, of a point. */
function objective({ problem }: Case, { A, y }: Readonly<Record<string, Tensor>>): (at: Tensor) => Tensor {
  if (problem === "rosenbrock") {
    return (at) => {
      const [u, v] = [at.select(0, 0), at.select(0, 1)];
      return u.sub(1).square().add(v.sub(u.square()).square().mul(100));
    };
  }
  if (problem === "least_squares") return (at) => A!.matmul(at).sub(y!).square().sum().mul(0.5);
  throw new Uncovered(`problem ${problem}`);
}

/** Steps down a function: `x` is the point after each step, `loss` the value before it. */
function downFunction(
  x: Readonly<Record<string, Tensor>>,
  c: Case,
  stepOf: (point: Cell, f: () => Descent) => () => number,
): Record<string, Tensor> {
  const point = new Cell(x.x0!, "x");
  const f = objective(c, x);
  const step = stepOf(point, () => backward(() => f(point.value), [point]));
  const [points, losses]: [ArrayLike<number>[], number[]] = [[], []];
  for (let t = 0; t < c.attrs.steps; t++) {
    losses.push(step());
    points.push(point.value.dataSync() as Float32Array);
  }
  return { x: collected(points), loss: tensor(Float64Array.from(losses)) };
}

interface Descent {
  readonly value: Tensor;
  readonly grads: Tensor[];
}

const trajectory =
  (make: Make): Adapter =>
  (x, attrs, c) => {
    if (c.problem === "given_gradients") return alongGiven(make, x, attrs);
    return downFunction(x, c, (point, descent) => {
      const optimizer = make([point], attrs);
      const step = compile(() => {
        const { value, grads } = descent();
        optimizer.step(grads);
        return value;
      });
      return () => step().itemSync();
    });
  };

const sgd: Make = (cells, attrs) => {
  const options = ({ lr, momentum, dampening, weight_decay, nesterov, maximize }: Attributes): optim.SgdOptions => ({
    lr,
    momentum,
    dampening,
    weightDecay: weight_decay,
    nesterov,
    maximize,
  });
  if (!attrs.groups) return new optim.SGD(cells, options(attrs));
  const groups = (attrs.groups as Attributes[]).map((group) => ({
    ...options(group),
    parameters: cells.filter(({ label }) => group.params.includes(label)),
  }));
  return new optim.SGD(groups, options(attrs));
};

/** Optimizers whose step takes gradients alone, by PyTorch's names in small letters. */
export const makers: Readonly<Record<string, Make>> = {
  sgd,
  adagrad: (cells, a) => new optim.Adagrad(cells, { ...shared(a), lrDecay: a.lr_decay, initialAccumulator: a.initial_accumulator_value }),
  adadelta: (cells, a) => new optim.Adadelta(cells, { ...shared(a), rho: a.rho }),
  rmsprop: (cells, a) => new optim.RMSProp(cells, { ...shared(a), alpha: a.alpha, momentum: a.momentum, centered: a.centered }),
  adam: (cells, a) => new optim.Adam(cells, shared(a)),
  adamw: (cells, a) => new optim.AdamW(cells, shared(a)),
  // The stored trajectories are of PyTorch 1.13.
  nadam: (cells, a) => new optim.NAdam(cells, { ...shared(a), momentumDecay: a.momentum_decay, squaredMomentum: true }),
  radam: (cells, a) => new optim.RAdam(cells, shared(a)),
  adamax: (cells, a) => new optim.Adamax(cells, shared(a)),
  rprop: (cells, a) => new optim.Rprop(cells, { ...shared(a), etas: a.etas, stepSizes: a.step_sizes }),
  asgd: (cells, a) => new optim.ASGD(cells, { ...shared(a), lambd: a.lambd, alpha: a.alpha, t0: a.t0 }),
};

const inF64 = (x: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(x).map(([role, value]) => [role, value.cast("f64")]));

const named = (x: Readonly<Record<string, Tensor>>, grads: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(Object.keys(x).map((name, i) => [name, grads[i]!]));

export const optimizers: Group = {
  run(adapter: Adapter, c: Case, data: CaseData): Outcome {
    const x = Object.fromEntries(Object.entries(c.inputs ?? {}).map(([role, name]) => [role, data.tensor(name)]));
    const got = adapter(x, c.attrs, c) as Record<string, Tensor>;
    let outcome = PERFECT;
    for (const [role, name] of Object.entries(c.outputs ?? {})) {
      if (!got[role]) throw new Error(`the adapter gives no ${role}`);
      outcome = worse(outcome, data.compare(got[role].dataSync(), name, c.tol!.outputs![role]!, role));
    }
    return outcome;
  },
  adapters: {
    ...Object.fromEntries(Object.entries(makers).map(([op, make]) => [op, trajectory(make)])),
    // In f64, where the trajectory is decided by the algorithm and not by rounding: in f32 line searches part ways after a few steps.
    lbfgs: (x, a, c) =>
      downFunction(inF64(x), c, (point, descent) => {
        const optimizer = new optim.LBFGS([point], {
          lr: a.lr,
          maxIterations: a.max_iter,
          historySize: a.history_size,
          toleranceGrad: a.tolerance_grad,
          toleranceChange: a.tolerance_change,
          ...(a.line_search_fn ? { lineSearch: "strong-wolfe" } : {}),
        });
        const closure = compile(descent);
        return () => optimizer.step(closure);
      }),
    clip_grad_norm(x, { max_norm, norm_type }) {
      const { grads, total } = optim.clipByGlobalNorm(Object.values(x), max_norm, { p: norm_type });
      return { ...named(x, grads), total_norm: total };
    },
    clip_grad_value: (x, { clip_value }) => named(x, optim.clipByValue(Object.values(x), clip_value)),
    ema({ p0, params }, { decay }) {
      const cell = new Cell(p0!);
      const ema = new optim.EMA([cell], { decay });
      const update = compile((p: Tensor) => {
        cell.set(p);
        ema.update();
      });
      const path = Array.from({ length: params!.shape[0]! }, (_, t) => {
        update(params!.select(0, t));
        return ema.averages[0]!.value.dataSync() as Float32Array;
      });
      return { ema: collected(path) };
    },
  },
};
