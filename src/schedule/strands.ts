/**
 * @file The order of a list with sums of large values. Each addition is moved to where its last term is made, so that a term can be freed before the next
 * one is made. Instructions that lead to one term and to no other (the micro-batches of a step) are a strand; strands run one after another.
 *
 *     a = f(x); b = f(y); da = f'(a); db = f'(b); da + db     becomes     a = f(x); da = f'(a); b = f(y); db = f'(b); da + db
 */
import { sizeOf } from "../base/shape.ts";
import type { Target } from "../kernel/target.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { findSums, type Sum } from "../tape/sums.ts";

/** Reorders the list so that sums of three and more terms hold few terms at a time. */
export function orderForSums(list: readonly Instruction[], outputs: readonly Tensor[], { caches }: Target): readonly Instruction[] {
  // Smaller sums save nothing, since every buffer takes at least one cache line.
  const sums = findSums(list, outputs).filter(({ root }) => sizeOf(root.results[0]!.shape) >= caches.line);
  if (sums.length === 0) return list;
  return addSoon(new Strands(list, sums).run(), sums);
}

const isElementwise = (instruction: Instruction): boolean => instruction.op.lower.kind === "pointwise";

/** Moves additions to where the last of their operands is made, together with the elementwise values that they are computed from. */
function addSoon(list: readonly Instruction[], sums: readonly Sum<Tensor>[]): Instruction[] {
  const additions = new Set(sums.flatMap((sum) => sum.additions));
  const ready = new Map<Instruction, number>();
  list.forEach((instruction, at) => {
    const last = (): number => instruction.operands.reduce((n, x) => Math.max(n, ready.get(x.source) ?? -1), -1);
    ready.set(instruction, isElementwise(instruction) ? last() : at);
  });
  const place = new Map<Instruction, number>(
    list.map((instruction, at) => [instruction, additions.has(instruction) ? ready.get(instruction)! : at]),
  );
  for (const instruction of [...list].reverse()) {
    const at = place.get(instruction)!;
    for (const { source } of instruction.operands) if (place.get(source)! > at) place.set(source, at);
  }
  return [...list].sort((a, b) => place.get(a)! - place.get(b)!);
}

/** Reorders the list strand by strand. */
class Strands {
  readonly #list: readonly Instruction[];
  readonly #sums: readonly Sum<Tensor>[];
  readonly #position: Map<Instruction, number>;

  constructor(list: readonly Instruction[], sums: readonly Sum<Tensor>[]) {
    this.#list = list;
    this.#sums = sums;
    this.#position = new Map(list.map((instruction, at) => [instruction, at]));
  }

  /** The strands in the order of their first terms, then what is computed from the sums. */
  run(): readonly Instruction[] {
    const last = this.#lastSums();
    const terms = new Set(last.flatMap((sum) => sum.terms.map((x) => x.source)).filter((term) => this.#position.has(term)));
    if (terms.size < 2) return this.#list;
    const first = this.#list.findIndex((instruction) => terms.has(instruction));
    const leads = this.#ancestors(terms);
    const behind = this.#dependents(last.flatMap((sum) => sum.additions));
    const done = new Set<Instruction>();
    const ordered: Instruction[] = [];
    const emit = (instruction: Instruction): void => {
      for (const next of this.#needed(instruction, done)) {
        done.add(next);
        ordered.push(next);
      }
    };
    emit(this.#list[first]!);
    const strands = this.#components((instruction) => !done.has(instruction) && !behind.has(instruction), leads);
    const begins = (strand: readonly Instruction[]): number => this.#position.get(strand.find((i) => terms.has(i)) ?? strand[0]!)!;
    if (strands.filter((strand) => strand.some((i) => terms.has(i))).length < 2) return this.#list;
    for (const strand of strands.sort((a, b) => begins(a) - begins(b))) strand.forEach(emit);
    this.#list.forEach(emit);
    return ordered;
  }

  /** The sums that no contraction and no loop depends on. */
  #lastSums(): Sum<Tensor>[] {
    const needed = this.#ancestors(this.#list.filter((instruction) => instruction.op.cost === "compute"));
    return this.#sums.filter(({ root }) => !needed.has(root));
  }

  /** The given instructions and all that they depend on. */
  #ancestors(from: Iterable<Instruction>): Set<Instruction> {
    const found = new Set(from);
    for (const instruction of [...this.#list].reverse())
      if (found.has(instruction)) for (const x of instruction.operands) found.add(x.source);
    return found;
  }

  #dependents(from: readonly Instruction[]): Set<Instruction> {
    const found = new Set(from);
    for (const instruction of this.#list) if (instruction.operands.some((x) => found.has(x.source))) found.add(instruction);
    return found;
  }

  /** An instruction and everything it depends on that is not `done`, in the order of the list. */
  #needed(instruction: Instruction, done: ReadonlySet<Instruction>): Instruction[] {
    const found = new Set<Instruction>();
    const todo = [instruction];
    for (let next = todo.pop(); next; next = todo.pop()) {
      if (done.has(next) || found.has(next) || !this.#position.has(next)) continue;
      found.add(next);
      for (const x of next.operands) todo.push(x.source);
    }
    return [...found].sort((a, b) => this.#position.get(a)! - this.#position.get(b)!);
  }

  /** The instructions that are computed from inputs by elementwise ops alone. */
  #nearInputs(): ReadonlySet<Instruction> {
    const near = new Set<Instruction>();
    for (const instruction of this.#list) {
      const inputs = instruction.operands.every((x) => near.has(x.source) || !this.#position.has(x.source));
      if (inputs && isElementwise(instruction)) near.add(instruction);
    }
    return near;
  }

  /**
   * The connected components of the chosen instructions, each in the order of the list. Values near the inputs (`#nearInputs`) connect nothing. An instruction
   * that leads to no term belongs to the component that it is computed from, if that is a single one.
   */
  #components(chosen: (instruction: Instruction) => boolean, leads: ReadonlySet<Instruction>): Instruction[][] {
    const near = this.#nearInputs();
    const sets = new DisjointSets<Instruction>();
    for (const instruction of this.#list) {
      if (near.has(instruction) || !chosen(instruction)) continue;
      sets.add(instruction);
      if (leads.has(instruction)) for (const x of instruction.operands) if (sets.has(x.source)) sets.join(x.source, instruction);
    }
    const gathers = new Set<Instruction>();
    for (const instruction of sets.members()) {
      if (leads.has(instruction)) continue;
      const from = new Set(instruction.operands.flatMap((x) => (sets.has(x.source) ? [sets.find(x.source)] : [])));
      const whole = instruction.operands.every((x) => !gathers.has(x.source));
      if (from.size === 1 && whole) sets.join(instruction, [...from][0]!);
      else if (from.size > 1 || !whole) gathers.add(instruction);
    }
    for (const instruction of gathers) sets.remove(instruction);
    return sets.parts();
  }
}

/** A partition of values into sets that can be joined (union-find with path halving; Tarjan & van Leeuwen 1984). */
class DisjointSets<T> {
  readonly #parent = new Map<T, T>();

  add(x: T): void {
    this.#parent.set(x, x);
  }

  /** Removes a value that represents no other. */
  remove(x: T): void {
    this.#parent.delete(x);
  }

  has(x: T): boolean {
    return this.#parent.has(x);
  }

  members(): Iterable<T> {
    return this.#parent.keys();
  }

  /** The representative of the set of `x`. */
  find(x: T): T {
    let at = x;
    for (let up = this.#parent.get(at)!; up !== at; up = this.#parent.get(at)!) {
      this.#parent.set(at, this.#parent.get(up)!);
      at = up;
    }
    return at;
  }

  /** Joins two sets; the representative of `into` represents both. */
  join(x: T, into: T): void {
    this.#parent.set(this.find(x), this.find(into));
  }

  /** The sets, each in the order in which its values were added. */
  parts(): T[][] {
    const parts = new Map<T, T[]>();
    for (const x of this.#parent.keys()) {
      const root = this.find(x);
      const part = parts.get(root);
      if (part) part.push(x);
      else parts.set(root, [x]);
    }
    return [...parts.values()];
  }
}
