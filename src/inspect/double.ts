/**
 * @file Models for instruments that judge: run in f64 whatever their weights are kept in, in evaluation mode, on tensors in place of their cells.
 */
import { isFloat } from "../base/dtype.ts";
import { type Shape, sizeOf } from "../base/shape.ts";
import { ConvTransposeNd } from "../nn/conv-transpose.ts";
import { functionalCall } from "../nn/functional-call.ts";
import { checkModule, type Module } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import { concatenate, tensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

/** The elements of a tensor in f64, in an array of the caller's own. */
export const elements64 = (x: Tensor): Float64Array => Float64Array.from(elementsOf(x));

/** A tensor of floats in f64; another as it is. */
export const double = (x: Tensor): Tensor => (isFloat(x.dtype) ? x.cast("f64") : x);

/** A tensor f64 of elements. */
export const tensor64 = (elements: Float64Array, shape: Shape = [elements.length]): Tensor =>
  tensor(elements, { dtype: "f64" }).reshape(shape);

/** @throws {RangeError} for a weight or buffer that is no finite number; it names the first. */
export function requireFinite(what: string, model: Module): void {
  for (const [name, cell] of model.namedCells()) {
    if (!isFloat(cell.dtype)) continue;
    const values = elementsOf(cell.value);
    const at = values.findIndex((x) => !Number.isFinite(x));
    if (at >= 0)
      throw new RangeError(
        `${what}: the weights must be finite, got ${values[at]} in ${name}; find its cause with fit's DivergenceError, or load an earlier checkpoint`,
      );
  }
}

/** The parameters that a model trains, by name. @throws {RangeError} for a model without any. */
export function parametersOf(what: string, model: Module): [name: string, parameter: Parameter][] {
  checkModule(`${what}: model`, model);
  const all = model.namedParameters().filter(([, { dtype }]) => isFloat(dtype));
  if (all.length === 0)
    throw new RangeError(
      `${what}: the model must have parameters, got ${model.constructor.name} with none; pass one with layers that have weights`,
    );
  return all;
}

/** Runs `fn` with the model in evaluation mode; every module has its mode again afterwards. */
export function inEvaluation<R>(model: Module, fn: () => R): R {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    return fn();
  } finally {
    // Parents come first, so what they set for their children is set right again.
    for (const [module, mode] of modes) module.train(mode);
  }
}

/** Cells of a model in f64, by name. */
export function doubles(model: Module): Record<string, Tensor> {
  return Object.fromEntries(model.namedCells().flatMap(([name, cell]) => (isFloat(cell.dtype) ? [[name, cell.value.cast("f64")]] : [])));
}

/** From an element's place to its filter. */
export type FilterOf = (index: number) => number;

/** Kernels [in, out / groups, ...] of transposed convolutions, with their groups; those of others are [out, in / groups, ...]. */
export const transposedKernels = (model: Module): ReadonlyMap<Cell, number> =>
  new Map(model.modules().flatMap((module) => (module instanceof ConvTransposeNd ? [[module.weight, module.groups] as const] : [])));

function filterOf(shape: Shape, groups: number | undefined): FilterOf | undefined {
  if (shape.length < 2) return undefined;
  if (groups === undefined) {
    const size = sizeOf(shape.slice(1));
    return (index) => Math.floor(index / size);
  }
  const [inputs, outputs, taps] = [shape[0]! / groups, shape[1]!, sizeOf(shape.slice(2))];
  return (index) => Math.floor(index / (taps * outputs * inputs)) * outputs + (Math.floor(index / taps) % outputs);
}

/** A kernel of a transposed convolution as [out, in / groups, ...]. */
export function outputsFirst(kernel: Tensor, groups: number): Tensor {
  const [inputs, outputs, ...taps] = kernel.shape as [number, number, ...number[]];
  return kernel
    .reshape([groups, inputs / groups, outputs, ...taps])
    .transpose([0, 2, 1, ...taps.map((_, i) => 3 + i)])
    .reshape([groups * outputs, inputs / groups, ...taps]);
}

/** All parameters of a model as one vector, and the way back. */
export interface ParameterVector {
  readonly size: number;
  readonly names: readonly string[];
  readonly shapes: readonly Shape[];
  /** To which output (row, or output channel of a kernel) an element of each belongs; undefined of vectors. */
  readonly filters: readonly (FilterOf | undefined)[];
  /** The vector of the values that the model has. */
  values(): Float64Array;
  /** Runs `fn` with the parameters that a vector f64[size] holds; other cells of floats are f64 too. What it writes to cells is dropped. */
  within<R>(theta: Tensor, fn: () => R): R;
}

/** The parameters of a model as one vector; with `state`, running statistics and other float buffers behind them. */
export function parameterVector(what: string, model: Module, state = false): ParameterVector {
  const own = parametersOf(what, model);
  const parameters = new Set<Cell>(own.map(([, cell]) => cell));
  const buffers = state ? model.namedCells().filter(([, cell]) => isFloat(cell.dtype) && !parameters.has(cell)) : [];
  const all: readonly (readonly [string, Cell])[] = [...own, ...buffers];
  const shapes = all.map(([, { shape }]) => shape);
  const names = all.map(([name]) => name);
  const size = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  const others = doubles(model);
  const transposed = transposedKernels(model);
  return {
    size,
    filters: all.map(([, cell]) => filterOf(cell.shape, transposed.get(cell))),
    names,
    shapes,
    values: () =>
      elements64(
        concatenate(
          all.map(([, cell]) => cell.value.cast("f64").flatten(0)),
          0,
        ),
      ),
    within: (theta, fn) => {
      let from = 0;
      const parts = shapes.map((shape, i): [string, Tensor] => {
        const part = theta.narrow(0, from, sizeOf(shape)).reshape(shape);
        from += sizeOf(shape);
        return [names[i]!, part];
      });
      return functionalCall(model, { ...others, ...Object.fromEntries(parts) }, fn).result;
    },
  };
}
