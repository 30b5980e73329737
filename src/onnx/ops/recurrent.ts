/**
 * @file RNN, GRU and LSTM as loops over a step of ONNX's own: other orders of gates than Nabla's, peepholes, clipping, a choice of activations, lengths and a second
 * direction. What depends on the inputs alone is one product over all steps.
 */
import { scan } from "../../function/control.ts";
import * as F from "../../math/index.ts";
import { stack, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { type Given, range } from "../value.ts";

type Activation = (x: Tensor) => Tensor;

/** ONNX's activations by name, with their parameters alpha and beta. */
const ACTIVATIONS: Readonly<Record<string, (x: Tensor, alpha: number | undefined, beta: number | undefined) => Tensor>> = {
  relu: (x) => x.relu(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  affine: (x, alpha = 1, beta = 0) => x.mul(alpha).add(beta),
  leakyrelu: (x, alpha = 0.01) => F.leakyRelu(x, { negativeSlope: alpha }),
  thresholdedrelu: (x, alpha = 1) => x.gt(alpha).where(x, x.like(0)),
  scaledtanh: (x, alpha = 1, beta = 1) => x.mul(beta).tanh().mul(alpha),
  hardsigmoid: (x, alpha = 0.2, beta = 0.5) => x.mul(alpha).add(beta).clamp(0, 1),
  elu: (x, alpha = 1) => F.elu(x, { alpha }),
  softsign: (x) => F.softsign(x),
  softplus: (x) => F.softplus(x),
};

/** Those that take parameters take them from the lists in their order. */
const WITH_ALPHA: ReadonlySet<string> = new Set(["affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"]);
const WITH_BETA: ReadonlySet<string> = new Set(["affine", "scaledtanh", "hardsigmoid"]);

function activationsOf(c: Call, usual: readonly string[], directions: number): Activation[][] {
  const names = c.texts("activations") ?? range(directions).flatMap(() => usual);
  const alphas = [...(c.ints("activation_alpha") ?? [])];
  const betas = [...(c.ints("activation_beta") ?? [])];
  const all = names.map((name): Activation => {
    const key = name.toLowerCase();
    const f = ACTIVATIONS[key];
    if (!f) throw unsupported(`the activation "${name}"`);
    const alpha = WITH_ALPHA.has(key) ? alphas.shift() : undefined;
    const beta = WITH_BETA.has(key) ? betas.shift() : undefined;
    return (x) => f(x, alpha, beta);
  });
  return range(directions).map((d) => all.slice(d * usual.length, (d + 1) * usual.length));
}

/** Of one direction. */
interface Direction {
  readonly hidden: number;
  /** [hidden, gates·hidden] */
  readonly recurrent: Tensor;
  /** The recurrent biases, [gates·hidden]. */
  readonly bias: Tensor;
  /** Peepholes [3·hidden]. */
  readonly peepholes: Tensor | undefined;
  readonly act: readonly Activation[];
  readonly clip: (x: Tensor) => Tensor;
  readonly linearBeforeReset: boolean;
  readonly coupled: boolean;
}

type State = readonly Tensor[];
type StepOf = (gates: Tensor, state: State, d: Direction) => State;

const part = (x: Tensor, i: number, hidden: number): Tensor => x.narrow(-1, i * hidden, hidden);

const elman: StepOf = (gates, [h], d) => [d.act[0](d.clip(gates.add(h.matmul(d.recurrent)).add(d.bias)))];

/** Gates z (update), r (reset), h. */
const gru: StepOf = (gates, [h], { hidden, recurrent, bias, act, clip, linearBeforeReset }) => {
  const [f, g] = act;
  const own = (i: number): Tensor => part(gates, i, hidden);
  const weight = (i: number): Tensor => part(recurrent, i, hidden);
  const added = (i: number): Tensor => part(bias, i, hidden);
  const z = f(
    clip(
      own(0)
        .add(h.matmul(weight(0)))
        .add(added(0)),
    ),
  );
  const r = f(
    clip(
      own(1)
        .add(h.matmul(weight(1)))
        .add(added(1)),
    ),
  );
  const inner = linearBeforeReset ? r.mul(h.matmul(weight(2)).add(added(2))) : r.mul(h).matmul(weight(2)).add(added(2));
  const n = g(clip(own(2).add(inner)));
  return [n.add(z.mul(h.sub(n)))];
};

/** Gates i, o, f, c; peepholes i, o, f. */
const lstm: StepOf = (gates, [h, cell], { hidden, recurrent, bias, peepholes, act, clip, coupled }) => {
  const [f, g, out] = act;
  const all = gates.add(h.matmul(recurrent)).add(bias);
  const peep = (i: number, at: Tensor): Tensor =>
    peepholes ? part(all, i, hidden).add(part(peepholes, i, hidden).mul(at)) : part(all, i, hidden);
  const input = f(clip(peep(0, cell)));
  const forget = coupled ? input.neg().add(1) : f(clip(peep(2, cell)));
  const next = forget.mul(cell).add(input.mul(g(clip(part(all, 3, hidden)))));
  const output = f(clip(peep(1, next)));
  return [output.mul(out(next)), next];
};

interface Kind {
  readonly gates: number;
  readonly states: number;
  readonly activations: readonly string[];
  readonly step: StepOf;
}

/** Loops of at most so many steps are written out when they are not compiled: the first run of a loop costs more than a few steps. */
function overSteps(kind: Kind, x: Tensor, start: State, d: Direction, reverse: boolean, mask: Tensor | undefined): [State, Tensor] {
  const step = (state: State, { gates, on }: { gates: Tensor; on?: Tensor }): readonly [State, Tensor] => {
    const next = kind.step(gates, state, d);
    if (!on) return [next, next[0]];
    const there = (s: Tensor): Tensor => on.broadcastTo(s.shape);
    return [next.map((s, i) => there(s).where(s, state[i])), there(next[0]).where(next[0], 0)];
  };
  return scan(step, start, mask ? { gates: x, on: mask } : { gates: x }, { reverse });
}

/** Which steps of which sequences count, [T, N, 1]. */
function maskOf(c: Call, steps: number): Tensor | undefined {
  if (!c.has(4)) return undefined;
  const lengths = c.tensor(4).cast("i32");
  return tensor(Int32Array.from(range(steps)), { shape: [steps, 1] })
    .lt(lengths.reshape([1, -1]))
    .unsqueeze(2);
}

const recurrent = (since: number, kind: Kind, weights: readonly number[]): Op => ({
  since,
  weights,
  run: (c) => {
    const layout = c.int("layout", 0);
    const x = layout ? c.tensor(0).moveAxis(1, 0) : c.tensor(0);
    const [w, r] = [c.tensor(1), c.tensor(2)];
    const [steps, batch] = x.shape;
    const [directions, , hidden] = r.shape;
    const acts = activationsOf(c, kind.activations, directions);
    const limit = c.float("clip", 0);
    const way = c.text("direction", "forward");
    const mask = maskOf(c, steps);
    const runs = range(directions).map((i) => {
      const bias = c.maybe(3)?.select(0, i);
      const biasOf = (j: number): Tensor =>
        bias
          ? bias.narrow(0, j * kind.gates * hidden, kind.gates * hidden)
          : x.constantOf({ shape: [kind.gates * hidden], dtype: x.dtype }, 0);
      const first = range(kind.states).map((j) => {
        const given = c.maybe(5 + j);
        return given ? given.select(layout ? 1 : 0, i) : x.constantOf({ shape: [batch, hidden], dtype: x.dtype }, 0);
      });
      const direction: Direction = {
        hidden,
        recurrent: r.select(0, i).transpose(),
        bias: biasOf(1),
        peepholes: kind.states === 2 ? c.maybe(7)?.select(0, i) : undefined,
        act: acts[i],
        clip: limit > 0 ? (y) => y.clamp(-limit, limit) : (y) => y,
        linearBeforeReset: c.flag("linear_before_reset"),
        coupled: c.flag("input_forget"),
      };
      const gates = x.matmul(w.select(0, i).transpose()).add(biasOf(0));
      return overSteps(kind, gates, first, direction, way === "reverse" || i === 1, mask);
    });
    return results(runs, layout);
  },
});

/** Y [T, D, N, hidden] and last states [D, N, hidden], or batch first. */
function results(runs: readonly [State, Tensor][], layout: number): Given[] {
  const y = stack(
    runs.map(([, each]) => each),
    1,
  );
  const states = runs[0][0].map((_, j) =>
    stack(
      runs.map(([state]) => state[j]),
      0,
    ),
  );
  if (!layout) return [y, ...states];
  return [y.transpose([2, 0, 1, 3]), ...states.map((s) => s.moveAxis(0, 1))];
}

export const recurrents: Readonly<Record<string, Op>> = {
  RNN: recurrent(1, { gates: 1, states: 1, activations: ["Tanh"], step: elman }, [1, 2, 3]),
  GRU: recurrent(1, { gates: 3, states: 1, activations: ["Sigmoid", "Tanh"], step: gru }, [1, 2, 3]),
  LSTM: recurrent(1, { gates: 4, states: 2, activations: ["Sigmoid", "Tanh", "Tanh"], step: lstm }, [1, 2, 3, 7]),
};
