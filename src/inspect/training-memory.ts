/**
 * @file What training takes (SUM-1): the values that the forward pass must keep for the backward pass, read from the tapes of both; with weights,
 * gradients and the optimizer's state an estimate; and beside it what the plan of a compiled step really takes. Nothing is computed.
 */
import { fn as aFunction, check } from "../base/check.ts";
import { byteSize, isFloat } from "../base/dtype.ts";
import { checkIntegers, sizeOf, type Type } from "../base/shape.ts";
import { backward } from "../function/derivative.ts";
import { recordFunction } from "../function/recording.ts";
import { crossEntropy } from "../nn/losses.ts";
import type { Layer, Module } from "../nn/module.ts";
import { checkModule } from "../nn/module.ts";
import { Parameter } from "../nn/parameter.ts";
import { zeros } from "../ops/create.ts";
import type { Instruction } from "../ops/op.ts";
import { placeholderOf } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { planRegion } from "../runtime/compile.ts";
import { cellsOf } from "../runtime/executable.ts";
import { dependents, tapeOf } from "../tape/tape.ts";
import { forward } from "../transform/forward.ts";
import { transpose } from "../transform/transpose.ts";
import { walks } from "../transform/walks.ts";
import { blueprint, type Recorded } from "./cost.ts";

export const bytesOf = (x: Type): number => sizeOf(x.shape) * byteSize(x.dtype);

/** A value of the forward pass that the backward pass reads. */
export interface Kept {
  readonly bytes: number;
  /** The instruction of the recorded list that makes it; an input's is a placeholder. */
  readonly source: Instruction;
}

/** What the gradient of all parameters keeps of a recorded function, each value once; weights and constants are there anyway. */
export function keptForBackward({ inputs, outputs, cells }: Recorded): Kept[] {
  const weights = [...cells].flatMap(([cell, inside]) => (cell instanceof Parameter && isFloat(inside.dtype) ? [inside] : []));
  const tangents = weights.map((w) => placeholderOf(w));
  const { y, dy, primal } = forward(outputs, new Map<Tensor, Tensor>(weights.map((w, i) => [w, tangents[i]])), walks);
  if (dy.every((d) => d === undefined)) return [];
  const grads = transpose(
    dy,
    dy.map((d) => d && placeholderOf(d)),
    tangents,
    walks,
  );
  const first = tapeOf(y);
  const made = new Set(first);
  const changing = dependents(first, [...inputs, ...cells.values()]);
  const read = tapeOf(grads.filter((g) => g !== undefined)).flatMap((each) => (made.has(each) ? [] : each.operands));
  const kept = new Set(read.filter((x) => made.has(x.source)).flatMap(unmoved));
  for (const inside of cells.values()) kept.delete(inside);
  const before = new Map([...primal].map(([old, now]) => [now.source, old.source]));
  return [...kept].flatMap((x) => (changing.has(x) ? [{ bytes: bytesOf(x), source: before.get(x.source) ?? x.source }] : []));
}

/** The values whose elements a movement shows: the backward pass keeps those, once. */
function unmoved(x: Tensor): Tensor[] {
  return x.source.op.traits?.moves ? x.source.operands.flatMap(unmoved) : [x];
}

/** Bytes that training takes besides the program itself. */
export interface TrainingMemory {
  /** Parameters and running statistics. */
  readonly weights: number;
  readonly gradients: number;
  readonly optimizerState: number;
  readonly kept: number;
  readonly total: number;
  /** Of a compiled step, if it was asked for. */
  readonly planned?: PlannedMemory;
}

/** Bytes in the arena. */
export interface PlannedMemory {
  /** The scratch zone: kept values, gradients and whatever else lives at the same time. */
  readonly scratch: number;
  /** Weights, running statistics, the optimizer's state. */
  readonly cells: number;
  readonly total: number;
}

/** The optimizer for some parameters. */
export type OptimizerMaker = (parameters: readonly Parameter[]) => Optimizer;

const sum = (all: Iterable<Type>): number => [...all].reduce((n, x) => n + bytesOf(x), 0);

/** An estimate from the bytes that are kept: what a plan takes that shares nothing and forgets no gradient. */
export function trainingMemory(model: Module, make: OptimizerMaker, kept: number): TrainingMemory {
  const weights = sum(new Set(model.stateDict().values()));
  const gradients = sum(model.parameters());
  const optimizerState =
    gradients === 0
      ? 0
      : sum(
          blueprint(() => make(model.parameters()))
            .stateDict()
            .values(),
        );
  return { weights, gradients, optimizerState, kept, total: weights + gradients + optimizerState + kept };
}

/** The loss by which a model is trained: its own, cross-entropy of logits [N, classes], or the mean square of whatever else it gives. */
function lossOf(model: Layer & { loss?: (x: Tensor, labels: Tensor) => Tensor }, x: Tensor, labels: Tensor): Tensor {
  if (model.loss) return model.loss(x, labels);
  const y = model.forward(x);
  return y.rank === 2 && y.shape[1] > 1 ? crossEntropy(y, labels) : y.mul(y).mean();
}

/** A training step of a model on its own, to be compiled: changes its parameters and gives the loss. */
export function trainingStep(model: Layer, optimizer: Optimizer): (x: Tensor, labels: Tensor) => Tensor {
  return (x, labels) => {
    const { value, grads } = backward(() => lossOf(model, x, labels), optimizer.parameters);
    optimizer.step(grads);
    return value;
  };
}

/** What a compiled training step takes on inputs of a shape, batch included: its plan is made, and not run. */
export function plannedMemory(model: Layer, inputShape: readonly number[], make: OptimizerMaker): PlannedMemory {
  checkModule("plannedMemory: model", model);
  checkIntegers("plannedMemory: inputShape", inputShape);
  check("plannedMemory: make", make, aFunction);
  const optimizer = blueprint(() => make(model.parameters()));
  const recording = recordFunction(trainingStep(model, optimizer), [zeros(inputShape), zeros([inputShape[0]], "i32")]);
  const { scratch } = planRegion(recording.region, recording);
  const cells = sum(cellsOf(recording));
  return { scratch, cells, total: scratch + cells };
}

/** Runs `fn` with a model in training mode, and puts every module back into its own. */
export function inTraining<T>(model: Module, fn: () => T): T {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.train();
  try {
    return fn();
  } finally {
    // Parents first: setting one sets all below it.
    for (const [module, mode] of modes) module.train(mode);
  }
}
