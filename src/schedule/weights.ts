/** @file The cost of computing an element of a value, from the expression that its instruction makes for it. Costs are in additions. */
import type { Expr } from "../kernel/kernel.ts";
import { HOST } from "../kernel/scalar.ts";
import { isNative, type Target } from "../kernel/target.ts";
import { counters, probe } from "../ops/lowering.ts";
import type { Instruction } from "../ops/op.ts";

const MATH = new Set(Object.keys(HOST).filter((name) => name !== "rem"));

/** What an instruction computes per element: its cost, and whether it only moves elements. */
export interface Weight {
  readonly cost: number;
  readonly moves: boolean;
}

const weights: Map<string, Weight> = new Map();
/** Weighs a pointwise instruction by the expression it makes. */
export function weigh(instruction: Instruction, target: Target): Weight {
  const lower = instruction.op.lower;
  if (lower.kind !== "pointwise") return { cost: 0, moves: false };
  const type = instruction.results[0]!;
  const key = `${machineKey(target)}|${instruction.op.name}|${type.dtype}|${instruction.operands.map((x) => x.dtype)}|${type.shape.map((d) => Math.min(d, 2))}`;
  const known = weights.get(key);
  if (known && !instruction.op.traits?.varies) return known;
  let masked = false;
  const { elements, result } = probe(instruction, counters(type.shape), (_, _index, mask) => {
    masked ||= mask !== null;
  })!;
  const weight = { cost: expressionCost(result, target, new Set()) + (masked ? 1 : 0), moves: elements.includes(result) && !masked };
  weights.set(key, weight);
  return weight;
}

/** The properties of a target that weights depend on, as a key of a cache. */
function machineKey({ costs, native }: Target): string {
  return `${costs.math}|${costs.division}|${native.f32}|${native.f64}`;
}

/** The cost of an expression in additions; shared subexpressions count once. */
function expressionCost(x: Expr, target: Target, seen: Set<Expr>): number {
  if (seen.has(x) || x.args.length === 0) return 0;
  seen.add(x);
  const { costs } = target;
  const isSlow = MATH.has(x.op) && !isNative(target, x.op, x.dtype);
  const divides = x.op === "div" || x.op === "rem" || x.op === "sqrt" || MATH.has(x.op);
  const own = isSlow ? costs.math : divides ? costs.division : 1;
  return x.args.reduce((sum, arg) => sum + expressionCost(arg, target, seen), own);
}
