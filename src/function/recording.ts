/**
 * @file Records a function on placeholders. `compile` lowers the recording, `show` prints it.
 */
import { Call } from "../ops/call.ts";
import { fromStorage } from "../ops/create.ts";
import { evaluate } from "../ops/evaluator.ts";
import type { Region } from "../ops/op.ts";
import { closeRegion, placeholderOf } from "../ops/region.ts";
import { storageOf, type Tensor, traceOrigins } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { HostStorage, nextSerial } from "../tape/node.ts";
import { type AnyFunction, capture, leavesOf, withLeaves } from "./capture.ts";

/** A recorded function as a region, with the roles of its inputs and outputs. */
export interface Recording {
  readonly region: Region;
  readonly inputs: readonly (Cell | "argument")[];
  readonly outputs: readonly (Cell | "result")[];
  /** Cells of the program that hold tensors from outside. */
  readonly constants: readonly Cell[];
  readonly result: unknown;
  readonly guards: readonly (() => unknown)[];
}

/** Records a function on placeholders for the tensors of `args`. */
export function recordFunction(fn: AnyFunction, args: readonly unknown[], labels?: readonly string[]): Recording {
  const since = nextSerial();
  const { leaves, paths } = leavesOf(args);
  const call = new Call("compile", fn);
  const placeholders = leaves.map((x, i) => call.placeholderOf(x, x.label ?? nameOf(paths[i]!, labels)));
  const cellPlaceholders = new Map<Cell, Tensor>();
  const { result, outputs, writes, guards } = capture(call, () => fn(...withLeaves(args as unknown[], placeholders)), {
    read(cell) {
      const inner = placeholderOf(cell, cell.label);
      cellPlaceholders.set(cell, inner);
      return inner;
    },
  });
  const { region, free } = closeRegion([...placeholders, ...cellPlaceholders.values()], [...outputs, ...writes.values()], since);
  // Tensors from outside are constants of the program. They are kept in memory like cells that are never written.
  const pending = free.filter((x) => !x.isComputed);
  if (pending.length > 0) evaluate(pending);
  const constants = free.map((x) => constantCell(x));
  return {
    region,
    inputs: [...placeholders.map(() => "argument" as const), ...cellPlaceholders.keys(), ...constants],
    outputs: [...outputs.map(() => "result" as const), ...writes.keys()],
    constants,
    result,
    guards,
  };
}

/** `x`, `params.W1`: the path without the argument's number, or the argument's own name. */
function nameOf(path: string, labels: readonly string[] | undefined): string | undefined {
  const [number, ...rest] = path.split(".");
  return rest.length > 0 ? rest.join(".") : labels?.[Number(number)];
}

function constantCell(x: Tensor): Cell {
  const storage = storageOf(x);
  // A separate storage: otherwise a cell whose block `x` reads would have to be copied before it is written.
  return new Cell(fromStorage(storage.readSync ? new HostStorage(storage.readSync()) : storage, x), x.label);
}

/** Runs `fn`; meanwhile every recorded instruction notes the user's line. */
export function withLines<T>(fn: () => T): T {
  traceOrigins(true);
  try {
    return fn();
  } finally {
    traceOrigins(false);
  }
}
