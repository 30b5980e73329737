/** @file Where values live: the sums of a tile stay in registers in the innermost loop, also in kernels that threads divide and whose sums are made in parts. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../../src/codegen/x64/program.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import { vjp } from "../../../src/function/derivative.ts";
import { keyOf, normal } from "../../../src/math/random.ts";
import type { Tensor } from "../../../src/ops/tensor.ts";
import { runOn } from "../../schedule/widths.ts";

type Fn = (...x: Tensor[]) => Tensor[];

const CASES: readonly (readonly [name: string, fn: Fn, shapes: readonly (readonly number[])[]])[] = [
  [
    "a product",
    (x, y) => [x!.matmul(y!)],
    [
      [48, 256],
      [256, 64],
    ],
  ],
  [
    "a product whose sum is made in parts",
    (x, y) => [x!.matmul(y!)],
    [
      [48, 2048],
      [2048, 64],
    ],
  ],
  [
    "a convolution",
    (x, w) => [x!.conv(w!)],
    [
      [16, 16, 10, 10],
      [16, 16, 3, 3],
    ],
  ],
  [
    "the gradient of a weight",
    (x, w, g) => [vjp((v: Tensor) => x!.conv(v))(w!).pullback(g!)[0]!],
    [
      [2, 16, 30, 30],
      [16, 16, 3, 3],
      [2, 16, 28, 28],
    ],
  ],
];

/** The innermost loops of a listing: from a label to the jump back to it, with no other label between. */
const innermost = (listing: string): string[] =>
  listing.split(/^(?=\.\d+:)/m).flatMap((part) => {
    const label = /^(\.\d+):/.exec(part)?.[1];
    const end = label === undefined ? -1 : part.search(new RegExp(`j\\w+ \\${label}\\b`));
    return end < 0 ? [] : [part.slice(0, end)];
  });

describe.each([AVX2_MACHINE, AVX512_MACHINE])("$target.name", (machine) => {
  test.each(CASES)("%s", (_, fn, shapes) => {
    const args = shapes.map((shape, i) => normal(keyOf(i + 1), shape));
    const { kernels } = runOn(machine.target, (x) => fn(...x), args);
    const listing = new Map<number, string>();
    const addresses = { arena: 0n, counters: 0n, reports: 0n, team: { address: 0n, leastWork: 0 } };
    compileProgram({ kernels, steps: [], bindings: 0 }, { machine, ...addresses, listing });
    const products = [...listing.values()].flatMap(innermost).filter((loop) => loop.split("vfmadd").length > 8);
    expect(products.length).toBeGreaterThan(0);
    for (const loop of products) expect(loop).not.toMatch(/\brsp\b/);
  });
});
