/**
 * @file The table of a model, layer by layer (SUM-1): shapes, activations, parameters, multiply-accumulates. What a layer computes is read from the
 * tape between what went into it and what came out, so the table holds for any module, and a layer that is used twice has two lines. What training
 * keeps is read from the same net in training mode.
 */
import { aNumber, type Checks, checkOptions, flag, fn } from "../base/check.ts";
import { columns } from "../base/columns.ts";
import { checkIntegers, formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { leavesOf } from "../function/capture.ts";
import type { Layer, Module } from "../nn/module.ts";
import { checkModule } from "../nn/module.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/adam.ts";
import type { Cell } from "../runtime/cell.ts";
import { tapeOf } from "../tape/tape.ts";
import { macsOf, parameterCount, type Recorded, recordOn } from "./cost.ts";
import { type ReceptiveField, receptiveFieldOf } from "./receptive-field.ts";
import {
  bytesOf,
  inTraining,
  keptForBackward,
  type OptimizerMaker,
  plannedMemory,
  type TrainingMemory,
  trainingMemory,
} from "./training-memory.ts";

export interface SummaryRow {
  /** Path of the module, such as `features.0`; empty for the model itself. */
  readonly name: string;
  /** Class of the module. */
  readonly layer: string;
  /** Of the (first) result. */
  readonly outputShape: Shape;
  /** Elements of the results. */
  readonly activations: number;
  /** Their bytes. */
  readonly activationBytes: number;
  /** The layer's own parameters; 0 where an earlier line has counted them. */
  readonly parameters: number;
  /** Of those, biases. */
  readonly biases: number;
  /** Multiply-accumulates of convolutions and products that no layer inside has counted. FLOPs are twice as many. */
  readonly macs: number;
  /** Bytes that the layer makes in training and the backward pass reads. */
  readonly keptBytes: number;
  /** Of the result's units in the images, if asked for and there are images. */
  readonly receptiveField?: ReceptiveField;
}

/** A model layer by layer, and in all. */
export interface Summary {
  readonly inputShape: Shape;
  readonly rows: readonly SummaryRow[];
  readonly totals: {
    readonly activations: number;
    readonly activationBytes: number;
    readonly parameters: number;
    readonly biases: number;
    readonly macs: number;
    /** Of the inputs, the layers, and what lies between layers or is there in training alone. */
    readonly keptBytes: number;
  };
  /** Bytes of the inputs that the backward pass reads. */
  readonly keptInputBytes: number;
  readonly memory: TrainingMemory;
  toString(): string;
}

export interface SummaryOptions {
  /** Examples. Default 1. */
  readonly batch?: number;
  /** Whether to say what the units of each layer see: seconds for deep nets. Default false. */
  readonly receptive?: boolean;
  /** Whose state is in the estimate of training memory. Default Adam. */
  readonly optimizer?: OptimizerMaker;
  /** Whether to plan a compiled training step too: seconds. Default false. */
  readonly measure?: boolean;
}

const SUMMARY_OPTIONS: Checks<SummaryOptions> = { batch: aNumber, receptive: flag, optimizer: fn, measure: flag };

/**
 * The table of a model on examples of a shape without the batch, such as [3, 224, 224], in the model's mode; what training keeps, in training
 * mode. Nothing is computed.
 */
export function summary(model: Layer, shape: Shape, options: SummaryOptions = {}): Summary {
  checkModule("summary: model", model);
  checkIntegers("summary: shape", shape);
  checkOptions("summary", options, SUMMARY_OPTIONS);
  const { batch = 1, receptive = false, optimizer = (parameters) => new Adam(parameters), measure = false } = options;
  const inputShape = [batch, ...shape];
  const { seen, recorded } = observed(model, inputShape);
  const kept = keptByLayer(model, inputShape);
  const rows = withNumbers(seen).map(({ row, y, call }) => {
    const field = receptive && y && y.rank === inputShape.length && y.rank > 2 ? receptiveFieldOf(recorded, y) : undefined;
    return { ...row, keptBytes: kept.layers.get(call) ?? 0, ...(field && { receptiveField: field }) };
  });
  const sum = (key: "activations" | "activationBytes" | "biases"): number => rows.reduce((n, row) => n + row[key], 0);
  // What runs between the layers is in the totals too.
  const totals = {
    activations: sum("activations"),
    activationBytes: sum("activationBytes"),
    parameters: parameterCount(model),
    biases: sum("biases"),
    macs: macsOf(recorded.list).total,
    keptBytes: kept.total,
  };
  const planned = measure ? inTraining(model, () => plannedMemory(model, inputShape, optimizer)) : undefined;
  const memory = { ...trainingMemory(model, optimizer, kept.total), ...(planned && { planned }) };
  const made = { inputShape, rows, totals, keptInputBytes: kept.inputs, memory };
  return { ...made, toString: () => tableOf(made) };
}

/** A call of a layer, as it was seen. */
interface Call {
  readonly row: Omit<SummaryRow, "keptBytes">;
  readonly y: Tensor | undefined;
  /** Instructions of the call that no layer inside has claimed. */
  readonly inside: readonly Instruction[];
}

function observed(model: Layer, inputShape: Shape): { seen: Call[]; recorded: Recorded } {
  const seen: Call[] = [];
  const forward = (x: Tensor): Tensor =>
    observe(
      model,
      () => model.forward(x),
      (call) => seen.push(call),
    );
  return { recorded: recordOn(forward, [inputShape]), seen };
}

/** Calls with names of their own: a layer's first, second, ... */
function withNumbers(seen: readonly Call[]): (Call & { readonly call: string })[] {
  const times = new Map<string, number>();
  return seen.map((each) => {
    const { name } = each.row;
    times.set(name, (times.get(name) ?? 0) + 1);
    return { ...each, call: `${name} ${times.get(name)}` };
  });
}

/** Bytes that the backward pass reads: of each call of a layer, of the inputs, and of everything. */
function keptByLayer(model: Layer, inputShape: Shape): { layers: Map<string, number>; inputs: number; total: number } {
  const { seen, recorded } = inTraining(model, () => observed(model, inputShape));
  const owners = new Map(withNumbers(seen).flatMap(({ call, inside }) => inside.map((each) => [each, call] as const)));
  const layers = new Map<string, number>();
  let [inputs, total] = [0, 0];
  for (const { bytes, source } of keptForBackward(recorded)) {
    const owner = owners.get(source);
    total += bytes;
    if (owner !== undefined) layers.set(owner, (layers.get(owner) ?? 0) + bytes);
    else if (recorded.inputs.some((x) => x.source === source)) inputs += bytes;
  }
  return { layers, inputs, total };
}

/** Runs `fn` and notes every call of a layer of the model. */
function observe<T>(model: Module, fn: () => T, note: (call: Call) => void): T {
  const claimed = new Set<Instruction>();
  const counted = new Set<Cell>();
  const off = model.namedModules().map(([name, module]) =>
    module.onForward((inputs, output) => {
      const results = leavesOf(output).leaves;
      const inside = tapeOf(results, new Set<Tensor>(leavesOf(inputs).leaves)).filter((instruction) => !claimed.has(instruction));
      for (const instruction of inside) claimed.add(instruction);
      // Cells of children that the module reads without calling them (attention) come under its line.
      const own = module.namedParameters().filter(([, cell]) => !counted.has(cell));
      for (const [, cell] of own) counted.add(cell);
      const { total: macs } = macsOf(inside);
      if (macs === 0 && own.length === 0 && hasChildren(module)) return;
      const sizeWhere = (wanted: (path: string) => boolean): number =>
        own.reduce((n, [path, cell]) => n + (wanted(path) ? sizeOf(cell.shape) : 0), 0);
      const row = {
        name,
        layer: module.constructor.name,
        outputShape: results[0]?.shape ?? [],
        activations: results.reduce((n, y) => n + sizeOf(y.shape), 0),
        activationBytes: results.reduce((n, y) => n + bytesOf(y), 0),
        parameters: sizeWhere(() => true),
        biases: sizeWhere((path) => path.endsWith("bias")),
        macs,
      };
      note({ row, y: results[0], inside });
    }),
  );
  try {
    return fn();
  } finally {
    for (const remove of off) remove();
  }
}

const hasChildren = (module: Module): boolean => module.modules().length > 1;

// ---- as text ------------------------------------------------------------------------------------------------------------------------

const count = (n: number): string => n.toLocaleString("en-US");
const share = (part: number, whole: number): string => (whole === 0 || part === 0 ? "" : `${((100 * part) / whole).toFixed(1)}%`);

function tableOf({ inputShape, rows, totals, keptInputBytes, memory }: Omit<Summary, "toString">): string {
  const fields = rows.some(({ receptiveField }) => receptiveField);
  const head = ["layer", "", "output", "activations", "kept", "parameters", "", "MACs", "", ...(fields ? ["sees", "every", "from"] : [])];
  const line = (row: SummaryRow): string[] => [
    row.name,
    row.layer,
    formatShape(row.outputShape),
    count(row.activations),
    row.keptBytes === 0 ? "" : inBytes(row.keptBytes),
    count(row.parameters),
    share(row.parameters, totals.parameters),
    count(row.macs),
    share(row.macs, totals.macs),
    ...(fields ? fieldCells(row.receptiveField) : []),
  ];
  const between = totals.keptBytes - keptInputBytes - rows.reduce((n, row) => n + row.keptBytes, 0);
  const first = ["input", "", formatShape(inputShape), count(sizeOf(inputShape)), keptInputBytes === 0 ? "" : inBytes(keptInputBytes)];
  const elsewhere = between === 0 ? [] : [["between layers", "", "", "", inBytes(between)]];
  const last = ["total", "", "", count(totals.activations), inBytes(totals.keptBytes), count(totals.parameters), "", count(totals.macs)];
  const cells = [head, first, ...rows.map(line), ...elsewhere, last];
  const flops = `${count(2 * totals.macs)} FLOPs (2 per MAC), ${count(totals.parameters - totals.biases)} parameters without biases`;
  const bytes = `${inBytes(4 * totals.parameters)} of weights and ${inBytes(totals.activationBytes)} of activations`;
  return [...columns(cells, 3), "", ...columns(byteCells(rows, totals), 2), "", flops, bytes, ...memoryLines(memory)].join("\n");
}

/** What each line's activations and parameters take, and what share of all. */
function byteCells(rows: readonly SummaryRow[], totals: Summary["totals"]): string[][] {
  const line = ({ name, layer, activationBytes, parameters }: SummaryRow): string[] => [
    name,
    layer,
    inBytes(activationBytes),
    share(activationBytes, totals.activationBytes),
    inBytes(4 * parameters),
    share(parameters, totals.parameters),
  ];
  return [["bytes of", "", "activations", "", "weights", ""], ...rows.map(line)];
}

/** The estimate, and beside it the plan. */
function memoryLines({ weights, gradients, optimizerState, kept, total, planned }: TrainingMemory): string[] {
  const parts = Object.entries({ weights, gradients, "optimizer state": optimizerState, "kept for the backward pass": kept });
  const estimate = `training, estimated: ${inBytes(total)} = ${parts.map(([name, bytes]) => `${inBytes(bytes)} ${name}`).join(" + ")}`;
  if (!planned) return [estimate];
  const { scratch, cells } = planned;
  return [
    estimate,
    `training, a compiled step: ${inBytes(planned.total)} = ${inBytes(cells)} weights and state + ${inBytes(scratch)} scratch, as planned`,
  ];
}

/** Size, stride and offset, one number where both axes agree. */
function fieldCells(field: ReceptiveField | undefined): string[] {
  const text = (n: readonly number[]): string => (n.every((v) => v === n[0]) ? `${n[0]}` : n.join("x"));
  return field ? [field.size, field.stride, field.offset].map(text) : [];
}

/** 512 B, 1.5 KiB, 31.0 MiB, 2.25 GiB. */
function inBytes(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(power === 3 ? 2 : 1)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}
