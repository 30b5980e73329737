/**
 * @file The order of a list in which large values are added up. Each addition stands where its last term is made, so that a term is added and gone before
 * the next one is made. And what leads to one term and has nothing to do with another (the micro-batches of a step) is done as a whole, one after another.
 *
 *     a = f(x); b = f(y); da = f'(a); db = f'(b); da + db     becomes     a = f(x); da = f'(a); b = f(y); db = f'(b); da + db
 */
import { sizeOf } from "../base/shape.ts";
import type { Target } from "../kernel/target.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { findSums, type Sum } from "../tape/sums.ts";

/** The list in an order in which sums of three and more terms hold few of them at a time. */
export function orderForSums(list: readonly Instruction[], outputs: readonly Tensor[], { caches }: Target): readonly Instruction[] {
  // Smaller ones are not worth an order of their own: a place in memory takes a line of the cache at least.
  const sums = findSums(list, outputs).filter(({ root }) => sizeOf(root.results[0]!.shape) >= caches.line);
  if (sums.length === 0) return list;
  return addSoon(new Strands(list, sums).run(), sums);
}

const isElementwise = (instruction: Instruction): boolean => instruction.op.lower.kind === "pointwise";

/** Moves additions to where the last of their operands is made, and what they are computed from element by element before them. */
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

  /** The sums that no product and no loop needs. */
  #lastSums(): Sum<Tensor>[] {
    const needed = this.#ancestors(this.#list.filter((instruction) => instruction.op.cost === "compute"));
    return this.#sums.filter(({ root }) => !needed.has(root));
  }

  /** Instructions and all that leads to them. */
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

  /** An instruction and what must be done before it, in the order of the list. */
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

  /** What follows from inputs element by element. */
  #nearInputs(): ReadonlySet<Instruction> {
    const near = new Set<Instruction>();
    for (const instruction of this.#list) {
      const inputs = instruction.operands.every((x) => near.has(x.source) || !this.#position.has(x.source));
      if (inputs && isElementwise(instruction)) near.add(instruction);
    }
    return near;
  }

  /**
   * What hangs together among the chosen instructions, each part in the order of the list. What follows from inputs element by element connects nothing,
   * and what leads to no term belongs to the part from which it follows, if it is one.
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

  /** Removes a value that stands for no other. */
  remove(x: T): void {
    this.#parent.delete(x);
  }

  has(x: T): boolean {
    return this.#parent.has(x);
  }

  members(): Iterable<T> {
    return this.#parent.keys();
  }

  /** The value that stands for the set of `x`. */
  find(x: T): T {
    let at = x;
    for (let up = this.#parent.get(at)!; up !== at; up = this.#parent.get(at)!) {
      this.#parent.set(at, this.#parent.get(up)!);
      at = up;
    }
    return at;
  }

  /** Makes one set of two; that of `into` stands for both. */
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
