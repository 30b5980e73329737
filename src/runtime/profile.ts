/**
 * @file The profiler: times each kernel of the programs that ran by itself, at its own addresses, and compares it with the time that its arithmetic and its bytes
 * need at least (roofline model: Williams et al. 2009).
 */
import { fn as aFunction, check, listOf, object } from "../base/check.ts";
import { byteSize } from "../base/dtype.ts";
import type { Address, Expr, Loop, Program, Step, Stmt } from "../kernel/kernel.ts";
import { printKernel } from "../kernel/print.ts";
import { meaningOf } from "../kernel/scalar.ts";
import { eachExpr, eachStmt, operandsOf } from "../kernel/walk.ts";
import type { Arena } from "./arena.ts";
import { observer, theBackend } from "./backends.ts";
import { measureRoofline, type Roofline, timeOf } from "./roofline.ts";

/** The profile of one call site of a kernel. */
export interface KernelProfile {
  readonly name: string;
  /** The kernel in the loop language. */
  readonly text: string;
  /** Its machine code as text, if the backend has any. */
  readonly code?: string;
  /** Calls while `fn` ran. */
  readonly calls: number;
  /** Milliseconds of one call, the median of several. */
  readonly ms: number;
  /** Floating-point operations of one call: a multiply-add is two, an exponential or tanh counts as none. */
  readonly flops: number;
  /** Bytes of the buffers that it reads and writes, each counted once. */
  readonly bytes: number;
  /** Milliseconds of one call at the peak rates of the machine: of its arithmetic or of its bytes, whichever takes longer. */
  readonly leastMs: number;
}

/** The most programs that are profiled. */
const MOST_PROGRAMS = 256;

/** A program that ran, at the addresses of its last run. */
interface Ran {
  readonly arena: Arena;
  readonly bases: Uint32Array;
  readonly runs: number;
}

/**
 * Runs `fn` once, then each kernel of the programs that it ran (the first 256) several times by itself. Do not use the values of cells that `fn` updates
 * afterwards: their kernels have run more often than their program.
 */
export function profile(fn: () => unknown): KernelProfile[] {
  check("profile: fn", fn, aFunction);
  const found = new Map<Program, Ran>();
  observer.ran = (program, arena, bases) => {
    const before = found.get(program);
    if (!before && found.size >= MOST_PROGRAMS) return;
    found.set(program, { arena, bases: bases.slice(), runs: (before?.runs ?? 0) + 1 });
  };
  try {
    fn();
  } finally {
    observer.ran = undefined;
  }
  const [first] = found.values();
  if (!first) return [];
  const roof = measureRoofline(first.arena);
  return [...found].flatMap(([program, ran]) => profileProgram(program, ran, roof));
}

/** Times the kernels of one program, in its own memory. */
function profileProgram(program: Program, { arena, bases, runs }: Ran, roof: Roofline): KernelProfile[] {
  const kernels = theBackend().kernels(program, arena.memory);
  const listing = theBackend().listing?.(program, arena.memory);
  return flatten(program.steps, runs).map(({ kernel: n, args, calls }) => {
    const kernel = program.kernels[n]!;
    const addresses = args.map(({ binding, offset }) => bases[binding]! + offset);
    const flops = flopsOf(kernel.body);
    const bytes = kernel.buffers.reduce((sum, b) => sum + b.length * byteSize(b.dtype), 0);
    return {
      name: kernel.name,
      text: printKernel(kernel),
      ...(listing?.[n] === undefined ? {} : { code: listing[n] }),
      calls,
      ms: timeOf(() => kernels[n]!(...addresses)),
      flops,
      bytes,
      leastMs: Math.max(flops / roof.flops, bytes / roof.bandwidth(bytes)),
    };
  });
}

/** All kernel calls of steps; a call in a loop is listed once, with its number of iterations. */
function flatten(steps: readonly Step[], calls: number): { kernel: number; args: readonly Address[]; calls: number }[] {
  return steps.flatMap((s) => {
    if (s.kind === "call") return [{ kernel: s.kernel, args: s.args, calls }];
    if (s.kind === "loop") return flatten(s.body, calls * s.length);
    if (s.kind === "while") return [...flatten(s.test, calls), ...flatten(s.body, calls)];
    return s.kind === "branch" ? flatten(s.then, calls) : [];
  });
}

const ARITHMETIC: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "min", "max", "neg", "abs", "sqrt", "fma"]);

/** Floating-point operations of statements. `at` has the values of counters on which loop bounds inside depend. */
function flopsOf(stmts: readonly Stmt[], at: ReadonlyMap<Expr, number> = new Map()): number {
  let total = 0;
  for (const s of stmts) {
    if (s.kind === "for") total += loopFlops(s, at);
    else if (s.kind === "if") total += flopsOf(s.then, at);
    eachExpr(operandsOf(s), (x) => {
      if (ARITHMETIC.has(x.op) && (x.dtype === "f32" || x.dtype === "f64")) total += x.lanes * (x.op === "fma" ? 2 : 1);
    });
  }
  return total;
}

/** Floating-point operations of a loop, over all its iterations. */
function loopFlops(loop: Loop, at: ReadonlyMap<Expr, number>): number {
  const { variable, from, to, step, within, body } = loop;
  const [low, high] = within ? within.map((x) => evaluate(x, at)) : [from, to];
  const first = Math.max(from, low!);
  const values = Array.from({ length: Math.max(0, Math.ceil((Math.min(to, high!) - first) / step)) }, (_, i) => first + i * step);
  if (!bounds(body, variable)) return values.length * flopsOf(body, at);
  return values.reduce((sum, value) => sum + flopsOf(body, new Map([...at, [variable, value]])), 0);
}

/** Returns true if a loop in the statements leaves out iterations by a counter. */
function bounds(stmts: readonly Stmt[], counter: Expr): boolean {
  let found = false;
  eachStmt(stmts, (s) => {
    if (s.kind === "for") eachExpr(s.within ?? [], (x) => (found ||= x === counter));
  });
  return found;
}

/** The value of a scalar integer expression, given the values of counters. */
function evaluate(x: Expr, at: ReadonlyMap<Expr, number>): number {
  if (x.op === "const") return x.value;
  if (x.op === "variable") return at.get(x)!;
  const args = x.args.map((arg) => evaluate(arg, at));
  return x.op === "select" ? args[args[0] ? 1 : 2]! : meaningOf(x.op, x.args[0]!.dtype)!(...args);
}

/** A table of kernels, the slowest first: share of the total time, GFLOP/s, GB/s, and the least possible time as a share of the measured time. */
export function formatProfile(rows: readonly KernelProfile[]): string {
  check("formatProfile: rows", rows, listOf(object));
  const sum = (of: (row: KernelProfile) => number): number => rows.reduce((total, row) => total + of(row) * row.calls, 0);
  const whole = sum((row) => row.ms);
  const cells = [...rows]
    .sort((a, b) => b.ms * b.calls - a.ms * a.calls)
    .map((r) => [
      (r.ms * r.calls).toFixed(4),
      percent(r.ms * r.calls, whole),
      String(r.calls),
      (r.flops / r.ms / 1e6).toFixed(1),
      (r.bytes / r.ms / 1e6).toFixed(1),
      percent(r.leastMs, r.ms),
      r.name,
    ]);
  const least = sum((row) => row.leastMs);
  return [
    [
      "ms",
      "share",
      "calls",
      "GFLOP/s",
      "GB/s",
      "of peak",
      `kernel (${whole.toFixed(3)} ms in all, ${least.toFixed(3)} at the machine's peak)`,
    ],
    ...cells,
  ]
    .map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padStart(9))).join("  "))
    .join("\n");
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
