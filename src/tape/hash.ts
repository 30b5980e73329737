/**
 * @file The hash of a region: a text that is equal for two regions exactly if they are the same program. Values have canonical numbers; names and origins do not
 * count. It is the key of the compile cache.
 */
import { formatType } from "../base/shape.ts";
import { identityOf } from "../base/tree.ts";
import type { RegionOf, Value } from "./node.ts";
import { tapeOfRegion } from "./tape.ts";

/**
 * Parameters as text: numbers exactly (-0, NaN and infinities are told apart), class instances by identity. Functions do not count: they are differentiation
 * rules, and what an instruction computes is in its regions.
 */
export function paramsKey(params: unknown): string {
  if (typeof params === "function") return "function";
  if (typeof params === "number") return Object.is(params, -0) ? "-0" : String(params);
  if (Array.isArray(params)) return `[${params.map(paramsKey).join(",")}]`;
  if (typeof params !== "object" || params === null) return String(params);
  if (Object.getPrototypeOf(params) !== Object.prototype) return `@${identityOf(params)}`;
  return `{${Object.entries(params)
    .map(([key, value]) => `${key}:${paramsKey(value)}`)
    .join(",")}}`;
}

/** The wish for lanes as text; empty without one. */
export const lanesKey = (lanes: number | undefined): string => (lanes === undefined ? "" : ` lanes ${lanes}`);

/** The canonical text of a region. Equal texts mean equal programs. */
export function hashRegion(region: RegionOf): string {
  const numbers = new Map<Value, number>();
  const number = (value: Value): number => {
    let n = numbers.get(value);
    if (n === undefined) {
      n = numbers.size;
      numbers.set(value, n);
    }
    return n;
  };
  const lines = [`in ${region.inputs.map((x) => `${number(x)}:${formatType(x)}`).join(" ")}`];
  for (const { op, operands, params, lanes, regions, results } of tapeOfRegion(region)) {
    const inner = regions.map((r) => `(${hashRegion(r)})`).join("");
    lines.push(
      `${results.map((y) => `${number(y)}:${formatType(y)}`).join(" ")}=${op.name} ${operands.map(number).join(" ")}${paramsKey(params)}${lanesKey(lanes)}${inner}`,
    );
  }
  lines.push(`out ${region.outputs.map(number).join(" ")}`);
  return lines.join("\n");
}
