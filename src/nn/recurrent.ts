/** @file Recurrent layers (RNN-1): Elman, LSTM and GRU in several layers and both directions, with PyTorch's names and gate order. */
import {
  aNumber,
  anything,
  type Checks,
  checkFields,
  checkOptions,
  flag,
  naturalNumber,
  oneOf,
  positiveInteger,
  shown,
} from "../base/check.ts";

import { type Checkpoints, checkCheckpoints } from "../function/control.ts";
import * as F from "../math/recurrent.ts";
import type { Lengths } from "../math/sequence.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Dropout } from "./dropout.ts";
import { uniform } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface RecurrentLayerOptions {
  /** Layers, each fed the outputs of the one before. Default 1. */
  readonly layers?: number;
  /** Whether a second direction reads from the end; outputs have both side by side. Default false. */
  readonly bidirectional?: boolean;
  /** Whether the one direction reads from the end; outputs stand where their inputs do. Default false. */
  readonly reverse?: boolean;
  /** Whether biases are added. Default true. */
  readonly bias?: boolean;
  /** Inputs [N, T, in] and outputs [N, T, out] instead of time first. Default false. */
  readonly batchFirst?: boolean;
  /** Rate of dropout between layers while training. Default 0. */
  readonly dropout?: number;
  /**
   * What each direction of each layer keeps for its backward pass, with the steps between run again: a number of states that may be stored at once,
   * `"sqrt"` for about √T states and the inner values of √T steps, each step run once more (at most a third more work), or a plan
   * `{ slots, internal, segment }` as for `scan` (Gruslys et al. 2016). Values and gradients stay the same. Default: everything is kept.
   */
  readonly checkpoint?: Checkpoints;
}

const RECURRENT_LAYER_OPTIONS: Checks<RecurrentLayerOptions> = {
  layers: aNumber,
  bidirectional: flag,
  reverse: flag,
  bias: flag,
  batchFirst: flag,
  dropout: aNumber,
  checkpoint: anything,
};

/** What a call of a recurrent layer may be told. */
export interface RecurrentCallOptions {
  /**
   * Steps of each sequence, [N], from 1 to the number of steps: a list, or a tensor, which may change from call to call of a compiled function.
   * Outputs behind a sequence are 0, last states are those after its own last step, and nothing depends on the padding. Default: all steps.
   */
  readonly lengths?: Lengths;
}

/** Gives a layer its weights, by PyTorch's names with a suffix, all from U(±1/√hidden). */
function makeWeights(
  owner: object,
  gates: number,
  [inputs, hidden, projected = 0]: readonly [inputs: number, hidden: number, projected?: number],
  bias: boolean,
  suffix: string,
): void {
  const a = 1 / Math.sqrt(hidden);
  const make = (kind: string, shape: readonly number[]): void => {
    const name = `${kind}${suffix}`;
    Object.assign(owner, { [name]: new Parameter(uniform(-a, a)(shape), name) });
  };
  make("weight_ih", [gates * hidden, inputs]);
  make("weight_hh", [gates * hidden, projected || hidden]);
  if (bias) make("bias_ih", [gates * hidden]);
  if (bias) make("bias_hh", [gates * hidden]);
  if (projected) make("weight_hr", [projected, hidden]);
}

/** The weights of a suffix as they stand in the layer now: a parameter may be replaced by another. */
function weightsOf(owner: Module, suffix: string): F.RecurrentWeights {
  const own = owner as unknown as Readonly<Record<string, Parameter>>;
  const [weightIh, weightHh, biasIh, biasHh, weightHr] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"].map(
    (kind) => own[`${kind}${suffix}`],
  );
  return { weightIh: weightIh!, weightHh: weightHh!, ...(biasIh && biasHh && { biasIh, biasHh }), ...(weightHr && { weightHr }) };
}

/**
 * What recurrent layers share. Parameters of layer l: `weight_ih_l{l}` [G·hidden, in], `weight_hh_l{l}` [G·hidden, hidden], `bias_ih_l{l}` and
 * `bias_hh_l{l}` [G·hidden], with `_reverse` behind for the second direction.
 */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly reverse: boolean;
  readonly batchFirst: boolean;
  readonly checkpoint: Checkpoints | undefined;
  /** Of the layers and directions in their order. */
  readonly #suffixes: readonly string[];
  readonly #dropout: Dropout | undefined;

  constructor(gates: number, inputSize: number, hiddenSize: number, options: RecurrentLayerOptions, projected = 0) {
    checkOptions(new.target.name, options, RECURRENT_LAYER_OPTIONS);
    super();
    const { layers = 1, bidirectional = false, reverse = false, bias = true, batchFirst = false, dropout = 0, checkpoint } = options;
    if (bidirectional && reverse)
      throw new RangeError(`${new.target.name}: bidirectional reads in both directions already; leave reverse out`);
    checkSizes(new.target.name, { inputSize, hiddenSize, layers });
    [this.inputSize, this.hiddenSize, this.layers] = [inputSize, hiddenSize, layers];
    [this.bidirectional, this.reverse, this.batchFirst] = [bidirectional, reverse, batchFirst];
    if (checkpoint !== undefined) checkCheckpoints(new.target.name, checkpoint);
    this.checkpoint = checkpoint;
    this.#dropout = dropout === 0 ? undefined : new Dropout(dropout);
    const sides = bidirectional ? ["", "_reverse"] : [""];
    this.#suffixes = Array.from({ length: layers }, (_, layer) => sides.map((side) => `_l${layer}${side}`)).flat();
    for (const [i, suffix] of this.#suffixes.entries()) {
      const inputs = i < sides.length ? inputSize : (projected || hiddenSize) * sides.length;
      makeWeights(this, gates, [inputs, hiddenSize, projected], bias, suffix);
    }
    this.guard();
  }

  protected get weights(): readonly F.RecurrentWeights[] {
    return this.#suffixes.map((suffix) => weightsOf(this, suffix));
  }

  /** @throws {RangeError} unless x is [time, batch, in], [batch, time, in] with `batchFirst`, or [time, in]. */
  protected settings(x: Tensor, call: RecurrentCallOptions): F.RecurrentOptions {
    checkTensors(this.constructor.name, { x });
    if ((x.rank !== 2 && x.rank !== 3) || x.shape.at(-1) !== this.inputSize) {
      const want = this.batchFirst ? `[batch, time, ${this.inputSize}]` : `[time, batch, ${this.inputSize}]`;
      throw inputError(this.constructor.name, want, x.shape, "see batchFirst for the order of the axes");
    }
    const wrong = Object.keys(call ?? {}).find((name) => name !== "lengths");
    if (wrong !== undefined || typeof call !== "object" || call === null)
      throw new TypeError(`${this.constructor.name}: want options { lengths } behind the initial state, got ${shown(call)}`);
    const between = this.#dropout && this.training && this.layers > 1 ? (y: Tensor) => this.#dropout!.forward(y) : undefined;
    const { bidirectional, reverse, batchFirst, checkpoint } = this;
    return { bidirectional, reverse, batchFirst, between, lengths: call.lengths, checkpoint };
  }

  protected override details(): string {
    const parts = [`${this.inputSize} to ${this.hiddenSize}`];
    if (this.layers > 1) parts.push(`${this.layers} layers`);
    if (this.bidirectional) parts.push("bidirectional");
    if (this.reverse) parts.push("reverse");
    if (this.batchFirst) parts.push("batch first");
    return parts.join(", ");
  }
}

export interface RnnLayerOptions extends RecurrentLayerOptions {
  /** Default "tanh". */
  readonly nonlinearity?: "tanh" | "relu";
}

const RNN_LAYER_OPTIONS: Checks<RnnLayerOptions> = { ...RECURRENT_LAYER_OPTIONS, nonlinearity: oneOf("tanh", "relu") };

/** Elman network: h′ = φ(W_ih x + b_ih + W_hh h + b_hh). `output` [T, N, directions·hidden], last states `h` [layers·directions, N, hidden]. */
export class RNN extends Recurrent {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RnnLayerOptions = {}) {
    checkOptions(new.target.name, options, RNN_LAYER_OPTIONS);
    const { nonlinearity = "tanh", ...rest } = options;
    super(1, inputSize, hiddenSize, rest);
    this.nonlinearity = nonlinearity;
  }

  /** Without `h0` states start at 0. */
  forward(x: Tensor, h0?: Tensor, options: RecurrentCallOptions = {}): { output: Tensor; h: Tensor } {
    return F.rnn(x, h0, this.weights, { ...this.settings(x, options), nonlinearity: this.nonlinearity });
  }
}

export interface LstmLayerOptions extends RecurrentLayerOptions {
  /**
   * Outputs and h are projections W_hr·(o∘tanh c) of this size, at least 1 and below hidden (Sak et al. 2014); c keeps its size. Further parameters
   * `weight_hr_l{l}` [projSize, hidden]; `weight_hh_l{l}` is [4·hidden, projSize]. Default 0: no projection.
   */
  readonly projSize?: number;
}

const LSTM_LAYER_OPTIONS: Checks<LstmLayerOptions> = { ...RECURRENT_LAYER_OPTIONS, projSize: naturalNumber };

/** LSTM (Hochreiter & Schmidhuber 1997): gates i, f, g, o; c′ = f∘c + i∘g, h′ = o∘tanh c′. Shapes as in {@link RNN}, with two states. */
export class LSTM extends Recurrent {
  readonly projSize: number;

  constructor(inputSize: number, hiddenSize: number, options: LstmLayerOptions = {}) {
    checkOptions(new.target.name, options, LSTM_LAYER_OPTIONS);
    checkFields(new.target.name, { inputSize, hiddenSize }, { inputSize: positiveInteger, hiddenSize: positiveInteger });
    const { projSize = 0, ...rest } = options;
    if (projSize >= hiddenSize && projSize > 0)
      throw new RangeError(`${new.target.name}: projSize must be below the hidden size, ${hiddenSize}, got ${projSize}`);
    super(4, inputSize, hiddenSize, rest, projSize);
    this.projSize = projSize;
  }

  protected override details(): string {
    return `${super.details()}${this.projSize ? `, projected to ${this.projSize}` : ""}`;
  }

  /** Without a start both states are 0. */
  forward(
    x: Tensor,
    start?: readonly [h0: Tensor, c0: Tensor],
    options: RecurrentCallOptions = {},
  ): { output: Tensor; h: Tensor; c: Tensor } {
    return F.lstm(x, start, this.weights, this.settings(x, options));
  }
}

export interface GruLayerOptions extends RecurrentLayerOptions {
  /** Whether the reset gate stands behind the recurrent product, r∘(W_hn h + b_hn), as in PyTorch; false: before it, W_hn (r∘h) + b_hn. Default true. */
  readonly resetAfter?: boolean;
}

const GRU_LAYER_OPTIONS: Checks<GruLayerOptions> = { ...RECURRENT_LAYER_OPTIONS, resetAfter: flag };

/** GRU (Cho et al. 2014): gates r, z, n; h′ = (1 - z)∘n + z∘h. Shapes as in {@link RNN}. */
export class GRU extends Recurrent {
  readonly resetAfter: boolean;

  constructor(inputSize: number, hiddenSize: number, options: GruLayerOptions = {}) {
    checkOptions(new.target.name, options, GRU_LAYER_OPTIONS);
    const { resetAfter = true, ...rest } = options;
    super(3, inputSize, hiddenSize, rest);
    this.resetAfter = resetAfter;
  }

  protected override details(): string {
    return `${super.details()}${this.resetAfter ? "" : ", reset before the product"}`;
  }

  /** Without `h0` states start at 0. */
  forward(x: Tensor, h0?: Tensor, options: RecurrentCallOptions = {}): { output: Tensor; h: Tensor } {
    return F.gru(x, h0, this.weights, { ...this.settings(x, options), resetAfter: this.resetAfter });
  }
}

// ---- single steps -------------------------------------------------------------------------------------------------------------------

const CELL = { bias: flag };

/** Parameters `weight_ih` [G·hidden, in], `weight_hh` [G·hidden, hidden], `bias_ih`, `bias_hh` [G·hidden]. */
abstract class RecurrentCell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;

  constructor(gates: number, inputSize: number, hiddenSize: number, options: { readonly bias?: boolean }) {
    const { bias = true } = options;
    super();
    checkSizes(new.target.name, { inputSize, hiddenSize });
    [this.inputSize, this.hiddenSize] = [inputSize, hiddenSize];
    makeWeights(this, gates, [inputSize, hiddenSize], bias, "");
    this.guard();
  }

  protected get weights(): F.RecurrentWeights {
    return weightsOf(this, "");
  }

  /** Zeros [N, hidden]. @throws {RangeError} unless x is [batch, in], or [in] of a single example. */
  protected start(x: Tensor): Tensor {
    if ((x.rank !== 2 && x.rank !== 1) || x.shape.at(-1) !== this.inputSize)
      throw inputError(this.constructor.name, `[batch, ${this.inputSize}]`, x.shape, "a cell takes one step; use the layer for sequences");
    return x.constantOf({ shape: [...x.shape.slice(0, -1), this.hiddenSize], dtype: x.dtype }, 0);
  }

  protected override details(): string {
    return `${this.inputSize} to ${this.hiddenSize}`;
  }
}

const RNN_CELL = { bias: flag, nonlinearity: oneOf("tanh", "relu") };

/** One step of {@link RNN}: x [N, in] and h [N, hidden] (default 0) to h′. */
export class RNNCell extends RecurrentCell {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: Pick<RnnLayerOptions, "bias" | "nonlinearity"> = {}) {
    checkOptions(new.target.name, options, RNN_CELL);
    super(1, inputSize, hiddenSize, options);
    this.nonlinearity = options.nonlinearity ?? "tanh";
  }

  forward(x: Tensor, h?: Tensor): Tensor {
    const zero = this.start(x);
    return F.rnnCell(x, h ?? zero, this.weights, { nonlinearity: this.nonlinearity });
  }
}

/** One step of {@link LSTM}: x [N, in], h and c [N, hidden] (default 0) to h′ and c′. */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: { readonly bias?: boolean } = {}) {
    checkOptions(new.target.name, options, CELL);
    super(4, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state?: readonly [h: Tensor, c: Tensor]): { h: Tensor; c: Tensor } {
    const zero = this.start(x);
    return F.lstmCell(x, state ?? [zero, zero], this.weights);
  }
}

/** One step of {@link GRU}: x [N, in], h [N, hidden] (default 0) to h′. */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: { readonly bias?: boolean } = {}) {
    checkOptions(new.target.name, options, CELL);
    super(3, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, h?: Tensor): Tensor {
    const zero = this.start(x);
    return F.gruCell(x, h ?? zero, this.weights);
  }
}
