/**
 * @file Spectra (TRN-4): the singular values of every weight beside the law of a random matrix of its shape and scale, convolutions as the maps they are,
 * and the Jacobian of the whole net beside the product of its layers.
 */
import { type Checks, check, checkOptions, expectation, positive, positiveInteger } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { decomposeSVD } from "../base/eigen.ts";
import { matrix } from "../base/linalg.ts";
import { formatShape, type Shape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { functionalCall } from "../nn/functional-call.ts";
import { checkModule, type Layer, type Module } from "../nn/module.ts";
import { isTensor, zeros } from "../ops/create.ts";
import { requireTensor, type Tensor } from "../ops/tensor.ts";
import { doubles, elements64, inEvaluation, outputsFirst, parametersOf, requireFinite, transposedKernels } from "./double.ts";
import { type Estimate, singularValues } from "./lanczos.ts";
import { circularNorm, jacobianMap } from "./linear-map.ts";
import { type PowerLaw, powerLaw } from "./power-law.ts";
import {
  type Ensemble,
  edges,
  kolmogorov,
  largestQuantile,
  largestScore,
  marchenkoPasturCdf,
  marchenkoPasturQuantile,
  meanSingularValue,
  productEdge,
  smallestCdf,
  spikeStrength,
} from "./random-matrix.ts";

/** A singular value that no random matrix of this shape and scale has. */
export interface Outlier {
  readonly value: number;
  /** Of the signal of rank one that would put it there. */
  readonly strength: number;
  /** Of ‖W‖_F². */
  readonly share: number;
}

/** A matrix beside the law of random ones. */
export interface MatrixSpectrum {
  readonly rows: number;
  readonly columns: number;
  /** Singular values, the largest first. */
  readonly values: readonly number[];
  /** Variance of the entries by which the bulk fits the law: the median of σ² over the law's. */
  readonly variance: number;
  /** Where the law ends, its mean and root mean square. */
  readonly law: { readonly lower: number; readonly upper: number; readonly mean: number; readonly rms: number };
  /** Largest gap between the distribution of the values and the law, and Kolmogorov's p; singular values repel each other, so chance gives larger p than of independent numbers. */
  readonly distance: number;
  readonly p: number;
  /** How far σ₁ lies beyond the edge in the scale of Tracy and Widom, and the probability of more by chance. */
  readonly largest: { readonly z: number; readonly p: number };
  /** P(σ_min this small or smaller) by chance; of square matrices. */
  readonly smallest?: number;
  /** What 99 % of random matrices stay below. */
  readonly line: number;
  readonly outliers: readonly Outlier[];
  /** The power law that fits the tail of σ² best; of ten different values or more. A fitted number: noise has one too. */
  readonly tail?: PowerLaw;
  readonly frobenius: number;
  /** ‖W‖_F²/σ₁². */
  readonly stableRank: number;
  /** exp of the entropy of σᵢ/Σσ (Roy & Vetterli 2007). */
  readonly effectiveRank: number;
  /** σ₁/σ_min; Infinity for a matrix that is not of full rank. */
  readonly condition: number;
}

/** A convolution as the map that it is. */
export interface OperatorSpectrum {
  /** What it is applied to: the shape of one input. */
  readonly input: Shape;
  /** Its largest singular value, padding and stride included. */
  readonly norm: Estimate;
  /** The same on a grid whose ends meet; of convolutions of stride 1. */
  readonly circular?: number;
}

/** One weight of a model. */
export interface LayerSpectrum extends MatrixSpectrum {
  /** Of the parameter. */
  readonly name: string;
  /** A kernel [out, in, ...] (of a transposed convolution [in, out, ...]) is looked at as a matrix [out, in·Πkernel]. */
  readonly shape: Shape;
  readonly operator?: OperatorSpectrum;
}

/** What {@link spectrum} finds. */
export interface Spectrum {
  readonly layers: readonly LayerSpectrum[];
  /** Of the whole net at the first example, with an input. */
  readonly jacobian?: {
    /** Largest singular value of ∂output/∂input. */
    readonly norm: Estimate;
    /** Product of the layers' norms: an upper bound of a chain of layers whose activations have slopes of at most 1. */
    readonly product: number;
    readonly inputs: number;
    readonly outputs: number;
  };
}

export interface SpectrumOptions {
  /** Inputs of the model, of which the first is used: without, kernels are matrices only, and there is no Jacobian. */
  readonly input?: Tensor;
  /** Most products with a map. Default 60. */
  readonly steps?: number;
  /** Relative error of the maps' norms. Default 1e-6. */
  readonly tolerance?: number;
}

const OPTIONS: Checks<SpectrumOptions> = {
  input: expectation("a float tensor [N, ...]", (x) => isTensor(x) && isFloat(x.dtype) && x.rank > 0 && x.size > 0),
  steps: positiveInteger,
  tolerance: positive,
};

const medianOf = (sorted: readonly number[]): number => {
  const half = (sorted.length - 1) / 2;
  return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2;
};

/** A matrix [rows, columns] beside the law of random ones; a tensor of more axes is [rows, all the others]. Scale and edges are fitted to the bulk. */
export function matrixSpectrum(weight: Tensor): MatrixSpectrum {
  requireTensor("matrixSpectrum: weight", weight);
  if (weight.rank < 2 || weight.size === 0)
    throw new RangeError(`matrixSpectrum: weight must be a matrix [rows, columns] with elements, got ${formatShape(weight.shape)}`);
  const rows = weight.shape[0]!;
  const columns = weight.size / rows;
  const data = elements64(weight);
  if (!data.every(Number.isFinite)) throw new RangeError("matrixSpectrum: the elements of weight must be finite, got NaN or Infinity");
  const values = [...decomposeSVD(matrix(rows, columns, data)).s];
  const squares = values.reduce((sum, s) => sum + s * s, 0);
  const unit: Ensemble = { rows, columns, variance: 1 };
  const variance = (medianOf(values) / marchenkoPasturQuantile(0.5, unit)) ** 2;
  const sum = values.reduce((a, b) => a + b, 0);
  const tail = powerLaw(values.map((s) => s * s));
  const entropy = values.reduce((h, s) => (s > 0 ? h - (s / sum) * Math.log(s / sum) : h), 0);
  return {
    rows,
    columns,
    values,
    variance,
    ...besideLaw(values, squares, { rows, columns, variance }),
    ...(tail && { tail }),
    frobenius: Math.sqrt(squares),
    stableRank: squares > 0 ? squares / values[0]! ** 2 : 0,
    effectiveRank: sum > 0 ? Math.exp(entropy) : 0,
    condition: values.at(-1)! > 0 ? values[0]! / values.at(-1)! : Number.POSITIVE_INFINITY,
  };
}

type BesideLaw = Pick<MatrixSpectrum, "law" | "distance" | "p" | "largest" | "smallest" | "line" | "outliers">;

function besideLaw(values: readonly number[], squares: number, ensemble: Ensemble): BesideLaw {
  const { rows, columns, variance } = ensemble;
  // More than half of the values are 0: there is no bulk whose scale could be fitted.
  if (!(variance > 0)) {
    const law = { lower: 0, upper: 0, mean: 0, rms: 0 };
    const outliers = values.filter((s) => s > 0).map((value) => ({ value, strength: value, share: value ** 2 / squares }));
    return { law, distance: 1, p: 0, largest: { z: Number.POSITIVE_INFINITY, p: 0 }, line: 0, outliers };
  }
  const law = { ...edges(ensemble), mean: meanSingularValue(ensemble), rms: Math.sqrt(variance * Math.max(rows, columns)) };
  const n = values.length;
  // values fall: values[i] has n - 1 - i below it.
  const distance = Math.max(
    ...values.map((s, i) => {
      const share = marchenkoPasturCdf(s, ensemble);
      return Math.max(Math.abs(share - (n - i) / n), Math.abs(share - (n - 1 - i) / n));
    }),
  );
  const line = largestQuantile(ensemble);
  return {
    law,
    distance,
    p: kolmogorov(distance, n),
    largest: largestScore(values[0]!, ensemble),
    ...(rows === columns && { smallest: smallestCdf(values.at(-1)!, ensemble) }),
    line,
    outliers: values
      .filter((s) => s > line)
      .map((value) => ({ value, strength: spikeStrength(value, ensemble), share: value ** 2 / squares })),
  };
}

/** A product of matrices beside the law of products of square Gaussian ones. */
export interface ProductSpectrum {
  /** Of the product, the largest first. */
  readonly values: readonly number[];
  /** Product of the factors' largest singular values: what the product of norms allows. */
  readonly product: number;
  /** Mean and variance of σ²: 1 and the number of factors in the limit, for square Gaussian factors of variance 1/n. */
  readonly mean: number;
  readonly variance: number;
  /** Where the largest of such a product lies in the limit. */
  readonly edge: number;
}

/** The singular values of weights [next, previous] multiplied in the order in which they act: the last comes to stand on the left. */
export function productSpectrum(weights: readonly Tensor[]): ProductSpectrum {
  check(
    "productSpectrum: weights",
    weights,
    expectation("a list of matrices, each with as many columns as the one before has rows", chains),
  );
  const product = weights.map((w) => w.cast("f64")).reduce((a, b) => b.matmul(a));
  const values = [...decomposeSVD(matrix(product.shape[0]!, product.shape[1]!, elements64(product))).s];
  const squares = values.map((s) => s * s);
  const mean = squares.reduce((a, b) => a + b, 0) / squares.length;
  const norms = weights.map((w) => decomposeSVD(matrix(w.shape[0]!, w.shape[1]!, elements64(w))).s[0]!);
  return {
    values,
    product: norms.reduce((a, b) => a * b),
    mean,
    variance: squares.reduce((sum, x) => sum + (x - mean) ** 2, 0) / squares.length,
    edge: productEdge(weights.length),
  };
}

const chains = (weights: unknown): boolean =>
  Array.isArray(weights) &&
  weights.length > 0 &&
  weights.every((w, i) => isTensor(w) && w.rank === 2 && w.size > 0 && (i === 0 || w.shape[1] === (weights[i - 1] as Tensor).shape[0]));

/** The inputs that modules got while `fn` ran, of those that take and give one tensor; the first of each. */
function inputsOf(model: Module, fn: () => unknown): Map<Module, Shape> {
  const seen = new Map<Module, Shape>();
  const removals = model.modules().map((module) =>
    module.onForward((inputs, output) => {
      if (!seen.has(module) && inputs.length === 1 && isTensor(inputs[0]) && isTensor(output)) seen.set(module, inputs[0].shape);
    }),
  );
  try {
    fn();
  } finally {
    for (const remove of removals) remove();
  }
  return seen;
}

interface Kernel {
  readonly stride?: readonly number[];
  readonly groups?: number;
}

/** A layer with a kernel as a map of inputs of the shape that it was given, one example. */
function operatorOf(module: Layer & Kernel, weight: Tensor, given: Shape, options: SpectrumOptions): OperatorSpectrum {
  const { steps = 60, tolerance = 1e-6 } = options;
  const input = given.length === weight.rank ? [1, ...given.slice(1)] : given;
  const values = doubles(module);
  const map = jacobianMap((x) => functionalCall(module, values, () => module.forward(x)).result, zeros(input, "f64"));
  const [norm] = singularValues(map, { steps, tolerance }).values;
  const grid = input.slice(-(weight.rank - 2));
  const plain = "paddingMode" in module && (module.stride ?? []).every((s) => s === 1) && grid.every((n, i) => n >= weight.shape[i + 2]!);
  return { input, norm: norm!, ...(plain && { circular: circularNorm(weight, grid, module.groups ?? 1) }) };
}

/**
 * The singular values of every weight of a model beside the Marchenko-Pastur law of its shape, fitted to the bulk: what stands out was learnt (or set). With
 * an input also the norms of convolutions as maps and of the whole Jacobian at the first example. In f64, evaluation mode.
 * @throws {RangeError} for a model without weights of two axes or more, or with weights that are not finite.
 */
export function spectrum(model: Layer, options: SpectrumOptions = {}): Spectrum {
  checkModule("spectrum: model", model);
  checkOptions("spectrum", options, OPTIONS);
  const weights = parametersOf("spectrum", model).filter(([, { shape }]) => shape.length >= 2);
  if (weights.length === 0) throw new RangeError("spectrum: the model must have a weight of two axes or more; its parameters are vectors");
  requireFinite("spectrum", model);
  const { input } = options;
  return inEvaluation(model, () => {
    const first = input?.narrow(0, 0, 1).cast("f64");
    const values = doubles(model);
    const forward = (x: Tensor): Tensor => functionalCall(model, values, () => model.forward(x)).result;
    const seen = first ? inputsOf(model, () => compile(forward)(first)) : new Map<Module, Shape>();
    const transposed = transposedKernels(model);
    const owners = new Map(model.modules().flatMap((module) => Object.values(module).map((cell) => [cell, module] as const)));
    const layers = weights.map(([name, cell]): LayerSpectrum => {
      const weight = cell.value;
      const groups = transposed.get(cell);
      const owner = owners.get(cell) as Layer | undefined;
      const given = owner && seen.get(owner);
      return {
        name,
        shape: weight.shape,
        ...matrixSpectrum(groups === undefined ? weight : outputsFirst(weight, groups)),
        ...(owner && given && weight.rank > 2 && { operator: operatorOf(owner, weight, given, options) }),
      };
    });
    if (!first) return { layers };
    const { steps = 60, tolerance = 1e-6 } = options;
    const map = jacobianMap(forward, first);
    const product = layers.reduce((all, { operator, values: [top] }) => all * (operator?.norm.value ?? top!), 1);
    const [norm] = singularValues(map, { steps, tolerance }).values;
    return { layers, jacobian: { norm: norm!, product, inputs: map.columns, outputs: map.rows } };
  });
}
