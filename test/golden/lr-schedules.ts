/**
 * @file Adapters of the golden group `lr_schedules`: the rate (and for some the momentum) in force in each step.
 */
import { optim, type Tensor, tensor } from "nabla";
import { type Adapter, type Attributes, type Case, type CaseData, type Group, type Outcome, PERFECT, Uncovered, worse } from "./adapter.ts";

type Make = (rate: number, attrs: Attributes) => optim.Schedule;

const { PI, cos, min, sqrt } = Math;

/** Factors that the cases describe in words. */
const factors: Record<string, (attrs: Attributes) => (t: number) => number> = {
  warmup_inverse_sqrt:
    ({ warmup }) =>
    (t) =>
      min((t + 1) / warmup, sqrt(warmup / (t + 1))),
  warmup_cosine:
    ({ warmup, steps }) =>
    (t) =>
      t < warmup ? (t + 1) / warmup : (1 + cos((PI * (t - warmup)) / (steps - warmup))) / 2,
  constant:
    ({ factor }) =>
    () =>
      factor,
};

function factorOf(attrs: Attributes): (t: number) => number {
  const make = factors[attrs.kind];
  if (!make) throw new Uncovered(`factor ${attrs.kind}`);
  return make(attrs);
}

const makers: Record<string, Make> = {
  step_lr: (rate, { step_size, gamma }) => optim.stepDecay(rate, { size: step_size, gamma }),
  multi_step_lr: (rate, { milestones, gamma }) => optim.multiStep(rate, { milestones, gamma }),
  exponential_lr: (rate, { gamma }) => optim.exponential(rate, { gamma }),
  cosine_annealing_lr: (rate, { T_max, eta_min }) => optim.cosineAnnealing(rate, { steps: T_max, min: eta_min }),
  cosine_annealing_warm_restarts: (rate, { T_0, T_mult, eta_min }) =>
    optim.cosineWithRestarts(rate, { steps: T_0, factor: T_mult, min: eta_min }),
  linear_lr: (rate, a) => optim.linear(rate, { start: a.start_factor, end: a.end_factor, steps: a.total_iters }),
  constant_lr: (rate, { factor, total_iters }) => optim.constant(rate, { factor, steps: total_iters }),
  polynomial_lr: (rate, { total_iters, power }) => optim.polynomial(rate, { steps: total_iters, power }),
  lambda_lr: (rate, attrs) => optim.lambda(rate, factorOf(attrs)),
  multiplicative_lr: (rate, attrs) => optim.multiplicative(rate, factorOf(attrs)),
  sequential_lr: (rate, { schedules, milestones }) => optim.sequential(parts(rate, schedules), milestones),
  chained_scheduler: (rate, { schedules }) => optim.chained(rate, parts(rate, schedules)),
};

function parts(rate: number, schedules: readonly Attributes[]): optim.Schedule[] {
  return schedules.map((attrs) => {
    const make = makers[attrs.op];
    if (!make) throw new Uncovered(`schedule ${attrs.op} as a part`);
    return make(rate, attrs);
  });
}

const overSteps = ({ steps }: Attributes, f: optim.Schedule): Tensor => tensor(Float64Array.from({ length: steps }, (_, t) => f(t)));

const schedule =
  (make: Make): Adapter =>
  (_, attrs) => ({ lr: overSteps(attrs, make(attrs.base_lr_of_optimizer, attrs)) });

export const lrSchedules: Group = {
  // Of the momentum and the optimizer beside the rate.
  remarks: ["cycle_momentum", "base_lr_of_optimizer"],
  run(adapter: Adapter, c: Case, data: CaseData): Outcome {
    const got = adapter({}, c.attrs, c) as Record<string, Tensor>;
    let outcome = PERFECT;
    for (const [role, name] of Object.entries(c.outputs ?? {})) {
      if (!got[role]) throw new Uncovered(`output ${role}`);
      outcome = worse(outcome, data.compare(got[role].dataSync(), name, c.tol!.outputs![role]!, role));
    }
    return outcome;
  },
  adapters: {
    ...Object.fromEntries(Object.entries(makers).map(([op, make]) => [op, schedule(make)])),
    cyclic_lr(_, a) {
      const cycle = {
        up: a.step_size_up,
        down: a.step_size_down,
        mode: a.mode === "exp_range" ? "exponential" : a.mode,
        gamma: a.gamma,
      };
      return {
        lr: overSteps(a, optim.cyclic({ ...cycle, min: a.base_lr, max: a.max_lr })),
        momentum: overSteps(a, optim.cyclicMomentum({ ...cycle, min: a.base_momentum, max: a.max_momentum })),
      };
    },
    one_cycle_lr(_, a) {
      const cycle: optim.OneCycleOptions = {
        steps: a.total_steps,
        rise: a.pct_start,
        anneal: a.anneal_strategy === "cos" ? "cosine" : "linear",
        divFactor: a.div_factor,
        finalDivFactor: a.final_div_factor,
        threePhase: a.three_phase,
      };
      return {
        lr: overSteps(a, optim.oneCycle(a.max_lr, cycle)),
        momentum: overSteps(a, optim.oneCycleMomentum({ ...cycle, min: a.base_momentum, max: a.max_momentum })),
      };
    },
    reduce_lr_on_plateau(_, a) {
      const plateau = new optim.Plateau(a.base_lr_of_optimizer, {
        mode: a.mode,
        factor: a.factor,
        patience: a.patience,
        threshold: a.threshold,
        thresholdMode: a.threshold_mode === "abs" ? "absolute" : "relative",
        cooldown: a.cooldown,
        min: a.min_lr,
      });
      const rates = [plateau.rate, ...a.metrics.map((metric: number) => plateau.step(metric))];
      return { lr: tensor(Float64Array.from(rates.slice(0, a.steps))) };
    },
  },
};
