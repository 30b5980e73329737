/**
 * @file Operations of a function, counted instruction by instruction from the rules that lower them (AD-2): that a Jacobian by columns costs O(n) times the
 * function and one by rows O(m) times can be read off.
 */
import { fn as aFunction, check, list } from "../base/check.ts";
import { sizeOf } from "../base/shape.ts";
import { type AnyFunction, leavesOf, withLeaves } from "../function/capture.ts";
import { jvp, vjp } from "../function/derivative.ts";
import { recordFunction } from "../function/recording.ts";
import type { Expr } from "../kernel/kernel.ts";
import { eachExpr } from "../kernel/walk.ts";
import { zeros } from "../ops/create.ts";
import { counters, extentsOf, probe } from "../ops/lowering.ts";
import { instructionOf } from "../ops/made-by.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { scan } from "../ops/scan.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tidy } from "../runtime/passes.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** One instruction and its work. */
export interface Operation {
  readonly op: string;
  /** Of its first result, if it has one. */
  readonly name: string | undefined;
  readonly shape: readonly number[];
  /** Arithmetic operations on numbers: additions, products, quotients, comparisons, and function values such as a sine, each as one. Movement has none. */
  readonly operations: number;
  /** False for what runs on the host (decompositions, sorts), whose work is not counted. */
  readonly counted: boolean;
}

/** The work of a list. */
export interface Operations {
  readonly instructions: readonly Operation[];
  readonly total: number;
  /** Numbers that all results together hold: what reverse mode may have to keep. */
  readonly numbers: number;
}

/** What computes nothing: elements, constants, and conversions. */
const FREE: ReadonlySet<string> = new Set(["const", "ramp", "variable", "load", "splat", "lane", "cast", "bitcast"]);

/** Operations that an element takes, those on indices left out. */
function arithmetic(result: Expr): number {
  let n = 0;
  const isIndex = ({ dtype, args }: Expr): boolean => dtype === "i32" || (dtype === "bool" && args.length > 0 && args.every(isIndex));
  eachExpr([result], (x) => {
    if (!FREE.has(x.op) && !isIndex(x)) n++;
  });
  return n;
}

function operationOf(instruction: Instruction): Operation {
  const { op, results } = instruction;
  const shape = results[0]?.shape ?? [];
  const row = { op: op.name, name: results[0]?.label, shape };
  if (instruction.regions.length > 0) {
    const times = instructionOf(instruction, scan)?.params.length ?? 1;
    const inner = instruction.regions.map((region) => operationsOf(region));
    return {
      ...row,
      operations: times * inner.reduce((sum, { total }) => sum + total, 0),
      counted: inner.every(({ instructions }) => instructions.every(({ counted }) => counted)),
    };
  }
  if (op.traits?.moves !== undefined || op.traits?.leaf) return { ...row, operations: 0, counted: true };
  const probed = probe(instruction, counters(shape), () => {});
  if (!probed) return { ...row, operations: 0, counted: op.traits?.alias === true };
  const each = arithmetic(probed.result);
  const terms = sizeOf(extentsOf(instruction));
  // A sum of k terms takes k - 1 additions besides what makes the terms.
  const work = instruction.op.lower.kind === "reduce" ? each * terms + terms - 1 : each;
  return { ...row, operations: sizeOf(shape) * work, counted: true };
}

function operationsOf(region: Region): Operations {
  const tape = tapeOfRegion(region);
  const instructions = tape.filter(({ op }) => !op.traits?.leaf).map(operationOf);
  return {
    instructions,
    total: instructions.reduce((sum, { operations }) => sum + operations, 0),
    numbers: tape.reduce(
      (sum, { results, op }) => sum + (op.traits?.alias || op.traits?.leaf ? 0 : results.reduce((n, y) => n + sizeOf(y.shape), 0)),
      0,
    ),
  };
}

/** The operations of a function on arguments like these, instruction by instruction, as `show` prints them. Nothing is computed. */
export function operations(fn: AnyFunction, ...args: unknown[]): Operations {
  check("operations: fn", fn, aFunction);
  return operationsOf(tidy(recordFunction(fn, args).region));
}

/** What one derivative along one direction costs beside the function, and what the whole Jacobian does either way. */
export interface AccumulationCost {
  readonly inputs: number;
  readonly outputs: number;
  readonly function: number;
  /** Of value and one tangent; of value and one pullback. */
  readonly forward: number;
  readonly reverse: number;
  /** Of the Jacobian by columns, inputs × (forward − function) + function, and by rows, outputs × (reverse − function) + function. */
  readonly byColumns: number;
  readonly byRows: number;
  /** Numbers that the function computes: reverse mode keeps those that it needs again, O(V); forward mode none. */
  readonly numbers: number;
}

/** Counts what forward and reverse accumulation of a function's Jacobian cost: O(n) and O(m) times the function. */
export function accumulationCost(fn: AnyFunction, args: readonly Tensor[]): AccumulationCost {
  check("accumulationCost: fn", fn, aFunction);
  check("accumulationCost: args", args, list);
  const own = operations(fn, ...args);
  // Directions of their own, so that nothing of them is the same as a value.
  const pushed = operations((x: Tensor[], dx: Tensor[]) => jvp(fn)(x, dx), args, args);
  const results = recordFunction(fn, args).region.outputs.map(({ shape, dtype }) => zeros(shape, dtype));
  const pulled = operations(
    (x: Tensor[], dy: Tensor[]) => {
      const { value, pullback } = vjp(fn, { unused: "ignore" })(...x);
      return [value, pullback(withLeaves(value, dy))];
    },
    args,
    results,
  );
  const outputs = results.reduce((sum, y) => sum + y.size, 0);
  const inputs = leavesOf(args).leaves.reduce((sum, x) => sum + x.size, 0);
  const [forward, reverse] = [pushed.total, pulled.total];
  return {
    inputs,
    outputs,
    function: own.total,
    forward,
    reverse,
    byColumns: inputs * (forward - own.total) + own.total,
    byRows: outputs * (reverse - own.total) + own.total,
    numbers: own.numbers,
  };
}
