/**
 * @file Registers for values: linear scan over the code in order (Poletto & Sarkar 1999). On structured code a value lives from its first to its last mention, and to the end of every
 * loop that mentions it and that it was made before. Where registers run out, the value whose mentions cost least lives on the stack; what can be read again from its origin
 * has no place of its own. A function in which that happens is allocated again with a few registers kept back, through which such values pass.
 */
import type { Decoration, Memory, Operand } from "./assembler.ts";
import { type Builder, FIRST_VALUE, type Item, type Kind, type Origin, RBP, RSP } from "./code.ts";
import { type Instruction, instruction } from "./instructions.ts";

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

/** Registers kept back for values that live on the stack: as many as one instruction may mention. */
const KEPT_BACK: Readonly<Record<Kind, number>> = { g: 3, v: 3, k: 2 };

/** How much more a mention in an inner loop costs. */
const PER_LOOP = 8;
/** A value that can be read again as an operand in memory costs little. */
const FROM_ORIGIN = 0.1;

interface Interval {
  readonly value: number;
  readonly kind: Kind;
  readonly start: number;
  end: number;
  weight: number;
  /** Mentions that a place in memory cannot stand for. */
  stubborn: number;
  /** The value it is a copy of. */
  hint: number | undefined;
}

type InstructionItem = Item & { kind: "instruction" };

interface Loop {
  readonly start: number;
  end: number;
}

/** What an instruction does to the operand at a position. */
function reads({ x, decoration }: InstructionItem, i: number): boolean {
  if (i > 0 || x.writesNothing || x.readsFirst || (x.fields[0] === "m" && x.classes[0] === "-")) return true;
  const merges = decoration.mask !== undefined && decoration.mask !== 0 && !decoration.zeroing && x.classes[0] !== "k";
  return merges;
}

const writes = ({ x }: InstructionItem, i: number): boolean => i === 0 && !x.writesNothing && x.classes[0] !== "-";

const isMemory = (operand: Operand): operand is Memory => typeof operand !== "number";

class Liveness {
  readonly intervals: Map<number, Interval> = new Map();
  readonly #builder: Builder;
  readonly #open: Loop[] = [];
  readonly #outlives: Map<Interval, Loop> = new Map();

  constructor(builder: Builder, items: readonly Item[]) {
    this.#builder = builder;
    for (const [at, item] of items.entries()) this.#item(item, 2 * at);
    for (const [interval, loop] of this.#outlives) interval.end = Math.max(interval.end, loop.end);
  }

  #item(item: Item, at: number): void {
    if (item.kind === "enter") this.#open.push({ start: at, end: at });
    if (item.kind === "leave") this.#open.pop()!.end = at;
    if (item.kind !== "instruction") return;
    this.#addresses(item, at);
    this.#registers(item, at);
    if (COPIES.has(item.x.name)) this.#hint(...(item.operands as [number, number]));
  }

  /** What addresses and masks read. */
  #addresses({ operands, decoration }: InstructionItem, at: number): void {
    for (const operand of operands) {
      if (!isMemory(operand)) continue;
      if (operand.base !== undefined) this.#mention(operand.base, at, true);
      if (operand.index !== undefined) this.#mention(operand.index, at, true);
    }
    if (decoration.mask) this.#mention(decoration.mask, at, true);
  }

  #registers(item: InstructionItem, at: number): void {
    for (const [i, operand] of item.operands.entries()) {
      if (isMemory(operand)) continue;
      if (reads(item, i)) this.#mention(operand, at, !mayFold(item, i, this.#builder.origins.get(operand)));
      if (writes(item, i)) this.#mention(operand, at + 1, !this.#builder.origins.has(operand));
    }
  }

  /** The two values of a copy would best share a register. */
  #hint(to: number, from: number): void {
    const interval = this.intervals.get(to);
    if (interval) interval.hint ??= from;
    const source = this.intervals.get(from);
    if (source) source.hint ??= to;
  }

  #mention(value: number, at: number, stubborn: boolean): void {
    if (value < FIRST_VALUE) return;
    let interval = this.intervals.get(value);
    if (!interval) {
      interval = { value, kind: this.#builder.kinds[value - FIRST_VALUE]!, start: at, end: at, weight: 0, stubborn: 0, hint: undefined };
      this.intervals.set(value, interval);
    }
    interval.end = at;
    const origin = this.#builder.origins.has(value);
    interval.weight += PER_LOOP ** this.#open.length * (stubborn || !origin ? 1 : FROM_ORIGIN);
    if (stubborn) interval.stubborn++;
    const outer = this.#open.find((loop) => loop.start > interval.start);
    if (outer) {
      const known = this.#outlives.get(interval);
      if (!known || known.start > outer.start || known.end !== known.start) this.#outlives.set(interval, outer);
    }
  }
}

const COPIES: ReadonlySet<string> = new Set(["vmovaps", "vmovapd", "mov", "mov.q", "kmovw"]);

/** Whether a place in memory can stand for the operand at a position. */
function mayFold({ x, operands, decoration }: InstructionItem, i: number, origin: Origin | undefined): boolean {
  const { memory, fields } = x;
  if (fields[i] !== "m" || !memory || operands.some(isMemory) || decoration.broadcast || (writesMemory(x) && i === 0)) return false;
  // VEX has no shift of memory by a constant.
  if (x.encoding === "vector" && x.extension !== undefined) return false;
  if (!origin || origin.broadcast === 0) return memory.kind !== "element" || x.classes[i] !== "b";
  if (memory.kind === "element") return memory.bytes === origin.broadcast;
  return memory.broadcast && memory.bytes === origin.broadcast;
}

const writesMemory = (x: Instruction): boolean => x.fields[0] === "m";

/** Where every value lives. */
interface Assignment {
  readonly registers: ReadonlyMap<number, number>;
  readonly spilled: readonly Interval[];
}

function assign(intervals: readonly Interval[], file: RegisterFile, kept: ReadonlySet<Kind>): Assignment {
  const registers = new Map<number, number>();
  const spilled: Interval[] = [];
  for (const kind of ["g", "v", "k"] as const) {
    const all = registersOf(file, kind);
    const given = kept.has(kind) ? all.slice(KEPT_BACK[kind]) : all;
    scan(
      intervals.filter((x) => x.kind === kind),
      given,
      registers,
      spilled,
    );
  }
  return { registers, spilled };
}

function registersOf(file: RegisterFile, kind: Kind): readonly number[] {
  if (kind === "g") return file.general;
  if (kind === "v") return Array.from({ length: file.vectors }, (_, i) => i);
  return Array.from({ length: file.masks }, (_, i) => i + 1);
}

function scan(intervals: readonly Interval[], given: readonly number[], registers: Map<number, number>, spilled: Interval[]): void {
  const free = [...given].reverse();
  let active: Interval[] = [];
  for (const current of intervals) {
    const still: Interval[] = [];
    for (const other of active) {
      if (other.end < current.start) free.push(registers.get(other.value)!);
      else still.push(other);
    }
    active = still;
    if (free.length === 0) {
      let cheapest = current;
      for (const other of active) if (other.weight < cheapest.weight) cheapest = other;
      spilled.push(cheapest);
      if (cheapest === current) continue;
      free.push(registers.get(cheapest.value)!);
      registers.delete(cheapest.value);
      active = active.filter((x) => x !== cheapest);
    }
    const wanted = current.hint === undefined ? undefined : current.hint < FIRST_VALUE ? current.hint : registers.get(current.hint);
    const at = wanted === undefined ? -1 : free.indexOf(wanted);
    const register = at < 0 ? free.pop()! : free.splice(at, 1)[0]!;
    registers.set(current.value, register);
    active.push(current);
  }
}

/** An instruction that is ready to be encoded, or a label or jump. */
export type Final = Exclude<Item, { kind: "enter" | "leave" }>;

export interface Allocated {
  readonly items: readonly Final[];
  /** Values that live on the stack. */
  readonly spills: number;
}

/** The function with registers, a frame around it, and a return at its end. */
export function allocate(builder: Builder, file: RegisterFile): Allocated {
  const items = builder.items();
  const { intervals } = new Liveness(builder, items);
  const sorted = [...intervals.values()].sort((a, b) => a.start - b.start || a.value - b.value);
  let assignment = assign(sorted, file, new Set());
  const crowded = new Set(assignment.spilled.filter((x) => x.stubborn > 0).map((x) => x.kind));
  if (crowded.size > 0) assignment = assign(sorted, file, crowded);
  return new Rewriter(builder, file, assignment).run(items);
}

class Rewriter {
  readonly #builder: Builder;
  readonly #file: RegisterFile;
  readonly #registers: ReadonlyMap<number, number>;
  /** Places of the values on the stack, below the frame. */
  readonly #slots: Map<number, Memory> = new Map();
  readonly #out: Final[] = [];
  readonly #spills: number;
  #frame = 0;
  /** How many of the registers that were kept back this instruction uses. */
  #used: Record<Kind, number> = { g: 0, v: 0, k: 0 };

  constructor(builder: Builder, file: RegisterFile, { registers, spilled }: Assignment) {
    this.#builder = builder;
    this.#file = file;
    this.#registers = registers;
    this.#spills = spilled.length;
    for (const { value, kind } of spilled) {
      const size = kind === "v" ? file.bytes : 8;
      const origin = builder.origins.get(value);
      if (!origin) {
        this.#frame = Math.ceil((this.#frame + size) / size) * size;
        this.#slots.set(value, { base: RSP, displacement: this.#frame - size });
      }
    }
    // Vectors lie on lines of the cache: the stack pointer is rounded down.
    this.#frame = Math.ceil(this.#frame / 64) * 64;
  }

  run(items: readonly Item[]): Allocated {
    for (const item of items) {
      if (item.kind === "instruction") this.#instruction(item);
      else if (item.kind === "label" || item.kind === "jump") this.#out.push(item);
    }
    const body = this.#out.splice(0);
    const saved = CALLEE_SAVED.filter((r) => this.#mentions(body, r));
    this.#emit("push", [RBP]);
    this.#emit("mov.q", [RBP, RSP]);
    for (const r of saved) this.#emit("push", [r]);
    if (this.#frame > 0) {
      this.#emit("sub.q.imm", [RSP], { immediate: this.#frame });
      this.#emit("and.q.imm", [RSP], { immediate: -64 });
    }
    this.#out.push(...body);
    if (this.#frame > 0) this.#emit("lea.q", [RSP, { base: RBP, displacement: -8 * saved.length }]);
    for (const r of [...saved].reverse()) this.#emit("pop", [r]);
    this.#emit("pop", [RBP]);
    return { items: this.#out, spills: this.#spills };
  }

  #mentions(items: readonly Final[], register: number): boolean {
    const isGeneral = (x: Instruction, i: number): boolean => "gGb".includes(x.classes[i]!);
    return items.some(
      (item) =>
        item.kind === "instruction" &&
        item.operands.some((o, i) =>
          isMemory(o) ? o.base === register || (o.index === register && !item.x.vectorIndex) : o === register && isGeneral(item.x, i),
        ),
    );
  }

  #emit(name: string, operands: readonly Operand[], decoration: Decoration = {}): void {
    this.#out.push({ kind: "instruction", x: instruction(name), operands, decoration });
  }

  #keptForResult(kind: Kind, loaded: ReadonlyMap<number, number>): number {
    for (const [value, register] of loaded) if (this.#kind(value) === kind) return register;
    return this.#keptBack(kind);
  }

  #keptBack(kind: Kind): number {
    if (this.#used[kind] >= KEPT_BACK[kind])
      throw new Error("internal: an instruction mentions more values on the stack than registers are kept back");
    return registersOf(this.#file, kind)[this.#used[kind]++]!;
  }

  /** Whether values live in registers: of those that live elsewhere one has to know where. */
  #register(value: number): number | undefined {
    return value < FIRST_VALUE ? value : this.#registers.get(value);
  }

  #instruction(item: InstructionItem): void {
    const { x, decoration } = item;
    // What can be read from its origin whenever it is needed is not fetched before.
    const [target] = item.operands;
    if (writes(item, 0) && this.#builder.origins.has(target as number) && this.#register(target as number) === undefined) return;
    this.#used = { g: 0, v: 0, k: 0 };
    const loaded = new Map<number, number>();
    const after: (() => void)[] = [];
    let fold: Decoration = {};
    const use = (value: number): number => {
      const register = this.#register(value) ?? loaded.get(value);
      if (register !== undefined) return register;
      const kept = this.#keptBack(this.#kind(value));
      this.#load(value, kept);
      loaded.set(value, kept);
      return kept;
    };
    const place = (operand: Operand, i: number): Operand => {
      if (isMemory(operand)) return this.#address(operand, use);
      const register = this.#register(operand);
      if (register !== undefined) return register;
      if (reads(item, i) && !writes(item, i) && mayFold(item, i, this.#builder.origins.get(operand))) {
        const origin = this.#builder.origins.get(operand);
        if (origin?.broadcast && x.memory!.kind !== "element") fold = { broadcast: true };
        return this.#place(operand);
      }
      const kept = reads(item, i) ? use(operand) : this.#keptForResult(this.#kind(operand), loaded);
      if (writes(item, i)) after.push(() => this.#store(operand, kept));
      return kept;
    };
    const mask = decoration.mask ? use(decoration.mask) : 0;
    // The result last: it may take the register of an operand.
    const others = item.operands.slice(1).map((operand, i) => place(operand, i + 1));
    const operands = item.operands.length > 0 ? [place(item.operands[0]!, 0), ...others] : [];
    const [to, from] = operands;
    // A copy within one register is none, but what lives on the stack is stored there all the same.
    if (!COPIES.has(x.name) || to !== from || mask !== 0)
      this.#out.push({ kind: "instruction", x, operands, decoration: { ...decoration, mask, ...fold } });
    for (const store of after) store();
  }

  #kind(value: number): Kind {
    return this.#builder.kinds[value - FIRST_VALUE]!;
  }

  #address(m: Memory, use: (value: number) => number): Memory {
    return {
      ...m,
      ...(m.base === undefined ? {} : { base: use(m.base) }),
      ...(m.index === undefined ? {} : { index: use(m.index) }),
    };
  }

  #place(value: number): Memory {
    return this.#builder.origins.get(value)?.memory ?? this.#slots.get(value)!;
  }

  #load(value: number, register: number): void {
    const kind = this.#kind(value);
    const origin = this.#builder.origins.get(value);
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
