/** @file Timing and output, by the rules of the peers' harness: warm up, then repeat for a second or more; median and minimum. */

import { formatProfile, profile } from "nabla";

export interface BenchOptions {
  /** Seconds to repeat for. Default 1. */
  readonly sec?: number;
  /** Least number of repetitions. Default 5. */
  readonly minN?: number;
  /** The function does the work this many times over; times are given for one. Default 1. */
  readonly per?: number;
  /** Work per call in 10⁹ floating-point operations, for the reports. */
  readonly gflop?: number;
}

export type Row = Readonly<Record<string, string | number>>;

const WARM_MS = 300;
const CAP_MS = 12_000;
/** Beyond this a single call says enough. */
const SLOW_MS = 6_000;

const fiveDigits = (x: number): number => Math.round(x * 1e5) / 1e5;

export class Harness {
  readonly #peer: string;
  readonly #threads: number;
  readonly #profiled: string | undefined;

  /** With a name to profile, that workload's kernels are timed and printed, and nothing else is done. */
  constructor(peer: string, threads: number, profiled?: string) {
    this.#peer = peer;
    this.#threads = threads;
    this.#profiled = profiled;
  }

  /** Prints one JSON line. */
  out(row: Row): void {
    console.log(JSON.stringify({ peer: this.#peer, threads: this.#threads, ...row }));
  }

  /** A workload that could not be done. */
  fail(w: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (process.env.DEBUG) console.error(error);
    this.out({ w, error: message.replaceAll(/\s+/g, " ").slice(0, 160) });
  }

  /** The process's largest memory so far. */
  rss(w: string): void {
    this.out({ w, mib: Math.round(process.resourceUsage().maxRSS / 1024) });
  }

  /** Times a workload. `make` prepares it (untimed) and returns what is repeated. */
  bench(w: string, make: () => () => unknown, options: BenchOptions = {}): void {
    if (this.#profiled !== undefined && this.#profiled !== w) return;
    try {
      const fn = make();
      if (this.#profiled !== undefined) {
        printProfile(fn);
        return;
      }
      const { per = 1, gflop } = options;
      const times = measure(fn, options).sort((a, b) => a - b);
      const row = { w, median_ms: fiveDigits(times[times.length >> 1] / per), min_ms: fiveDigits(times[0] / per), n: times.length };
      this.out(gflop === undefined ? row : { ...row, gflop });
    } catch (error) {
      this.fail(w, error);
    }
  }
}

/** The table of kernels, and their text, the slowest first. */
function printProfile(fn: () => unknown): void {
  fn();
  const rows = profile(fn);
  console.log(formatProfile(rows));
  const texts = new Set(rows.sort((a, b) => b.ms * b.calls - a.ms * a.calls).map((r) => r.text));
  for (const text of texts) console.log(`\n${text}`);
}

function timed(fn: () => unknown): number {
  const start = performance.now();
  fn();
  return performance.now() - start;
}

/** Milliseconds of each call, after warming up. */
function measure(fn: () => unknown, { sec = 1, minN = 5 }: BenchOptions): number[] {
  const warmStart = performance.now();
  let last = 0;
  for (let k = 0; k < 2 || performance.now() - warmStart < WARM_MS; k++) {
    last = timed(fn);
    // The first call compiles, and runs code that is not optimized yet: it never stands for the others.
    if (k > 0 && (last > SLOW_MS || performance.now() - warmStart > 8_000)) break;
  }
  if (last > SLOW_MS) return [last];
  const times: number[] = [];
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  while ((times.length < minN || elapsed() < sec * 1e3) && elapsed() < CAP_MS) times.push(timed(fn));
  return times;
}

let seed = 12345;

/** Deterministic numbers, nearly normal (a sum of four uniforms), times `scale`. */
export function randn(n: number, scale = 1): Float32Array {
  const values = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let v = 0;
    for (let k = 0; k < 4; k++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      v += (seed >>> 8) / 16777216;
    }
    values[i] = (v - 2) * 1.732 * scale;
  }
  return values;
}
