/**
 * @file Registers for values: linear scan over the code in order (Poletto & Sarkar 1999). Where registers run out, the value whose mentions cost least lives on the stack; what can be
 * read again from its origin has no place of its own. Registers are then given out again, with one for the moment of each instruction that mentions a value on the stack, until that puts
 * no more values there. (With three registers kept back in the whole function, sums of a tile of 6 x 2 vectors lay on the stack (AVX2), and their loop took twice as long.)
 */
import type { Decoration, Memory, Operand } from "./assembler.ts";
import { type Builder, FIRST_VALUE, type Item, MOST_OPERANDS, type Origin, RBP, ROOM, RSP } from "./code.ts";
import type { FunctionWriter } from "./function.ts";
import { instruction, type Kind } from "./instructions.ts";
import { type InstructionItem, isMemory, Liveness, mayFold, readsFirst } from "./liveness.ts";

/** Registers to give away, in order of preference. Of the general ones, those that a function must restore come last. */
export interface RegisterFile {
  readonly general: readonly number[];
  readonly vectors: number;
  readonly masks: number;
  /** Bytes of a vector register. */
  readonly bytes: number;
}

const GENERAL: readonly number[] = [0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 12, 13, 14, 15];
const CALLEE_SAVED: readonly number[] = [3, 12, 13, 14, 15];

export const AVX512_REGISTERS: RegisterFile = { general: GENERAL, vectors: 32, masks: 7, bytes: 64 };
export const AVX2_REGISTERS: RegisterFile = { general: GENERAL, vectors: 16, masks: 0, bytes: 32 };

const KINDS: readonly Kind[] = ["g", "v", "k"];

/** Registers through which values on the stack pass, by the number of the instruction that mentions them. */
type Passages = Map<number, Record<Kind, number[]>>;

/** Where every value lives. Values are numbers less {@link FIRST_VALUE} here. */
interface Assignment {
  /** -1 where a value has none. */
  readonly registers: Int16Array;
  readonly spilled: ReadonlySet<number>;
  readonly passages: Passages;
}

/** Gives out registers until every instruction has enough of them for the values that lie on the stack. */
function assign(builder: Builder, items: readonly Item[], lives: Liveness, file: RegisterFile): Assignment {
  const spilled = new Set<number>();
  for (;;) {
    const known = spilled.size;
    const registers = new Int16Array(lives.kinds.length).fill(-1);
    const passages: Passages = new Map();
    for (const kind of KINDS) {
      const passing = known === 0 ? [] : passingAt(builder, items, spilled, kind);
      const given = scan(lives, kind, registersOf(file, kind), passing, registers, spilled);
      for (const [n, at] of passing.entries()) {
        if (!passages.has(at)) passages.set(at, { g: [], v: [], k: [] });
        passages.get(at)![kind].push(given[n]!);
      }
    }
    let settled = true;
    // What can always be read where it came from needs no register.
    for (const v of spilled) if (lives.stubborn[v]) settled = spilled.size === known;
    if (settled) return { registers, spilled, passages };
  }
}

/** For each value on the stack that must be in a register for an instruction, the number of the instruction. */
function passingAt(builder: Builder, items: readonly Item[], spilled: ReadonlySet<number>, kind: Kind): number[] {
  const found: number[] = [];
  const met = new Set<number>();
  for (const [at, item] of items.entries()) {
    if (item.kind !== "instruction") continue;
    const meet = (value: number | undefined): void => {
      const v = (value ?? 0) - FIRST_VALUE;
      if (v < 0 || builder.kinds[v] !== kind || !spilled.has(v) || met.has(v)) return;
      met.add(v);
      found.push(at);
    };
    meet(item.decoration.mask);
    for (let i = 0; i < item.operands.length; i++) {
      const operand = item.operands[i]!;
      if (isMemory(operand)) {
        meet(operand.base);
        meet(operand.index);
      } else if (i === 0 || !mayFold(item, i, builder.originOf(operand))) meet(operand);
    }
    met.clear();
  }
  return found;
}

function registersOf(file: RegisterFile, kind: Kind): readonly number[] {
  if (kind === "g") return file.general;
  if (kind === "v") return Array.from({ length: file.vectors }, (_, i) => i);
  return Array.from({ length: file.masks }, (_, i) => i + 1);
}

/**
 * Gives the values of one kind that are not on the stack registers, as long as there are any, and the instructions `passing` one each for a moment, which may put more values on the
 * stack; returns the latter.
 */
function scan(
  lives: Liveness,
  kind: Kind,
  given: readonly number[],
  passing: readonly number[],
  registers: Int16Array,
  spilled: Set<number>,
): readonly number[] {
  const { end, hint } = lives;
  const values = lives.ordered(kind);
  const momentary: number[] = [];
  const free = [...given].reverse();
  const active: number[] = [];
  /** Positions after which registers that were given for a moment are free again. */
  let lent: number[] = [];
  let earliest = Number.POSITIVE_INFINITY;
  const take = (current: number | undefined): boolean => {
    if (free.length > 0) return true;
    const cheapest = cheapestOf(lives, active, current);
    spilled.add(cheapest);
    if (cheapest === current) return false;
    free.push(registers[cheapest]!);
    registers[cheapest] = -1;
    active.splice(active.indexOf(cheapest), 1);
    return true;
  };
  const advance = (at: number): void => {
    if (lent.length > 0 && 2 * passing[momentary.length - 1]! + 1 < at) {
      free.push(...lent);
      lent = [];
    }
    if (earliest < at) earliest = expire(lives, active, at, registers, free);
  };
  const pass = (before: number): void => {
    for (let at = passing[momentary.length]; at !== undefined && 2 * at <= before; at = passing[momentary.length]) {
      advance(2 * at);
      take(undefined);
      lent.push(free.pop()!);
      momentary.push(lent.at(-1)!);
    }
  };
  for (let i = 0; i < values.length; i++) {
    const current = values[i]!;
    const start = lives.start[current]!;
    pass(start);
    advance(start);
    if (spilled.has(current) || !take(current)) continue;
    const wanted = hint[current]! < FIRST_VALUE ? hint[current]! : registers[hint[current]! - FIRST_VALUE]!;
    const at = wanted < 0 ? -1 : free.indexOf(wanted);
    registers[current] = at < 0 ? free.pop()! : free.splice(at, 1)[0]!;
    active.push(current);
    if (end[current]! < earliest) earliest = end[current]!;
  }
  pass(Number.POSITIVE_INFINITY);
  return momentary;
}

/** Frees the registers of values that end before a position; gives the first end of those that do not. */
function expire({ end }: Liveness, active: number[], at: number, registers: Int16Array, free: number[]): number {
  let live = 0;
  let earliest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < active.length; i++) {
    const value = active[i]!;
    if (end[value]! < at) free.push(registers[value]!);
    else {
      active[live++] = value;
      if (end[value]! < earliest) earliest = end[value]!;
    }
  }
  active.length = live;
  return earliest;
}

/** The value whose mentions cost least, of those with a register and one more. */
function cheapestOf({ weight }: Liveness, active: readonly number[], current: number | undefined): number {
  let cheapest = current ?? active[0]!;
  for (let i = 0; i < active.length; i++) if (weight[active[i]!]! < weight[cheapest]!) cheapest = active[i]!;
  return cheapest;
}

/** Writes the function with registers, with a frame around it and a return at its end; gives the number of values that live on the stack. */
export function allocate(builder: Builder, file: RegisterFile, writer: FunctionWriter): number {
  const items = builder.items();
  const assignment = assign(builder, items, new Liveness(builder, items), file);
  new Rewriter(builder, file, assignment, writer).run(items);
  return assignment.spilled.size;
}

class Rewriter {
  readonly #builder: Builder;
  readonly #file: RegisterFile;
  readonly #registers: Int16Array;
  readonly #passages: Passages;
  /** Those of the instruction at hand. */
  #passage: Readonly<Record<Kind, number[]>> | undefined;
  /** Places of the values on the stack, below the frame. */
  readonly #slots: Map<number, Memory> = new Map();
  readonly #writer: FunctionWriter;
  #frame = 0;
  /** How many of the registers of its passage this instruction uses, and for what. */
  readonly #used: Record<Kind, number> = { g: 0, v: 0, k: 0 };
  readonly #loaded: Map<number, number> = new Map();
  /** Whether an operand in memory is one element for all lanes. */
  #broadcast = false;
  /** Operands of the instruction at hand, by their number. */
  readonly #placed: Operand[][] = [];

  constructor(builder: Builder, file: RegisterFile, { registers, spilled, passages }: Assignment, writer: FunctionWriter) {
    this.#builder = builder;
    this.#passages = passages;
    this.#file = file;
    this.#registers = registers;
    this.#writer = writer;
    if (builder.calls) this.#frame = MOST_OPERANDS * ROOM;
    for (const v of spilled) {
      const value = v + FIRST_VALUE;
      if (builder.originOf(value)) continue;
      const size = this.#kind(value) === "v" ? file.bytes : 8;
      this.#frame = Math.ceil((this.#frame + size) / size) * size;
      this.#slots.set(value, { base: RSP, displacement: this.#frame - size });
    }
    // Vectors lie on lines of the cache: the stack pointer is rounded down.
    this.#frame = Math.ceil(this.#frame / 64) * 64;
  }

  run(items: readonly Item[]): void {
    const saved = this.#saved();
    this.#emit("push", [RBP]);
    this.#emit("mov.q", [RBP, RSP]);
    for (const r of saved) this.#emit("push", [r]);
    if (this.#frame > 0) {
      this.#emit("sub.q.imm", [RSP], { immediate: this.#frame });
      this.#emit("and.q.imm", [RSP], { immediate: -64 });
    }
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      if (item.kind === "instruction") {
        this.#passage = this.#passages.get(i);
        this.#instruction(item);
      } else if (item.kind === "label") this.#writer.place(item.label, item.align);
      else if (item.kind === "jump") this.#writer.jump(item.label, item.condition);
      else if (item.kind === "call") this.#writer.call(item.routine);
    }
    if (this.#frame > 0) this.#emit("lea.q", [RSP, { base: RBP, displacement: -8 * saved.length }]);
    for (const r of [...saved].reverse()) this.#emit("pop", [r]);
    this.#emit("pop", [RBP]);
    this.#writer.end();
  }

  /** The registers that the function must restore. */
  #saved(): number[] {
    let used = 0;
    for (let v = 0; v < this.#registers.length; v++)
      if (this.#registers[v]! >= 0 && this.#builder.kinds[v] === "g") used |= 1 << this.#registers[v]!;
    for (const { g } of this.#passages.values()) for (const register of g) used |= 1 << register;
    return CALLEE_SAVED.filter((r) => used & (1 << r));
  }

  #emit(name: string, operands: readonly Operand[], decoration: Decoration = {}): void {
    this.#writer.emit(instruction(name), operands, decoration);
  }

  #kind(value: number): Kind {
    return this.#builder.kinds[value - FIRST_VALUE]!;
  }

  /** The register in which a value lives; -1 for one that lives elsewhere. */
  #register(value: number): number {
    return value < FIRST_VALUE ? value : this.#registers[value - FIRST_VALUE]!;
  }

  #instruction(item: InstructionItem): void {
    const { x, operands, decoration } = item;
    const [target] = operands;
    this.#check(item);
    const writes = x.writes && typeof target === "number";
    const stored = writes && this.#register(target) < 0 ? target : undefined;
    // What can be read from its origin whenever it is needed is not fetched before.
    if (stored !== undefined && this.#builder.originOf(stored)) return;
    this.#begin();
    const mask = decoration.mask ? this.#use(decoration.mask) : 0;
    this.#placed[operands.length] ??= operands.slice();
    const placed = this.#placed[operands.length]!;
    // The result last: it may take the register of an operand.
    for (let i = 1; i < operands.length; i++) placed[i] = this.#operand(item, i);
    if (operands.length > 0) placed[0] = stored === undefined ? this.#operand(item, 0) : this.#result(item, stored);
    // A copy within one register is none, but what lives on the stack is stored there all the same.
    if (!x.copies || placed[0] !== placed[1] || mask !== 0) this.#writer.emit(x, placed, this.#decorated(decoration, mask));
    if (stored !== undefined) this.#store(stored, placed[0] as number);
  }

  /**
   * Refuses an instruction whose operands are registers of another kind. Registers of all kinds have the same numbers: it would read and change another value's, unseen by the
   * proofs about the kernel.
   */
  #check({ x, operands, decoration: { mask } }: InstructionItem): void {
    const is = (value: number | undefined, kind: Kind | undefined): boolean =>
      value === undefined || value < FIRST_VALUE || this.#kind(value) === kind;
    for (let i = 0; i < operands.length; i++) {
      const operand = operands[i]!;
      const fits = isMemory(operand) ? is(operand.base, "g") && is(operand.index, x.vectorIndex ? "v" : "g") : is(operand, x.kinds[i]);
      if (!fits) throw new Error(`internal: operand ${i} of ${x.name} is a register of another kind`);
    }
    if (mask && !is(mask, "k")) throw new Error(`internal: the mask of ${x.name} is a register of another kind`);
  }

  #begin(): void {
    if (this.#loaded.size > 0) this.#loaded.clear();
    this.#used.g = 0;
    this.#used.v = 0;
    this.#used.k = 0;
    this.#broadcast = false;
  }

  #decorated(decoration: Decoration, mask: number): Decoration {
    if (mask === 0 && !this.#broadcast) return decoration;
    return { ...decoration, mask, ...(this.#broadcast ? { broadcast: true } : {}) };
  }

  /** An operand that is read. */
  #operand(item: InstructionItem, i: number): Operand {
    const operand = item.operands[i]!;
    if (isMemory(operand)) return this.#address(operand);
    const register = this.#register(operand);
    if (register >= 0) return register;
    const origin = this.#builder.originOf(operand);
    if (i === 0 || !mayFold(item, i, origin)) return this.#use(operand);
    if (origin?.broadcast && item.x.memory!.kind !== "element") this.#broadcast = true;
    return this.#place(operand);
  }

  /** The register for a result that lives on the stack. */
  #result(item: InstructionItem, value: number): number {
    if (readsFirst(item)) return this.#use(value);
    const kind = this.#kind(value);
    for (const [other, register] of this.#loaded) if (this.#kind(other) === kind) return register;
    return this.#passing(kind);
  }

  /** The register of a value that is read, which is fetched if it lives elsewhere. */
  #use(value: number): number {
    const register = this.#register(value);
    if (register >= 0) return register;
    const known = this.#loaded.get(value);
    if (known !== undefined) return known;
    const kept = this.#passing(this.#kind(value));
    this.#load(value, kept);
    this.#loaded.set(value, kept);
    return kept;
  }

  #passing(kind: Kind): number {
    const register = this.#passage?.[kind][this.#used[kind]++];
    if (register === undefined) throw new Error("internal: an instruction mentions a value on the stack that no register was given for");
    return register;
  }

  #address(m: Memory): Memory {
    const { base, index } = m;
    if ((base === undefined || base < FIRST_VALUE) && (index === undefined || index < FIRST_VALUE)) return m;
    return {
      base: base === undefined ? undefined : this.#use(base),
      index: index === undefined ? undefined : this.#use(index),
      scale: m.scale,
      displacement: m.displacement,
      constant: m.constant,
    };
  }

  #place(value: number): Memory {
    return this.#builder.originOf(value)?.memory ?? this.#slots.get(value)!;
  }

  #load(value: number, register: number): void {
    const kind = this.#kind(value);
    const origin = this.#builder.originOf(value);
    const name = kind === "g" ? "mov.q" : kind === "k" ? "kmovw" : vectorLoad(origin);
    this.#emit(name, [register, this.#place(value)], { length: this.#file.bytes });
  }

  #store(value: number, register: number): void {
    const place = this.#slots.get(value);
    // What comes from elsewhere is there already.
    if (!place) return;
    const name = { g: "mov.q.store", k: "kmovw.store", v: "vmovups.store" }[this.#kind(value)];
    this.#emit(name, [place, register], { length: this.#file.bytes });
  }
}

const vectorLoad = (origin: Origin | undefined): string =>
  origin?.broadcast === 4 ? "vbroadcastss" : origin?.broadcast === 8 ? "vbroadcastsd" : "vmovups";
