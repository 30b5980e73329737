/**
 * @file Which initializers of a file are weights. ONNX does not say, and exporters store masks, grids, tables and scales beside them; so it is told from what reads a tensor,
 * and where that does not tell, from what it looks like.
 */
import { sizeOf } from "../base/shape.ts";
import type { Op, Step } from "./call.ts";
import { graphsOf, opKey, type Plan } from "./graph.ts";
import { OPS } from "./ops/index.ts";
import { Known } from "./value.ts";

/** What a tensor of a file becomes: trained, kept by the model itself (statistics of batches), or neither. */
export type Role = "parameter" | "state" | "constant";

/** A step that reads a value, and as which of its inputs. */
interface Use {
  readonly step: Step;
  readonly input: number;
}

/** Ops that pass the elements of their first input on. */
const PASSING: ReadonlySet<string> = new Set([
  "Identity", "Cast", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice", "Split", "Gather",
]); // biome-ignore format: a list

const FLOATS: ReadonlySet<string> = new Set(["float", "double", "float16", "bfloat16"]);

const opFor = (step: Step): Op | undefined => (Object.hasOwn(OPS, opKey(step)) ? OPS[opKey(step)] : undefined);

/** Whether a step reads an input on the host. */
export function isHost(step: Step, input: number): boolean {
  const host = opFor(step)?.host;
  return host === "all" || (host?.includes(input) ?? false);
}

/** All steps of a plan and of the graphs inside. */
export const allSteps = (plan: Plan): Step[] => plan.steps.flatMap((step) => [step, ...graphsOf(step).flatMap(allSteps)]);

/** All plans, the outer first. */
export const allPlans = (plan: Plan): Plan[] => [plan, ...plan.steps.flatMap((step) => graphsOf(step).flatMap(allPlans))];

/** Who reads each name. A name of an inner graph that hides an outer one is taken for the same: then both have the readers of either. */
export class Readers {
  readonly #uses = new Map<string, Use[]>();
  readonly #inputs: ReadonlySet<string>;

  constructor(plan: Plan) {
    this.#inputs = new Set(plan.inputs);
    for (const step of allSteps(plan)) {
      step.inputs.forEach((name, input) => {
        if (name === "") return;
        const list = this.#uses.get(name) ?? [];
        list.push({ step, input });
        this.#uses.set(name, list);
      });
    }
  }

  of(name: string): readonly Use[] {
    return this.#uses.get(name) ?? [];
  }

  /** The readers behind steps that only pass on. */
  through(name: string, depth = 8): Use[] {
    return this.of(name).flatMap((use) => {
      const passes = use.input === 0 && PASSING.has(use.step.op) && use.step.domain === "" && depth > 0;
      // A table of embeddings is read by Gather itself.
      if (!passes || use.step.op === "Gather") return [use];
      return use.step.outputs.flatMap((output) => this.through(output, depth - 1));
    });
  }

  isInput(name: string): boolean {
    return this.#inputs.has(name);
  }
}

/** The role of a constant by its readers and its elements. */
export function roleOf(name: string, constant: Known, isLiteral: boolean, readers: Readers, makers: ReadonlyMap<string, Step>): Role {
  if (!FLOATS.has(constant.dtype) || constant.data.length === 0) return "constant";
  const uses = readers.through(name).filter(({ step, input }) => !isHost(step, input) && !opFor(step)?.fixed?.includes(input));
  if (uses.length === 0) return "constant";
  if (uses.some(({ step, input }) => step.op === "BatchNormalization" && (input === 3 || input === 4))) return "state";
  const { data } = constant;
  if (!isOrdinary(data)) return "constant";
  const strong = uses.filter(({ step, input }) => opFor(step)?.weights?.includes(input));
  if (strong.length > 0) return isWeight(constant, isLiteral, strong, readers, makers) ? "parameter" : "constant";
  if (constant.shape.length === 0) return "constant";
  if (data.length === 1) return isGenerated(name) || isLiteral ? "constant" : "parameter";
  if (looksMade(data) || uses.every((use) => preparesInput(use, readers))) return "constant";
  return "parameter";
}

/** Masks hold -∞, or the least number of a type. */
function isOrdinary(data: ArrayLike<number>): boolean {
  for (let i = 0; i < data.length; i++) if (!(Math.abs(data[i]) < 1e30)) return false;
  return true;
}

const NORMS: ReadonlySet<string> = new Set(["InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"]);
const TABLES: ReadonlySet<string> = new Set(["MatMul", "Gather", "Einsum"]);

function isWeight(constant: Known, isLiteral: boolean, uses: readonly Use[], readers: Readers, makers: ReadonlyMap<string, Step>): boolean {
  const { data } = constant;
  const plain = isAll(data, 0) || isAll(data, 1);
  if (uses.every(({ step }) => NORMS.has(step.op))) {
    // A norm that the exporter did not need to scale: from a Constant node, or inside a group norm, which scales behind it.
    if (plain && (isLiteral || uses.every(({ step }) => isInner(step, readers, makers)))) return false;
    return true;
  }
  if (constant.shape.length === 0) return uses.some(({ step }) => step.op === "PRelu");
  return !(uses.every(({ step }) => TABLES.has(step.op)) && looksMade(data));
}

const isAll = (data: ArrayLike<number>, value: number): boolean => {
  for (let i = 0; i < data.length; i++) if (data[i] !== value) return false;
  return true;
};

/** An instance norm between two reshapes, which is how exporters write a group norm. */
function isInner(step: Step, readers: Readers, makers: ReadonlyMap<string, Step>): boolean {
  return (
    step.op === "InstanceNormalization" &&
    makers.get(step.inputs[0])?.op === "Reshape" &&
    readers.of(step.outputs[0]).some((use) => use.step.op === "Reshape")
  );
}

/** Subtracted from an input of the model, or dividing it: how inputs are normalized. */
function preparesInput({ step, input }: Use, readers: Readers): boolean {
  return (step.op === "Sub" || step.op === "Div") && input === 1 && readers.isInput(step.inputs[0]);
}

/** Names that exporters make up for what had none. */
const isGenerated = (name: string): boolean => /^(\/|onnx::|_?val_\d|\d+$)|Constant|const_|^[a-z_]+_\d+$/.test(name);

const MOST_LOOKED_AT = 65_536;

/** Whether numbers were computed by a rule rather than learnt: whole numbers, even spacing, constant ratios, two values; sines and cosines of positions. */
function looksMade(data: ArrayLike<number>): boolean {
  const distinct = new Set<number>();
  for (let i = 0; i < data.length && i < MOST_LOOKED_AT; i++) distinct.add(data[i]);
  if (distinct.size === 1) return false; // fresh weights: all 0, all 1
  const sorted = [...distinct].sort((a, b) => a - b);
  if (sorted.every(Number.isInteger)) return true;
  if (sorted.length === 2) return data.length >= 4;
  if (data.length < 4) return false;
  if (sorted.length >= 3 && isEven(sorted)) return true;
  if (sorted.length >= 4 && sorted[0] > 0 && isEven(sorted.map(Math.log))) return true;
  return areWaves(data);
}

function isEven(sorted: readonly number[]): boolean {
  const step = (sorted[sorted.length - 1] - sorted[0]) / (sorted.length - 1);
  return sorted.every((value, i) => Math.abs(value - sorted[0] - i * step) <= 1e-4 * step);
}

/** A table of sines and cosines of positions starts with angle 0: exact zeros and ones, and nothing is beyond 1. */
function areWaves(data: ArrayLike<number>): boolean {
  let leading = 0;
  while (leading < data.length && (data[leading] === 0 || data[leading] === 1)) leading++;
  if (leading < 2 || leading === data.length) return false;
  for (let i = 0; i < data.length; i++) if (Math.abs(data[i]) > 1) return false;
  return true;
}

/** The step that makes each name. */
export const makersOf = (plan: Plan): Map<string, Step> =>
  new Map(allSteps(plan).flatMap((step) => step.outputs.map((name): [string, Step] => [name, step])));

/** Inputs of the graph that are read on the host, directly or through steps: sizes, axes and the like. */
export function hostInputs(plan: Plan): ReadonlySet<string> {
  const wanted = new Set<string>();
  const visit = (inside: Plan): void => {
    for (const step of inside.steps.toReversed()) {
      const reads = step.outputs.some((name) => wanted.has(name)) && step.op !== "Shape" && step.op !== "Size";
      for (const inner of graphsOf(step)) {
        if (reads) for (const name of inner.outputs) wanted.add(name);
        visit(inner);
      }
      step.inputs.forEach((name, input) => {
        if (name !== "" && (reads || isHost(step, input) || decides(step, input))) wanted.add(name);
      });
    }
  };
  visit(plan);
  return new Set(plan.inputs.filter((name) => wanted.has(name)));
}

/** What branches and loops turn on is better known, but need not be. */
const decides = (step: Step, input: number): boolean => (step.op === "If" && input === 0) || (step.op === "Loop" && input < 2);

/** Whether a tensor of a file may be asked about: floats with an axis. */
export const isCandidate = (constant: unknown): constant is Known =>
  constant instanceof Known && FLOATS.has(constant.dtype) && constant.shape.length > 0 && sizeOf(constant.shape) > 0;
