/**
 * @file `compile(fn, { debug: "stale" })`: every call records the function again and compares the recordings. A changed variable of a closure, which `compile` cannot
 * notice, becomes an error that shows the first difference.
 */
import { formatType } from "../base/shape.ts";
import { identityOf } from "../base/tree.ts";
import type { Cell } from "../runtime/cell.ts";
import { hashRegion } from "../tape/hash.ts";
import { userLine } from "../tape/origin.ts";
import { formatParams } from "../tape/print.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type AnyFunction, leavesOf } from "./capture.ts";
import type { Extension } from "./compiled.ts";
import type { Program } from "./program.ts";
import { type Recording, recordFunction, withLines } from "./recording.ts";

/** A recording as text, for comparison. */
interface Trace {
  readonly list: string;
  readonly instructions: readonly { readonly text: string; readonly line: string | undefined }[];
  readonly cells: readonly Cell[];
  readonly constants: readonly { readonly name: string; readonly type: string; readonly elements: ArrayLike<number> }[];
  readonly result: string;
}

const isCellRole = (role: Cell | string): role is Cell => typeof role !== "string";

/** The trace of a recording. */
function traceOf({ region, inputs, outputs, constants, result }: Recording): Trace {
  const own = new Set<Cell>(constants);
  return {
    list: hashRegion(region),
    instructions: tapeOfRegion(region).map(({ op, params, regions, results, origin }) => ({
      text: `${op.name}${formatParams(params)} giving ${results.map(formatType).join(", ")}${regions.map(hashRegion).join()}`,
      line: userLine(origin),
    })),
    cells: [...inputs.filter(isCellRole).filter((cell) => !own.has(cell)), ...outputs.filter(isCellRole)],
    constants: constants.map((cell) => ({ name: cell.label ?? "a tensor", type: formatType(cell), elements: cell.expose().dataSync() })),
    result: leavesOf(result).structure,
  };
}

/** The extension of `compiled` that records the function at every call and compares. */
export function comparing(fn: AnyFunction): Extension {
  const traces = new WeakMap<Program, Trace>();
  let latest: Trace;
  return {
    look: (recording) => {
      latest = traceOf(recording);
    },
    made: (program) => void traces.set(program, latest),
    found: (program, args) => checkSame(fn, traces.get(program)!, traceOf(withLines(() => recordFunction(fn, args)))),
  };
}

/** @throws {Error} if two recordings of `fn` differ, with the first difference. */
function checkSame(fn: AnyFunction, before: Trace, now: Trace): void {
  const found = difference(before, now);
  if (found === undefined) return;
  throw new Error(
    `compile: ${fn.name || "the function"} is stale: recorded again, it is another one. ${found}. A variable that it reads from outside has changed, which compile does not notice: pass it as an argument, keep it in a cell (new nn.State), or in a field of a module`,
  );
}

/** The first difference of two traces as a text; undefined if there is none. */
function difference(before: Trace, now: Trace): string | undefined {
  for (let i = 0; i < Math.max(before.instructions.length, now.instructions.length); i++) {
    const [a, b] = [before.instructions[i], now.instructions[i]];
    if (a?.text === b?.text) continue;
    const line = b?.line ?? a?.line;
    const was = a ? `was ${short(a.text)}` : "was missing";
    return `Instruction ${i} ${was} and ${b ? `is ${short(b.text)}` : "is gone"}${line ? `, at ${line}` : ""}`;
  }
  for (let i = 0; i < Math.max(before.cells.length, now.cells.length); i++) {
    const [a, b] = [before.cells[i], now.cells[i]];
    if (a !== b) return `It used ${cellName(a)} and now uses ${cellName(b)}`;
  }
  for (let i = 0; i < Math.min(before.constants.length, now.constants.length); i++) {
    const [a, b] = [before.constants[i]!, now.constants[i]!];
    const at = Array.from(a.elements).findIndex((x, j) => !Object.is(x, b.elements[j]));
    if (at >= 0) return `The value of ${a.name}, ${a.type}, from outside was ${a.elements[at]} at element ${at} and is ${b.elements[at]}`;
  }
  if (before.result !== now.result) return "It returns another structure, or other values that are no tensors";
  return before.list === now.list ? undefined : "Its instructions are the same, on other operands";
}

const short = (text: string): string => (text.length > 120 ? `${text.slice(0, 120)}...` : text);

const cellName = (cell: Cell | undefined): string =>
  cell ? `the cell ${cell.label ?? "without a label"} (number ${identityOf(cell)})` : "none";
