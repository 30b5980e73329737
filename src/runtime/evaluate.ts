/**
 * @file Reading a pending tensor: everything that is pending with it is compiled as one program (cached by the content of its tape) and run;
 * what later reads will want is kept (`keep.ts`).
 */
import { allocate } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import { registerEvaluator } from "../ops/evaluator.ts";
import { full } from "../ops/indexing.ts";
import { data } from "../ops/leaves.ts";
import { freeValues } from "../ops/region.ts";
import { type Tensor, uncounted } from "../ops/tensor.ts";
import { hashRegion } from "../tape/hash.ts";
import type { Region } from "../tape/node.ts";
import { backendName } from "./backend.ts";
import { type Cell, currentFrame, pendingCells } from "./cell.ts";
import { compileRegion, isCompiling } from "./compile.ts";
import type { Executable } from "./executable.ts";
import { keptOf, pendingList, siblings } from "./keep.ts";

const MOST_CACHED = 512;
const cache: Map<string, Executable> = new Map();

export const READ_WHILE_RECORDING: string = [
  "this tensor has no value yet: it is being recorded, to be computed when the recorded function runs.",
  "  wrong:  compile((x) => { if (x.sum().itemSync() > 0) return x.neg(); return x; })",
  "  right:  compile((x) => x.sum().gt(0).where(x.neg(), x))",
  "Inside compile, grad, vmap or scan a value cannot be read, since the function runs once, before there are values.",
  "Use where or cond to choose, scan to loop, or read the value outside of the recorded function.",
].join("\n");

/** Tensors that are computed together with `wanted`: results of the same calls, and cells that wait, but those in `apart`. */
function gather(wanted: readonly Tensor[], apart: ReadonlySet<Cell>): Tensor[] {
  const all = new Set<Tensor>();
  for (const t of wanted) for (const sibling of siblings(t)) all.add(sibling);
  for (const cell of pendingCells) {
    if (!apart.has(cell)) for (const sibling of siblings(cell.current)) all.add(sibling);
  }
  return [...all].filter((t) => !t.isComputed);
}

function evaluate(wanted: readonly Tensor[], optional: boolean): void {
  if (optional && isCompiling()) return;
  // First values go straight into the cells' blocks. Their tensors stay recipes, for whoever else holds them; a constant is cheaper still.
  const fresh = new Set([...pendingCells].filter((cell) => cell.fresh));
  const { known, unknown } = split(gather(wanted, fresh));
  const open = wanted.find((t) => unknown.has(t));
  if (open) {
    if (optional) return;
    const kind = currentFrame()?.kind;
    throw new Error(`${kind ? `${kind}: ` : ""}${open} cannot be read: ${READ_WHILE_RECORDING}`);
  }
  const rest = known.filter((t) => !settleConstant(t));
  const homes = [...fresh].filter(({ current }) => current.source.op !== full && isKnown(current));
  if (rest.length + homes.length > 0) runAndKeep(rest, homes);
  for (const cell of pendingCells) if (cell.current.isComputed || cell.current.source.op === full) pendingCells.delete(cell);
}

/** Those that depend on data alone, and those that wait for a placeholder. */
function split(tensors: readonly Tensor[]): { known: Tensor[]; unknown: Set<Tensor> } {
  const unknown = new Set(tensors.filter((t) => !isKnown(t)));
  return { known: tensors.filter((t) => !unknown.has(t)), unknown };
}

function isKnown(t: Tensor): boolean {
  return freeValues([], [t], 0).every((x) => x.source.op === data);
}

/** A constant needs no program. */
function settleConstant(t: Tensor): boolean {
  if (t.source.op !== full) return false;
  const elements = allocate(t.dtype, sizeOf(t.shape)).fill((t.source.params as { value: number }).value);
  t.settle({ read: () => elements });
  return true;
}

/** Computes tensors, and cells in their blocks, and keeps what later reads will want of what is computed on the way. */
function runAndKeep(tensors: readonly Tensor[], homes: readonly Cell[]): void {
  const list = pendingList([...tensors, ...homes.map(({ current }) => current)]);
  const kept = keptOf(list, new Set(tensors)).filter(isKnown);
  run([...tensors, ...kept], homes);
  for (const { results } of list) for (const y of results as readonly Tensor[]) if (!y.isComputed) y.runs++;
}

/** Computes tensors, and cells in their blocks. */
function run(tensors: readonly Tensor[], cells: readonly Cell[]): void {
  const outputs = [...tensors, ...cells.map((cell) => cell.current)];
  const inputs = freeValues([], outputs, 0);
  const region: Region = { inputs, outputs };
  const key = `${backendName()} ${cells.length}\n${hashRegion(region)}`;
  let executable = cache.get(key);
  if (!executable) {
    const results = tensors.map(() => "result" as const);
    const roles = { inputs: inputs.map(() => "argument" as const), outputs: [...results, ...cells] };
    executable = uncounted(() => compileRegion(region, roles));
    if (cache.size >= MOST_CACHED) evictOldest();
    cache.set(key, executable);
  }
  const elements = executable.run(
    inputs.map((x) => x.dataSync()),
    cells,
  );
  tensors.forEach((t, i) => {
    const own = elements[i]!;
    t.settle({ read: () => own });
  });
}

function evictOldest(): void {
  const [key, executable] = cache.entries().next().value!;
  executable.dispose();
  cache.delete(key);
}

registerEvaluator(evaluate);
