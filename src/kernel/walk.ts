/**
 * @file Walks over expressions and statements: what passes are made of. Expressions are DAGs, so every walk visits an object once.
 */
import { rebuild, variable } from "./build.ts";
import type { Expr, Stmt } from "./kernel.ts";

/** The expressions that a statement itself evaluates, not those of statements inside it. */
export function operandsOf(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "for":
      return s.within ?? [];
    case "let":
    case "set":
      return [s.value];
    case "store":
      return s.mask ? [s.index, s.value, s.mask] : [s.index, s.value];
    case "if":
      return [s.condition];
  }
}

/** The blocks inside a statement. */
export function blocksOf(s: Stmt): readonly (readonly Stmt[])[] {
  if (s.kind === "for") return [s.body];
  return s.kind === "if" ? [s.then, s.otherwise] : [];
}

/** Calls `visit` for every statement, outer before inner. */
export function eachStmt(stmts: readonly Stmt[], visit: (s: Stmt) => void): void {
  for (let i = 0; i < stmts.length; i++) {
    const s = stmts[i]!;
    visit(s);
    if (s.kind === "for") eachStmt(s.body, visit);
    else if (s.kind === "if") {
      eachStmt(s.then, visit);
      eachStmt(s.otherwise, visit);
    }
  }
}

/** Calls `visit` once for every distinct node below `roots`, operands first. */
export function eachExpr(roots: readonly Expr[], visit: (x: Expr) => void, seen: Set<Expr> = new Set()): void {
  for (let i = 0; i < roots.length; i++) {
    const x = roots[i]!;
    if (seen.has(x)) continue;
    seen.add(x);
    if (x.args.length > 0) eachExpr(x.args, visit, seen);
    visit(x);
  }
}

/** Rewrites bottom up: `change` gets each distinct node with its operands already rewritten, and the original. */
export function rewrite(x: Expr, change: (x: Expr, original: Expr) => Expr, memo: Map<Expr, Expr>): Expr {
  const known = memo.get(x);
  if (known) return known;
  let args: Expr[] | undefined;
  for (let i = 0; i < x.args.length; i++) {
    const arg = rewrite(x.args[i]!, change, memo);
    if (arg !== x.args[i]) args ??= [...x.args];
    if (args) args[i] = arg;
  }
  const result = change(args ? rebuild(x, args) : x, x);
  memo.set(x, result);
  return result;
}

/** `s` with its own expressions replaced, blocks untouched; `s` itself if they stay the same. */
export function mapOperands(s: Stmt, f: (x: Expr) => Expr): Stmt {
  switch (s.kind) {
    case "for":
      return s.within ? { ...s, within: [f(s.within[0]), f(s.within[1])] } : s;
    case "let":
    case "set": {
      const value = f(s.value);
      return value === s.value ? s : { ...s, value };
    }
    case "store": {
      const [index, value, mask] = [f(s.index), f(s.value), s.mask && f(s.mask)];
      if (index === s.index && value === s.value && mask === s.mask) return s;
      return mask ? { ...s, index, value, mask } : { ...s, index, value };
    }
    case "if": {
      const condition = f(s.condition);
      return condition === s.condition ? s : { ...s, condition };
    }
  }
}

/** `s` with its blocks replaced. */
export function mapBlocks(s: Stmt, f: (block: readonly Stmt[]) => readonly Stmt[]): Stmt {
  if (s.kind === "for") return { ...s, body: f(s.body) };
  return s.kind === "if" ? { ...s, then: f(s.then), otherwise: f(s.otherwise) } : s;
}

/** Variables assigned by `set` anywhere in the statements. */
export function assigned(stmts: readonly Stmt[]): Set<Expr> {
  const found = new Set<Expr>();
  eachStmt(stmts, (s) => {
    if (s.kind === "set") found.add(s.variable);
  });
  return found;
}

/** Variables that a loop or a `let` anywhere in the statements binds. */
export function bound(stmts: readonly Stmt[]): Set<Expr> {
  const found = new Set<Expr>();
  eachStmt(stmts, (s) => {
    if (s.kind === "let" || s.kind === "for") found.add(s.variable);
  });
  return found;
}

/** Buffers that the statements write. */
export function storedIn(stmts: readonly Stmt[]): Set<number> {
  const found = new Set<number>();
  eachStmt(stmts, (s) => {
    if (s.kind === "store") found.add(s.buffer);
  });
  return found;
}

/** A copy of statements with some variables replaced, and with fresh names for those that it binds. */
export function renamed(stmts: readonly Stmt[], names: Map<Expr, Expr>): Stmt[] {
  return stmts.map((s) => {
    const memo = new Map<Expr, Expr>(names);
    const operands = mapOperands(s, (x) => rewrite(x, (y) => y, memo));
    if (s.kind === "for" || s.kind === "let") names.set(s.variable, variable(s.variable.dtype, s.variable.lanes));
    const named =
      s.kind === "for" || s.kind === "let" || s.kind === "set" ? { ...operands, variable: names.get(s.variable) ?? s.variable } : operands;
    return mapBlocks(named, (block) => renamed(block, names));
  });
}
