/**
 * @file Sums in turns: crowded loops compute the same, wherever their buffers lie, and what may not wait for other sums is left as it is.
 */
import { describe, expect, it } from "vitest";
import { orderMultiplies } from "../../src/codegen/wasm/multiplies.ts";
import * as k from "../../src/kernel/build.ts";
import type { Expr, Kernel, Stmt } from "../../src/kernel/kernel.ts";
import { blocksOf } from "../../src/kernel/walk.ts";
import { compiled, interpreted } from "./run.ts";

const ROWS = 6;
const TERMS = 9;

/** Six rows times two vectors: c[i, j:4] = Σ a[i, l] b[l, j:4]. */
function product(): Kernel {
  const sums = Array.from({ length: 2 * ROWS }, () => k.bind(k.splat(k.float(0), 4)));
  const a = (l: Expr, i: number): Expr => k.load(0, "f32", k.add(l, k.int(i * TERMS)));
  const b = (l: Expr, j: number): Expr => k.load(1, "f32", k.add(k.mul(l, k.int(8)), k.int(4 * j)), { lanes: 4 });
  const body: Stmt[] = [
    ...sums.map((s) => s.statement),
    k.forLoop(TERMS, (l) => sums.map(({ variable }, n) => k.set(variable, k.fma(k.splat(a(l, n >> 1), 4), b(l, n & 1), variable)))),
    ...sums.map(({ variable }, n) => k.store(2, k.int(4 * n), variable)),
  ];
  const f32 = (length: number, written = false) => ({ dtype: "f32", length, written }) as const;
  return { name: "product", buffers: [f32(ROWS * TERMS), f32(TERMS * 8), f32(ROWS * 8, true)], body };
}

/** How many statements of each kind there are. */
function kinds(stmts: readonly Stmt[], found: Record<string, number> = {}): Record<string, number> {
  for (const s of stmts) {
    found[s.kind] = (found[s.kind] ?? 0) + 1;
    for (const block of blocksOf(s)) kinds(block, found);
  }
  return found;
}

describe("sums in turns", () => {
  it("are the same sums, also from the first address on", () => {
    const kernel = product();
    const data = kernel.buffers.map(({ length }, n) => Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i + n))));
    expect(compiled(kernel, data)[2]).toEqual(interpreted(kernel, data)[2]);
  });

  it("stand in branches by twos where they are crowded", () => {
    const { body } = product();
    const turned = orderMultiplies(body, [k.variable("bool"), k.variable("bool")]);
    expect(kinds(turned)).toEqual({ ...kinds(body), if: ROWS });
  });

  it("stay where a value depends on a sum of the same iteration", () => {
    const { body } = product();
    const loop = body.find((s) => s.kind === "for") as Extract<Stmt, { kind: "for" }>;
    const [sum] = loop.body as Extract<Stmt, { kind: "set" }>[];
    const read = k.bind(k.add(sum!.variable, sum!.variable));
    const inner = [...loop.body.slice(0, 1), read.statement, ...loop.body.slice(1)];
    expect(orderMultiplies([{ ...loop, body: inner }], [k.variable("bool")])).toEqual([{ ...loop, body: inner }]);
  });
});
