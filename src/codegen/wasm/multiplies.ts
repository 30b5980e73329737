/**
 * @file Fixes the order of multiply-adds. If the sums of a loop and everything that it loads exceed the vector registers, each operand should be used up before the
 * next is loaded. V8 (11, 12) does not keep the order of the code: it loads everything that a basic block needs before it multiplies, and spills what has no
 * register. But it does not move results out of a branch. So the multiply-adds are put in branches that are always taken, which V8 does not know. For a test
 * and a jump per two multiply-adds, tiles of twelve sums (6 x 2) run at the machine's peak. Without the branches only eight sums fit together with their
 * operands, and they wait for each other. Engines that keep the order are not slower with the branches.
 *
 *     v₀ = load; v₁ = load; a₀ = load; if (always) { t₀₀ += a₀v₀; t₀₁ += a₀v₁ }  a₁ = load; if (always) { t₁₀ += a₁v₀; t₁₁ += a₁v₁ } …
 */
import { ifThen } from "../../kernel/build.ts";
import type { Expr, Stmt } from "../../kernel/kernel.ts";
import { WASM } from "../../kernel/target.ts";
import { assigned, eachExpr, mapBlocks, operandsOf } from "../../kernel/walk.ts";

/** Puts the sums of loops that exceed the registers in branches on `always`, conditions that always hold. */
export function orderMultiplies(stmts: readonly Stmt[], always: readonly Expr[]): Stmt[] {
  return stmts.map((s) =>
    mapBlocks(s, (block) => (s.kind === "for" && isCrowded(block) ? branches(block, always) : orderMultiplies(block, always))),
  );
}

/** Returns true if the sums of an innermost loop and everything that they load exceed the registers. */
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

/** Puts sums in branches, two in each. */
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
