/**
 * @file The table of a model, layer by layer (SUM-1): shapes, activations, parameters, multiply-accumulates. What a layer computes is read from the
 * tape between what went into it and what came out, so the table holds for any module, and a layer that is used twice has two lines.
 */
import { formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { leavesOf } from "../function/capture.ts";
import type { Layer, Module } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import type { Instruction, Value } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";
import { macsOf, parameterCount, recordOn } from "./cost.ts";
import { type ReceptiveField, receptiveFieldOf } from "./receptive-field.ts";

export interface SummaryRow {
  /** Path of the module, such as `features.0`; empty for the model itself. */
  readonly name: string;
  /** Class of the module. */
  readonly layer: string;
  /** Of the (first) result. */
  readonly outputShape: Shape;
  /** Elements of the results. */
  readonly activations: number;
  /** The layer's own parameters; 0 where an earlier line has counted them. */
  readonly parameters: number;
  /** Of those, biases. */
  readonly biases: number;
  /** Multiply-accumulates of convolutions and products that no layer inside has counted. FLOPs are twice as many. */
  readonly macs: number;
  /** Of the result's units in the images, if asked for and there are images. */
  readonly receptiveField?: ReceptiveField;
}

/** A model layer by layer, and in all. */
export interface Summary {
  readonly inputShape: Shape;
  readonly rows: readonly SummaryRow[];
  readonly totals: { readonly activations: number; readonly parameters: number; readonly biases: number; readonly macs: number };
  toString(): string;
}

export interface SummaryOptions {
  /** Examples. Default 1. */
  readonly batch?: number;
  /** Whether to say what the units of each layer see: seconds for deep nets. Default false. */
  readonly receptive?: boolean;
}

/** The table of a model on examples of a shape without the batch, such as [3, 224, 224], in the model's mode. Nothing is computed. */
export function summary(model: Layer, shape: Shape, { batch = 1, receptive = false }: SummaryOptions = {}): Summary {
  const seen: { row: SummaryRow; y: Tensor | undefined }[] = [];
  const inputShape = [batch, ...shape];
  const recorded = recordOn(
    (x) =>
      observed(
        model,
        () => model.forward(x),
        (row, y) => seen.push({ row, y }),
      ),
    [inputShape],
  );
  const rows = seen.map(({ row, y }) => {
    const field = receptive && y && y.rank === inputShape.length && y.rank > 2 ? receptiveFieldOf(recorded, y) : undefined;
    return field ? { ...row, receptiveField: field } : row;
  });
  const sum = (key: "activations" | "biases"): number => rows.reduce((n, row) => n + row[key], 0);
  // What runs between the layers is in the totals too.
  const totals = {
    activations: sum("activations"),
    parameters: parameterCount(model),
    biases: sum("biases"),
    macs: macsOf(recorded.list).total,
  };
  return { inputShape, rows, totals, toString: () => tableOf(inputShape, rows, totals) };
}

/** Runs `fn` and notes a line for every call of a layer of the model. */
function observed<T>(model: Module, fn: () => T, note: (row: SummaryRow, y: Tensor | undefined) => void): T {
  const claimed = new Set<Instruction>();
  const counted = new Set<Cell>();
  const off = model.namedModules().map(([name, module]) =>
    module.onForward((inputs, output) => {
      const results = leavesOf(output).leaves;
      const inside = tapeOf(results, new Set<Value>(leavesOf(inputs).leaves)).filter((instruction) => !claimed.has(instruction));
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
        parameters: sizeWhere(() => true),
        biases: sizeWhere((path) => path.endsWith("bias")),
        macs,
      };
      note(row, results[0]);
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

function tableOf(inputShape: Shape, rows: readonly SummaryRow[], totals: Summary["totals"]): string {
  const fields = rows.some(({ receptiveField }) => receptiveField);
  const head = ["layer", "", "output", "activations", "parameters", "", "MACs", "", ...(fields ? ["sees", "every", "from"] : [])];
  const line = (row: SummaryRow): string[] => [
    row.name,
    row.layer,
    formatShape(row.outputShape),
    count(row.activations),
    count(row.parameters),
    share(row.parameters, totals.parameters),
    count(row.macs),
    share(row.macs, totals.macs),
    ...(fields ? fieldCells(row.receptiveField) : []),
  ];
  const last = ["total", "", "", count(totals.activations), count(totals.parameters), "", count(totals.macs)];
  const cells = [head, ["input", "", formatShape(inputShape), count(sizeOf(inputShape))], ...rows.map(line), last];
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const text = cells.map((row) => row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "));
  const flops = `${count(2 * totals.macs)} FLOPs (2 per MAC), ${count(totals.parameters - totals.biases)} parameters without biases`;
  const bytes = `${mib(4 * totals.parameters)} of weights and ${mib(4 * totals.activations)} of activations in f32`;
  return [...text, "", flops, bytes].map((row) => row.trimEnd()).join("\n");
}

/** Size, stride and offset, one number where both axes agree. */
function fieldCells(field: ReceptiveField | undefined): string[] {
  const text = (n: readonly number[]): string => (n.every((v) => v === n[0]) ? `${n[0]}` : n.join("x"));
  return field ? [field.size, field.stride, field.offset].map(text) : [];
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
