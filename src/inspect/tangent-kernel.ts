/**
 * @file The neural tangent kernel K = J Jᵀ of a model at its parameters (Jacot, Gabriel & Hongler 2018): how a step on one example moves the output of
 * another, and how fast the outputs learn as long as the kernel stays what it is. J is never formed: a column is a vjp and a jvp.
 */
import { type Checks, check, checkOptions, expectation, nonNegative, positive } from "../base/check.ts";
import { decomposeSymmetric } from "../base/eigen.ts";
import { matrix } from "../base/linalg.ts";
import { formatShape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { jvp, vjp } from "../function/derivative.ts";
import type { Layer } from "../nn/module.ts";
import { isTensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { double, elements64, inEvaluation, parameterVector, requireFinite, tensor64 } from "./double.ts";

/** What the kernel is computed for. */
export interface TangentKernelOptions {
  /** The examples. */
  readonly x: Tensor;
  /** Wanted outputs, in the shape of the model's, for the alignment. */
  readonly y?: Tensor;
}

const OPTIONS: Checks<TangentKernelOptions> = { x: expectation("a tensor", isTensor), y: expectation("a tensor", isTensor) };

/** The largest kernel: its eigenvalues take about 10 n³ operations. */
const MOST_ROWS = 2048;

/** What {@link tangentKernel} finds. Rows of the kernel are the outputs of all examples, in row-major order. */
export interface TangentKernel {
  readonly examples: number;
  /** Numbers that the model gives for an example. */
  readonly outputs: number;
  readonly parameters: number;
  /** K, row-major: as many rows and columns as there are examples times outputs. */
  readonly kernel: Float64Array;
  /** Eigenvalues, falling: along the eigenvector of λ the error shrinks as e^(-ηλt). */
  readonly eigenvalues: Float64Array;
  /** The eigenvectors, row-major, in the columns; in the order of the eigenvalues. */
  readonly vectors: Float64Array;
  /** Largest over least eigenvalue: steps until the slowest direction has learned, in steps of the fastest. Infinity for a singular kernel. */
  readonly condition: number;
  /** What the model gives now, f₀. */
  readonly values: Float64Array;
  /** yᵀKy/(‖K‖ ‖y‖²), 1 where the targets lie along the fastest direction of a kernel that has no other (Cristianini et al. 2001); only if `y` is given. */
  readonly alignment?: number;
}

/** The kernel column by column: J (Jᵀ e). */
function kernelOf(model: Layer, x: Tensor): { kernel: Float64Array; values: Float64Array; shape: readonly number[]; parameters: number } {
  const vector = parameterVector("tangentKernel", model);
  const theta = tensor64(vector.values());
  const outputOf = (a: Tensor) => (p: Tensor) => vector.within(p, () => model.forward(a));
  const output = compile((p: Tensor, a: Tensor) => outputOf(a)(p))(theta, x);
  const rows = output.size;
  if (output.rank === 0 || output.shape[0] !== x.shape[0])
    throw new RangeError(
      `tangentKernel: the model must give outputs for each example, got ${formatShape(output.shape)} for ${formatShape(x.shape)}`,
    );
  if (rows > MOST_ROWS)
    throw new RangeError(
      `tangentKernel: at most ${MOST_ROWS} outputs of all examples, got ${rows} (${formatShape(output.shape)}); pass fewer examples in x`,
    );
  const column = compile(
    (p: Tensor, e: Tensor, a: Tensor) => jvp(outputOf(a))([p], vjp(outputOf(a), { unused: "ignore" })(p).pullback(e)).tangent,
  );
  const kernel = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    const unit = new Float64Array(rows);
    unit[i] = 1;
    kernel.set(elements64(column(theta, tensor64(unit, output.shape), x)), i * rows);
  }
  return { kernel, values: elements64(output), shape: output.shape, parameters: vector.size };
}

/** K is symmetric; what rounding made different is taken from the middle. */
function symmetric(kernel: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) kernel[i * n + j] = kernel[j * n + i] = (kernel[i * n + j]! + kernel[j * n + i]!) / 2;
  return kernel;
}

/** yᵀKy/(‖K‖ ‖y‖²). */
function alignmentOf(kernel: Float64Array, y: Float64Array): number {
  const n = y.length;
  const form = y.reduce((sum, yi, i) => sum + yi * kernel.subarray(i * n, i * n + n).reduce((s, k, j) => s + k * y[j]!, 0), 0);
  const squares = kernel.reduce((sum, k) => sum + k * k, 0);
  return form / (Math.sqrt(squares) * y.reduce((sum, yi) => sum + yi * yi, 0));
}

/**
 * The tangent kernel of a model on some examples, in f64 and evaluation mode: `tangentKernel(model, { x, y })`. It takes two gradients of the batch for
 * each output of each example, and 10 n³ operations for the eigenvalues of n such outputs.
 * @throws {RangeError} for a model without parameters, weights that are not finite, and more than 2,048 outputs.
 */
export function tangentKernel(model: Layer, options: TangentKernelOptions): TangentKernel {
  checkOptions("tangentKernel", options, OPTIONS, "x");
  const { x, y } = options;
  if (x.rank === 0 || x.size === 0) throw new RangeError(`tangentKernel: x must be a batch of examples, got ${formatShape(x.shape)}`);
  return inEvaluation(model, () => {
    requireFinite("tangentKernel", model);
    const { kernel, values, shape, parameters } = kernelOf(model, double(x));
    if (y && formatShape(y.shape) !== formatShape(shape))
      throw new RangeError(`tangentKernel: y must have the shape of the outputs, ${formatShape(shape)}, got ${formatShape(y.shape)}`);
    const n = values.length;
    const found = decomposeSymmetric(matrix(n, n, symmetric(kernel, n).slice()));
    const eigenvalues = found.values.toReversed();
    const vectors = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) vectors[i * n + k] = found.vectors.data[i * n + (n - 1 - k)]!;
    const least = eigenvalues[n - 1]!;
    return {
      examples: x.shape[0]!,
      outputs: n / x.shape[0]!,
      parameters,
      kernel,
      eigenvalues,
      vectors,
      // What is below rounding of the largest is 0.
      condition: least > n * Number.EPSILON * eigenvalues[0]! ? eigenvalues[0]! / least : Number.POSITIVE_INFINITY,
      values,
      ...(y && { alignment: alignmentOf(kernel, elements64(y)) }),
    };
  });
}

/**
 * The outputs after gradient descent of rate η on ½‖f - y‖² for a time of t steps, as long as the kernel stays what it is:
 * y + e^(-ηKt) (f₀ - y) (Lee et al. 2019, eq. 10), in row-major order.
 * @throws {RangeError} if `targets` has another length than the kernel has rows, and for a negative time.
 */
export function tangentPrediction(kernel: TangentKernel, targets: ArrayLike<number>, rate: number, time: number): Float64Array {
  check(
    "tangentPrediction: kernel",
    kernel,
    expectation("what tangentKernel gives", (k) => typeof k === "object" && k !== null && "vectors" in k),
  );
  check("tangentPrediction: rate", rate, positive);
  check("tangentPrediction: time", time, nonNegative);
  const { values, vectors, eigenvalues } = kernel;
  const n = values.length;
  if (targets?.length !== n)
    throw new RangeError(`tangentPrediction: targets must have ${n} numbers, one for each output, got ${targets?.length}`);
  const error = values.map((f, i) => f - targets[i]!);
  const result = Float64Array.from(targets);
  for (let k = 0; k < n; k++) {
    let along = 0;
    for (let i = 0; i < n; i++) along += vectors[i * n + k]! * error[i]!;
    along *= Math.exp(-rate * eigenvalues[k]! * time);
    for (let i = 0; i < n; i++) result[i]! += vectors[i * n + k]! * along;
  }
  return result;
}
