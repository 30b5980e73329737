/**
 * @file The order of multiply-adds. Where a loop's sums and all that it loads are more than the vector registers, each operand should be used up before the next
 * is loaded. V8 (11, 12) does not keep to the order of the code: it loads everything that a straight piece of code needs before it multiplies, and keeps
 * what has no register in memory. But it moves no result that may be wanted out of a branch. So multiply-adds stand in branches that are always taken, which V8 does
 * not know: a test and a jump for every two of them, and twelve sums at a time (6 x 2) run at the machine's peak, where eight are as many as it
 * could hold together with their operands, and wait for each other. Engines that keep to the order do no worse with it.
 *
 *     v₀ = load; v₁ = load; a₀ = load; if (always) { t₀₀ += a₀v₀; t₀₁ += a₀v₁ }  a₁ = load; if (always) { t₁₀ += a₁v₀; t₁₁ += a₁v₁ } …
 */
import { ifThen } from "../../kernel/build.ts";
import type { Expr, Stmt } from "../../kernel/kernel.ts";
import { WASM } from "../../kernel/target.ts";
import { assigned, eachExpr, mapBlocks, operandsOf } from "../../kernel/walk.ts";

/** The statements, with the sums of crowded loops in branches on `always`. */
export function orderMultiplies(stmts: readonly Stmt[], always: readonly Expr[]): Stmt[] {
  return stmts.map((s) =>
    mapBlocks(s, (block) => (s.kind === "for" && isCrowded(block) ? branches(block, always) : orderMultiplies(block, always))),
  );
}

/** True if the sums of an innermost loop and all that they load are more than the registers. */
function isCrowded(body: readonly Stmt[]): boolean {
  const sums = assigned(body);
  const isPlain = (s: Stmt): boolean => s.kind === "set" || (s.kind === "let" && !reads(s.value, sums));
  if (!body.every(isPlain)) return false;
  let loads = 0;
  eachExpr(body.flatMap(operandsOf), ({ op }) => {
    if (op === "load") loads++;
  });
  return loads > 0 && sums.size + loads > WASM.registers;
}

function reads(x: Expr, variables: ReadonlySet<Expr>): boolean {
  let found = false;
  eachExpr([x], (y) => {
    found ||= variables.has(y);
  });
  return found;
}

/** Sums in branches, by twos. */
function branches(body: readonly Stmt[], always: readonly Expr[]): Stmt[] {
  const done: Stmt[] = [];
  let sums: Stmt[] = [];
  let count = 0;
  const close = (): void => {
    if (sums.length > 0) done.push(ifThen(always[count++ % always.length]!, sums));
    sums = [];
  };
  for (const s of body) {
    if (s.kind === "set") sums.push(s);
    else done.push(s);
    if (sums.length === 2) close();
  }
  close();
  return done;
}
