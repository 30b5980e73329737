/** @file Timing and output, by the rules of the peers' harness: warm up, then repeat for a second or more; median and minimum. In Node and in a page. */

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
  /** Bytes that a call reads and writes: adds their rate in 10⁹ bytes/s, and its ratio to that of copying a large array, measured in turns. */
  readonly bytes?: number;
}

export type Row = Readonly<Record<string, string | number>>;

const WARM_MS = 300;
const CAP_MS = 12_000;
/** Beyond this a single call says enough. */
const SLOW_MS = 6_000;

const fiveDigits = (x: number): number => Math.round(x * 1e5) / 1e5;

export interface HarnessOptions {
  /** Only this workload is run, its kernels are timed and printed, and nothing else is done. */
  readonly profiled?: string;
  /** Takes the rows. Default: each is printed as a line of JSON. */
  readonly print?: (row: Row) => void;
  /** Told of a workload before it runs. */
  readonly onStart?: (w: string) => void;
}

export class Harness {
  readonly #peer: string;
  readonly #threads: number;
  readonly #options: HarnessOptions;

  constructor(peer: string, threads: number, options: HarnessOptions = {}) {
    this.#peer = peer;
    this.#threads = threads;
    this.#options = options;
  }

  out(row: Row): void {
    const { print = (full) => console.log(JSON.stringify(full)) } = this.#options;
    print({ peer: this.#peer, threads: this.#threads, ...row });
  }

  /** A workload that could not be done. */
  fail(w: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (host()?.env.DEBUG) console.error(error);
    this.out({ w, error: message.replaceAll(/\s+/g, " ").slice(0, 160) });
  }

  /** The process's largest memory so far. */
  rss(w: string): void {
    const usage = host()?.resourceUsage();
    if (usage) this.out({ w, mib: Math.round(usage.maxRSS / 1024) });
    else this.fail(w, "a page is not told its memory");
  }

  /** Times a workload. `make` prepares it (untimed) and returns what is repeated. */
  bench(w: string, make: () => () => unknown, options: BenchOptions = {}): void {
    const { profiled, onStart } = this.#options;
    if (profiled !== undefined && profiled !== w) return;
    onStart?.(w);
    try {
      const fn = make();
      if (profiled !== undefined) {
        printProfile(fn);
        return;
      }
      const { per = 1, gflop, bytes } = options;
      const times = measure(fn, options).sort((a, b) => a - b);
      const row = { w, median_ms: fiveDigits(times[times.length >> 1] / per), min_ms: fiveDigits(times[0] / per), n: times.length };
      this.out({ ...row, ...(gflop === undefined ? {} : { gflop }), ...(bytes === undefined ? {} : rates(fn, bytes)) });
    } catch (error) {
      this.fail(w, error);
    }
  }
}

/** Floats that no cache holds. */
const COPIED = 25_000_000;
const TURNS = 15;

/** The rate at which `fn` moves bytes, and its ratio to a copy's, which reads and writes each of its bytes once. */
function rates(fn: () => unknown, bytes: number): Row {
  const [from, to] = [new Float32Array(COPIED).fill(1), new Float32Array(COPIED)];
  const turns = Array.from({ length: TURNS }, () => [timed(fn), timed(() => to.set(from))] as const);
  const median = (which: 0 | 1): number => turns.map((pair) => pair[which]).sort((a, b) => a - b)[TURNS >> 1];
  const [rate, copy] = [bytes / median(0), (2 * from.byteLength) / median(1)]; // bytes per millisecond
  return { gb_s: fiveDigits(rate / 1e6), copy_gb_s: fiveDigits(copy / 1e6), of_copy: fiveDigits(rate / copy) };
}

/** The table of kernels, and their text, the slowest first. */
function printProfile(fn: () => unknown): void {
  fn();
  const rows = profile(fn);
  console.log(formatProfile(rows));
  const texts = new Set(
    rows.sort((a, b) => b.ms * b.calls - a.ms * a.calls).map(({ text, code }) => (code === undefined ? text : `${text}\n\n${code}`)),
  );
  for (const text of texts) console.log(`\n${text}`);
}

/** Node's process; a page has none. */
const host = (): NodeJS.Process | undefined => (globalThis as { readonly process?: NodeJS.Process }).process;

/** Milliseconds of one of `calls` calls. */
function timed(fn: () => unknown, calls = 1): number {
  const start = performance.now();
  for (let i = 0; i < calls; i++) fn();
  return (performance.now() - start) / calls;
}

/** The least that the clock can tell, in ms: some 40 ns in Node, 5 µs in an isolated page, 100 µs in any other. */
function tick(): number {
  const start = performance.now();
  let now = start;
  while (now === start) now = performance.now();
  return now - start;
}

/** Calls are timed one by one where the clock is fine enough: a sample is no shorter than so many of its ticks. */
const TICKS = 20;

/** How many calls make a sample that the clock can tell. */
function callsPerSample(fn: () => unknown): number {
  const least = TICKS * Math.min(...Array.from({ length: 9 }, tick));
  let calls = 1;
  while (Math.min(...Array.from({ length: 3 }, () => timed(fn, calls) * calls)) < least) calls *= 2;
  return calls;
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
  const calls = last > 50 ? 1 : callsPerSample(fn);
  const times: number[] = [];
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  while ((times.length < minN || elapsed() < sec * 1e3) && elapsed() < CAP_MS) times.push(timed(fn, calls));
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
