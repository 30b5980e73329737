/**
 * @file Folding: a batch normalization behind a dense or convolutional layer is one affine map with it in evaluation mode (Ioffe & Szegedy 2015, Alg. 2).
 * Which normalization follows which layer is read from the network's own list, so it holds for any module, whatever its properties are called.
 */
import { type Checks, check, checkOptions, expectation, listOf, positiveInteger } from "../base/check.ts";
import { recordFunction } from "../function/recording.ts";
import { batchNormAffine } from "../math/normalization.ts";
import { zeros } from "../ops/create.ts";
import { Tensor } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";
import { Identity } from "./activation.ts";
import { BatchNorm } from "./batch-norm.ts";
import { Conv1d, Conv2d, Conv3d, ConvNd } from "./conv.ts";
import { Linear } from "./linear.ts";
import { checkModule, type Layer, Module } from "./module.ts";
import { Sequential } from "./sequential.ts";

/** y·scale + shift after `layer`, as a layer of the same kind with other weights. */
function rescaled(layer: Linear | ConvNd, scale: Tensor, shift: Tensor): Layer {
  const { weight, bias } = layer;
  const rows = scale.reshape(weight.shape.map((_, i) => (i === 0 ? -1 : 1)));
  const initial = {
    weightInitializer: () => weight.value.mul(rows),
    biasInitializer: () => (bias ? bias.value.mul(scale).add(shift) : shift),
    dtype: weight.dtype,
  };
  if (layer instanceof Linear) return new Linear(weight.shape[1], weight.shape[0], initial);
  const [outChannels, perGroup, ...kernel] = weight.shape;
  const { stride, padding, paddingMode, dilation, groups } = layer;
  const Kind = [Conv1d, Conv2d, Conv3d][kernel.length - 1];
  return new Kind(perGroup * groups, outChannels, kernel, { stride, padding, paddingMode, dilation, groups, ...initial });
}

const aBatchNorm = expectation("a batch normalization", (value) => value instanceof BatchNorm);

/** A dense or convolutional layer and the batch normalization after it as one layer that gives what both give in evaluation mode. */
export function foldBatchNorm(layer: Linear | ConvNd, norm: BatchNorm): Layer {
  checkModule("foldBatchNorm: layer", layer);
  check("foldBatchNorm: norm", norm, aBatchNorm);
  const { running_mean: mean, running_var: variance, weight, bias, eps } = norm;
  if (!mean || !variance) throw new TypeError("foldBatchNorm: the normalization keeps no running statistics, so it is no fixed map");
  const { scale, shift } = batchNormAffine(mean.value, variance.value, { weight, bias, eps });
  return rescaled(layer, scale, shift).train(layer.training);
}

export interface FoldOptions {
  /** Shape of an example, such as [3, 224, 224]. Default: found by trying, from what the first layer takes. */
  readonly inputShape?: readonly number[];
}

const FOLD_OPTIONS: Checks<FoldOptions> = { inputShape: listOf(positiveInteger) };

/**
 * The model with every batch normalization folded into the dense or convolutional layer whose result it alone takes. A plain `Sequential` is made anew
 * without its normalizations, and is left as it was; any other module is changed in place, `Identity` standing where a normalization was, and returned.
 * It gives what it gave in evaluation mode: train no further.
 * @throws {TypeError} if no shape of an example is given or found.
 */
export function foldBatchNorms<M extends Layer>(model: M, options: FoldOptions = {}): M {
  checkModule("foldBatchNorms: model", model);
  checkOptions("foldBatchNorms", options, FOLD_OPTIONS);
  const { inputShape } = options;
  if (!model.modules().some((module) => module instanceof BatchNorm)) return model;
  const pairs = pairsIn(model, inputShape);
  const replacements = new Map<Module, Layer>();
  for (const [norm, layer] of pairs) {
    replacements.set(layer, foldBatchNorm(layer, norm));
    replacements.set(norm, new Identity().train(model.training));
  }
  return replaced(model, replacements, new Set(pairs.keys())) as M;
}

type Foldable = Linear | ConvNd;

/** Layers whose class is known: one that computes something else by inheritance is no affine map. */
const isFoldable = (module: Module): module is Foldable =>
  [Linear, Conv1d, Conv2d, Conv3d].some((kind) => module.constructor === kind) &&
  Object.hasOwn(module, "weight") &&
  "value" in (module as Foldable).weight;

/** The normalizations that alone take what a layer gives, each with that layer. */
function pairsIn(model: Layer, inputShape: readonly number[] | undefined): Map<BatchNorm, Foldable> {
  const { training } = model;
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    for (const shape of inputShape ? [inputShape] : candidates(model)) {
      const found = attempt(() => observed(model, [1, ...shape]), inputShape !== undefined);
      if (found) return found;
    }
  } finally {
    model.train(training);
    for (const [module, mode] of modes) if (module.modules().length === 1) module.train(mode);
  }
  throw new TypeError(
    `foldBatchNorms: no shape of an example was found that ${model.constructor.name} takes; give one: foldBatchNorms(model, { inputShape: [3, 224, 224] })`,
  );
}

/** What `fn` gives; nothing if it throws, unless its error is to be seen. */
function attempt<T>(fn: () => T, strict: boolean): T | undefined {
  try {
    return fn();
  } catch (error) {
    if (strict) throw error;
    return undefined;
  }
}

/** Sides of images that networks are made for, the usual ones first. */
const SIDES: readonly number[] = [
  224,
  32,
  28,
  64,
  299,
  331,
  227,
  96,
  128,
  160,
  192,
  256,
  384,
  512,
  ...Array.from({ length: 63 }, (_, i) => i + 1),
];

/** Shapes of examples that the first layer may take. */
function candidates(model: Layer): number[][] {
  const first = model.modules().find((module): module is Foldable => module instanceof Linear || module instanceof ConvNd);
  if (!first) return [];
  const { weight } = first;
  if (first instanceof Linear) return [[weight.shape[1]]];
  const channels = weight.shape[1] * first.groups;
  return SIDES.map((side) => [channels, ...weight.shape.slice(2).map(() => side)]);
}

/** Records a forward pass; nothing is computed. */
function observed(model: Layer, shape: readonly number[]): Map<BatchNorm, Foldable> {
  const pairs = new Map<BatchNorm, Foldable>();
  recordFunction(
    (x: Tensor): Tensor => {
      const calls: Call[] = [];
      const off = model.modules().map((module) =>
        module.onForward(([input], output) => {
          if (input instanceof Tensor && output instanceof Tensor) calls.push({ module, input, output });
        }),
      );
      try {
        const y = model.forward(x);
        for (const [norm, layer] of followed(calls, y)) pairs.set(norm, layer);
        return y;
      } finally {
        for (const remove of off) remove();
      }
    },
    [zeros(shape)],
  );
  return pairs;
}

interface Call {
  readonly module: Module;
  readonly input: Tensor;
  readonly output: Tensor;
}

/** Both are called once, and nothing but the normalization reads what the layer gives. */
function followed(calls: readonly Call[], y: Tensor): [BatchNorm, Foldable][] {
  const times = new Map<Module, number>();
  for (const { module } of calls) times.set(module, (times.get(module) ?? 0) + 1);
  const once = ({ module }: Call): boolean => times.get(module) === 1;
  const layers = calls.filter((call) => isFoldable(call.module) && once(call));
  return calls.flatMap((call): [BatchNorm, Foldable][] => {
    const { module: norm, input, output } = call;
    if (!(norm instanceof BatchNorm) || !norm.running_mean || !once(call)) return [];
    const before = layers.find((layer) => layer.output.source === input.source && layer.output.index === input.index);
    const elsewhere = before && tapeOf([y], new Set([output])).some((instruction) => instruction === input.source);
    return before && !elsewhere ? [[norm, before.module as Foldable]] : [];
  });
}

/** The module with others in the places of some; normalizations that were folded leave a plain sequence. */
function replaced(module: Module, others: ReadonlyMap<Module, Layer>, folded: ReadonlySet<Module>): Module {
  const other = others.get(module);
  if (other) return other;
  if (isPlainSequence(module)) {
    const layers = [...(module as Sequential)]
      .filter((layer) => !folded.has(layer))
      .map((layer) => replaced(layer, others, folded) as Layer);
    return new Sequential(...layers).train(module.training);
  }
  return inPlace(module, others);
}

const isPlainSequence = (module: Module): boolean => Object.getPrototypeOf(module) === Sequential.prototype;

/** The same below a module that is changed: sequences keep their places, since names and forward passes may count on them. */
function inPlace(module: Module, others: ReadonlyMap<Module, Layer>): Module {
  const other = others.get(module);
  if (other) return other;
  const place = (value: unknown): unknown => {
    if (value instanceof Module) return inPlace(value, others);
    if (Array.isArray(value)) for (const [i, element] of value.entries()) value[i] = place(element);
    return value;
  };
  for (const [name, value] of Object.entries(module))
    if (value instanceof Module || Array.isArray(value)) Reflect.set(module, name, place(value));
  return module;
}
