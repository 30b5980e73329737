/**
 * @file Addresses. Each loop keeps a pointer for every distinct affine index (without its constant) that is used in it: set on entry from a pointer of the enclosing loop, moved at
 * the end of an iteration. Constants go into the displacement of the instruction. Addresses have 64 bits, so an index is taken apart only if its terms cannot leave the range of i32
 * together; else it is computed in 32 bits, as the language says.
 */
import { type Affine, affineOf, type Known, type Range, rangeOf, rangeOfTerms, times } from "../../kernel/affine.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Memory } from "./assembler.ts";
import type { Builder } from "./code.ts";

interface Pointer {
  readonly value: number;
  readonly buffer: number;
  /** Terms and constant at the first iteration, in bytes, without the loop's own variable. */
  readonly entry: Affine;
  readonly bump: number;
}

interface Level {
  readonly variable: Expr;
  readonly from: number;
  readonly step: number;
  readonly pointers: Map<string, Pointer>;
  /** By buffer and terms: the pointers that were found before. */
  readonly found: Map<Affine["terms"], number>[];
}

const MOST_DISPLACEMENT = 2 ** 30;
const SCALES: readonly number[] = [1, 2, 4, 8];

export class Pointers {
  readonly #levels: Level[] = [];
  /** How many loops enclosed a `let` when it was bound. */
  readonly #depths: Map<Expr, number> = new Map();
  readonly #code: Builder;
  readonly #known: ReadonlyMap<Expr, Known>;
  readonly #buffers: readonly number[];
  readonly #emit: (x: Expr) => number;
  /** Forms of indices; ranges of terms, and the same in bytes, by the size of an element. Forms that differ by a constant have the same terms. */
  readonly #forms: Map<Expr, Affine> = new Map();
  readonly #ranges: Map<Affine["terms"], Range | undefined> = new Map();
  readonly #bytes: Map<Affine["terms"], Affine["terms"]>[] = [];

  /** `buffers` are the values with the buffers' addresses; `emit` gives the value of a scalar integer. */
  constructor(code: Builder, known: ReadonlyMap<Expr, Known>, buffers: readonly number[], emit: (x: Expr) => number) {
    this.#code = code;
    this.#known = known;
    this.#buffers = buffers;
    this.#emit = emit;
  }

  /** Declares a `let` that nothing assigns later: loops inside may use it in their pointers. */
  declare(variable: Expr): void {
    this.#depths.set(variable, this.#levels.length);
  }

  get depth(): number {
    return this.#levels.length;
  }

  enter(variable: Expr, from: number, step: number): void {
    this.#levels.push({ variable, from, step, pointers: new Map(), found: [] });
    this.#depths.set(variable, 0);
  }

  /** Leaves the innermost loop; what it gives emits the code before the loop, which may begin at the iteration in a general register, and at the end of an iteration. */
  leave(): { readonly initialize: (first?: number) => void; readonly advance: () => void } {
    const pointers = [...this.#levels.pop()!.pointers.values()];
    return {
      initialize: (first) => {
        for (const p of pointers) this.#initialize(p, first);
      },
      advance: () => {
        for (const p of pointers) if (p.bump !== 0) this.#add(p.value, p.bump);
      },
    };
  }

  /** The place of an element of so many bytes, by its index. */
  place(buffer: number, index: Expr, bytes: number): Memory {
    return this.placeOf(buffer, affineOf(index, this.#known, this.#forms), bytes, index);
  }

  /** The same from the affine form of the index. `index` is computed where the form cannot be trusted; without it the form is always taken. */
  placeOf(buffer: number, form: Affine, bytes: number, index?: Expr): Memory {
    if (index && !this.isCertain(form)) return this.#computed(buffer, index, bytes);
    const scaled = this.#inBytes(form.terms, bytes);
    const displacement = form.constant * bytes;
    const far = Math.abs(displacement) > MOST_DISPLACEMENT;
    const address: Affine = { constant: far ? displacement : 0, terms: scaled };
    const place = this.#address(this.#levels.length, buffer, address);
    return far ? place : { ...place, displacement: place.displacement + displacement };
  }

  /** Whether an affine form is the index: that its arithmetic does not wrap around. */
  isCertain({ terms }: Affine): boolean {
    if (terms.size === 0) return true;
    if (!this.#ranges.has(terms)) this.#ranges.set(terms, rangeOfTerms(terms, this.#known));
    return this.#ranges.get(terms) !== undefined;
  }

  #inBytes(terms: Affine["terms"], bytes: number): Affine["terms"] {
    this.#bytes[bytes] ??= new Map();
    let scaled = this.#bytes[bytes].get(terms);
    if (!scaled) {
      scaled = times({ constant: 0, terms }, bytes).terms;
      this.#bytes[bytes].set(terms, scaled);
    }
    return scaled;
  }

  /** The place of a buffer's first element. */
  base(buffer: number): Memory {
    return { base: this.#buffers[buffer]!, displacement: 0 };
  }

  #computed(buffer: number, index: Expr, bytes: number): Memory {
    return { base: this.#buffers[buffer]!, index: this.#wide(index), scale: bytes, displacement: 0 };
  }

  /** A scalar integer in 64 bits. */
  #wide(x: Expr): number {
    const narrow = this.#emit(x);
    if (rangeOf(x, this.#known)[0] >= 0 && rangeOf(x, this.#known)[1] < 2 ** 31) return narrow;
    const wide = this.#code.value("g");
    this.#code.emit("movsxd", [wide, narrow]);
    return wide;
  }

  #isInside(level: number, x: Expr): boolean {
    const depth = this.#depths.get(x);
    const isCounter = this.#levels.some((l) => l.variable === x);
    return !isCounter && (depth === undefined || depth >= level);
  }

  /** The pointer of a loop with these terms, all of which its surroundings know. */
  #pointer(level: number, buffer: number, address: Affine): number {
    if (level === 0) return this.#buffers[buffer]!;
    const { variable, from, step, pointers } = this.#levels[level - 1]!;
    const own = address.terms.get(variable) ?? 0;
    if (own === 0 && this.#isKnown(level - 1, address)) return this.#pointer(level - 1, buffer, address);
    const key = keyOf(buffer, address);
    const existing = pointers.get(key);
    if (existing) return existing.value;
    const terms = new Map(address.terms);
    terms.delete(variable);
    const pointer = { value: this.#code.value("g"), buffer, entry: { constant: address.constant + own * from, terms }, bump: own * step };
    pointers.set(key, pointer);
    return pointer.value;
  }

  #isKnown(level: number, { constant, terms }: Affine): boolean {
    if (level === 0) return terms.size === 0 && constant === 0;
    for (const x of terms.keys()) if (this.#isInside(level, x)) return false;
    return true;
  }

  #found(level: number, buffer: number): Map<Affine["terms"], number> | undefined {
    if (level === 0) return undefined;
    const { found } = this.#levels[level - 1]!;
    found[buffer] ??= new Map();
    return found[buffer];
  }

  /** The place of an address at `level`: a pointer, and what is computed inside this loop. */
  #address(level: number, buffer: number, address: Affine): Memory {
    const found = address.constant === 0 ? this.#found(level, buffer) : undefined;
    const pointer = found?.get(address.terms);
    if (pointer !== undefined) return { base: pointer, displacement: 0 };
    if (this.#isKnown(level, address)) {
      const made = this.#pointer(level, buffer, address);
      found?.set(address.terms, made);
      return { base: made, displacement: 0 };
    }
    const outer = new Map([...address.terms].filter(([x]) => level > 0 && !this.#isInside(level, x)));
    const inner = [...address.terms].filter(([x]) => !outer.has(x));
    let place: Memory = { base: this.#pointer(level, buffer, { constant: 0, terms: outer }), displacement: 0 };
    for (const [x, coefficient] of inner) {
      if (place.index !== undefined) place = { base: this.#flat(place), displacement: 0 };
      const term = this.#wide(x);
      if (SCALES.includes(coefficient)) place = { ...place, index: term, scale: coefficient };
      else place = { ...place, index: this.#scaled(term, coefficient), scale: 1 };
    }
    if (address.constant === 0) return place;
    const base = this.#flat(place);
    this.#add(base, address.constant);
    return { base, displacement: 0 };
  }

  #scaled(term: number, coefficient: number): number {
    const scaled = this.#code.value("g");
    this.#code.emit("imul.q.imm", [scaled, term], { immediate: coefficient });
    return scaled;
  }

  /** A place as one value. */
  #flat(place: Memory): number {
    const value = this.#code.value("g");
    this.#code.emit("lea.q", [value, place]);
    return value;
  }

  #add(value: number, constant: number): void {
    let rest = constant;
    while (rest !== 0) {
      const step = Math.max(-MOST_DISPLACEMENT, Math.min(MOST_DISPLACEMENT, rest));
      this.#code.emit("add.q.imm", [value], { immediate: step });
      rest -= step;
    }
  }

  #initialize(p: Pointer, first: number | undefined): void {
    const constant = Math.abs(p.entry.constant) <= MOST_DISPLACEMENT ? p.entry.constant : 0;
    const place = this.#address(this.#levels.length, p.buffer, { constant: p.entry.constant - constant, terms: p.entry.terms });
    const displacement = place.displacement + constant;
    if (place.index === undefined && displacement === 0) this.#code.emit("mov.q", [p.value, place.base!]);
    else this.#code.emit("lea.q", [p.value, { ...place, displacement }]);
    if (first === undefined || p.bump === 0) return;
    this.#code.emit("add.q", [p.value, this.#scaled(first, p.bump)]);
  }
}

function keyOf(buffer: number, { constant, terms }: Affine): string {
  const parts = [...terms].map(([x, c]) => `${x.id}*${c}`).sort();
  return `${buffer} ${constant} ${parts.join(" ")}`;
}
