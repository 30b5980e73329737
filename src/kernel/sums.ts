/**
 * @file Blocked summation. Adding n numbers one after another may lose log₂ n bits. A loop that adds more than LONGEST numbers to one variable is cut into
 * blocks of b: after each block the partial sum is added to a total and starts again from 0 (Higham 1993, §4; the error bound falls from n to b + n/b).
 *
 *     for i < 100000 { s += x[i] }       becomes       for c < 800 { for i < 125 { s += x[125c + i] }  total += s; s = 0 }  s = total + s
 *
 * The order of the additions depends on the loop bounds alone.
 */
import * as k from "./build.ts";
import type { Expr, Loop, Stmt } from "./kernel.ts";
import { assigned, bound, mapBlocks, operandsOf, renamed } from "./walk.ts";

/**
 * The most additions in a row without blocks. Sums of products may be longer than plain sums: their tiles fill all registers and have none left for a second
 * set of sums, while plain sums wait for memory anyway.
 */
const LONGEST = { sum: 128, product: 1024 } as const;

/** Cuts the long f32 sums of statements into blocks. */
export function blockSums(stmts: readonly Stmt[]): Stmt[] {
  return stmts.flatMap((s) => {
    if (s.kind !== "for") return [mapBlocks(s, blockSums)];
    const all = carried(s);
    if (all.length > 0 && iterations(s) <= longestOf(s)) return [s];
    if (all.length === 0) return [mapBlocks(s, blockSums)];
    const sums = all.filter((v) => v.dtype === "f32" && additions(s.body, v) !== undefined);
    return sums.length > 0 ? blockLoop(s, sums) : [s];
  });
}

/** Variables from outside the loop that it changes. */
function carried(loop: Loop): Expr[] {
  const own = bound(loop.body);
  return [...assigned(loop.body)].filter((v) => !own.has(v));
}

const timesOf = ({ from, to, step }: Loop): number => Math.max(0, Math.ceil((to - from) / step));

/** How often the innermost statements of a loop run. */
const iterations = (loop: Loop): number => timesOf(loop) * Math.max(1, ...loop.body.map((s) => (s.kind === "for" ? iterations(s) : 1)));

const longestOf = (loop: Loop): number => LONGEST[multiplies(loop.body) ? "product" : "sum"];

/** How many additions to a variable statements make; undefined if they do anything else with it. */
function additions(stmts: readonly Stmt[], sum: Expr): number | undefined {
  let n = 0;
  for (const s of stmts) {
    const inner = s.kind === "for" ? additions(s.body, sum) : s.kind === "if" ? undefined : ownAdditions(s, sum);
    if (inner === undefined) return undefined;
    n += s.kind === "for" ? timesOf(s) * inner : inner;
  }
  return n;
}

/** How many additions one statement makes to a variable; undefined if it does anything else with it. */
function ownAdditions(s: Stmt, sum: Expr): number | undefined {
  if (s.kind === "set" && s.variable === sum) {
    const { op, args } = s.value;
    const rest = op === "add" && args[0] === sum ? [args[1]!] : op === "fma" && args[2] === sum ? args.slice(0, 2) : undefined;
    return rest && !rest.some((x) => mentions(x, sum, new Set())) ? 1 : undefined;
  }
  const operands = operandsOf(s);
  return operands.some((x) => mentions(x, sum, new Set())) ? undefined : 0;
}

function mentions(x: Expr, variable: Expr, seen: Set<Expr>): boolean {
  if (x === variable) return true;
  if (seen.has(x)) return false;
  seen.add(x);
  return x.args.some((arg) => mentions(arg, variable, seen));
}

function multiplies(stmts: readonly Stmt[]): boolean {
  return stmts.some((s) => (s.kind === "for" ? multiplies(s.body) : s.kind === "set" && s.value.op === "fma"));
}

/** Cuts a loop that adds to `sums` into blocks if it is long. */
function blockLoop(loop: Loop, sums: readonly Expr[]): Stmt[] {
  const times = timesOf(loop);
  const each = Math.max(...sums.map((v) => additions(loop.body, v)!));
  const longest = longestOf(loop);
  if (times * each <= longest) return [loop];
  const zero = (v: Expr): Expr => k.splat(k.float(0), v.lanes);
  const totals = sums.map((v) => k.bind(zero(v)));
  const putAside = sums.flatMap((v, i) => {
    const total = totals[i]!.variable;
    return [k.set(total, k.add(total, v)), k.set(v, zero(v))];
  });
  const finish = sums.map((v, i) => k.set(v, k.add(totals[i]!.variable, v)));
  // The blocks are summed one after another too: √n of √n numbers each are best.
  const most = Math.max(1, Math.floor(Math.max(longest, Math.sqrt(times * each)) / each));
  const size = loop.within ? 1 : blockSize(times, most);
  const body = each > longest ? blockSums(loop.body) : loop.body;
  const blocks = size === 1 ? [{ ...loop, body: [...body, ...putAside] }] : split({ ...loop, body }, times, size, putAside);
  return [...totals.map((t) => t.statement), ...blocks, ...finish];
}

/** Iterations of a block: a divisor of all iterations if there is one of a good size. */
function blockSize(times: number, most: number): number {
  for (let size = most; size > most / 4; size--) if (times % size === 0) return size;
  return most;
}

/** The loop as a loop over whole blocks, followed by the remaining iterations. */
function split(loop: Loop, times: number, size: number, putAside: readonly Stmt[]): Stmt[] {
  const { from, step, to, variable } = loop;
  const length = size * step;
  const whole = Math.floor(times / size);
  const inner = (start: Expr): Stmt => k.forLoop(length, (i) => renamed(loop.body, new Map([[variable, k.add(start, i)]])), { step });
  const stop = from + whole * length;
  const blocks = k.forLoop(stop, (start) => [inner(start), ...putAside], { from, step: length });
  if (stop >= to) return [blocks];
  const rest = k.forLoop(to, (i) => renamed(loop.body, new Map([[variable, i]])), { from: stop, step });
  return [blocks, rest, ...putAside];
}
