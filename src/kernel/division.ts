/**
 * @file Division of a kernel among threads. The work of a kernel is a line: every iteration of a parallel loop is a stretch of it, as long as its work. A part
 * of the kernel is a part of the line. An iteration belongs to the part in which its stretch begins; a long iteration is divided itself. Any cuts of the line
 * give every iteration to exactly one part, and no sum is ever divided, so results do not depend on the cuts.
 *
 *     for j < 3 parallel { … }  a tile  for i < 2 parallel { for k parallel { … } }
 *     |-----|-----|-----|-------|--,--,--,--,--|--,--,--,--,--|
 */
import type { Expr, Loop, Stmt } from "./kernel.ts";
import { assigned, blocksOf, eachExpr, eachStmt, operandsOf } from "./walk.ts";

/** The stretch of a statement on the line of its block. */
export interface Stretch {
  readonly start: number;
  /** For a parallel loop: the length of an iteration, their number, and, if iterations are divided, the line of the body. */
  readonly each?: { readonly length: number; readonly count: number; readonly inside: Line | undefined };
  /** For a loop that is parallel inside: the line of its body. Every part does its share of that line in all iterations. */
  readonly through?: Line;
}

export interface Line {
  readonly length: number;
  /** Statements without a stretch (`let`s) belong to every part. */
  readonly stretches: ReadonlyMap<Stmt, Stretch>;
}

/** An iteration longer than this share of the kernel is divided itself. */
const LONGEST_ITERATION = 1 / 64;
/** Lines are no longer than this, so that positions are small integers. */
const LONGEST_LINE = 2 ** 28;

/** The work of a kernel's statements. */
export interface Workload {
  /** A rough count of the operations that a statement performs, in all iterations of a loop; a vector counts as one. */
  readonly of: ReadonlyMap<Stmt, number>;
  readonly total: number;
  /** True if `mark` was true for some operation. */
  readonly marked: boolean;
}

/** Weighs statements in one walk, on which `mark` looks at every operation. */
export function weigh(body: readonly Stmt[], mark: (x: Expr) => boolean): Workload {
  const of = new Map<Stmt, number>();
  let marked = false;
  const weighOne = (s: Stmt): number => {
    let work = s.kind === "store" ? 1 : 0;
    eachExpr(operandsOf(s), (x) => {
      if (x.args.length === 0) return;
      work++;
      marked ||= mark(x);
    });
    for (const block of blocksOf(s)) for (const inner of block) work += weighOne(inner);
    if (s.kind === "for") work *= timesOf(s);
    of.set(s, work);
    return work;
  };
  const total = body.reduce((sum, s) => sum + weighOne(s), 0);
  return { of, total, marked };
}

/** How many statements run, over all iterations. A kernel with few need not be weighed. */
export function iterationsOf(stmts: readonly Stmt[]): number {
  return stmts.reduce((sum, s) => sum + (s.kind === "for" ? timesOf(s) * iterationsOf(s.body) : 1), 0);
}

const timesOf = ({ from, to, step }: Loop): number => Math.max(0, Math.ceil((to - from) / step));

/** The line of a kernel's body; undefined if it cannot be divided. */
export function divide(body: readonly Stmt[], work: Workload): Line | undefined {
  return new Divider(work).line(body);
}

class Divider {
  readonly #work: ReadonlyMap<Stmt, number>;
  readonly #scale: number;
  readonly #longest: number;

  constructor({ of, total }: Workload) {
    this.#work = of;
    this.#scale = Math.min(1, LONGEST_LINE / total);
    this.#longest = total * LONGEST_ITERATION;
  }

  /** The line of a block that is performed `times` times. */
  line(stmts: readonly Stmt[], times = 1): Line | undefined {
    const through = new Map<Stmt, Line>();
    for (const s of stmts) {
      const inside = s.kind === "for" && s.parallel === "inside" ? this.line(s.body, times * timesOf(s)) : undefined;
      if (inside) through.set(s, inside);
    }
    const isLoop = (s: Stmt): s is Loop => s.kind === "for" && timesOf(s) > 0 && (s.parallel === true || through.has(s));
    const loops = new Set(stmts.filter(isLoop));
    const rest = stmts.filter((s) => s.kind !== "let" && !isLoop(s));
    if (loops.size === 0 || needs(loops, stmts, assigned(rest))) return undefined;
    const stretches = new Map<Stmt, Stretch>();
    let at = 0;
    // Statements between two loops stay together.
    let run = 0;
    const closeRun = (): void => {
      if (run > 0) at += this.#length(run * times);
      run = 0;
    };
    for (const s of stmts) {
      if (s.kind === "let") continue;
      const inside = through.get(s);
      if (inside) {
        closeRun();
        stretches.set(s, { start: at, through: inside });
        at += inside.length;
      } else if (isLoop(s)) {
        closeRun();
        const each = this.#each(s, times);
        stretches.set(s, { start: at, each });
        at += each.length * each.count;
      } else {
        stretches.set(s, { start: at });
        run += this.#work.get(s)!;
      }
    }
    closeRun();
    return { length: at, stretches };
  }

  #each(loop: Loop, times: number): NonNullable<Stretch["each"]> {
    const count = timesOf(loop);
    const work = (times * this.#work.get(loop)!) / count;
    const inside = work > this.#longest ? this.line(loop.body, times) : undefined;
    return { length: inside?.length ?? this.#length(work), count, inside };
  }

  #length(work: number): number {
    return Math.max(1, Math.round(work * this.#scale));
  }
}

/** Returns true if loops read variables that other statements of their block assign. Those statements would then have to run in every part. */
function needs(loops: ReadonlySet<Loop>, stmts: readonly Stmt[], set: ReadonlySet<Expr>): boolean {
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
  let found = false;
  for (const { body } of loops)
    eachStmt(body, (s) => {
      found ||= reads(operandsOf(s));
    });
  return found;
}
