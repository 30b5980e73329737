/**
 * @file A part of a kernel in the kernel language: the statements between two positions on its line of work (`division.ts`). A loop whose iterations are dealt out becomes one that
 * leaves out those of other parts.
 */
import { add, and, bind, div, ifThen, int, le, lt, max, min, mul, sub, variable } from "./build.ts";
import type { Line, Stretch } from "./division.ts";
import type { Expr, Loop, Stmt } from "./kernel.ts";

/** The part of a block between two positions, which are scalars of i32. */
export function partOf(stmts: readonly Stmt[], { stretches }: Line, from: Expr, to: Expr): Stmt[] {
  return stmts.flatMap((s) => {
    const stretch = stretches.get(s);
    if (!stretch) return s;
    const { start, each, through } = stretch;
    if (s.kind === "for" && through) {
      const [low, high] = [from, to].map((position) => bind(sub(position, int(start))));
      return [low!.statement, high!.statement, { ...s, body: partOf(s.body, through, low!.variable, high!.variable) }];
    }
    if (s.kind === "for" && each) return partOfLoop(s, start, each, from, to);
    return ifThen(and(le(from, int(start)), lt(int(start), to)), [s]);
  });
}

/** The iterations that begin between two positions; if they are divided themselves, also the one that begins before. */
function partOfLoop(s: Loop, start: number, { length, count, inside }: NonNullable<Stretch["each"]>, from: Expr, to: Expr): Stmt[] {
  const first = bind(iterationAt(sub(from, int(start)), length, count, inside ? 0 : length - 1));
  const end = bind(iterationAt(sub(to, int(start)), length, count, length - 1));
  const n = variable("i32");
  const counter: Stmt = { kind: "let", variable: s.variable, value: add(int(s.from), mul(n, int(s.step))) };
  const onLine = (position: Expr): Expr => sub(sub(position, int(start)), mul(n, int(length)));
  const [low, high] = [bind(onLine(from)), bind(onLine(to))];
  const body = inside ? [low.statement, high.statement, ...partOf(s.body, inside, low.variable, high.variable)] : s.body;
  const within = [first.variable, end.variable] as const;
  return [first.statement, end.statement, { kind: "for", variable: n, from: 0, to: count, step: 1, within, body: [counter, ...body] }];
}

/** min(count, ⌊(max(position, 0) + round) / length⌋). */
function iterationAt(position: Expr, length: number, count: number, round: number): Expr {
  return min(div(add(max(position, int(0)), int(round)), int(length)), int(count));
}
