/** @file A batch as it is normalized: by its own statistics, by moving averages, or example by example. What the room Norm shows first, computed by the library's layers. */
import { batchMoments, withBatchStatistics, withMovingAverages } from "../../demo/regularized.ts";
import { batchNormAffine, populationStatistics } from "../../math/normalization.ts";
import { BatchNorm1d } from "../../nn/batch-norm.ts";
import { LayerNorm } from "../../nn/norm.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { FEATURES_SHOWN, type NormsChoice, readNorms } from "./norm-choice.ts";

const N = FEATURES_SHOWN;

export interface NormsAnswer {
  readonly choice: NormsChoice;
  /** Of each feature in this batch: mean and biased variance; and the layer's moving averages. */
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly runningMean: readonly number[];
  readonly runningVar: readonly number[];
  /** Outputs in training, in evaluation, and of layer norm. */
  readonly training: readonly number[];
  readonly evaluation: readonly number[];
  readonly layer: readonly number[];
  /** The layer in evaluation as y = scale z + shift, and how far it is from that. */
  readonly scale: readonly number[];
  readonly shift: readonly number[];
  readonly folded: number;
  /** Of each example: its mean and spread, and mean and length once it is normalized, before γ and β. */
  readonly rowMean: readonly number[];
  readonly rowSpread: readonly number[];
  readonly normedMean: readonly number[];
  readonly length: readonly number[];
  /** Largest difference between √n/s·diag(γ)(z - z̄) + β and the layer; it is 0 at ε = 0. */
  readonly forms: number;
  /** Over 4,000 batches of so many draws of variance 1: the mean of their biased variances, and that times m/(m - 1). */
  readonly biased: number;
  readonly unbiased: number;
}

const f64 = { dtype: "f64" } as const;
const numbers = (x: Tensor): number[] => Array.from(x.dataSync() as Float64Array);
const largest = (x: Tensor): number => x.abs().max().itemSync();

/** A layer with these γ and β, as vectors of one dtype with the batch. */
function weighted<L extends BatchNorm1d | LayerNorm>(layer: L, { gamma, beta }: NormsChoice): L {
  layer.weight!.set(tensor([...gamma]));
  layer.bias!.set(tensor([...beta]));
  return layer;
}

export function norms(given: unknown): NormsAnswer {
  const choice = readNorms(given);
  const { eps, momentum, batches, values } = choice;
  const m = values.length / N;
  const x = tensor([...values], f64).reshape([m, N]);
  const norm = weighted(new BatchNorm1d(N, { eps, momentum }), choice);
  const training = numbers(norm.forward(x));
  const averaged = weighted(new BatchNorm1d(N, { eps, momentum }), choice);
  for (let i = 0; i < batches; i++) {
    averaged.forward(x);
    // Read at once, so that no long list of what is still to be computed is kept.
    averaged.running_var!.value.dataSync();
  }
  averaged.eval();
  const evaluation = averaged.forward(x);
  const [runningMean, runningVar] = [averaged.running_mean!.value.cast("f64"), averaged.running_var!.value.cast("f64")];
  const parameters = { weight: averaged.weight!.value.cast("f64"), bias: averaged.bias!.value.cast("f64") };
  const { scale, shift } = batchNormAffine(runningMean, runningVar, { ...parameters, eps });
  return {
    choice,
    ...columnsOf(x),
    runningMean: numbers(runningMean),
    runningVar: numbers(runningVar),
    training,
    evaluation: numbers(evaluation),
    scale: numbers(scale),
    shift: numbers(shift),
    folded: largest(x.mul(scale).add(shift).sub(evaluation)),
    ...rowsOf(x, choice, parameters),
    ...manyBatches(m),
  };
}

function columnsOf(x: Tensor): Pick<NormsAnswer, "mean" | "variance"> {
  const mean = x.mean(0);
  return { mean: numbers(mean), variance: numbers(x.sub(mean).square().mean(0)) };
}

/** Each example by itself: the layer, and the formula of the lecture, √n/s·diag(v)(z - z̄1) + u. */
function rowsOf(
  x: Tensor,
  choice: NormsChoice,
  { weight, bias }: { readonly weight: Tensor; readonly bias: Tensor },
): Pick<NormsAnswer, "layer" | "rowMean" | "rowSpread" | "normedMean" | "length" | "forms"> {
  const mean = x.mean(1, { keepDims: true });
  const centred = x.sub(mean);
  const s = centred.square().sum(1, { keepDims: true }).sqrt();
  const layer = weighted(new LayerNorm(N, { eps: choice.eps }), choice).forward(x);
  const plain = new LayerNorm(N, { eps: choice.eps, affine: false }).forward(x);
  // An example whose values are all one has no direction; the lecture's form is not defined there.
  const lecture = s
    .gt(0)
    .where(centred.mul(Math.sqrt(N)).div(s.maximum(Number.MIN_VALUE)), 0)
    .mul(weight)
    .add(bias);
  return {
    layer: numbers(layer),
    rowMean: numbers(mean),
    rowSpread: numbers(s.div(Math.sqrt(N))),
    normedMean: numbers(plain.mean(1)),
    length: numbers(plain.square().sum(1).sqrt()),
    forms: largest(lecture.sub(layer)),
  };
}

const MANY = new Map<number, Pick<NormsAnswer, "biased" | "unbiased">>();

function manyBatches(m: number): Pick<NormsAnswer, "biased" | "unbiased"> {
  let found = MANY.get(m);
  if (!found) {
    const { means, variances } = batchMoments(m);
    const { variance } = populationStatistics(means, variances, m);
    found = { biased: variances.mean().itemSync(), unbiased: variance.sum().itemSync() };
    MANY.set(m, found);
  }
  return found;
}

export interface AveragesAnswer {
  /** A bias that is trained behind a norm by moving averages, and behind one by the batch's own statistics, after each step; and the loss of the first. */
  readonly moving: readonly number[];
  readonly own: readonly number[];
  readonly losses: readonly number[];
}

/** Steps of the training that moving averages make blow up. */
export const AVERAGED_STEPS = 200;

export function averages(): AveragesAnswer {
  const { biases, losses } = withMovingAverages(AVERAGED_STEPS);
  return { moving: biases, losses, own: withBatchStatistics(AVERAGED_STEPS) };
}
