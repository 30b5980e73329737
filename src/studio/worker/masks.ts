/** @file Dropout: a net's sub-networks, some drawn and all of them, and what weight scaling gives for their mean. Computed by the library. */
import { softmaxSubnetworks, subsets } from "../../demo/regularized.ts";
import { distance, draw, scalar } from "../../demo/values.ts";
import { dropout } from "../../math/dropout.ts";
import { keyOf } from "../../math/random.ts";
import { concatenate, ones, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type DropoutChoice, MASKED, MASKED_UNITS, MOST_MASKS, readDropout } from "./norm-choice.ts";

export interface DropoutAnswer {
  readonly choice: DropoutChoice;
  /** Of each mask that was drawn: which of the inputs and hidden units stay, and the net's output. */
  readonly masks: readonly (readonly boolean[])[];
  readonly outputs: readonly number[];
  /** The output of every sub-network, and how probable it is. */
  readonly all: readonly number[];
  readonly chances: readonly number[];
  /** The mean over all sub-networks, and what the whole net gives at inference. */
  readonly mean: number;
  readonly scaled: number;
  /** Of the 256 sub-networks of a softmax layer: how far their geometric mean is from half the weights. */
  readonly geometric: number;
}

const numbers = (x: Tensor): number[] => Array.from(x.dataSync() as Float64Array);

/** The net's output for rows of factors of its inputs and hidden units: 0 where one is dropped, 1/p where it is kept. */
export function maskedOutputs(factors: Tensor, isLinear: boolean): Tensor {
  const x = draw(11, MASKED.inputs).abs().add(0.5);
  const [w, v] = [draw(12, MASKED.hidden, MASKED.inputs), draw(13, MASKED.hidden)];
  const z = factors.narrow(1, 0, MASKED.inputs).mul(x).matmul(w.transpose());
  const h = isLinear ? z : z.relu();
  return h.mul(factors.narrow(1, MASKED.inputs, MASKED.hidden)).matmul(v);
}

let geometric: number | undefined;

function geometricDifference(): number {
  if (geometric === undefined) {
    const found = softmaxSubnetworks();
    geometric = distance(found.geometric, found.halved);
  }
  return geometric;
}

export function masks(given: unknown): DropoutAnswer {
  const choice = readDropout(given);
  const { keepInput, keepHidden, isLinear, seed } = choice;
  const drawn = (units: number, keep: number, key: number): Tensor =>
    dropout(ones([MOST_MASKS, units], "f64"), { p: scalar(1 - keep), key: keyOf(2 * seed + key) });
  const [inputs, hidden] = [drawn(MASKED.inputs, keepInput, 0), drawn(MASKED.hidden, keepHidden, 1)];
  const factors = concatenate([inputs, hidden], 1);
  const kept = numbers(factors);
  const every = subsets(MASKED_UNITS);
  const keep = tensor(
    Array.from({ length: MASKED_UNITS }, (_, i) => (i < MASKED.inputs ? keepInput : keepHidden)),
    { dtype: "f64" },
  );
  const all = maskedOutputs(every.div(keep), isLinear);
  const chances = every
    .mul(keep)
    .add(every.neg().add(1).mul(keep.neg().add(1)))
    .prod(1);
  return {
    choice,
    masks: Array.from({ length: MOST_MASKS }, (_, k) => kept.slice(k * MASKED_UNITS, (k + 1) * MASKED_UNITS).map((x) => x > 0)),
    outputs: numbers(maskedOutputs(factors, isLinear)),
    all: numbers(all),
    chances: numbers(chances),
    mean: all.mul(chances).sum().itemSync(),
    scaled: maskedOutputs(ones([1, MASKED_UNITS], "f64"), isLinear)
      .sum()
      .itemSync(),
    geometric: geometricDifference(),
  };
}
