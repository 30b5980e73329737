/** @file Losses, and one step of the optimizers of ai.onnx.preview.training. */
import * as F from "../../math/index.ts";
import { full } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { type Given, range } from "../value.ts";

/** -log p of the target's class, [N, C, ...] with targets [N, ...], with weights of classes and a class that does not count. */
function negativeLogLikelihood(c: Call, logp: Tensor): Given {
  const target = c.tensor(1).cast("i32");
  const ignored = c.scalar("ignore_index");
  const counts = ignored === undefined ? undefined : target.ne(ignored);
  const safe = counts ? counts.where(target, 0) : target;
  const classes = logp.shape[1];
  const own = c.has(2) ? c.tensor(2).take(safe, 0) : full(target.shape, 1, logp.dtype === "f64" ? "f64" : "f32");
  const weights = counts ? counts.where(own, 0) : own;
  const rows = logp.moveAxis(1, logp.rank - 1).reshape([-1, classes]);
  const picked = rows.takeAlong(safe.reshape([-1, 1]), 1).reshape(target.shape);
  const loss = picked.neg().mul(weights);
  const reduction = c.text("reduction", "mean");
  if (reduction === "none") return loss;
  if (reduction === "sum") return loss.sum();
  if (reduction !== "mean") throw unsupported(`the reduction "${reduction}"`);
  return loss.sum().div(weights.sum());
}

/** Tensors of an optimizer's inputs: rate, count, then groups of as many as there are. */
function groups(c: Call, of: number): { rate: Tensor; count: Tensor; sets: Tensor[][] } {
  const n = (c.inputs.length - 2) / of;
  return { rate: c.tensor(0), count: c.tensor(1), sets: range(n).map((i) => range(of).map((j) => c.tensor(2 + j * n + i))) };
}

/** Results in groups, as the inputs are. */
const regrouped = (sets: readonly (readonly Tensor[])[]): Tensor[] => sets[0].flatMap((_, j) => sets.map((set) => set[j]));

function adagrad(c: Call): Given[] {
  const { rate, count, sets } = groups(c, 3);
  const now = rate.div(count.cast(rate.dtype).mul(c.float("decay_factor", 0)).add(1));
  return regrouped(
    sets.map(([x, gradient, squares]) => {
      const g = gradient.add(x.mul(c.float("norm_coefficient", 0)));
      const next = squares.add(g.square());
      return [x.sub(g.div(next.sqrt().add(c.float("epsilon", 1e-6))).mul(now)), next];
    }),
  );
}

function adam(c: Call): Given[] {
  const { rate, count, sets } = groups(c, 4);
  const [a, b] = [c.float("alpha", 0.9), c.float("beta", 0.999)];
  const t = count.cast(rate.dtype);
  const power = (base: number): Tensor => t.like(base).pow(t);
  const adjusted = rate.mul(power(b).neg().add(1).sqrt()).div(power(a).neg().add(1));
  const now = t.gt(0).where(adjusted, rate);
  return regrouped(
    sets.map(([x, gradient, mean, squares]) => {
      const g = gradient.add(x.mul(c.float("norm_coefficient", 0)));
      const v = mean.mul(a).add(g.mul(1 - a));
      const h = squares.mul(b).add(g.square().mul(1 - b));
      const next = x.sub(v.div(h.sqrt().add(c.float("epsilon", 1e-6))).mul(now));
      return [next.mul(1 - c.float("norm_coefficient_post", 0)), v, h];
    }),
  );
}

function momentum(c: Call): Given[] {
  const { rate, count, sets } = groups(c, 3);
  const alpha = c.float("alpha", 0);
  const t = count.cast(rate.dtype);
  const share = t.gt(0).where(c.float("beta", 1), 1);
  return regrouped(
    sets.map(([x, gradient, velocity]) => {
      const g = gradient.add(x.mul(c.float("norm_coefficient", 0)));
      const next = velocity.mul(alpha).add(g.mul(share));
      const step = c.text("mode", "standard") === "nesterov" ? g.add(next.mul(alpha)) : next;
      return [x.sub(step.mul(rate)), next];
    }),
  );
}

const DOMAIN = "ai.onnx.preview.training";

export const losses: Readonly<Record<string, Op>> = {
  NegativeLogLikelihoodLoss: { since: 12, run: (c) => negativeLogLikelihood(c, c.tensor(0)) },
  SoftmaxCrossEntropyLoss: {
    since: 12,
    run: (c) => {
      const logp = F.logSoftmax(c.tensor(0), 1);
      return [negativeLogLikelihood(c, logp), logp];
    },
  },
  [`${DOMAIN}.Adagrad`]: { since: 1, domain: DOMAIN, run: adagrad },
  [`${DOMAIN}.Adam`]: { since: 1, domain: DOMAIN, run: adam },
  [`${DOMAIN}.Momentum`]: { since: 1, domain: DOMAIN, run: momentum },
};
