/**
 * @file Evaluates pending tensors: everything that is pending together is compiled as one program (cached by the hash of its tape) and run. Values that later
 * reads will need are kept (`keep.ts`).
 */
import { allocate } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import { leakedFrom } from "../ops/call.ts";
import { registerEvaluator } from "../ops/evaluator.ts";
import { full } from "../ops/indexing.ts";
import { data, placeholder } from "../ops/leaves.ts";
import { madeBy } from "../ops/made-by.ts";
import type { Region } from "../ops/op.ts";
import { freeValues } from "../ops/region.ts";
import { storageOf, type Tensor } from "../ops/tensor.ts";
import { hashRegion } from "../tape/hash.ts";
import { HostStorage } from "../tape/node.ts";
import { backendName } from "./backends.ts";
import { type Cell, currentFrame, pendingCells } from "./cell.ts";
import { compileRegion } from "./compile.ts";
import { Executables } from "./executables.ts";
import { keptOf, pendingList, siblings } from "./keep.ts";

const cache = new Executables();

export const READ_WHILE_RECORDING: string = [
  "this tensor has no value yet: it is being recorded, to be computed when the recorded function runs.",
  "  wrong:  compile((x) => { if (x.sum().itemSync() > 0) return x.neg(); return x; })",
  "  right:  compile((x) => x.sum().gt(0).where(x.neg(), x))",
  "Inside compile, grad, vmap or scan a value cannot be read, since the function runs once, before there are values.",
  "Use where or cond to choose, scan to loop, or read the value outside of the recorded function.",
].join("\n");

const WITH_AUX: ReadonlySet<string> = new Set(["grad", "valueAndGrad", "backward", "vjp"]);

/** The text of the error for reading a value that depends on an argument of an ended call. */
function leak(x: Tensor, call: string, kind: string): string {
  const { op } = x.source;
  const made = op === placeholder ? "" : `, made by ${op.name},`;
  const how = WITH_AUX.has(kind)
    ? `return [loss, aux] from the function and call ${kind} with { hasAux: true }`
    : "return it from the function";
  return [
    `${x}${made} cannot be read: it leaked out of ${call}. While that call ran it stood for a value; now it stands for none.`,
    `  wrong:  let kept; ${kind}(... => { kept = x.mul(2); ... }); kept.dataSync()`,
    `  right:  ${how}; what it returns has a value`,
  ].join("\n");
}

/** Computes the pending values of the given cells, all in one program. */
export function computeCells(cells: readonly Cell[]): void {
  const waits = ({ current }: Cell): boolean => !current.isComputed && current.source.op !== full;
  if (!cells.some(waits)) return;
  const waiting = cells.filter(waits);
  // An initial value that depends on a placeholder is read like any tensor, which throws the error for that case.
  const fresh = waiting.filter((cell) => cell.state === "fresh" && isKnown(cell.current));
  evaluate(
    waiting.flatMap((cell) => (fresh.includes(cell) ? [] : [cell.current])),
    false,
    fresh,
  );
}

/** The tensors that are computed together with `wanted`: results of the same calls, and values of pending cells. */
function gather(wanted: readonly Tensor[]): Tensor[] {
  const all = new Set<Tensor>();
  for (const t of wanted) for (const sibling of siblings(t)) all.add(sibling);
  for (const { current } of pendingCells) for (const sibling of siblings(current)) all.add(sibling);
  return [...all].filter((t) => !t.isComputed);
}

/** Computes `wanted`, and the initial values of `fresh` cells. These are computed straight into the cells' blocks; their tensors stay pending for other holders. */
function evaluate(wanted: readonly Tensor[], optional: boolean, fresh: readonly Cell[] = []): void {
  const { known, unknown } = split(gather(wanted));
  const open = wanted.find((t) => unknown.has(t));
  if (open) {
    if (optional) return;
    const call = leakedFrom(open);
    if (call) throw new Error(leak(open, `${call}`, call.kind));
    const kind = currentFrame()?.kind;
    throw new Error(`${kind ? `${kind}: ` : ""}${open} cannot be read: ${READ_WHILE_RECORDING}`);
  }
  const rest = known.filter((t) => !settleConstant(t));
  if (rest.length + fresh.length > 0) runAndKeep(rest, fresh);
  for (const cell of pendingCells) if (cell.current.isComputed || cell.current.source.op === full) pendingCells.delete(cell);
}

/** Splits tensors into those that depend on data alone and those that depend on a placeholder. */
function split(tensors: readonly Tensor[]): { known: Tensor[]; unknown: Set<Tensor> } {
  const unknown = new Set(tensors.filter((t) => !isKnown(t)));
  return { known: tensors.filter((t) => !unknown.has(t)), unknown };
}

function isKnown(t: Tensor): boolean {
  return freeValues([], [t], 0).every((x) => x.source.op === data);
}

/** Settles a constant tensor without a program; returns false for other tensors. */
function settleConstant(t: Tensor): boolean {
  const constant = madeBy(t, full);
  if (!constant) return false;
  const elements = allocate(t.dtype, sizeOf(t.shape)).fill(constant.params.value);
  t.settle(new HostStorage(elements));
  return true;
}

/** Computes tensors, and cells in their blocks; keeps intermediate values that later reads will need. */
function runAndKeep(tensors: readonly Tensor[], homes: readonly Cell[]): void {
  const list = pendingList([...tensors, ...homes.map(({ current }) => current)]);
  const kept = keptOf(list, new Set(tensors)).filter(isKnown);
  run([...tensors, ...kept], homes);
  for (const { results } of list) for (const y of results) if (!y.isComputed) y.runs++;
}

/** Computes tensors, and cells in their blocks. */
function run(tensors: readonly Tensor[], cells: readonly Cell[]): void {
  const outputs = [...tensors, ...cells.map((cell) => cell.current)];
  const inputs = freeValues([], outputs, 0);
  const region: Region = { inputs, outputs };
  const key = `${backendName()} ${cells.length}\n${hashRegion(region)}`;
  const executable = cache.of(key, () => {
    const results = tensors.map(() => "result" as const);
    const roles = { inputs: inputs.map(() => "argument" as const), outputs: [...results, ...cells] };
    return compileRegion(region, roles);
  });
  const results = executable.run(inputs.map(storageOf), cells);
  for (const [i, t] of tensors.entries()) t.settle(results[i]!);
}

registerEvaluator(evaluate);
