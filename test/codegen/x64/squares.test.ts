/** @file Gathers that together are a square: rows are loaded and transposed, and nothing else is touched. */
import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/codegen/x64/extension.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../../src/codegen/x64/target.ts";
import * as k from "../../../src/kernel/build.ts";
import type { Expr, Kernel } from "../../../src/kernel/kernel.ts";
import { executed, level, obstacle } from "./run.ts";

const MACHINES: readonly (readonly [string, Machine])[] = [
  ["avx2", AVX2_MACHINE],
  ...(level === "avx512" ? ([["avx512", AVX512_MACHINE]] as const) : []),
];

interface Shape {
  /** Columns of a square, the elements between its rows, and squares. */
  readonly columns: number;
  readonly pitch: number;
  readonly squares: number;
  readonly dtype?: "f32" | "i32";
  /** Stores each column before the next is loaded. */
  readonly stores?: boolean;
}

/** Copies squares to their columns, one after another; the buffer ends with the last element. */
function columnsOf(lanes: number, { columns, pitch, squares, dtype = "f32", stores = false }: Shape): Kernel {
  const first = pitch < 0 ? -pitch * (lanes - 1) : 0;
  const length = (lanes - 1) * Math.abs(pitch) + squares * columns;
  const at = (i: Expr, c: number): Expr => k.add(k.mul(k.ramp(lanes), k.int(pitch)), k.add(k.mul(i, k.int(columns)), k.int(first + c)));
  const body = (i: Expr) => {
    const made = Array.from({ length: columns }, (_, c) => k.bind(k.load(0, dtype, at(i, c), { lanes })));
    const stored = made.map(({ variable }, c) => k.store(1, k.add(k.mul(i, k.int(columns * lanes)), k.int(c * lanes)), variable));
    return stores ? made.flatMap(({ statement }, c) => [statement, stored[c]!]) : [...made.map(({ statement }) => statement), ...stored];
  };
  const buffers = [
    { dtype, length, written: false },
    { dtype, length: squares * columns * lanes, written: true },
  ];
  return { name: "columns", buffers, body: [k.forLoop(squares, body)] };
}

describe.skipIf(obstacle !== undefined).each(MACHINES)(`squares in machine code of %s (${obstacle ?? level})`, (_, machine) => {
  const lanes = machine.target.lanes.f32;
  const shapes: readonly (readonly [string, Shape, transposed: boolean])[] = [
    ["whole", { columns: lanes, pitch: 56, squares: 3 }, true],
    ["of i32", { columns: lanes, pitch: lanes, squares: 1, dtype: "i32" }, true],
    ["rows that overlap", { columns: lanes, pitch: 9, squares: 2 }, true],
    ["rows that go back", { columns: lanes, pitch: -20, squares: 2 }, true],
    ["more columns than lanes", { columns: lanes + 7, pitch: 40, squares: 2 }, true],
    ...[4, 5, 6, 7].map((columns) => [`${columns} columns`, { columns, pitch: 40, squares: 2 }, true] as const),
    ...[9, 14].map((columns) => [`${columns} columns`, { columns, pitch: 40, squares: 2 }, true] as const),
    ["three columns", { columns: 3, pitch: 40, squares: 2 }, false],
    ["with stores in between", { columns: lanes, pitch: 56, squares: 2, stores: true }, false],
  ];

  test.each(shapes)("%s", (_name, shape, transposed) => {
    const kernel = columnsOf(lanes, shape);
    const [source, result] = kernel.buffers.map(({ dtype, length }) => new (dtype === "f32" ? Float32Array : Int32Array)(length));
    for (let i = 0; i < source!.length; i++) source![i] = i + 1;
    const listing = new Map<number, string>();
    const made = executed(kernel, [source!, result!], machine, false, listing)[1]!;
    const { columns, pitch, squares } = shape;
    const first = pitch < 0 ? -pitch * (lanes - 1) : 0;
    const wanted = Array.from({ length: squares * columns * lanes }, (_, n) => {
      const [square, column, row] = [Math.floor(n / (columns * lanes)), Math.floor(n / lanes) % columns, n % lanes];
      return first + square * columns + column + row * pitch + 1;
    });
    expect(Array.from(made)).toEqual(wanted);
    expect(listing.get(0)!.includes("vunpcklps")).toBe(transposed);
    if (transposed && columns % lanes !== 1)
      expect(/gather/.test(listing.get(0)!)).toBe(columns % lanes > 0 && columns % lanes < 4 && columns > lanes);
  });
});
