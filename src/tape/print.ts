/**
 * @file The Wengert list as text: one line per instruction, with names and types; regions indented below their owner.
 *
 *     z1: f32[4,8] = dot x W1 {ij,jk->ik}
 *     a1: f32[4,8] = tanh z1
 */
import { formatType } from "../base/shape.ts";
import { lanesKey } from "./hash.ts";
import type { InstructionOf, RegionOf, Value } from "./node.ts";
import { tapeOfRegion } from "./tape.ts";

/** `params` as ` {axis=1, size=3}`; objects print their own `toString` when they have one, functions their name. */
export function formatParams(params: unknown): string {
  if (typeof params !== "object" || params === null) return "";
  if ("spec" in params) return ` {${params.spec}}`;
  const parts = Object.entries(params).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${formatParam(value)}`]));
  return parts.length ? ` {${parts.join(", ")}}` : "";
}

function formatParam(value: unknown): string {
  if (typeof value === "function") return value.name || "function";
  if (Array.isArray(value)) return `[${value.map(formatParam).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `(${Object.entries(value)
      .map(([key, v]) => `${key}=${formatParam(v)}`)
      .join(" ")})`;
  }
  return String(value);
}

/** Prints a region: a line with its inputs, a line per instruction, a line with its outputs. */
export function printRegion(region: RegionOf, title = "tape"): string {
  return new Printer().region(region, title, "").join("\n");
}

const isNumbered = (params: unknown): params is { readonly value: unknown } =>
  typeof params === "object" && params !== null && "value" in params;

/** Prints one region; it names values by labels, or by numbers in order of first use. */
class Printer {
  readonly #names = new Map<Value, string>();
  readonly #taken = new Set<string>();
  #count = 0;

  /** The name of a value; a constant is its number. */
  name(value: Value): string {
    // A constant is printed where it is used.
    const { op, params } = value.source;
    if (op.name === "full" && isNumbered(params)) return String(params.value);
    const known = this.#names.get(value);
    if (known) return known;
    const label = value.label || undefined;
    // A label that another value has already gets primes, as in mathematics.
    let name = label ?? `%${this.#count++}`;
    while (this.#taken.has(name)) name += label ? "'" : "";
    this.#taken.add(name);
    this.#names.set(value, name);
    return name;
  }

  region(region: RegionOf, title: string, indent: string): string[] {
    const inputs = region.inputs.map((x) => `${this.name(x)}: ${formatType(x)}`).join(", ");
    const list = tapeOfRegion(region).filter((instruction) => instruction.op.name !== "full");
    const lines = list.flatMap((instruction) => this.instruction(instruction, `${indent}  `));
    const outputs = region.outputs.map((y) => this.name(y)).join(", ");
    return [`${indent}${title}(${inputs}) {`, ...lines, `${indent}  return ${outputs}`, `${indent}}`];
  }

  instruction(instruction: InstructionOf, indent: string): string[] {
    const results = instruction.results.map((y) => `${this.name(y)}: ${formatType(y)}`).join(", ");
    const operands = instruction.operands.map((x) => ` ${this.name(x)}`).join("");
    const line = `${indent}${results} = ${instruction.op.name}${operands}${formatParams(instruction.params)}${lanesKey(instruction.lanes)}`;
    return [line, ...instruction.regions.flatMap((region, i) => this.region(region, `region${i}`, `${indent}  `))];
  }
}
