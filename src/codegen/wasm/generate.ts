/**
 * @file One kernel to one WebAssembly function, whose params are the byte addresses of the kernel's buffers. The kernel is first expanded
 * (`expandMath`) and its values moved to where they are computed least (`hoist`, `share`); then statements are emitted in order.
 */
import { fresh } from "../../kernel/build.ts";
import type { Expr, Kernel, Stmt } from "../../kernel/kernel.ts";
import { expandMath } from "../../kernel/math.ts";
import { hoist, share } from "../../kernel/motion.ts";
import { assigned, operandsOf } from "../../kernel/walk.ts";
import { affineOf, constantForm, type Known, rangeOf } from "./affine.ts";
import { Expressions, typeOf } from "./expressions.ts";
import { MemoryAccess } from "./memory.ts";
import { FunctionBuilder, I32 } from "./module.ts";
import { Pointers } from "./pointers.ts";

export interface GenerateOptions {
  /** Whether fma may be f32x4.relaxed_madd. */
  readonly relaxed: boolean;
  /** The function index of a host function. */
  readonly host: (name: string) => number;
}

/** A variable's place: a local, or a scalar expression that is computed where it is used. */
type Home = { readonly local: number } | { readonly inline: Expr } | { readonly constant: number };

class Generator {
  readonly code: FunctionBuilder;
  private readonly known: Map<Expr, Known> = new Map();
  private readonly homes: Map<Expr, Home> = new Map();
  /** Loop counters that were read as values: the others are not kept. */
  private readonly read: Set<Expr> = new Set();
  private readonly assigned: ReadonlySet<Expr>;
  private readonly pointers: Pointers;
  private readonly expressions: Expressions;
  private readonly memory: MemoryAccess;

  constructor(kernel: Kernel, { relaxed, host }: GenerateOptions) {
    this.code = new FunctionBuilder(kernel.buffers.map(() => I32));
    this.assigned = assigned(kernel.body);
    this.pointers = new Pointers(this.code, this.known, (x) => this.expressions.emit(x));
    this.expressions = new Expressions({
      code: this.code,
      relaxed,
      host,
      inLoop: () => this.pointers.depth > 0,
      variable: (x) => this.variable(x),
      load: (x) => this.memory.load(x),
      loadSplat: (x) => this.memory.loadSplat(x),
    });
    this.memory = new MemoryAccess(this.code, kernel, { pointers: this.pointers, known: this.known, expressions: () => this.expressions });
  }

  run(body: readonly Stmt[]): void {
    const main = this.code.capture(() => this.block(body));
    this.code.append(this.expressions.prologue());
    this.code.append(main);
  }

  private block(stmts: readonly Stmt[]): void {
    const locals: number[] = [];
    for (const s of stmts) {
      this.expressions.statement(operandsOf(s), () => this.statement(s));
      const home = s.kind === "let" ? this.homes.get(s.variable) : undefined;
      if (home && "local" in home) locals.push(home.local);
    }
    for (const local of locals) this.code.release(local);
  }

  private statement(s: Stmt): void {
    switch (s.kind) {
      case "for":
        this.loop(s);
        return;
      case "let":
        this.bind(s.variable, s.value);
        return;
      case "set":
        this.expressions.emit(s.value);
        this.code.set((this.homes.get(s.variable) as { local: number }).local);
        return;
      case "store":
        this.memory.store(s);
        return;
      case "if":
        this.expressions.emit(s.condition);
        this.code.ifElse(undefined, () => this.block(s.then), s.otherwise.length > 0 ? () => this.block(s.otherwise) : undefined);
    }
  }

  /** A constant name for address arithmetic is looked through; other values get a local. */
  private bind(variable: Expr, value: Expr): void {
    const fixed = !this.assigned.has(variable);
    if (fixed && variable.lanes === 1 && (variable.dtype === "i32" || variable.dtype === "u32")) {
      const affine = affineOf(value, this.known);
      if ([...affine.terms.keys()].every((x) => x.op === "variable" && !this.assigned.has(x))) {
        this.known.set(variable, { affine, range: rangeOf(value, this.known) });
        this.homes.set(variable, { inline: value });
        return;
      }
      this.known.set(variable, { range: rangeOf(value, this.known) });
    }
    this.expressions.emit(value);
    const local = this.code.take(typeOf(variable));
    this.code.set(local);
    this.homes.set(variable, { local });
    if (fixed) this.pointers.declare(variable);
  }

  private variable(x: Expr): void {
    const home = this.homes.get(x);
    if (!home) throw new Error(`internal: variable ${x.value} has no value`);
    if ("constant" in home) {
      this.code.i32(home.constant);
      return;
    }
    // Not through `emit`: the value belongs to another statement, whose shared nodes are not counted in this one.
    if ("inline" in home) {
      this.expressions.emit(home.inline);
      return;
    }
    this.read.add(x);
    this.code.get(home.local);
  }

  private loop(s: Stmt & { kind: "for" }): void {
    const count = Math.ceil((s.to - s.from) / s.step);
    if (count <= 0 || s.body.length === 0) return;
    if (count === 1) {
      this.once(s);
      return;
    }
    this.known.set(s.variable, { range: [s.from, s.from + (count - 1) * s.step] });
    const counter = this.code.newLocal(I32);
    this.homes.set(s.variable, { local: counter });
    this.pointers.enter(s.variable, s.from, s.step);
    const body = this.code.capture(() => this.block(s.body));
    const pointers = this.pointers.leave();
    pointers.initialize();
    this.repeat(s, counter, count, () => {
      this.code.append(body);
      pointers.advance();
    });
    pointers.release();
    this.code.release(counter);
  }

  /** A loop of one iteration is its body, with the counter a constant. */
  private once(s: Stmt & { kind: "for" }): void {
    this.known.set(s.variable, { affine: constantForm(s.from), range: [s.from, s.from] });
    this.homes.set(s.variable, { constant: s.from });
    this.block(s.body);
  }

  /** Tested at the bottom; a counter that nothing reads counts down to 0. */
  private repeat(s: Stmt & { kind: "for" }, counter: number, count: number, body: () => void): void {
    const code = this.code;
    const read = this.read.has(s.variable);
    code.i32(read ? s.from : count);
    code.set(counter);
    code.loop(() => {
      body();
      code.get(counter);
      code.addConstant(read ? s.step : -1);
      code.tee(counter);
      if (!read) return;
      code.i32(s.from + count * s.step);
      code.emit(0x47);
    });
  }
}

/** The function of a kernel. */
export function generate(kernel: Kernel, options: GenerateOptions): FunctionBuilder {
  fresh();
  const body = share(hoist(expandMath(kernel).body));
  const generator = new Generator({ ...kernel, body }, options);
  generator.run(body);
  return generator.code;
}
