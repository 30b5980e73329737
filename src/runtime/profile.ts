/**
 * @file Where the time of a step goes: each kernel of the programs that ran, timed by itself at its own addresses, beside the arithmetic and the bytes that it cannot
 * do without (the roofline of Williams et al. 2009).
 */
import { byteSize } from "../base/dtype.ts";
import { features, instantiate } from "../codegen/wasm/instantiate.ts";
import { compileProgram } from "../codegen/wasm/program.ts";
import type { Address, Program, Step, Stmt } from "../kernel/kernel.ts";
import { printKernel } from "../kernel/print.ts";
import { eachExpr, operandsOf } from "../kernel/walk.ts";
import type { Arena } from "./arena.ts";
import { observer } from "./backend.ts";

/** A kernel at one place of a program. */
export interface KernelProfile {
  readonly name: string;
  /** The kernel in the loop language. */
  readonly text: string;
  /** Calls in one run of the program. */
  readonly calls: number;
  /** Milliseconds of one call, the median of several. */
  readonly ms: number;
  /** Floating-point operations of one call: a multiply-add is two. */
  readonly flops: number;
  /** Bytes of the buffers that it reads and writes, each counted once. */
  readonly bytes: number;
}

const SAMPLES = 5;
const LEAST_MS = 3;

/**
 * Runs `fn` once, then each kernel of the programs that it ran several times by itself. Values of cells that `fn` updates are not to be used afterwards:
 * their kernels have run more often than their program.
 */
export function profile(fn: () => unknown): KernelProfile[] {
  const runs: { program: Program; arena: Arena; bindings: number }[] = [];
  observer.ran = (program, arena, bindings) => runs.push({ program, arena, bindings });
  try {
    fn();
  } finally {
    observer.ran = undefined;
  }
  return runs.flatMap(({ program, arena, bindings }) => profileProgram(program, arena, bindings));
}

function profileProgram(program: Program, arena: Arena, bindings: number): KernelProfile[] {
  const { kernels } = instantiate(
    compileProgram(program, { sharedMemory: arena.shared, relaxed: features().relaxed }),
    arena.memory,
    program.hosts,
  );
  return flatten(program.steps, 1).map(({ kernel: n, args, calls }) => {
    const kernel = program.kernels[n]!;
    const addresses = args.map((a) => addressOf(a, arena, bindings));
    return {
      name: kernel.name,
      text: printKernel(kernel),
      calls,
      ms: timeOf(() => kernels[n]!(...addresses)),
      flops: flopsOf(kernel.body),
      bytes: kernel.buffers.reduce((sum, b) => sum + b.length * byteSize(b.dtype), 0),
    };
  });
}

/** Calls of kernels, those in loops with the number of their iterations. */
function flatten(steps: readonly Step[], calls: number): { kernel: number; args: readonly Address[]; calls: number }[] {
  return steps.flatMap((s) => {
    if (s.kind === "call") return [{ kernel: s.kernel, args: s.args, calls }];
    if (s.kind === "loop") return flatten(s.body, calls * s.length);
    if (s.kind === "while") return [...flatten(s.test, calls), ...flatten(s.body, calls)];
    return s.kind === "branch" ? flatten(s.then, calls) : [];
  });
}

const addressOf = ({ binding, offset }: Address, arena: Arena, bindings: number): number =>
  arena.view("u32", bindings, binding + 1)[binding]! + offset;

/** Milliseconds of one call. */
function timeOf(call: () => void): number {
  const batch = (n: number): number => {
    const [start, used] = [performance.now(), processorTime()];
    for (let i = 0; i < n; i++) call();
    const wall = performance.now() - start;
    // On a busy machine the processor's own time says more, where it is known and fine enough.
    return (wall > 2 ? Math.min(wall, processorTime() - used || wall) : wall) / n;
  };
  // Long enough to reach the optimizing tier.
  for (let i = 0, start = performance.now(); i < 3 || performance.now() - start < 4 * LEAST_MS; i++) call();
  const n = Math.max(1, Math.ceil(LEAST_MS / batch(1)));
  const times = Array.from({ length: SAMPLES }, () => batch(n)).sort((a, b) => a - b);
  return times[SAMPLES >> 1]!;
}

/** Milliseconds of processor time that this process has used; 0 where nobody tells. */
function processorTime(): number {
  const used = (globalThis as { process?: { cpuUsage?: () => { user: number; system: number } } }).process?.cpuUsage?.();
  return used ? (used.user + used.system) / 1e3 : 0;
}

const ARITHMETIC: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "min", "max", "neg", "abs", "sqrt", "fma"]);

function flopsOf(stmts: readonly Stmt[]): number {
  let total = 0;
  for (const s of stmts) {
    if (s.kind === "for") total += Math.max(0, Math.ceil((s.to - s.from) / s.step)) * flopsOf(s.body);
    else if (s.kind === "if") total += flopsOf(s.then);
    eachExpr(operandsOf(s), (x) => {
      if (ARITHMETIC.has(x.op) && (x.dtype === "f32" || x.dtype === "f64")) total += x.lanes * (x.op === "fma" ? 2 : 1);
    });
  }
  return total;
}

/** A table of kernels, the slowest first, with shares of the whole, GFLOP/s and GB/s. */
export function formatProfile(rows: readonly KernelProfile[]): string {
  const whole = rows.reduce((sum, r) => sum + r.ms * r.calls, 0);
  const lines = [...rows]
    .sort((a, b) => b.ms * b.calls - a.ms * a.calls)
    .map((r) =>
      [
        (r.ms * r.calls).toFixed(4).padStart(10),
        `${((100 * r.ms * r.calls) / whole).toFixed(1)} %`.padStart(7),
        String(r.calls).padStart(6),
        (r.flops / r.ms / 1e6).toFixed(1).padStart(8),
        (r.bytes / r.ms / 1e6).toFixed(1).padStart(8),
        `  ${r.name}`,
      ].join(" "),
    );
  return [`${"ms".padStart(10)}   share  calls  GFLOP/s     GB/s   kernel (${whole.toFixed(3)} ms in all)`, ...lines].join("\n");
}
