/**
 * @file Recurrent layers (RNN-1) as functions: Elman, LSTM (Hochreiter & Schmidhuber 1997; with forget gates, Gers et al. 2000) and GRU (Cho
 * et al. 2014, in PyTorch's form), in several layers and both directions. What depends on the inputs alone is one product over all steps;
 * the rest is a scan. Gate order and biases are PyTorch's.
 */

import { check, checkOptions, flag, list, listOf, object } from "../base/check.ts";
import { type Dtype, promote } from "../base/dtype.ts";
import { formatShape, type Shape } from "../base/shape.ts";
import { type Checkpoints, scan, scanStretches } from "../function/control.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { linear } from "./linear.ts";
import { RECURRENT_OPTIONS, RNN_CELL, RNN_OPTIONS } from "./options.ts";
import { checkLengths, type Lengths, sequenceMask } from "./sequence.ts";

/** Of one direction of one layer, with G·hidden rows: G = 1 for Elman, 4 for LSTM (input, forget, cell, output), 3 for GRU (reset, update, new). */
export interface RecurrentWeights {
  /** [G·hidden, in] */
  readonly weightIh: TensorLike;
  /** [G·hidden, hidden], or [G·hidden, projected]. */
  readonly weightHh: TensorLike;
  /** [projected, hidden]: of an LSTM whose outputs are projections of h (Sak et al. 2014). */
  readonly weightHr?: TensorLike;
  /** [G·hidden] */
  readonly biasIh?: TensorLike;
  /** [G·hidden] */
  readonly biasHh?: TensorLike;
}

export interface RecurrentOptions {
  /** A second scan from the last step to the first; weights and states then alternate forward, backward. Default false. */
  readonly bidirectional?: boolean;
  /** One scan from the last step to the first instead; outputs stand where their inputs do. Default false. */
  readonly reverse?: boolean;
  /** Inputs [N, T, in] and outputs [N, T, out] instead of time first. Default false. */
  readonly batchFirst?: boolean;
  /** Applied to what passes from layer to layer, such as dropout. */
  readonly between?: (x: Tensor) => Tensor;
  /**
   * Steps of each sequence, [N]; what lies beyond is padding, which nothing depends on. Outputs there are 0, last states are those after a
   * sequence's own last step, and the other direction starts there. Default: all steps. A length that cannot be, in a tensor whose values are
   * not known yet, gives NaN.
   */
  readonly lengths?: Lengths;
  /**
   * What each direction of each layer keeps for its backward pass; the steps between run again, the products of their inputs included. As for `scan`: a
   * number of states, `"sqrt"` or a plan (Griewank & Walther 2000; Gruslys et al. 2016). Values and gradients stay the same. Default: everything is kept.
   */
  readonly checkpoint?: Checkpoints;
}

/** One step: from the inputs' share of the gates [N, G·hidden] and the state to the next state, of which the first part is the output. */
type Step = (gates: Tensor, state: readonly Tensor[], weights: Weights) => Tensor[];

interface Weights {
  /** [hidden, G·hidden] */
  readonly recurrent: Tensor;
  readonly biasHh: Tensor | undefined;
  /** [hidden, projected] */
  readonly projection: Tensor | undefined;
}

interface Kind {
  readonly name: string;
  /** G. */
  readonly gates: number;
  /** Tensors of state. */
  readonly states: number;
  /** Whether the recurrent bias only ever stands beside the inputs' share, and can be added to that at once. */
  readonly mergesBias: boolean;
  readonly step: Step;
}

/** Part i of n along the last axis. */
function part(x: Tensor, i: number, n: number): Tensor {
  const size = x.shape[x.rank - 1] / n;
  return x.narrow(-1, i * size, size);
}

const elman = (activation: (x: Tensor) => Tensor): Kind => ({
  name: "rnn",
  gates: 1,
  states: 1,
  mergesBias: true,
  // h′ = φ(W_ih x + b_ih + W_hh h + b_hh)
  step: (gates, [h], { recurrent }) => [activation(gates.add(h.matmul(recurrent)))],
});

const LSTM: Kind = {
  name: "lstm",
  gates: 4,
  states: 2,
  mergesBias: true,
  // c′ = f∘c + i∘g, h′ = o∘tanh c′
  step(gates, [h, c], { recurrent, projection }) {
    const all = gates.add(h.matmul(recurrent));
    const i = part(all, 0, 4).sigmoid();
    const f = part(all, 1, 4).sigmoid();
    const g = part(all, 2, 4).tanh();
    const o = part(all, 3, 4).sigmoid();
    const next = f.mul(c).add(i.mul(g));
    const own = o.mul(next.tanh());
    return [projection ? own.matmul(projection) : own, next];
  },
};

const GRU: Kind = {
  name: "gru",
  gates: 3,
  states: 1,
  mergesBias: false,
  // n = tanh(W_in x + b_in + r∘(W_hn h + b_hn)), h′ = (1 - z)∘n + z∘h
  step(gates, [h], { recurrent, biasHh }) {
    const product = h.matmul(recurrent);
    const own = biasHh ? product.add(biasHh) : product;
    const r = part(gates, 0, 3)
      .add(part(own, 0, 3))
      .sigmoid();
    const z = part(gates, 1, 3)
      .add(part(own, 1, 3))
      .sigmoid();
    const n = part(gates, 2, 3)
      .add(r.mul(part(own, 2, 3)))
      .tanh();
    return [n.add(z.mul(h.sub(n)))];
  },
};

/** The form of Cho et al. (2014), v1: the reset gate stands before the recurrent product. */
const GRU_BEFORE: Kind = {
  ...GRU,
  // n = tanh(W_in x + b_in + W_hn (r∘h) + b_hn), h′ = (1 - z)∘n + z∘h
  step(gates, [h], { recurrent, biasHh }) {
    const hidden = h.shape[h.rank - 1];
    const all = biasHh ? gates.add(biasHh) : gates;
    const own = h.matmul(recurrent.narrow(-1, 0, 2 * hidden));
    const r = part(all, 0, 3)
      .add(part(own, 0, 2))
      .sigmoid();
    const z = part(all, 1, 3)
      .add(part(own, 1, 2))
      .sigmoid();
    const n = part(all, 2, 3)
      .add(r.mul(h).matmul(part(recurrent, 2, 3)))
      .tanh();
    return [n.add(z.mul(h.sub(n)))];
  },
};

function checkWeights({ name, gates }: Kind, x: Tensor, w: RecurrentWeights): void {
  const ih = x.operand(w.weightIh);
  const hh = x.operand(w.weightHh);
  const rows = ih.shape[0];
  const hr = w.weightHr === undefined ? undefined : x.operand(w.weightHr);
  if (hr && (name !== "lstm" || hr.rank !== 2 || hr.shape[0] !== hh.shape[1]))
    throw new RangeError(`${name}: weightHr is [projected, hidden] of an LSTM with weightHh [4·hidden, projected], got ${formatShape(hr.shape)} and ${formatShape(hh.shape)}`); // biome-ignore format: one thought
  const hidden = hr ? hr.shape[1] : hh.shape[1];
  const fits = ih.rank === 2 && hh.rank === 2 && hh.shape[0] === rows && rows === gates * hidden && ih.shape[1] === x.shape[x.rank - 1];
  if (!fits) {
    throw new RangeError(
      `${name}: for inputs of ${x.shape[x.rank - 1]} want weightIh [${gates}·hidden, ${x.shape[x.rank - 1]}] and weightHh [${gates}·hidden, hidden], got ${formatShape(ih.shape)} and ${formatShape(hh.shape)}`,
    );
  }
}

/** The inputs' share of the gates, and the weights of the step. */
function prepare(kind: Kind, x: Tensor, w: RecurrentWeights): { gates: Tensor; weights: Weights } {
  checkWeights(kind, x, w);
  const biasHh = w.biasHh === undefined ? undefined : x.operand(w.biasHh);
  const gates = linear(x, w.weightIh, w.biasIh);
  return {
    gates: kind.mergesBias && biasHh ? gates.add(biasHh) : gates,
    weights: {
      recurrent: x.operand(w.weightHh).transpose(),
      biasHh,
      projection: w.weightHr === undefined ? undefined : x.operand(w.weightHr).transpose(),
    },
  };
}

interface Run {
  readonly output: Tensor;
  readonly state: readonly Tensor[];
}

/** What a step is given: the inputs' share of the gates [N, G·hidden], and (with lengths) which sequences are still there, [N, 1]. */
interface Slice {
  readonly gates: Tensor;
  readonly on?: Tensor;
}

interface Direction {
  readonly reverse: boolean;
  /** [T, N, 1]: where it does not hold, a step changes nothing and gives 0. */
  readonly mask: Tensor | undefined;
  readonly checkpoint: Checkpoints | undefined;
}

/** One direction of one layer: x [T, N, in] to output [T, N, hidden]. */
function direction(kind: Kind, x: Tensor, init: readonly Tensor[], w: RecurrentWeights, { reverse, mask, checkpoint }: Direction): Run {
  type Inputs = { readonly x: Tensor; readonly on?: Tensor };
  const stretch = (start: readonly Tensor[], { x: inputs, on: there }: Inputs): [readonly Tensor[], Tensor] => {
    const { gates, weights } = prepare(kind, inputs, w);
    const step = (now: readonly Tensor[], { gates: gate, on }: Slice): readonly [readonly Tensor[], Tensor] => {
      const next: readonly Tensor[] = kind.step(gate, now, weights);
      if (!on) return [next, next[0]];
      const there = (s: Tensor): Tensor => on.broadcastTo(s.shape);
      return [next.map((s, i) => there(s).where(s, now[i])), there(next[0]).where(next[0], 0)];
    };
    return scan(step, start, there ? { gates, on: there } : { gates }, { reverse });
  };
  const inputs: Inputs = mask ? { x, on: mask } : { x };
  const [state, output] =
    checkpoint === undefined ? stretch(init, inputs) : scanStretches(stretch, init, inputs, { length: x.shape[0], reverse, checkpoint });
  return { output, state };
}

/** Which steps count, and which sequences have a length that can be. */
interface Ragged {
  /** [T, N, 1] */
  readonly mask: Tensor;
  /** [1, N, 1] */
  readonly possible: Tensor;
}

function raggedOf(kind: Kind, lengths: Lengths, steps: number, n: number): Ragged {
  const known = checkLengths(kind.name, lengths, n, steps);
  const possible = known.ge(1).and(known.le(steps));
  return { mask: sequenceMask(known, steps).unsqueeze(2), possible: possible.reshape([1, n, 1]) };
}

function checkCall(kind: Kind, x: Tensor, weights: readonly RecurrentWeights[], { bidirectional, reverse }: RecurrentOptions): void {
  if (bidirectional && reverse) throw new RangeError(`${kind.name}: bidirectional reads in both directions already; leave reverse out`);
  const directions = bidirectional ? 2 : 1;
  if (weights.length === 0 || weights.length % directions !== 0)
    throw new RangeError(`${kind.name}: want weights for ${directions} direction(s) of each layer, got ${weights.length}`);
  if (x.rank !== 2 && x.rank !== 3)
    throw new RangeError(`${kind.name}: want inputs [time, batch, in] (or one sequence [time, in]), got ${formatShape(x.shape)}`);
}

/** The states at the start: those given, of the right shapes, or zeros. */
function startOf(kind: Kind, shapes: readonly Shape[], dtype: Dtype, init: readonly Tensor[] | undefined, x: Tensor): readonly Tensor[] {
  if (!init) return shapes.map((shape) => x.constantOf({ shape, dtype }, 0));
  for (const [i, s] of init.entries()) {
    if (String(s.shape) !== String(shapes[i]))
      throw new RangeError(
        `${kind.name}: want an initial state [layers·directions, batch, hidden] = ${formatShape(shapes[i])}, got ${formatShape(s.shape)}`,
      );
  }
  return init.map((s) => s.cast(dtype));
}

const swapAxes = (x: Tensor, swap: boolean): Tensor => (swap ? x.moveAxis(1, 0) : x);

/** Layers and directions over x; `init` holds tensors [layers·directions, N, hidden]. */
function recurrent(
  kind: Kind,
  x: Tensor,
  init: readonly Tensor[] | undefined,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions,
): Run {
  const { bidirectional = false, reverse = false, batchFirst = false, between, lengths, checkpoint } = options;
  const directions = bidirectional ? 2 : 1;
  checkCall(kind, x, weights, options);
  const single = x.rank === 2;
  let layer = single ? x.unsqueeze(1) : swapAxes(x, batchFirst);
  // The state that comes out, and (of an LSTM with projections) the longer one that stays inside.
  const out = x.operand(weights[0].weightHh).shape[1];
  const inside = x.operand(weights[0].weightHr ?? weights[0].weightHh).shape[1];
  const shapes = Array.from({ length: kind.states }, (_, i) => [weights.length, layer.shape[1], i === 0 ? out : inside]);
  // In which the gates are computed: weights in f64 make states in f64.
  const dtype = promote(promote(x.dtype, "f32"), x.operand(weights[0].weightHh).dtype);
  layer = layer.cast(dtype);
  const start = startOf(kind, shapes, dtype, single ? init?.map((s) => s.unsqueeze(1)) : init, x);
  const ragged = lengths === undefined ? undefined : raggedOf(kind, lengths, layer.shape[0], layer.shape[1]);
  // What is computed from padding must be finite, or its derivative, 0 times infinity, would be NaN.
  if (ragged) layer = ragged.mask.broadcastTo(layer.shape).where(layer, 0);
  const first = ragged ? start.map((s) => ragged.possible.broadcastTo(s.shape).where(s, Number.NaN)) : start;
  const ends: (readonly Tensor[])[] = [];
  for (let i = 0; i < weights.length; i += directions) {
    if (i > 0 && between) layer = between(layer);
    const runs = weights.slice(i, i + directions).map((w, d) => {
      const own = first.map((s) => s.select(0, i + d));
      return direction(kind, layer, own, w, { reverse: reverse || d === 1, mask: ragged?.mask, checkpoint });
    });
    ends.push(...runs.map((run) => run.state));
    layer = runs.length === 1 ? runs[0].output : runs[0].output.concat([runs[1].output], -1);
  }
  const output = single ? layer.squeeze(1) : swapAxes(layer, batchFirst);
  const state = start.map((_, j) => {
    const [lowest, ...rest] = ends.map((end) => (single ? end[j] : end[j].unsqueeze(0)));
    return lowest.concat(rest, 0);
  });
  return { output, state };
}

// ---- layers -------------------------------------------------------------------------------------------------------------------------

export interface RnnOptions extends RecurrentOptions {
  /** Default "tanh". */
  readonly nonlinearity?: "tanh" | "relu";
}

const kindOf = ({ nonlinearity = "tanh" }: { readonly nonlinearity?: "tanh" | "relu" }): Kind =>
  elman(nonlinearity === "relu" ? (x) => x.relu() : (x) => x.tanh());

/**
 * Elman network: h′ = φ(W_ih x + b_ih + W_hh h + b_hh). x [T, N, in] (or [T, in]), weights per layer and direction; `output` [T, N,
 * directions·hidden] and the last states `h` [layers·directions, N, hidden]. Without `h0` states start at 0.
 */
export function rnn(
  x: Tensor,
  h0: Tensor | undefined,
  weights: readonly RecurrentWeights[],
  options: RnnOptions = {},
): { output: Tensor; h: Tensor } {
  checkTensors("rnn", { x }, { h0 });
  check("rnn: weights", weights, listOf(object, 1));
  checkOptions("rnn", options, RNN_OPTIONS);
  const { output, state } = recurrent(kindOf(options), x, h0 && [h0], weights, options);
  return { output, h: state[0] };
}

/** LSTM: gates i, f, g, o; c′ = f∘c + i∘g, h′ = o∘tanh c′. Shapes as in {@link rnn}, with two states. */
export function lstm(
  x: Tensor,
  start: readonly [h0: Tensor, c0: Tensor] | undefined,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions = {},
): { output: Tensor; h: Tensor; c: Tensor } {
  checkTensors("lstm", { x });
  check("lstm: weights", weights, listOf(object, 1));
  checkOptions("lstm", options, RECURRENT_OPTIONS);
  const { output, state } = recurrent(LSTM, x, start, weights, options);
  return { output, h: state[0], c: state[1] };
}

/**
 * GRU: gates r, z, n; h′ = (1 - z)∘n + z∘h. Shapes as in {@link rnn}. The reset gate stands behind the recurrent product, r∘(W_hn h + b_hn), or with
 * `resetAfter: false` before it, W_hn (r∘h) + b_hn.
 */
export function gru(
  x: Tensor,
  h0: Tensor | undefined,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions & { readonly resetAfter?: boolean } = {},
): { output: Tensor; h: Tensor } {
  checkTensors("gru", { x }, { h0 });
  check("gru: weights", weights, listOf(object, 1));
  const { resetAfter = true, ...rest } = options;
  check("gru: resetAfter", resetAfter, flag);
  checkOptions("gru", rest, RECURRENT_OPTIONS);
  const { output, state } = recurrent(resetAfter ? GRU : GRU_BEFORE, x, h0 && [h0], weights, rest);
  return { output, h: state[0] };
}

// ---- single steps -------------------------------------------------------------------------------------------------------------------

function single(kind: Kind, x: Tensor, state: readonly Tensor[], w: RecurrentWeights): Tensor[] {
  const { gates, weights } = prepare(kind, x, w);
  return kind.step(gates, state, weights);
}

/** One step of {@link rnn}: x [N, in], h [N, hidden] to h′. */
export function rnnCell(
  x: Tensor,
  h: Tensor,
  weights: RecurrentWeights,
  options: { readonly nonlinearity?: "tanh" | "relu" } = {},
): Tensor {
  checkTensors("rnnCell", { x, h });
  check("rnnCell: weights", weights, object);
  checkOptions("rnnCell", options, RNN_CELL);
  return single(kindOf(options), x, [h], weights)[0];
}

/** One step of {@link lstm}: x [N, in], h and c [N, hidden] to h′ and c′. */
export function lstmCell(x: Tensor, state: readonly [h: Tensor, c: Tensor], weights: RecurrentWeights): { h: Tensor; c: Tensor } {
  check("lstmCell: state", state, list);
  const [h, c] = state;
  checkTensors("lstmCell", { x, h, c });
  check("lstmCell: weights", weights, object);
  const [nextH, nextC] = single(LSTM, x, [h, c], weights);
  return { h: nextH, c: nextC };
}

/** One step of {@link gru}: x [N, in], h [N, hidden] to h′. */
export function gruCell(x: Tensor, h: Tensor, weights: RecurrentWeights): Tensor {
  checkTensors("gruCell", { x, h });
  check("gruCell: weights", weights, object);
  return single(GRU, x, [h], weights)[0];
}
