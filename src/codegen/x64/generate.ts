/**
 * @file One kernel to one function of machine code. Its arguments are the addresses of the kernel's buffers, eight bytes each, above its return address. The kernel is first lowered
 * (`kernel/lower.ts`); then statements are emitted in order, and values get registers.
 */

import { isFloat } from "../../base/dtype.ts";
import type { Watch } from "../../base/passes.ts";
import { affineOf, constantForm, type Known, rangeOf } from "../../kernel/affine.ts";
import { type Guards, guardAccesses } from "../../kernel/bounds.ts";
import { inKernel, int, max, min, variable } from "../../kernel/build.ts";
import type { Expr, Kernel, Stmt } from "../../kernel/kernel.ts";
import { divideWork, lower } from "../../kernel/lower.ts";
import { partOf } from "../../kernel/part.ts";
import { verifyKernel } from "../../kernel/verify.ts";
import { assigned, eachExpr, eachStmt, operandsOf } from "../../kernel/walk.ts";
import { Builder, type Constants, RBP } from "./code.ts";
import { Expressions } from "./expressions.ts";
import type { Machine } from "./extension.ts";
import { interleave } from "./interleave.ts";
import { MemoryAccess } from "./memory.ts";
import { Pointers } from "./pointers.ts";
import { type Functions, isFunction } from "./routines.ts";
import { loadSquares, noteIndices } from "./squares.ts";
import { MOST_PARTS } from "./team.ts";

/** A variable's place: a value, or a scalar expression that is computed where it is used. */
type Home = { readonly value: number } | { readonly inline: Expr } | { readonly constant: number };

/** Where the first argument of a function lies above its frame: behind the frame pointer and the return address. */
const FIRST_ARGUMENT = 16;

/** A kernel's function; of one that is divided among threads, the length of its line of work and the number of parts that is worth while. */
export interface Generated {
  readonly code: Builder;
  /** Whether it takes one more buffer than the kernel, for reports of accesses outside of buffers. */
  readonly reports: boolean;
  readonly parts: { readonly line: number; readonly parts: number } | undefined;
}

export interface GenerateOptions {
  readonly machine: Machine;
  readonly constants: Constants;
  readonly guards: Guards;
  /** The functions that machine code can call. */
  readonly functions: Functions;
  /** Kernels with at least this much work (see `weigh`) are divided: their functions have two more arguments, the bounds of the part to do. */
  readonly leastWork: number;
  /** Told of the kernel after each pass. */
  readonly watch?: Watch<Kernel> | undefined;
}

const isVectorOf = (s: Stmt): boolean => s.kind === "let" && s.value.lanes > 1 && isFloat(s.value.dtype);

class Generator {
  readonly code: Builder;
  readonly #kernel: Kernel;
  readonly #known: Map<Expr, Known> = new Map();
  readonly #homes: Map<Expr, Home> = new Map();
  /** Loop counters that were read as values: the others are not kept. */
  readonly #read: Set<Expr> = new Set();
  readonly #assigned: ReadonlySet<Expr>;
  /** Values of variables that are assigned: another variable must not share them. */
  readonly #changing: Set<number> = new Set();
  readonly #pointers: Pointers;
  readonly #expressions: Expressions;
  readonly #memory: MemoryAccess;
  /** The number of vector registers. */
  readonly #vectors: number;

  constructor(kernel: Kernel, machine: Machine, constants: Constants) {
    this.code = new Builder(machine.instructions);
    this.#vectors = machine.registers.vectors;
    this.#kernel = kernel;
    this.#assigned = assigned(kernel.body);
    const buffers = kernel.buffers.map((_, i) => this.#argument(i));
    this.#pointers = new Pointers(this.code, this.#known, buffers, (x) => this.#expressions.emit(x));
    this.#expressions = new Expressions({
      code: this.code,
      machine,
      constants,
      inLoop: () => this.#pointers.depth > 0,
      variable: (x) => this.#variable(x),
      load: (x) => this.#memory.load(x),
      placeOfLoad: (x) => this.#memory.placeOfLoad(x),
    });
    this.#memory = new MemoryAccess(kernel, this.#pointers, this.#known, this.#expressions);
  }

  #argument(i: number): number {
    const memory = { base: RBP, displacement: FIRST_ARGUMENT + 8 * i };
    const value = this.code.known("g", { memory, broadcast: 0 });
    this.code.emit("mov.q", [value, memory]);
    return value;
  }

  /** Binds a variable to the argument at a position, a number from 0 to `most`. */
  take(variable: Expr, i: number, most: number): void {
    this.#homes.set(variable, { value: this.#argument(i) });
    this.#known.set(variable, { range: [0, most] });
    this.#pointers.declare(variable);
  }

  block(stmts: readonly Stmt[]): void {
    for (let i = 0; i < stmts.length; ) {
      if (stmts[i]!.kind !== "let") this.#expressions.loaded = new Map();
      else if (stmts[i - 1]?.kind !== "let") this.#expressions.loaded = this.#loadSquares(stmts, i);
      let end = i;
      while (end < stmts.length && isVectorOf(stmts[end]!)) end++;
      if (end - i < 2) this.#emit(stmts[i++]!);
      else {
        const codes = stmts.slice(i, end).map((s) => this.code.capture(() => this.#emit(s)));
        this.code.append(interleave(codes, this.#vectors));
        i = end;
      }
    }
    this.#expressions.loaded = new Map();
  }

  #emit(s: Stmt): void {
    this.#expressions.statement(operandsOf(s), () => this.#statement(s));
  }

  /** Loads the squares that the `let`s from a position on gather. */
  #loadSquares(stmts: readonly Stmt[], from: number): ReadonlyMap<Expr, number> {
    const end = stmts.findIndex((s, i) => i > from && s.kind !== "let");
    const lets = stmts.slice(from, end < 0 ? undefined : end).filter((s) => s.kind === "let");
    noteIndices(lets, this.#known, (x) => !this.#assigned.has(x));
    return loadSquares(lets, {
      kernel: this.#kernel,
      known: this.#known,
      on: this.#expressions,
      placeOf: (buffer, form) => this.#memory.placeOf(buffer, form),
      isCertain: (form) => this.#pointers.isCertain(form) && [...form.terms.keys()].every((x) => this.#homes.has(x)),
    });
  }

  #statement(s: Stmt): void {
    switch (s.kind) {
      case "for":
        this.#loop(s);
        return;
      case "let":
        this.#bind(s.variable, s.value);
        return;
      case "set":
        this.#expressions.emitInto((this.#homes.get(s.variable) as { value: number }).value, s.value);
        return;
      case "store":
        this.#memory.store(s);
        return;
      case "if":
        this.#branch(s);
    }
  }

  #branch(s: Stmt & { kind: "if" }): void {
    const { code } = this;
    const condition = this.#expressions.emit(s.condition);
    const [otherwise, end] = [code.label(), code.label()];
    code.emit("test", [condition, condition]);
    code.jump(otherwise, "e");
    this.block(s.then);
    if (s.otherwise.length > 0) code.jump(end);
    code.place(otherwise);
    this.block(s.otherwise);
    code.place(end);
  }

  /** A constant name for address arithmetic is looked through; other values get a register. */
  #bind(variable: Expr, value: Expr): void {
    const fixed = !this.#assigned.has(variable);
    if (fixed && variable.lanes === 1 && (variable.dtype === "i32" || variable.dtype === "u32")) {
      const affine = affineOf(value, this.#known);
      if ([...affine.terms.keys()].every((x) => x.op === "variable" && !this.#assigned.has(x))) {
        this.#known.set(variable, { affine, range: rangeOf(value, this.#known) });
        this.#homes.set(variable, { inline: value });
        return;
      }
      this.#known.set(variable, { range: rangeOf(value, this.#known) });
    }
    const made = this.#expressions.emit(value);
    const own = !fixed || this.#changing.has(made);
    const home = own ? this.code.value(this.#expressions.kindOf(variable)) : made;
    if (own) this.#expressions.copy(home, made, this.#expressions.kindOf(variable));
    if (!fixed) this.#changing.add(home);
    this.#homes.set(variable, { value: home });
    if (fixed) this.#pointers.declare(variable);
  }

  #variable(x: Expr): number {
    const home = this.#homes.get(x);
    if (!home) throw new Error(`internal: variable ${x.value} has no value`);
    if ("constant" in home) return this.#expressions.make("g", "mov.imm", [], { immediate: home.constant });
    if ("inline" in home) return this.#expressions.emit(home.inline);
    this.#read.add(x);
    return home.value;
  }

  #loop(s: Stmt & { kind: "for" }): void {
    const count = Math.ceil((s.to - s.from) / s.step);
    if (count <= 0 || s.body.length === 0) return;
    if (s.within) {
      this.#bounded(s, s.within);
      return;
    }
    if (count === 1) {
      this.#known.set(s.variable, { affine: constantForm(s.from), range: [s.from, s.from] });
      this.#homes.set(s.variable, { constant: s.from });
      this.block(s.body);
      return;
    }
    const { code } = this;
    this.#known.set(s.variable, { range: [s.from, s.from + (count - 1) * s.step] });
    const counter = code.value("g");
    this.#homes.set(s.variable, { value: counter });
    this.#changing.add(counter);
    this.#pointers.enter(s.variable, s.from, s.step);
    const body = code.capture(() => this.block(s.body));
    const pointers = this.#pointers.leave();
    if (this.#pointers.depth === 0) this.#expressions.fetch();
    pointers.initialize();
    const read = this.#read.has(s.variable);
    code.emit("mov.imm", [counter], { immediate: read ? s.from : count });
    code.loop((top) => {
      code.append(body);
      pointers.advance();
      code.emit("add.imm", [counter], { immediate: read ? s.step : -1 });
      if (read) code.emit("cmp.imm", [counter], { immediate: s.from + count * s.step });
      code.jump(top, "ne");
    });
  }

  /** A loop from 0 that leaves iterations out. */
  #bounded(s: Stmt & { kind: "for" }, [low, high]: readonly [Expr, Expr]): void {
    const { code } = this;
    const [counter, end] = [code.value("g"), code.value("g")];
    this.#expressions.emitInto(counter, rangeOf(low, this.#known)[0] >= 0 ? low : max(low, int(0)));
    this.#expressions.emitInto(end, rangeOf(high, this.#known)[1] <= s.to ? high : min(high, int(s.to)));
    this.#known.set(s.variable, { range: [0, s.to - 1] });
    this.#homes.set(s.variable, { value: counter });
    this.#changing.add(counter);
    this.#pointers.enter(s.variable, 0, 1);
    const body = code.capture(() => this.block(s.body));
    const pointers = this.#pointers.leave();
    if (this.#pointers.depth === 0) this.#expressions.fetch();
    const skip = code.label();
    code.emit("cmp", [counter, end]);
    code.jump(skip, "ge");
    pointers.initialize(counter);
    code.loop((top) => {
      code.append(body);
      pointers.advance();
      code.emit("add.imm", [counter], { immediate: 1 });
      code.emit("cmp", [counter, end]);
      code.jump(top, "ne");
    });
    code.place(skip);
  }
}

/** Whether a kernel calls functions that only JavaScript has: it is not made into machine code. */
function callsHost(kernel: Kernel, functions: Functions): boolean {
  let found = false;
  const seen = new Set<Expr>();
  const visit = (x: Expr): void => {
    found ||= isFunction(x) && !functions.has(x.op);
  };
  eachStmt(kernel.body, (s) => eachExpr(operandsOf(s), visit, seen));
  return found;
}

/** A kernel as code without registers; undefined if it calls the host. */
export function generate(
  kernel: Kernel,
  { machine, constants, guards, functions, leastWork, watch }: GenerateOptions,
): Generated | undefined {
  return inKernel(() => {
    const target = { ...machine.target, guardAccesses: (x: Kernel) => guardAccesses(x, guards) };
    // Checks of accesses hold for kernels of the language: bounds of a loop that are vectors, for instance, would count it wrongly.
    if (guards.all) verifyKernel(kernel, machine.target);
    const lowered = lower(kernel, target, watch);
    if (callsHost(lowered, functions)) return undefined;
    const generator = new Generator(lowered, machine, constants);
    const reports = lowered.buffers.length > kernel.buffers.length;
    const options = { leastWork, mostParts: MOST_PARTS, mostBuffers: Number.POSITIVE_INFINITY, isOfMainThread: () => false };
    const divided = leastWork < Number.POSITIVE_INFINITY ? divideWork(lowered, options) : undefined;
    if (!divided) {
      generator.block(lowered.body);
      return { code: generator.code, reports, parts: undefined };
    }
    const { line, parts } = divided;
    const [from, to] = [variable("i32"), variable("i32")];
    for (const [i, bound] of [from, to].entries()) generator.take(bound, lowered.buffers.length + i, 2 * line.length);
    generator.block(partOf(lowered.body, line, from, to));
    return { code: generator.code, reports, parts: { line: line.length, parts } };
  });
}
