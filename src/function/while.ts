/**
 * @file whileLoop: a loop that ends when a value says so. The size of its code does not depend on the number of steps.
 */
import { fn as aFunction, check } from "../base/check.ts";
import type { Region } from "../ops/op.ts";
import { closeRegion, placeholderOf } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import * as ops from "../ops/while.ts";
import type { Cell } from "../runtime/cell.ts";
import { leavesOf } from "./capture.ts";
import { finish, numbersToTensors, recordOn } from "./control.ts";

/**
 * Repeats carry = body(carry) while `test(carry)`, a bool scalar, is true. Returns the last carry, a tree of tensors whose types do not change. A cell that the body
 * sets is carried from step to step. Forward mode and vmap work (finished examples keep their values); reverse mode does not, since the number of steps is unknown.
 */
export function whileLoop<C>(test: (carry: C) => Tensor, body: (carry: C) => C, init: C): C {
  check("whileLoop: test", test, aFunction);
  check("whileLoop: body", body, aFunction);
  const start = numbersToTensors(init);
  const carry = leavesOf(start).leaves;
  const record = <R>(fn: (carry: C) => R) => {
    const cells = new Map<Cell, Tensor>();
    const read = (cell: Cell): Tensor => {
      const inner = placeholderOf(cell, cell.label);
      cells.set(cell, inner);
      return inner;
    };
    return { ...recordOn("whileLoop", fn, [start] as [C], read), cells };
  };
  const [t, b] = [record(test), record(body)];
  if (t.writes.size > 0)
    throw new TypeError(
      `whileLoop: the test sets ${[...t.writes.keys()].map((cell) => cell.label ?? "a cell").join(", ")}; set cells in the body`,
    );
  if (leavesOf(b.result).structure !== leavesOf(start).structure)
    throw new TypeError(
      `whileLoop: the carry enters with ${carry.length} tensors and the body returns ${b.outputs.length}, or another structure; return it as it came`,
    );
  const written = [...b.writes.keys()];
  const readOnly = [...new Set([...t.cells.keys(), ...b.cells.keys()])].filter((cell) => !b.writes.has(cell));
  const outside = new Map([...readOnly, ...written].map((cell) => [cell, cell.value]));
  const close = (
    { placeholders, cells, since }: typeof t | typeof b,
    outputs: readonly Tensor[],
  ): { region: Region; free: Tensor[]; n: number } => {
    const held = (list: readonly Cell[]): Tensor[] => list.map((cell) => cells.get(cell) ?? placeholderOf(cell, cell.label));
    const inputs = [...held(readOnly), ...placeholders, ...held(written)];
    return { ...closeRegion(inputs, outputs, since), n: inputs.length };
  };
  const [ct, cb] = [close(t, t.outputs), close(b, [...b.outputs, ...written.map((cell) => b.writes.get(cell)!)])];
  // Both regions take the outside values of both; each ignores the other's.
  const spare = (list: readonly Tensor[]): Tensor[] => list.map((x) => placeholderOf(x));
  const regions: Region[] = [
    { inputs: [...ct.region.inputs.slice(ct.n), ...spare(cb.free), ...ct.region.inputs.slice(0, ct.n)], outputs: ct.region.outputs },
    { inputs: [...spare(ct.free), ...cb.region.inputs.slice(cb.n), ...cb.region.inputs.slice(0, cb.n)], outputs: cb.region.outputs },
  ];
  const current = (list: readonly Cell[]): Tensor[] => list.map((cell) => outside.get(cell)!);
  const operands = [...ct.free, ...cb.free, ...current(readOnly), ...carry, ...current(written)];
  const [any] = operands;
  if (!any) throw new TypeError("whileLoop: nothing is carried");
  const results = any.bindAll(ops.whileLoop, operands, { consts: ct.free.length + cb.free.length + readOnly.length }, regions);
  return finish(start, carry.length, results, new Map(written.map((cell) => [cell, cell.value])));
}
