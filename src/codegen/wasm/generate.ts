/**
 * @file Compiles a kernel to a WebAssembly function whose params are the byte addresses of the kernel's buffers. The kernel is first lowered
 * (`kernel/lower.ts`), then its statements are emitted in order. The function of a kernel that is divided among threads has two more params, the bounds of the
 * part of the work to do.
 */

import type { Watch } from "../../base/passes.ts";
import { affineOf, constantForm, type Known, rangeOf } from "../../kernel/affine.ts";
import { inKernel, int, max, min, variable } from "../../kernel/build.ts";
import type { Line, Stretch } from "../../kernel/division.ts";
import type { Expr, Kernel, Stmt } from "../../kernel/kernel.ts";
import { divideWork, lower } from "../../kernel/lower.ts";
import { WASM } from "../../kernel/target.ts";
import { assigned, operandsOf } from "../../kernel/walk.ts";
import { Expressions, typeOf } from "./expressions.ts";
import { MemoryAccess } from "./memory.ts";
import { FunctionBuilder, I32 } from "./module.ts";
import { orderMultiplies } from "./multiplies.ts";
import { callsHost } from "./operators.ts";
import { Pointers } from "./pointers.ts";
import { MOST_ADDRESSES, MOST_PARTS } from "./threads.ts";

/** Options of generating a function. */
export interface GenerateOptions {
  /** True if fma may be emitted as f32x4.relaxed_madd. */
  readonly relaxed: boolean;
  /** The function index of a host function. */
  readonly host: (name: string) => number;
  /** Kernels with at least this much work (see `weigh`) are divided. */
  readonly leastWork: number;
  /** Called with the kernel after each pass. */
  readonly watch?: Watch<Kernel> | undefined;
}

/** The function of a kernel; for a divided one also the length of its line of work and the number of parts that it is worth. */
export interface Generated {
  readonly code: FunctionBuilder;
  readonly parts: { readonly line: number; readonly parts: number } | undefined;
}

/** How a variable is represented: by a local, by a scalar expression that is computed at each use, or by a constant. */
type Home = { readonly local: number } | { readonly inline: Expr } | { readonly constant: number };

/** Generates the function of one kernel. */
class Generator {
  readonly code: FunctionBuilder;
  /** Conditions that always hold, see `orderMultiplies`. */
  private readonly always: readonly Expr[];
  private readonly known: Map<Expr, Known> = new Map();
  private readonly homes: Map<Expr, Home> = new Map();
  /** Loop counters that are read as values. The others have no local. */
  private readonly read: Set<Expr> = new Set();
  private readonly assigned: ReadonlySet<Expr>;
  private readonly pointers: Pointers;
  private readonly expressions: Expressions;
  private readonly memory: MemoryAccess;

  constructor(kernel: Kernel, { relaxed, host }: GenerateOptions, line: Line | undefined, always: readonly Expr[]) {
    this.code = new FunctionBuilder(Array<typeof I32>(kernel.buffers.length + (line ? 2 : 0)).fill(I32));
    this.always = always;
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

  run(body: readonly Stmt[], line: Line | undefined): void {
    const [from, to] = [this.code.params.length - 2, this.code.params.length - 1];
    const main = this.code.capture(() => (line ? this.part(body, line, from, to) : this.block(body)));
    this.code.append(this.expressions.prologue());
    this.code.append(main);
  }

  private block(stmts: readonly Stmt[], perform: (s: Stmt) => void = (s) => this.perform(s)): void {
    const locals: number[] = [];
    for (const s of stmts) {
      perform(s);
      const home = s.kind === "let" ? this.homes.get(s.variable) : undefined;
      if (home && "local" in home) locals.push(home.local);
    }
    for (const local of locals) this.code.release(local);
  }

  private perform(s: Stmt): void {
    this.expressions.statement(operandsOf(s), () => this.statement(s));
  }

  /** Emits a statement. */
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
        this.code.set(this.localOf(s.variable));
        return;
      case "store":
        this.memory.store(s);
        return;
      case "if":
        this.expressions.emit(s.condition);
        this.code.ifElse(undefined, () => this.block(s.then), s.otherwise.length > 0 ? () => this.block(s.otherwise) : undefined);
    }
  }

  /** The local of a variable that is assigned to. */
  private localOf(variable: Expr): number {
    const home = this.homes.get(variable);
    if (!home || !("local" in home)) throw new Error(`internal: variable ${variable.value} has no local`);
    return home.local;
  }

  /** Binds a variable. A constant name for address arithmetic stands for its expression; other values get a local. */
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

  /** Emits the value of a variable. */
  private variable(x: Expr): void {
    if (this.always.includes(x)) {
      this.pointers.emitTruth(this.always.indexOf(x));
      return;
    }
    const home = this.homes.get(x);
    if (!home) throw new Error(`internal: variable ${x.value} has no value`);
    if ("constant" in home) {
      this.code.i32(home.constant);
      return;
    }
    // Not through `emit`: the value belongs to another statement, whose shared nodes this statement has not counted.
    if ("inline" in home) {
      this.expressions.emit(home.inline);
      return;
    }
    this.read.add(x);
    this.code.get(home.local);
  }

  private loop(s: Stmt & { kind: "for" }, perform: () => void = () => this.block(s.body)): void {
    const count = Math.ceil((s.to - s.from) / s.step);
    if (count <= 0 || s.body.length === 0) return;
    if (s.within) {
      this.bounded(s, s.within);
      return;
    }
    if (count === 1) {
      this.once(s, perform);
      return;
    }
    this.known.set(s.variable, { range: [s.from, s.from + (count - 1) * s.step] });
    const counter = this.code.newLocal(I32);
    this.homes.set(s.variable, { local: counter });
    this.pointers.enter(s.variable, s.from, s.step);
    const body = this.code.capture(perform);
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
  private once(s: Stmt & { kind: "for" }, perform: () => void): void {
    this.known.set(s.variable, { affine: constantForm(s.from), range: [s.from, s.from] });
    this.homes.set(s.variable, { constant: s.from });
    perform();
  }

  /** A loop from 0 that leaves iterations out. */
  private bounded(s: Stmt & { kind: "for" }, [low, high]: readonly [Expr, Expr]): void {
    const { code } = this;
    const [counter, end] = [code.newLocal(I32), code.newLocal(I32)];
    this.expressions.emit(rangeOf(low, this.known)[0] >= 0 ? low : max(low, int(0)));
    code.set(counter);
    this.expressions.emit(rangeOf(high, this.known)[1] <= s.to ? high : min(high, int(s.to)));
    code.set(end);
    this.known.set(s.variable, { range: [0, s.to - 1] });
    this.homes.set(s.variable, { local: counter });
    this.pointers.enter(s.variable, 0, 1);
    const body = code.capture(() => this.block(s.body));
    const pointers = this.pointers.leave();
    code.get(counter);
    code.get(end);
    code.emit(0x48);
    code.ifElse(undefined, () => {
      pointers.initialize(counter);
      code.loop(() => {
        code.append(body);
        pointers.advance();
        code.get(counter);
        code.addConstant(1);
        code.tee(counter);
        code.get(end);
        code.emit(0x47);
      });
    });
    pointers.release();
    for (const local of [counter, end]) code.release(local);
  }

  /** Emits the part of a block between the positions in two locals. */
  private part(stmts: readonly Stmt[], { stretches }: Line, from: number, to: number): void {
    this.block(stmts, (s) => {
      const stretch = stretches.get(s);
      if (!stretch) this.perform(s);
      else if (s.kind === "for" && stretch.through) this.loop(s, this.shareOf(s, stretch.start, stretch.through, from, to));
      else if (s.kind === "for" && stretch.each) this.partOfLoop(s, stretch.start, stretch.each, from, to);
      else this.ifBegins(stretch.start, from, to, () => this.perform(s));
    });
  }

  /** Emits the part of the body of a loop that is parallel inside, between two positions on the line of the body. */
  private shareOf({ body }: Stmt & { kind: "for" }, start: number, line: Line, from: number, to: number): () => void {
    const onLine = (position: number): number => {
      const local = this.code.newLocal(I32);
      this.code.get(position);
      this.code.addConstant(-start);
      this.code.set(local);
      return local;
    };
    const low = onLine(from);
    const high = onLine(to);
    return () => this.part(body, line, low, high);
  }

  private ifBegins(start: number, from: number, to: number, body: () => void): void {
    const code = this.code;
    code.get(from);
    code.i32(start);
    code.emit(0x4c);
    code.get(to);
    code.i32(start);
    code.emit(0x4a, 0x71);
    code.ifElse(undefined, body);
  }

  /** Emits the iterations of a loop that begin between two positions; if iterations are divided themselves, also the rest of the one that began before. */
  private partOfLoop(
    s: Stmt & { kind: "for" },
    start: number,
    { length, count, inside }: NonNullable<Stretch["each"]>,
    from: number,
    to: number,
  ): void {
    const code = this.code;
    const [first, end, counter] = [code.newLocal(I32), code.newLocal(I32), code.newLocal(I32)];
    // Start and end of the part on the line of the current iteration.
    const [low, high] = [code.newLocal(I32), code.newLocal(I32)];
    this.iterationAt(from, start, length, count, inside ? 0 : length - 1);
    code.set(first);
    this.iterationAt(to, start, length, count, length - 1);
    code.set(end);
    this.known.set(s.variable, { range: [s.from, s.from + (count - 1) * s.step] });
    this.homes.set(s.variable, { local: counter });
    this.pointers.enter(s.variable, s.from, s.step);
    const body = code.capture(() => (inside ? this.part(s.body, inside, low, high) : this.block(s.body)));
    const pointers = this.pointers.leave();
    const relative = (position: number, local: number): void => {
      code.get(position);
      code.addConstant(-start);
      code.get(first);
      code.scale(length);
      code.emit(0x6b);
      code.set(local);
    };
    code.get(first);
    code.get(end);
    code.emit(0x48);
    code.ifElse(undefined, () => {
      pointers.initialize(first);
      code.get(first);
      code.scale(s.step);
      code.addConstant(s.from);
      code.set(counter);
      if (inside)
        for (const [position, local] of [
          [from, low],
          [to, high],
        ] as const)
          relative(position, local);
      code.loop(() => {
        code.append(body);
        pointers.advance();
        this.advance(counter, s.step);
        if (inside) for (const local of [low, high]) this.advance(local, -length);
        this.advance(first, 1);
        code.get(first);
        code.get(end);
        code.emit(0x47);
      });
    });
    pointers.release();
    for (const local of [first, end, counter, low, high]) code.release(local);
  }

  private advance(local: number, by: number): void {
    this.code.get(local);
    this.code.addConstant(by);
    this.code.set(local);
  }

  /** min(count, ⌊(max(position - start, 0) + round) / length⌋). */
  private iterationAt(position: number, start: number, length: number, count: number, round: number): void {
    const code = this.code;
    code.get(position);
    code.addConstant(-start);
    code.inLocal(I32, (x) => {
      code.get(x);
      code.i32(0);
      code.get(x);
      code.i32(0);
      code.emit(0x4a, 0x1b);
    });
    code.addConstant(round);
    code.i32(length);
    code.emit(0x6e);
    code.inLocal(I32, (x) => {
      code.get(x);
      code.i32(count);
      code.get(x);
      code.i32(count);
      code.emit(0x49, 0x1b);
    });
  }

  /** Emits a loop whose condition is tested at its end. A counter that nothing reads counts down to 0. */
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

/** Generates the function of a kernel. */
export function generate(kernel: Kernel, options: GenerateOptions): Generated {
  return inKernel(() => generateLowered(kernel, options));
}

/** Generates the function of a lowered kernel, divided among threads if it has enough work. */
function generateLowered(kernel: Kernel, options: GenerateOptions): Generated {
  const always = [variable("bool"), variable("bool")];
  const lowered = lower(kernel, WASM, options.watch);
  const ordered = { ...lowered, body: orderMultiplies(lowered.body, always) };
  const divided = divideWork(ordered, {
    leastWork: options.leastWork,
    mostParts: MOST_PARTS,
    mostBuffers: MOST_ADDRESSES,
    // The other threads cannot call functions of the host.
    isOfMainThread: (x) => callsHost(x.op, x.args[0]!.dtype),
  });
  const generator = new Generator(ordered, options, divided?.line, always);
  generator.run(ordered.body, divided?.line);
  return { code: generator.code, parts: divided && { line: divided.line.length, parts: divided.parts } };
}
