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
import { assigned, blocksOf, bound, eachExpr, eachStmt, mapBlocks, mapOperands, operandsOf, renamed, rewrite } from "./walk.ts";

/** The elements of a buffer that a statement touches: Σ terms + low to Σ terms + high. Without terms it may be any element. */
interface Access {
  readonly buffer: number;
  readonly writes: boolean;
  readonly terms?: ReadonlyMap<Expr, number>;
  readonly low: number;
  readonly high: number;
}

/** Returns true if two buffers may be the same memory. */
type MayShare = (a: number, b: number) => boolean;

/** Fuses the loops of a kernel that are marked with `joins`. Two buffers of the same length count as possibly the same memory. */
export function fuseMarkedLoops(kernel: Kernel): Kernel {
  const mayShare: MayShare = (a, b) => kernel.buffers[a]!.length === kernel.buffers[b]!.length;
  const within = (block: readonly Stmt[]): Stmt[] => {
    // The nests of a pass over rows are contiguous, behind the loops that set the sums over rows to 0.
    const start = block.findLastIndex((s) => s.kind === "for" && !s.joins) + 1;
    const [before, nests] = [block.slice(0, start).map((s) => mapBlocks(s, within)), block.slice(start)];
    return [...before, ...(nests.some((s) => s.kind === "for") ? fuseLoops(nests, mayShare) : nests.map((s) => mapBlocks(s, within)))];
  };
  return { ...kernel, body: within(kernel.body) };
}

/** Fuses the loops among statements and in their blocks. The statements run one after another, before as after. */
export function fuseLoops(stmts: readonly Stmt[], mayShare: MayShare): Stmt[] {
  const done: Stmt[] = [];
  for (const s of stmts) {
    const at = s.kind === "for" ? partnerOf(s, done, mayShare) : -1;
    const first = done[at];
    if (s.kind !== "for" || first?.kind !== "for") {
      done.push(s);
      continue;
    }
    const between = done.splice(at).slice(1);
    done.push(...between.filter(isStart), fuse(first, s), ...between.filter((m) => !isStart(m)));
  }
  return done.map((s) => mapBlocks(s, (block) => fuseLoops(block, mayShare)));
}

/** The position of the loop that another one behind may join; -1 if there is none. */
function partnerOf(loop: Loop, before: readonly Stmt[], mayShare: MayShare): number {
  if (!before.some((s) => s.kind === "for" && sameRange(s, loop))) return -1;
  const own = accessesOf([loop]);
  for (let i = before.length - 1; i >= 0; i--) {
    const s = before[i]!;
    if (s.kind === "for" && mayFuse(s, loop, mayShare)) return i;
    if (!isStart(s) && !mayPass(loop, own, s, mayShare)) return -1;
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

function mayFuse(first: Loop, second: Loop, mayShare: MayShare): boolean {
  if (!sameRange(first, second)) return false;
  if (first.within || second.within || first.parallel || second.parallel || changes(first, second) || changes(second, first)) return false;
  const later = accessesOf(renamed(second.body, new Map([[second.variable, first.variable]])));
  return accessesOf(first.body).every((a) => later.every((b) => !dependent(a, b, mayShare) || staysInIteration(a, b, first)));
}

/** Returns true if a loop that touches `own` may go in front of a statement before it. */
function mayPass(loop: Loop, own: readonly Access[], s: Stmt, mayShare: MayShare): boolean {
  if (changes(s, loop) || changes(loop, s)) return false;
  return accessesOf([s]).every((a) => own.every((b) => !dependent(a, b, mayShare) || areApart(a, b)));
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
function dependent(a: Access, b: Access, mayShare: MayShare): boolean {
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
  const add = (buffer: number, writes: boolean, index: Expr, lanes: number): unknown =>
    found.push({ buffer, writes, ...placeOf(index, lanes, known, own) });
  eachStmt(stmts, (s) => {
    if (s.kind === "store") add(s.buffer, true, s.index, s.value.lanes);
    eachExpr(operandsOf(s), (x) => x.op === "load" && add(x.value, false, x.args[0]!, x.lanes));
  });
  return found;
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

/** Fuses two loops of the same range. */
function fuse(first: Loop, second: Loop): Loop {
  const body = [...first.body, ...renamed(second.body, new Map([[second.variable, first.variable]]))];
  return { ...first, body: body.some((s) => blocksOf(s).length > 0) ? body : storesLast(forward(body)) };
}

/** Replaces loads of an element that an earlier statement of the block stored by the stored value. */
function forward(stmts: readonly Stmt[]): Stmt[] {
  const held = new Map<Expr, Expr>();
  return stmts.map((s) => {
    const now = mapOperands(s, (x) => rewrite(x, (y) => y, new Map(held)));
    if (now.kind !== "store") return now;
    const { buffer, index, value } = now;
    const [place] = accessesOf([now]);
    for (const x of held.keys())
      if (x.value === buffer && !accessesOf([k.store(buffer, x.args[0]!, x)]).every((a) => areApart(a, place!))) held.delete(x);
    if (value.op === "variable" && value.dtype === "f32") held.set(k.load(buffer, "f32", index, { lanes: value.lanes }), value);
    return now;
  });
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
