/**
 * @file Probabilistic backpropagation: a ReLU network for regression whose weights are Gaussians, learnt in closed-form updates, so that it says how
 * sure it is (Hernández-Lobato & Adams 2015). Forward, moments go through the layers; back, the derivatives of the logarithm of the probability of
 * one target update means and variances (assumed density filtering); after each pass the prior is refined by expectation propagation.
 */
import { type Checks, check, checkOptions, fn, listOf, naturalNumber, positiveInteger } from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { scan } from "../function/control.ts";
import { grad } from "../function/derivative.ts";
import { moments } from "../function/moments.ts";
import { keyOf, normal, permutation, split } from "../math/random.ts";
import { Module } from "../nn/module.ts";
import { Parameter, State } from "../nn/parameter.ts";
import { checkTensors } from "../ops/check.ts";
import { concatenate, full, stack, tensor, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

export interface PbpOptions {
  /** Units of the hidden layers. Default one of 50. */
  readonly hidden?: readonly number[];
  /** Passes over the examples. Default 40. */
  readonly epochs?: number;
  /** Of the initial means and of the order of the examples. Default 0. */
  readonly seed?: number;
  /** Told after every pass, with the network as it is then; `true` ends the training. */
  readonly onEpoch?: (epoch: number, epochs: number, network: PbpNetwork) => unknown;
}

const PBP: Checks<PbpOptions> = { hidden: listOf(positiveInteger), epochs: positiveInteger, seed: naturalNumber, onEpoch: fn };

/** Means and standard deviations of predictions, in the units of the targets. */
export interface PbpPrediction {
  readonly mean: Float64Array;
  /** Of what the network does not know: its weights. */
  readonly modelDeviation: Float64Array;
  /** Of the target: the weights, and the noise of the data. */
  readonly deviation: Float64Array;
}

/** Two lists with an entry per layer, [outputs, inputs + 1] each; the last column is the bias. */
interface Weights {
  readonly means: readonly Tensor[];
  readonly variances: readonly Tensor[];
}

/** What one example changes. The noise's precision has a Gamma distribution with shape `a` and rate `b`. */
interface Learnt extends Weights {
  readonly a: Tensor;
  readonly b: Tensor;
}

const f64 = { dtype: "f64" } as const;
/** Shape and rate of the Gamma prior of the weights' precision and of the noise's. */
const PRIOR = 6;

/** A ReLU network of the given weights on inputs [N, D]; gives [N, 1]. Each layer divides by the root of its inputs, the bias among them. */
function network(weights: readonly Tensor[], x: Tensor): Tensor {
  let h = x;
  for (const [i, w] of weights.entries()) {
    const z = concatenate([h, h.narrow(1, 0, 1).mul(0).add(1)], 1)
      .dot(w, "ni,oi->no")
      .mul(1 / Math.sqrt(w.shape[1]!));
    h = i < weights.length - 1 ? z.relu() : z;
  }
  return h;
}

/** Mean and variance of the network's answers, [N]. */
function answers({ means, variances }: Weights, x: Tensor): { mean: Tensor; variance: Tensor } {
  const { mean, variance } = moments((weights: readonly Tensor[]) => network(weights, x))([means], [variances]);
  return { mean: mean.squeeze(1), variance: variance.squeeze(1) };
}

/** Logarithm of the probability of a target, less a constant, if its variance is q. */
const logEvidence = (error: Tensor, q: Tensor): Tensor => q.log().add(error.square().div(q)).mul(-0.5);

/** Equations 12 and 13 of the paper's supplement: the Gamma distribution that has the moments of the posterior. */
function nextGamma(a: Tensor, b: Tensor, [z0, z1, z2]: readonly [Tensor, Tensor, Tensor]): { a: Tensor; b: Tensor } {
  const shape = z2.sub(z1.mul(2)).add(z0).exp().mul(a.add(1)).div(a).sub(1).recip();
  const rate = z2.sub(z1).exp().mul(a.add(1)).sub(z1.sub(z0).exp().mul(a)).div(b).recip();
  return { a: shape, b: rate };
}

/** The update by one example. */
function learn({ means, variances, a, b }: Learnt, x: Tensor, y: Tensor): Learnt {
  const noise = [b.div(a.sub(1)), b.div(a), b.div(a.add(1))] as const;
  const evidence = (weights: Weights, over: Tensor): Tensor => {
    const { mean, variance } = answers(weights, x);
    return logEvidence(y.sub(mean), variance.add(over)).sum();
  };
  const slopes = grad((weights: Weights) => evidence(weights, noise[0]))({ means, variances });
  const next = means.map((m, i) => {
    const [v, dm, dv] = [variances[i]!, slopes.means[i]!, slopes.variances[i]!];
    const [mean, variance] = [m.add(v.mul(dm)), v.sub(v.square().mul(dm.square().sub(dv.mul(2))))];
    // An update that leaves no variance, or no number, is left out.
    const good = variance.gt(1e-100).and(mean.eq(mean));
    return { mean: good.where(mean, m), variance: good.where(variance, v) };
  });
  const { mean, variance } = answers({ means, variances }, x);
  const z = noise.map((over) => logEvidence(y.sub(mean), variance.add(over)).sum()) as [Tensor, Tensor, Tensor];
  return { means: next.map((each) => each.mean), variances: next.map((each) => each.variance), ...nextGamma(a, b, z) };
}

/** The factors of the prior, one Gaussian per weight, each with its own share of the precision's Gamma distribution. */
class Prior {
  a: number = PRIOR;
  b: number = PRIOR;
  readonly #factors: readonly { readonly h: Float64Array; readonly p: Float64Array; readonly a: Float64Array; readonly b: Float64Array }[];

  constructor(sizes: readonly number[]) {
    this.#factors = sizes.map((n) => ({
      h: new Float64Array(n),
      p: new Float64Array(n).fill((PRIOR - 1) / PRIOR),
      a: new Float64Array(n),
      b: new Float64Array(n),
    }));
  }

  /** Takes each factor out and puts it in again as the rest of the posterior wants it. `means` and `variances` are changed. */
  refine(means: readonly Float64Array[], variances: readonly Float64Array[]): void {
    for (const [layer, factors] of this.#factors.entries()) {
      for (let i = 0; i < factors.h.length; i++) this.#refineOne(factors, i, means[layer]!, variances[layer]!);
    }
  }

  #refineOne(
    factor: { h: Float64Array; p: Float64Array; a: Float64Array; b: Float64Array },
    i: number,
    means: Float64Array,
    variances: Float64Array,
  ): void {
    const precision = 1 / variances[i]! - factor.p[i]!;
    const natural = means[i]! / variances[i]! - factor.h[i]!;
    const [v, m] = [1 / precision, natural / precision];
    const [a, b] = [this.a - factor.a[i]!, this.b - factor.b[i]!];
    if (!(v > 0 && v < 1e6 && b > 0 && a > 1)) return;
    const evidence = (q: number): number => -0.5 * (Math.log(q) + (m * m) / q);
    const q = v + b / (a - 1);
    const [z0, z1, z2] = [evidence(q), evidence(v + b / a), evidence(v + b / (a + 1))];
    const [dm, dv] = [-m / q, (-0.5 + (0.5 * m * m) / q) / q];
    const [mean, variance] = [m + v * dm, v - v * v * (dm * dm - 2 * dv)];
    const shape = 1 / ((Math.exp(z2 - 2 * z1 + z0) * (a + 1)) / a - 1);
    const rate = b / (Math.exp(z2 - z1) * (a + 1) - Math.exp(z1 - z0) * a);
    factor.h[i] = mean / variance - natural;
    factor.p[i] = 1 / variance - precision;
    factor.a[i] = shape - a;
    factor.b[i] = rate - b;
    [means[i], variances[i], this.a, this.b] = [mean, variance, shape, rate];
  }
}

/** Mean and deviation of each column. A constant column has deviation 1. */
function columnsOf(values: Float64Array, width: number): { mean: Float64Array; deviation: Float64Array } {
  const rows = values.length / width;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / rows;
  for (let i = 0; i < values.length; i++) deviation[i % width]! += (values[i]! - mean[i % width]!) ** 2 / rows;
  return { mean, deviation: deviation.map((square) => Math.sqrt(square) || 1) };
}

/**
 * A ReLU network for regression whose weights are Gaussians, as {@link pbp} trains it. All in f64: means are its parameters, variances its state, and so are
 * the scales of inputs and targets and the noise; a model file holds it.
 */
export class PbpNetwork extends Module {
  readonly means: readonly Parameter[];
  readonly variances: readonly State[];
  readonly input_mean: State;
  readonly input_std: State;
  readonly target_mean: State;
  readonly target_std: State;
  /** Standard deviation of the noise of the data, in the units of the targets. */
  readonly noise_std: State;

  /** An untrained network; use {@link pbp}. @param sizes Of inputs, hidden layers, and 1. @throws {RangeError} for fewer than two sizes. */
  constructor(sizes: readonly number[]) {
    super();
    check("PbpNetwork: sizes", sizes, listOf(positiveInteger));
    if (sizes.length < 2) throw new RangeError(`PbpNetwork: want at least the sizes of input and output, got [${sizes.join(", ")}]`);
    const shapes = shapesOf(sizes);
    const state = (value: number, shape: readonly number[] = []): State => new State(full(shape, value, "f64"));
    this.means = shapes.map((shape) => new Parameter(zeros(shape, "f64")));
    this.variances = shapes.map((shape) => state(PRIOR / (PRIOR - 1), shape));
    [this.input_mean, this.input_std] = [state(0, [sizes[0]!]), state(1, [sizes[0]!])];
    [this.target_mean, this.target_std, this.noise_std] = [state(0), state(1), state(1)];
  }

  /** Standard deviation of the noise of the data, in the units of the targets. */
  get noise(): number {
    return this.noise_std.value.itemSync();
  }

  #moments(inputs: Tensor): { mean: Tensor; variance: Tensor } {
    const x = inputs.cast("f64").sub(this.input_mean).div(this.input_std);
    const values = (cells: readonly Cell[]): Tensor[] => cells.map((cell) => cell.value);
    const { mean, variance } = answers({ means: values(this.means), variances: values(this.variances) }, x);
    return { mean: mean.mul(this.target_std).add(this.target_mean), variance: variance.mul(this.target_std.value.square()) };
  }

  /** Means of the predictions, f32[N, 1], for inputs [N, D]. */
  override forward(inputs: Tensor): Tensor {
    return this.#moments(inputs).mean.cast("f32").unsqueeze(1);
  }

  /** Means and standard deviations of the targets, f32[N, 2], for inputs [N, D]: what is shown, and exported. */
  distribution(inputs: Tensor): Tensor {
    const { mean, variance } = this.#moments(inputs);
    return stack([mean, variance.add(this.noise_std.value.square()).sqrt()], 1).cast("f32");
  }

  /** What it expects for inputs [N, D], and how sure it is. @throws {RangeError} for inputs of another width. */
  predict(inputs: Tensor): PbpPrediction {
    checkTensors("PbpNetwork.predict", { inputs });
    const width = this.input_mean.shape[0]!;
    if (inputs.rank !== 2 || inputs.shape[1] !== width)
      throw new RangeError(`PbpNetwork.predict: expected inputs [N, ${width}], got ${formatShape(inputs.shape)}`);
    const { mean, variance } = this.#moments(inputs);
    const { noise } = this;
    const variances = Float64Array.from(variance.dataSync());
    return {
      mean: Float64Array.from(mean.dataSync()),
      modelDeviation: variances.map(Math.sqrt),
      deviation: variances.map((v) => Math.sqrt(v + noise ** 2)),
    };
  }

  /** Root mean squared error, mean absolute error, and mean logarithm of the density of the targets [N]. */
  measure(inputs: Tensor, targets: Tensor): { rmse: number; mae: number; logLikelihood: number } {
    checkTensors("PbpNetwork.measure", { inputs, targets });
    const { mean, deviation } = this.predict(inputs);
    const y = Float64Array.from(targets.dataSync());
    if (y.length !== mean.length) throw new RangeError(`PbpNetwork.measure: expected ${mean.length} targets, got ${y.length}`);
    const errors = y.map((each, i) => each - mean[i]!);
    const average = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
    return {
      rmse: Math.sqrt(average(errors.map((error) => error ** 2))),
      mae: average(errors.map(Math.abs)),
      logLikelihood: average(
        errors.map((error, i) => -0.5 * Math.log(2 * Math.PI * deviation[i]! ** 2) - 0.5 * (error / deviation[i]!) ** 2),
      ),
    };
  }
}

/** Of the weights of each layer, [outputs, inputs + 1]. */
const shapesOf = (sizes: readonly number[]): number[][] => sizes.slice(1).map((out, i) => [out, sizes[i]! + 1]);

function initial(sizes: readonly number[], key: Tensor): Weights {
  const keys = split(key, sizes.length - 1);
  const shapes = shapesOf(sizes);
  return {
    means: shapes.map((shape, i) => normal(keys[i]!, shape, f64).mul(1 / Math.sqrt(shape[1]!))),
    variances: shapes.map((shape) => tensor(new Float64Array(shape[0]! * shape[1]!).fill(PRIOR / (PRIOR - 1)), { shape })),
  };
}

/**
 * Trains a network on inputs [N, D] and targets [N], in f64: `epochs` passes over the examples, one after the other in a new order each time, as
 * one compiled program. Both are standardized; predictions come back in the units of the targets.
 * @throws {RangeError} for other shapes, or fewer than two examples.
 */
export function pbp(inputs: Tensor, targets: Tensor, options: PbpOptions = {}): PbpNetwork {
  checkTensors("pbp", { inputs, targets });
  checkOptions("pbp", options, PBP);
  const { hidden = [50], epochs = 40, seed = 0, onEpoch } = options;
  const [count, width] = inputs.shape;
  if (inputs.rank !== 2 || targets.rank !== 1 || targets.shape[0] !== count || count! < 2 || width! < 1)
    throw new RangeError(
      `pbp: expected inputs [N, D] and targets [N] with at least two examples, got ${formatShape(inputs.shape)} and ${formatShape(targets.shape)}`,
    );
  const values = [inputs, targets].map((x) => Float64Array.from(x.dataSync())) as [Float64Array, Float64Array];
  for (const [i, name] of (["inputs", "targets"] as const).entries())
    check(`pbp: ${name}`, values[i]!.every(Number.isFinite), { want: "finite numbers", holds: (fine) => fine === true });
  const [scaling, { mean, deviation }] = [columnsOf(values[0], width!), columnsOf(values[1], 1)];
  const x = tensor(
    values[0].map((v, i) => (v - scaling.mean[i % width!]!) / scaling.deviation[i % width!]!),
    { shape: [count!, width!] },
  );
  const y = tensor(values[1].map((v) => (v - mean[0]!) / deviation[0]!));
  const network = new PbpNetwork([width!, ...hidden, 1]);
  network.input_mean.set(tensor(scaling.mean));
  network.input_std.set(tensor(scaling.deviation));
  network.target_mean.set(tensor(mean[0]!, f64));
  network.target_std.set(tensor(deviation[0]!, f64));
  for (const [i, state] of passes(x, y, { hidden, epochs, seed })) {
    for (const [layer, cell] of network.means.entries()) cell.set(state.means[layer]!);
    for (const [layer, cell] of network.variances.entries()) cell.set(state.variances[layer]!);
    network.noise_std.set(state.b.div(state.a.sub(1)).sqrt().mul(network.target_std));
    if (onEpoch?.(i + 1, epochs, network) === true) break;
  }
  return network;
}

/** The state after each pass. */
function* passes(x: Tensor, y: Tensor, { hidden, epochs, seed }: Required<Omit<PbpOptions, "onEpoch">>): Generator<[number, Learnt]> {
  const sizes = [x.shape[1]!, ...hidden, 1];
  const [first, ...orders] = split(keyOf(seed), epochs + 1) as [Tensor, ...Tensor[]];
  const weights = initial(sizes, first);
  const prior = new Prior(weights.means.map(({ size }) => size));
  const pass = compile((state: Learnt, inputs: Tensor, targets: Tensor) => {
    const step = (before: Learnt, [xi, yi]: readonly [Tensor, Tensor]): [Learnt, null] => [
      learn(before, xi.unsqueeze(0), yi.unsqueeze(0)),
      null,
    ];
    return scan(step, state, [inputs, targets])[0];
  });
  let state: Learnt = { ...weights, a: tensor(PRIOR, f64), b: tensor(PRIOR, f64) };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = permutation(orders[epoch]!, x.shape[0]!);
    state = pass(state, x.take(order, 0), y.take(order, 0));
    const [means, variances] = [state.means, state.variances].map((list) => list.map((each) => Float64Array.from(each.dataSync())));
    prior.refine(means!, variances!);
    const back = (list: readonly Float64Array[]): Tensor[] => list.map((each, i) => tensor(each, { shape: weights.means[i]!.shape }));
    state = { ...state, means: back(means!), variances: back(variances!) };
    yield [epoch, state];
  }
}
