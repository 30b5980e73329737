/**
 * @file The oracle: runs kernels and programs in JavaScript, with f32 rounding after every operation and every access checked. A kernel is
 * turned into the source text of one JavaScript function; a vector is a variable for each lane. What the operators mean comes from `scalar.ts`,
 * except that the commonest are spelled out, which V8 compiles far better than calls through closures.
 *
 * The kernel is interpreted after `expandMath`, so that it computes the same polynomials as the code generators do.
 */
import { byteSize, type TypedArray, viewOf } from "../base/dtype.ts";
import { closuresOf } from "./closures.ts";
import type { Address, Expr, HostCall, Kernel, Program, Step, Stmt } from "./kernel.ts";
import { expandMath } from "./math.ts";
import { bitcastMeaning, castMeaning, type Meaning, meaningOf } from "./scalar.ts";

/** Runs a compiled kernel on one typed array per buffer. */
type Run = (buffers: readonly TypedArray[]) => void;

/** `op dtype` → source text from operand texts. Must agree with `meaningOf`; a test compares them. */
const INLINE: Readonly<Record<string, (a: string, b: string, c: string) => string>> = {
  "add f32": (a, b) => `fround(${a} + ${b})`,
  "sub f32": (a, b) => `fround(${a} - ${b})`,
  "mul f32": (a, b) => `fround(${a} * ${b})`,
  "div f32": (a, b) => `fround(${a} / ${b})`,
  "fma f32": (a, b, c) => `fround(${a} * ${b} + ${c})`,
  "add i32": (a, b) => `(${a} + ${b}) | 0`,
  "sub i32": (a, b) => `(${a} - ${b}) | 0`,
  "mul i32": (a, b) => `Math.imul(${a}, ${b})`,
  "and i32": (a, b) => `${a} & ${b}`,
  "shl i32": (a, b) => `${a} << ${b}`,
  "add f64": (a, b) => `${a} + ${b}`,
  "mul f64": (a, b) => `${a} * ${b}`,
};

/** Writes the source of one kernel. */
class Writer {
  readonly lines: string[] = [];
  /** Functions that the source calls, as parameters f0, f1, ... */
  readonly functions: Meaning[] = [];
  private readonly functionNames: Map<string, string> = new Map();
  private readonly kernel: Kernel;
  private temporaries = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  block(stmts: readonly Stmt[]): void {
    for (const s of stmts) this.statement(s);
  }

  /** Writes the source of a statement. */
  private statement(s: Stmt): void {
    // Values live for one statement: the next evaluates anew.
    const values = new Map<Expr, readonly string[]>();
    switch (s.kind) {
      case "for": {
        const v = variableNames(s.variable)[0]!;
        const bounds = s.within?.map((x) => this.expr(x, values)[0]!);
        // Bounds are computed once: the body may write what they read.
        if (bounds) this.lines.push(`const ${v}_low = ${bounds[0]}, ${v}_high = ${bounds[1]};`);
        this.lines.push(`for (let ${v} = ${s.from}; ${v} < ${s.to}; ${v} += ${s.step}) {`);
        if (bounds) this.lines.push(`if (${v} < ${v}_low || ${v} >= ${v}_high) continue;`);
        this.block(s.body);
        this.lines.push("}");
        return;
      }
      case "let":
      case "set": {
        const value = this.expr(s.value, values);
        const names = variableNames(s.variable);
        // All lanes are computed before any is assigned: a value may permute the lanes of its own variable.
        for (const [i, name] of names.entries()) this.lines.push(`${s.kind === "let" ? "let " : ""}${name} = ${value[i]};`);
        return;
      }
      case "store":
        this.store(s, values);
        return;
      case "if": {
        const [condition] = this.expr(s.condition, values);
        this.lines.push(`if (${condition}) {`);
        this.block(s.then);
        this.lines.push("} else {");
        this.block(s.otherwise);
        this.lines.push("}");
      }
    }
  }

  private store(s: Stmt & { kind: "store" }, values: Map<Expr, readonly string[]>): void {
    const value = this.expr(s.value, values);
    const index = this.expr(s.index, values);
    const mask = s.mask && this.expr(s.mask, values);
    for (const [i, v] of value.entries()) {
      const condition = mask ? `if (${mask[i]}) ` : "";
      this.lines.push(`${condition}b${s.buffer}[${this.checked(s.buffer, laneIndex(index, i))}] = ${v};`);
    }
  }

  private checked(buffer: number, index: string): string {
    return `at(${index}, ${this.kernel.buffers[buffer]!.length}, ${buffer})`;
  }

  private define(source: string): string {
    const name = `x${this.temporaries++}`;
    this.lines.push(`const ${name} = ${source};`);
    return name;
  }

  /** The variables (or literals) that hold the lanes of `x`. */
  private expr(x: Expr, values: Map<Expr, readonly string[]>): readonly string[] {
    const known = values.get(x);
    if (known) return known;
    const args = x.args.map((arg) => this.expr(arg, values));
    const result = this.compute(x, args);
    values.set(x, result);
    return result;
  }

  /** The source text of each lane of an expression, given those of its operands. */
  private compute(x: Expr, args: readonly (readonly string[])[]): readonly string[] {
    switch (x.op) {
      case "const":
        return [literal(x.value)];
      case "ramp":
        return Array.from({ length: x.lanes }, (_, i) => String(i));
      case "variable":
        return variableNames(x);
      case "splat":
        return Array<string>(x.lanes).fill(args[0]![0]!);
      case "lane":
        return [args[0]![x.value]!];
      case "fold":
        return this.fold(x, args[0]!);
      case "load":
        return this.lanes(x, (i) => {
          const read = `b${x.value}[${this.checked(x.value, laneIndex(args[0]!, i))}]`;
          return args[1] ? `${args[1][i]} ? ${read} : 0` : read;
        });
      case "select":
        return this.lanes(x, (i) => `${args[0]![i]} ? ${args[1]![i]} : ${args[2]![i]}`);
      default:
        return this.lanes(x, (i) =>
          this.apply(
            x,
            args.map((lanes) => lanes[i]!),
          ),
        );
    }
  }

  private lanes(x: Expr, source: (i: number) => string): readonly string[] {
    return Array.from({ length: x.lanes }, (_, i) => this.define(source(i)));
  }

  private fold(x: Expr, lanes: readonly string[]): readonly string[] {
    const f = this.meaning(`${x.fold} ${x.dtype}`, () => meaningOf(x.fold!, x.dtype));
    let rest = lanes;
    while (rest.length > 1) rest = rest.flatMap((a, i) => (i % 2 === 0 ? [`${f}(${a}, ${rest[i + 1]})`] : []));
    return [this.define(rest[0]!)];
  }

  private apply(x: Expr, args: readonly string[]): string {
    const from = x.args[0]!.dtype;
    const inline = INLINE[`${x.op} ${from}`];
    if (inline) return inline(args[0]!, args[1]!, args[2]!);
    if (x.op === "cast") return `${this.meaning(`cast ${from} ${x.dtype}`, () => castMeaning(from, x.dtype))}(${args[0]})`;
    if (x.op === "bitcast") return `${this.meaning(`bitcast ${from} ${x.dtype}`, () => bitcastMeaning(from, x.dtype))}(${args[0]})`;
    return `${this.meaning(`${x.op} ${from}`, () => meaningOf(x.op, from))}(${args.join(", ")})`;
  }

  /** The parameter through which the source calls a function. */
  private meaning(key: string, find: () => Meaning | undefined): string {
    const known = this.functionNames.get(key);
    if (known) return known;
    const f = find();
    if (!f) throw new Error(`internal: the kernel language has no ${key}`);
    const name = `f${this.functions.length}`;
    this.functions.push(f);
    this.functionNames.set(key, name);
    return name;
  }
}

function variableNames(x: Expr): readonly string[] {
  return x.lanes === 1 ? [`v${x.value}`] : Array.from({ length: x.lanes }, (_, i) => `v${x.value}_${i}`);
}

/** With a scalar index the lanes are consecutive. */
function laneIndex(index: readonly string[], i: number): string {
  if (index.length > 1) return index[i]!;
  return i === 0 ? index[0]! : `${index[0]} + ${i}`;
}

function literal(value: number): string {
  if (Object.is(value, -0)) return "-0";
  return value < 0 ? `(${value})` : String(value);
}

const compiled: WeakMap<Kernel, Run> = new WeakMap();

/** Compiles a kernel, from source text or to closures; each kernel once. */
function compile(kernel: Kernel): Run {
  const known = compiled.get(kernel);
  if (known) return known;
  const { body } = expandMath(kernel);
  const run = codeFromText() ? written(kernel, body) : closuresOf(kernel, body, checker(kernel));
  compiled.set(kernel, run);
  return run;
}

let allowed: boolean | undefined;

/** Returns true if the host compiles text to functions; a page with a strict Content-Security-Policy does not. */
function codeFromText(): boolean {
  try {
    allowed ??= new Function("return true")() === true;
  } catch {
    allowed = false;
  }
  return allowed;
}

/** For tests: false runs kernels as closures, true as generated code; undefined leaves the choice to what the host allows. */
export function allowCodeFromText(on: boolean | undefined): void {
  allowed = on;
}

const checker =
  ({ name }: Kernel) =>
  (index: number, length: number, buffer: number): number => {
    if (index >= 0 && index < length) return index;
    throw new Error(`internal: kernel ${name}: index ${index} is outside buffer b${buffer} of ${length} elements`);
  };

/** Compiles statements from source text. */
function written(kernel: Kernel, body: readonly Stmt[]): Run {
  const writer = new Writer(kernel);
  writer.block(body);
  const names = kernel.buffers.map((_, i) => `b${i}`);
  const source = `const fround = Math.fround;\nreturn ([${names.join(", ")}]) => {\n${writer.lines.join("\n")}\n};`;
  const parameters = writer.functions.map((_, i) => `f${i}`);
  return new Function("at", ...parameters, source)(checker(kernel), ...writer.functions) as Run;
}

/** Runs one kernel; `buffers` are typed arrays of the kernel's buffers' dtypes, at least as long. */
export function runKernel(kernel: Kernel, buffers: readonly TypedArray[]): void {
  if (buffers.length !== kernel.buffers.length)
    throw new Error(`internal: kernel ${kernel.name} has ${kernel.buffers.length} buffers, ${buffers.length} given`);
  compile(kernel)(buffers);
}

/** Runs a program over one arena: the u32 words at `bindingAddress` hold the base address of each binding. */
export function interpret(program: Program, memory: { readonly buffer: ArrayBufferLike }, bindingAddress: number): void {
  const bindings = viewOf("u32", memory.buffer, bindingAddress, program.bindings);
  const bytes = new Uint8Array(memory.buffer);
  const resolve = (address: Address, iteration: readonly number[]): number =>
    iteration.reduce((sum, n, depth) => sum + n * (address.strides?.[depth] ?? 0), bindings[address.binding]! + address.offset);
  const steps = (list: readonly Step[], iteration: readonly number[]): void => {
    for (const s of list) step(s, iteration);
  };
  const step = (s: Step, iteration: readonly number[]): void => {
    switch (s.kind) {
      case "call":
        callKernel(
          program.kernels[s.kernel]!,
          s.args.map((a) => resolve(a, iteration)),
          memory.buffer,
        );
        return;
      case "host":
        callHost(
          program.hosts![s.host]!,
          s.args.map((a) => resolve(a, iteration)),
          memory.buffer,
        );
        return;
      case "copy": {
        const from = resolve(s.from, iteration);
        bytes.copyWithin(resolve(s.to, iteration), from, from + s.bytes);
        return;
      }
      case "loop":
        for (let n = 0; n < s.length; n++) steps(s.body, [...iteration, s.reverse ? s.length - 1 - n : n]);
        return;
      case "while":
        for (;;) {
          steps(s.test, iteration);
          if (!bytes[resolve(s.predicate, iteration)]) return;
          steps(s.body, iteration);
        }
      case "branch":
        steps(bytes[resolve(s.predicate, iteration)] ? s.then : s.otherwise, iteration);
    }
  };
  steps(program.steps, []);
}

/** Runs a kernel on views of the memory at given byte addresses. */
function callKernel(kernel: Kernel, addresses: readonly number[], memory: ArrayBufferLike): void {
  const views = kernel.buffers.map((b, i) => {
    const address = addresses[i]!;
    if (address % byteSize(b.dtype) !== 0 || address + b.length * byteSize(b.dtype) > memory.byteLength) {
      throw new Error(`internal: kernel ${kernel.name}: buffer b${i} (${b.dtype}[${b.length}]) cannot lie at address ${address}`);
    }
    return viewOf(b.dtype, memory, address, b.length);
  });
  runKernel(kernel, views);
}

// Errors that were thrown between kernels, so that it is known what the program has written.
const harmless: WeakSet<object> = new WeakSet();

/** Notes that a program failed between its kernels and not inside one. Returns the error. */
export function markHarmless<E>(error: E): E {
  if (typeof error === "object" && error !== null) harmless.add(error);
  return error;
}

/** True if a program failed between its kernels. */
export function isHarmless(error: unknown): boolean {
  return typeof error === "object" && error !== null && harmless.has(error);
}

/** Runs a host call on the arena; code generators use it too. */
export function callHost(host: HostCall, addresses: readonly number[], memory: ArrayBufferLike): void {
  try {
    host.run(host.buffers.map((b, i) => viewOf(b.dtype, memory, addresses[i]!, b.length)));
  } catch (error) {
    throw markHarmless(error);
  }
}
