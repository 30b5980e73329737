/**
 * @file Division of a kernel among threads. Its work is a line: every iteration of a parallel loop is a stretch of it, as long as it is dear. A part of the kernel is
 * a part of the line; an iteration belongs to the part in which its stretch begins, or is divided itself where it is long. So any cuts of the line give
 * every iteration to exactly one part, and no sum is ever divided: results do not depend on the cuts.
 *
 *     for j < 3 parallel { … }  a tile  for i < 2 parallel { for k parallel { … } }
 *     |-----|-----|-----|-------|--,--,--,--,--|--,--,--,--,--|
 */
import type { Expr, Stmt } from "./kernel.ts";
import { assigned, blocksOf, eachExpr, eachStmt, operandsOf } from "./walk.ts";

type Loop = Extract<Stmt, { kind: "for" }>;

/** Where a statement lies on the line of its block. */
export interface Stretch {
  readonly start: number;
  /** For a parallel loop: the length of an iteration, their number, and, if iterations are divided, the line of the body. */
  readonly each?: { readonly length: number; readonly count: number; readonly inside: Line | undefined };
}

export interface Line {
  readonly length: number;
  /** Statements without a stretch (`let`s) belong to every part. */
  readonly stretches: ReadonlyMap<Stmt, Stretch>;
}

/** Iterations longer than this share of a kernel are divided themselves. */
const LONGEST_ITERATION = 1 / 64;
/** Lines are no longer than this, so that positions are small integers. */
const LONGEST_LINE = 2 ** 28;

/** A rough count of the operations that statements perform; a vector counts as one. */
export function workOf(stmts: readonly Stmt[]): number {
  return stmts.reduce((sum, s) => {
    if (s.kind === "for") return sum + timesOf(s) * workOf(s.body);
    let own = s.kind === "store" ? 1 : 0;
    eachExpr(operandsOf(s), (x) => {
      if (x.args.length > 0) own++;
    });
    return sum + own + blocksOf(s).reduce((inner, block) => inner + workOf(block), 0);
  }, 0);
}

const timesOf = ({ from, to, step }: Loop): number => Math.max(0, Math.ceil((to - from) / step));

/** The line of a kernel's body; undefined if it cannot be divided. */
export function divide(body: readonly Stmt[]): Line | undefined {
  const work = workOf(body);
  const scale = Math.min(1, LONGEST_LINE / work);
  return lineOf(body, scale, work * LONGEST_ITERATION);
}

function lineOf(stmts: readonly Stmt[], scale: number, longest: number): Line | undefined {
  const loops = stmts.filter((s): s is Loop => s.kind === "for" && s.parallel === true && timesOf(s) > 0);
  const rest = stmts.filter((s) => s.kind !== "let" && !loops.includes(s as Loop));
  if (loops.length === 0 || needs(loops, stmts, assigned(rest))) return undefined;
  const stretches = new Map<Stmt, Stretch>();
  const scaled = (work: number): number => Math.max(1, Math.round(work * scale));
  let at = 0;
  let run = 0;
  for (const s of stmts) {
    if (s.kind === "let") continue;
    if (!loops.includes(s as Loop)) {
      // Statements between two loops stay together.
      stretches.set(s, { start: at });
      run += workOf([s]);
      continue;
    }
    if (run > 0) at += scaled(run);
    run = 0;
    const loop = s as Loop;
    const work = workOf(loop.body);
    const inside = work > longest ? lineOf(loop.body, scale, longest) : undefined;
    const length = inside?.length ?? scaled(work);
    stretches.set(s, { start: at, each: { length, count: timesOf(loop), inside } });
    at += length * timesOf(loop);
  }
  return { length: at + (run > 0 ? scaled(run) : 0), stretches };
}

/** Whether loops read what the other statements of their block assign: then these would have to run in every part. */
function needs(loops: readonly Loop[], stmts: readonly Stmt[], set: ReadonlySet<Expr>): boolean {
  if (set.size === 0) return false;
  const tainted = new Set(set);
  const reads = (roots: readonly Expr[]): boolean => {
    let found = false;
    eachExpr(roots, (x) => {
      found ||= tainted.has(x);
    });
    return found;
  };
  for (const s of stmts) if (s.kind === "let" && reads([s.value])) tainted.add(s.variable);
  return loops.some((loop) => {
    let found = false;
    eachStmt(loop.body, (s) => {
      found ||= reads(operandsOf(s));
    });
    return found;
  });
}
