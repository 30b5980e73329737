/**
 * @file Code motion: `hoist` takes loop-invariant values out of loops, `share` computes once what several statements use. Both turn
 * expressions into `let`s and keep the meaning. (Aho, Lam, Sethi & Ullman 2006, §9.5; on a structured language no data flow is needed.)
 *
 * Three moves are not allowed. An expression does not move past a `set` of one of its variables. A load does not move past a store, since any two buffers may
 * be the same memory (but see `keeps`). A load without a mask does not move out of an `if`, since its index may be outside the buffer. Integer arithmetic on
 * variables alone is left where it is: it forms addresses, which the code generators keep in pointers.
 */
import { rebuild, variable } from "./build.ts";
import type { Expr, Stmt } from "./kernel.ts";
import { assigned, bound, eachExpr, eachStmt, mapBlocks, mapOperands, operandsOf, rewrite, storedIn } from "./walk.ts";

/** Variables that an expression reads, and the buffers it loads from. */
interface Footprint {
  readonly variables: ReadonlySet<Expr>;
  readonly loads: ReadonlySet<number>;
  /** True if it contains a load without a mask. */
  readonly bareLoads: boolean;
}

const NOTHING: Footprint = { variables: new Set(), loads: new Set(), bareLoads: false };

/** The footprints of expressions of the current kernel. */
let footprints: Map<Expr, Footprint> = new Map();
let addresses: Map<Expr, boolean> = new Map();

function forget(): void {
  footprints = new Map();
  addresses = new Map();
}

/** The variables and buffers that an expression reads. */
function footprint(x: Expr): Footprint {
  if (x.op === "const") return NOTHING;
  const known = footprints.get(x);
  if (known) return known;
  const made = footprintOf(x);
  footprints.set(x, made);
  return made;
}

function footprintOf(x: Expr): Footprint {
  if (x.op === "variable") return { ...NOTHING, variables: new Set([x]) };
  let joined = NOTHING;
  for (let i = 0; i < x.args.length; i++) joined = join(joined, footprint(x.args[i]!));
  if (x.op !== "load") return joined;
  return { variables: joined.variables, loads: new Set([...joined.loads, x.value]), bareLoads: joined.bareLoads || x.args.length === 1 };
}

/** The union of two footprints; one of the two objects itself if it includes the other. */
function join(a: Footprint, b: Footprint): Footprint {
  if (includes(a, b)) return a;
  if (includes(b, a)) return b;
  return {
    variables: new Set([...a.variables, ...b.variables]),
    loads: new Set([...a.loads, ...b.loads]),
    bareLoads: a.bareLoads || b.bareLoads,
  };
}

function includes(a: Footprint, b: Footprint): boolean {
  if (a === b || b === NOTHING) return true;
  if (a === NOTHING) return false;
  if (b.bareLoads && !a.bareLoads) return false;
  for (const n of b.loads) if (!a.loads.has(n)) return false;
  for (const v of b.variables) if (!a.variables.has(v)) return false;
  return true;
}

function readsAny(x: Expr, variables: ReadonlySet<Expr>): boolean {
  if (variables.size === 0) return false;
  for (const v of footprint(x).variables) if (variables.has(v)) return true;
  return false;
}

const AFFINE: ReadonlySet<string> = new Set(["add", "sub", "mul", "shl", "neg"]);

/** Returns true for scalar integer arithmetic on variables and constants: an address, which is cheaper to form where it is used. */
function isAddressArithmetic(x: Expr): boolean {
  if (x.op === "const" || x.op === "variable") return true;
  if (x.lanes > 1 || (x.dtype !== "i32" && x.dtype !== "u32") || !AFFINE.has(x.op)) return false;
  const known = addresses.get(x);
  if (known !== undefined) return known;
  // A loaded integer may be a term of an address: the loaded value gets a variable, the sum does not.
  const isTerm = (arg: Expr): boolean => isAddressArithmetic(arg) || (isSum && !AFFINE.has(arg.op));
  const isSum = x.op === "add" || x.op === "sub";
  const result = x.args.every(isTerm);
  addresses.set(x, result);
  return result;
}

/** Returns true for expressions that are not worth a variable. */
function isCheap(x: Expr): boolean {
  if (x.op === "ramp" || isAddressArithmetic(x)) return true;
  return x.op === "splat" && (x.args[0]!.op === "const" || x.args[0]!.op === "variable");
}

// Loop-invariant motion

/** What a loop changes from one iteration to the next. */
interface LoopFacts {
  readonly variant: Set<Expr>;
  readonly assigned: ReadonlySet<Expr>;
  /** Returns true if no store of the loop changes what a load from the buffer gives. */
  keeps(buffer: number): boolean;
}

/** Binds each loop-invariant expression by a `let` before the outermost loop that it does not depend on. */
export function hoist(body: readonly Stmt[]): Stmt[] {
  forget();
  return hoistBlock(body);
}

function hoistBlock(stmts: readonly Stmt[]): Stmt[] {
  return stmts.flatMap((s) => {
    if (s.kind !== "for") return [mapBlocks(s, hoistBlock)];
    const { before, loop } = hoistFrom(s);
    return [...before, loop];
  });
}

/**
 * Two buffers of a kernel may be the same memory only if each iteration reads what it overwrites itself. So an element that an innermost loop reads in all its
 * iterations is not written through another buffer, and the load is invariant. Loads are not hoisted out of other loops, since they would take registers that
 * the sums inside need.
 */
function keeps(body: readonly Stmt[]): LoopFacts["keeps"] {
  const written = storedIn(body);
  const innermost = body.every((s) => s.kind !== "for");
  return (buffer) => written.size === 0 || (innermost && !written.has(buffer));
}

/** Hoists everything invariant out of a loop. A loop that leaves iterations out may run none at all, so loads without a mask stay in it. */
function hoistFrom(s: Stmt & { kind: "for" }): { before: readonly Stmt[]; loop: Stmt } {
  if (s.from >= s.to) return { before: [], loop: { ...s, body: [] } };
  const facts: LoopFacts = { variant: bound(s.body), assigned: assigned(s.body), keeps: keeps(s.body) };
  facts.variant.add(s.variable);
  for (const v of facts.assigned) facts.variant.add(v);
  const before: Stmt[] = [];
  const body = extract(s.body, facts, before, s.within !== undefined);
  return { before, loop: { ...s, body: hoistBlock(body) } };
}

/** Moves invariant expressions from `stmts` to `before`, in order, so that a `let` that moves makes its users invariant too. */
function extract(stmts: readonly Stmt[], loop: LoopFacts, before: Stmt[], conditional: boolean): Stmt[] {
  const kept: Stmt[] = [];
  const moved = new Map<Expr, Expr>();
  const invariant = (x: Expr): boolean => {
    const { loads, bareLoads } = footprint(x);
    if ((bareLoads && conditional) || readsAny(x, loop.variant)) return false;
    for (const buffer of loads) if (!loop.keeps(buffer)) return false;
    return true;
  };
  for (const s of stmts) {
    if (s.kind === "let" && !loop.assigned.has(s.variable) && invariant(s.value)) {
      before.push(s);
      loop.variant.delete(s.variable);
      continue;
    }
    const lifted = mapOperands(s, (x) => lift(x, invariant, moved, before));
    kept.push(mapBlocks(lifted, (block) => extract(block, loop, before, conditional || mayNotRun(s))));
  }
  return kept;
}

const mayNotRun = (s: Stmt): boolean => s.kind === "if" || (s.kind === "for" && s.within !== undefined);

/** Replaces the largest invariant subexpressions by variables. */
function lift(x: Expr, invariant: (x: Expr) => boolean, moved: Map<Expr, Expr>, before: Stmt[]): Expr {
  if (x.args.length === 0) return x;
  const known = moved.get(x);
  if (known) return known;
  let result = x;
  if (!isCheap(x) && invariant(x)) {
    result = variable(x.dtype, x.lanes);
    before.push({ kind: "let", variable: result, value: x });
  } else {
    let args: Expr[] | undefined;
    for (let i = 0; i < x.args.length; i++) {
      const arg = lift(x.args[i]!, invariant, moved, before);
      if (arg !== x.args[i]) args ??= [...x.args];
      if (args) args[i] = arg;
    }
    if (args) result = rebuild(x, args);
  }
  moved.set(x, result);
  return result;
}

// Common subexpressions

/** Uses of an expression that one `let` can serve: these statements of a block use it, and no statement in between changes its value. */
interface SharedValue {
  readonly variable: Expr;
  /** In ascending order; the first is where the variable is defined. */
  readonly positions: readonly number[];
}

/** What a statement of a block does to values computed before it. */
interface Effect {
  readonly nested: boolean;
  readonly assigned: ReadonlySet<Expr>;
  readonly bound: ReadonlySet<Expr>;
  readonly stores: boolean;
}

const NO_VARIABLES: ReadonlySet<Expr> = new Set();

/** What a statement binds, sets and stores, with everything inside it. */
function effectOf(s: Stmt): Effect {
  const nested = s.kind === "for" || s.kind === "if";
  if (!nested)
    return { nested, assigned: s.kind === "set" ? new Set([s.variable]) : NO_VARIABLES, bound: NO_VARIABLES, stores: s.kind === "store" };
  return { nested, assigned: assigned([s]), bound: bound([s]), stores: storedIn([s]).size > 0 };
}

function changes(effect: Effect, x: Expr): boolean {
  return (effect.stores && footprint(x).loads.size > 0) || readsAny(x, effect.assigned);
}

/** Binds every expression that at least two statements of a block use by a `let`, in the outermost such block. */
export function share(body: readonly Stmt[]): Stmt[] {
  forget();
  return shareBlock(body);
}

/** Shares the values of one block, after those of the blocks inside. */
function shareBlock(stmts: readonly Stmt[]): Stmt[] {
  if (stmts.length === 1) return [mapBlocks(stmts[0]!, shareBlock)];
  const groups = findGroups(stmts, stmts.map(effectOf));
  // For each statement: the values to define in front of it, and the values that are defined when it runs.
  const starting = stmts.map((): Expr[] => []);
  const served = stmts.map(() => new Map<Expr, Expr>());
  for (const [x, list] of groups) {
    for (const { variable, positions } of list) {
      starting[positions[0]!]!.push(x);
      for (const position of positions.slice(1)) served[position]!.set(x, variable);
    }
  }
  return stmts.flatMap((s, position) => {
    const memo = served[position]!;
    const lets = starting[position]!.sort((a, b) => a.id - b.id).map((x) => define(x, groups.get(x)!, position, memo));
    return [...lets, mapBlocks(memo.size > 0 ? replaceDeep(s, memo) : s, shareBlock)];
  });
}

/** The `let` of a group that starts at `position`; its operands may be variables already. */
function define(x: Expr, groups: readonly SharedValue[], position: number, memo: Map<Expr, Expr>): Stmt {
  const group = groups.find((g) => g.positions[0] === position)!;
  const value = rebuild(
    x,
    x.args.map((arg) => rewrite(arg, (y) => y, memo)),
  );
  memo.set(x, group.variable);
  return { kind: "let", variable: group.variable, value };
}

function replaceDeep(s: Stmt, memo: Map<Expr, Expr>): Stmt {
  const replaced = mapOperands(s, (x) => rewrite(x, (y) => y, memo));
  return mapBlocks(replaced, (block) => block.map((inner) => replaceDeep(inner, memo)));
}

/**
 * Finds the shared values of a block. Expressions are visited from results to operands (a result has a larger id), so that once an expression has a variable,
 * its operands count as used once, where the variable is defined.
 */
function findGroups(stmts: readonly Stmt[], effects: readonly Effect[]): Map<Expr, SharedValue[]> {
  const positions = new Map<Expr, Positions>();
  for (const [position, s] of stmts.entries()) {
    const add = (x: Expr): void => use(positions, x, position);
    eachStmt([s], (inner) => operandsOf(inner).forEach(add));
  }
  const groups = new Map<Expr, SharedValue[]>();
  for (const x of resultsFirst(positions.keys())) {
    let at = positions.get(x)!;
    if (typeof at !== "number" && !isCheap(x)) {
      const found = groupsOf(x, at, effects);
      if (found.length > 0) {
        groups.set(x, found);
        const left = at.filter((position) => !found.some((g) => g.positions.indexOf(position) > 0));
        at = left.length === 1 ? left[0]! : left;
      }
    }
    for (let i = 0; i < x.args.length; i++) if (x.args[i]!.args.length > 0) use(positions, x.args[i]!, at);
  }
  return groups;
}

/** Positions of statements in ascending order; a number is one alone. Lists do not change once they are made. */
type Positions = number | readonly number[];

/** Adds positions to those at which an expression is used. */
function use(positions: Map<Expr, Positions>, x: Expr, at: Positions): void {
  const known = positions.get(x);
  if (known === at) return;
  positions.set(x, known === undefined ? at : merge(known, at));
}

/** The expressions and their operands, those with the larger ids first; what has no operands is cheap and left out. */
function resultsFirst(roots: Iterable<Expr>): Expr[] {
  const nodes: Expr[] = [];
  eachExpr([...roots], (x) => {
    if (x.args.length > 0) nodes.push(x);
  });
  // Sorting numbers takes no calls of a function.
  const keys = new Float64Array(nodes.length);
  for (let i = 0; i < nodes.length; i++) keys[i] = nodes[i]!.id * MOST_NODES + i;
  keys.sort();
  const sorted: Expr[] = [];
  for (let i = keys.length - 1; i >= 0; i--) sorted.push(nodes[keys[i]! % MOST_NODES]!);
  return sorted;
}

/** More than a kernel has. */
const MOST_NODES = 2 ** 22;

/** The union of two lists of positions: one of them if it holds the other. */
function merge(some: Positions, others: Positions): Positions {
  const a = typeof some === "number" ? [some] : some;
  const b = typeof others === "number" ? [others] : others;
  const merged: number[] = [];
  let i = 0;
  for (const n of b) {
    while (i < a.length && a[i]! < n) merged.push(a[i++]!);
    if (a[i] === n) i++;
    merged.push(n);
  }
  while (i < a.length) merged.push(a[i++]!);
  return merged.length === a.length ? some : merged.length === b.length ? others : merged;
}

/** Splits the uses of `x` where its value may change; a run of two or more is a group. */
function groupsOf(x: Expr, at: readonly number[], effects: readonly Effect[]): SharedValue[] {
  const groups: SharedValue[] = [];
  let run: number[] = [];
  const close = (): void => {
    if (run.length > 1) groups.push({ variable: variable(x.dtype, x.lanes), positions: run });
    run = [];
  };
  let next = at[0]!;
  for (const position of at) {
    for (; next < position; next++) if (changes(effects[next]!, x)) close();
    const effect = effects[position]!;
    // A nested statement that changes x, or binds a variable of x, needs its own value each time.
    const unavailable = effect.nested && (changes(effect, x) || readsAny(x, effect.bound));
    if (!unavailable && mayMoveInFrontOf(x, effect)) run.push(position);
  }
  close();
  return groups;
}

/** Returns false for uses inside an `if` with an unmasked load: the index may be out of bounds when the condition is false. */
function mayMoveInFrontOf(x: Expr, effect: Effect): boolean {
  return !(effect.nested && footprint(x).bareLoads);
}
