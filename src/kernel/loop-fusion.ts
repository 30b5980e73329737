/**
 * @file Loops that go over the same elements one after another as one loop (loop fusion: Allen & Kennedy 2002, §6.2), so that a pass over memory serves
 * several sums and results:
 *
 *     for j { e[j] = exp(x[j]) }   for j { s += e[j] }       becomes       for j { t = exp(x[j]); e[j] = t; s += t }
 *
 * A loop joins an earlier one of the same range under two conditions. It may be moved in front of all statements in between. And no iteration of one loop
 * touches what a different iteration of the other loop writes.
 */
import { affineLanes, affineOf, type Known, type Range, rangeOfTerms } from "./affine.ts";
import * as k from "./build.ts";
import type { Expr, Kernel, Loop, Stmt } from "./kernel.ts";
import { type Target, WASM } from "./target.ts";
import { assigned, blocksOf, bound, eachExpr, eachStmt, mapBlocks, mapOperands, operandsOf, renamed, rewrite } from "./walk.ts";

/** The elements of a buffer that a statement touches: Σ terms + low to Σ terms + high. Without terms it may be any element. */
interface Access {
  readonly buffer: number;
  readonly writes: boolean;
  readonly terms?: ReadonlyMap<Expr, number>;
  readonly low: number;
  readonly high: number;
}

/** What is known of the loops that may be fused. */
interface Rules {
  /** Returns true if two buffers may be the same memory. */
  readonly mayShare: (a: number, b: number) => boolean;
  /** Loops that contain loops are fused only if some of these are fused too. */
  readonly foldsApart?: boolean;
}

/** Fuses the loops of a kernel that are marked with `joins`. Two buffers of the same length count as possibly the same memory. */
export function fuseMarkedLoops(kernel: Kernel, { tiling: { foldsApart } }: Target = WASM): Kernel {
  const rules: Rules = { mayShare: (a, b) => kernel.buffers[a]!.length === kernel.buffers[b]!.length, foldsApart };
  const within = (block: readonly Stmt[]): Stmt[] => {
    // The nests of a pass over rows are contiguous, behind the loops that set the sums over rows to 0.
    const start = block.findLastIndex((s) => s.kind === "for" && !s.joins) + 1;
    const [before, nests] = [block.slice(0, start).map((s) => mapBlocks(s, within)), block.slice(start)];
    return [
      ...before,
      ...(nests.some((s) => s.kind === "for") ? forward(fuseLoops(nests, rules)) : nests.map((s) => mapBlocks(s, within))),
    ];
  };
  return { ...kernel, body: within(kernel.body) };
}

/** Fuses the loops among statements and in their blocks. The statements run one after another, before as after. */
export function fuseLoops(stmts: readonly Stmt[], rules: Rules): Stmt[] {
  const done: Stmt[] = [];
  for (const s of stmts) {
    const at = s.kind === "for" ? partnerOf(s, done, rules) : -1;
    const first = done[at];
    if (s.kind !== "for" || first?.kind !== "for") {
      done.push(s);
      continue;
    }
    const between = done.splice(at).slice(1);
    done.push(...between.filter(isStart), fuse(first, s), ...between.filter((m) => !isStart(m)));
  }
  return done.map((s) => mapBlocks(s, (block) => fuseLoops(block, rules)));
}

/** The position of the loop that another one behind may join; -1 if there is none. */
function partnerOf(loop: Loop, before: readonly Stmt[], rules: Rules): number {
  if (!before.some((s) => s.kind === "for" && sameRange(s, loop))) return -1;
  const own = accessesOf([loop]);
  for (let i = before.length - 1; i >= 0; i--) {
    const s = before[i]!;
    if (s.kind === "for" && mayFuse(s, loop, rules)) return i;
    if (!isStart(s) && !mayPass(loop, own, s, rules)) return -1;
  }
  return -1;
}

/** Returns true for the start value of a sum, which may be moved in front of anything. */
function isStart(s: Stmt): boolean {
  return s.kind === "let" && s.value.op !== "variable" && s.value.op !== "load" && s.value.args.every((x) => x.op === "const");
}

function sameRange(a: Loop, b: Loop): boolean {
  return a.from === b.from && a.to === b.to && a.step === b.step;
}

function mayFuse(first: Loop, second: Loop, rules: Rules): boolean {
  if (!sameRange(first, second)) return false;
  if (first.within || second.within || first.parallel || second.parallel || changes(first, second) || changes(second, first)) return false;
  const later = accessesOf(renamed(second.body, new Map([[second.variable, first.variable]])));
  if (!accessesOf(first.body).every((a) => later.every((b) => !dependent(a, b, rules) || staysInIteration(a, b, first)))) return false;
  return rules.foldsApart !== true || savesLoops(first, second, rules);
}

/** Returns true if the second loop contains no loops, or if some of them can be fused with those of the first. */
function savesLoops(first: Loop, second: Loop, rules: Rules): boolean {
  const count = (block: readonly Stmt[]): number => block.filter((s) => s.kind === "for").length;
  const body = [...first.body, ...renamed(second.body, new Map([[second.variable, first.variable]]))];
  return count(second.body) === 0 || count(fuseLoops(body, rules)) < count(body);
}

/** Returns true if a loop that touches `own` may go in front of a statement before it. */
function mayPass(loop: Loop, own: readonly Access[], s: Stmt, rules: Rules): boolean {
  if (changes(s, loop) || changes(loop, s)) return false;
  return accessesOf([s]).every((a) => own.every((b) => !dependent(a, b, rules) || areApart(a, b)));
}

/** Returns true if `s` binds or sets a variable that `t` uses. */
function changes(s: Stmt, t: Stmt): boolean {
  const changed = new Set([...bound([s]), ...assigned([s])]);
  const used: Expr[] = [...assigned([t])];
  eachStmt([t], (inner) => eachExpr(operandsOf(inner), (x) => x.op === "variable" && used.push(x)));
  return used.some((x) => changed.has(x));
}

/**
 * Returns true if the order of two accesses matters, of which `a` comes first. Once a kernel has written over the memory of another buffer, it does not read
 * that buffer any more; so a write never depends on later reads of another buffer.
 */
function dependent(a: Access, b: Access, { mayShare }: Rules): boolean {
  if (a.buffer === b.buffer) return a.writes || b.writes;
  return b.writes && mayShare(a.buffer, b.buffer);
}

function areApart(a: Access, b: Access): boolean {
  return sameTerms(a, b) && (a.high < b.low || b.high < a.low);
}

/** Returns true if no iteration of the loop touches by one access what a different iteration touches by the other. */
function staysInIteration(a: Access, b: Access, { variable, step }: Loop): boolean {
  const by = Math.abs(a.terms?.get(variable) ?? 0) * step;
  return sameTerms(a, b) && (by === 0 ? areApart(a, b) : Math.max(a.high - b.low, b.high - a.low) < by);
}

function sameTerms({ terms: p }: Access, { terms: q }: Access): boolean {
  return p !== undefined && q !== undefined && p.size === q.size && [...p].every(([x, c]) => q.get(x) === c);
}

/** All accesses of statements, in terms of the variables outside them. */
function accessesOf(stmts: readonly Stmt[]): Access[] {
  const known = new Map<Expr, Known>();
  const own = new Set([...bound(stmts), ...assigned(stmts)]);
  eachStmt(stmts, (s) => {
    if (s.kind === "for") known.set(s.variable, { range: [s.from, s.to - 1 - ((s.to - 1 - s.from) % s.step)] });
  });
  const found: Access[] = [];
  const add = (buffer: number, writes: boolean, index: Expr, lanes: number, mask?: Expr): unknown =>
    found.push({ buffer, writes, ...placeOf(index, firstLanes(mask, lanes), known, own) });
  eachStmt(stmts, (s) => {
    if (s.kind === "store") add(s.buffer, true, s.index, s.value.lanes, s.mask);
    eachExpr(operandsOf(s), (x) => x.op === "load" && add(x.value, false, x.args[0]!, x.lanes, x.args[1]));
  });
  return found;
}

/** How many lanes of a vector a mask leaves at most, counted from the first: the tail of a row must not count as part of the next. */
function firstLanes(mask: Expr | undefined, lanes: number): number {
  if (mask?.op !== "lt" || mask.args[0].op !== "ramp") return lanes;
  const end = mask.args[1].op === "splat" ? mask.args[1].args[0] : mask.args[1];
  return end.op === "const" ? Math.min(lanes, Math.max(1, end.value)) : lanes;
}

const ANYWHERE = { low: 0, high: 0 };

/** The elements that an index touches, in terms of the variables outside; any element if the index is not affine. */
function placeOf(
  index: Expr,
  lanes: number,
  known: ReadonlyMap<Expr, Known>,
  own: ReadonlySet<Expr>,
): Pick<Access, "terms" | "low" | "high"> {
  const form = index.lanes === 1 ? { base: affineOf(index, NOTHING), offsets: [0, lanes - 1] } : affineLanes(index, NOTHING);
  if (!form) return ANYWHERE;
  const inside = new Map([...form.base.terms].filter(([x]) => known.has(x)));
  const terms = new Map([...form.base.terms].filter(([x]) => !known.has(x)));
  const range: Range | undefined = rangeOfTerms(inside, known);
  if (!range || [...terms.keys()].some((x) => x.op !== "variable" || own.has(x))) return ANYWHERE;
  const at = form.base.constant;
  return { terms, low: at + range[0] + Math.min(...form.offsets), high: at + range[1] + Math.max(...form.offsets) };
}

const NOTHING: ReadonlyMap<Expr, Known> = new Map();
const NOTHING_HELD: ReadonlyMap<Expr, Expr> = new Map();

/** Fuses two loops of the same range. */
function fuse(first: Loop, second: Loop): Loop {
  const body = [...first.body, ...renamed(second.body, new Map([[second.variable, first.variable]]))];
  return { ...first, body: body.some((s) => blocksOf(s).length > 0) ? body : storesLast(forward(body)) };
}

/**
 * Replaces loads of what an earlier statement of the block, or of one around it, stored by the stored value: the mean of a row, the end of a row. A processor waits long for what was stored
 * under a mask a moment ago.
 */
function forward(stmts: readonly Stmt[], before: ReadonlyMap<Expr, Expr> = NOTHING_HELD, changing = assigned(stmts)): Stmt[] {
  const held = new Map(before);
  return stmts.map((s) => {
    if (held.size > 0) for (const written of accessesOf([s])) if (written.writes) forget(held, written);
    const now = mapOperands(s, (x) => rewrite(x, (y) => y, new Map(held)));
    if (now.kind !== "store") return mapBlocks(now, (block) => forward(block, held, changing));
    const { buffer, index, value, mask } = now;
    if (value.op !== "variable" || value.dtype !== "f32" || changing.has(value)) return now;
    const { lanes } = value;
    if (mask) held.set(k.load(buffer, "f32", index, { lanes, mask }), k.select(mask, value, k.float(0)));
    else held.set(k.load(buffer, "f32", index, { lanes }), value);
    return now;
  });
}

/** Forgets the stored elements that are written over. */
function forget(held: Map<Expr, Expr>, written: Access): void {
  for (const x of held.keys())
    if (
      x.value === written.buffer &&
      !accessesOf([k.store(x.value, x.args[0]!, x)])
        .filter((a) => a.writes)
        .every((a) => areApart(a, written))
    )
      held.delete(x);
}

/** Moves stores to the end of the block, so that equal loads before and after them can be shared; leaves the block as it is if a load depends on a store. */
function storesLast(stmts: readonly Stmt[]): Stmt[] {
  const waits = stmts.some((s, i) => {
    if (s.kind !== "store") return false;
    const [written] = accessesOf([s]);
    const loads = accessesOf(stmts.slice(i + 1).filter((t) => t.kind !== "store"));
    return loads.some((a) => a.buffer === written!.buffer && !areApart(a, written!));
  });
  if (waits) return [...stmts];
  return [...stmts.filter((s) => s.kind !== "store"), ...stmts.filter((s) => s.kind === "store")];
}
