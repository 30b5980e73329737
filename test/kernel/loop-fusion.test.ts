/** @file Loops over the same elements as one loop: which are joined, which must not be, and that the numbers stay the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as k from "../../src/kernel/build.ts";
import type { Expr, Kernel, Loop, Stmt } from "../../src/kernel/kernel.ts";
import { fuseLoops, fuseMarkedLoops } from "../../src/kernel/loop-fusion.ts";
import { printKernel } from "../../src/kernel/print.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";
import { eachStmt } from "../../src/kernel/walk.ts";
import { interpreted } from "../codegen/run.ts";
import { sized } from "../size.ts";

const LENGTH = 64;
const ROWS = 4;

/** Four buffers of elements, and one with a number per row. */
const BUFFERS: Kernel["buffers"] = [0, 1, 2, 3, ROWS].map((n) => ({ dtype: "f32", length: n < ROWS ? LENGTH : ROWS, written: true }));
const mayShare = (a: number, b: number): boolean => BUFFERS[a]!.length === BUFFERS[b]!.length;

const kernelOf = (body: readonly Stmt[]): Kernel => ({ name: "test", buffers: BUFFERS, body });
const LANES = 4;
const at = (buffer: number, index: Expr): Expr => k.load(buffer, "f32", index, { lanes: LANES });
const plus = (index: Expr, n: number): Expr => k.add(index, k.int(n));

/** A loop over 32 elements, a vector a turn. */
const over = (body: (j: Expr) => Stmt[]): Stmt => k.forLoop(32, body, { step: LANES });

function loopsIn(stmts: readonly Stmt[]): number {
  let n = 0;
  eachStmt(stmts, (s) => {
    if (s.kind === "for") n++;
  });
  return n;
}

describe("joined are", () => {
  test("a sum and what it adds, which is not loaded again", () => {
    const sum = k.bind(k.splat(k.float(0), 4));
    const body = [
      over((j) => {
        const e = k.bind(k.mul(at(0, j), at(0, j)));
        return [e.statement, k.store(1, j, e.variable)];
      }),
      sum.statement,
      over((j) => [k.set(sum.variable, k.add(sum.variable, at(1, j)))]),
      k.store(4, k.int(0), k.fold("add", sum.variable)),
    ];
    const joined = kernelOf(fuseLoops(body, { mayShare }));
    verifyKernel(joined);
    expect(printKernel(joined)).toMatchInlineSnapshot(`
      "kernel test(b0: mut f32[64], b1: mut f32[64], b2: mut f32[64], b3: mut f32[64], b4: mut f32[4])
      let t0 = 0
      for i < 32 step 4 {
        let t1 = b0[i:4] * b0[i:4]
        t0 = t0 + t1
        b1[i:4] = t1
      }
      b4[0] = fold.add(t0)"
    `);
  });

  test("loops behind what the later one does not need", () => {
    const body = [
      over((j) => [k.store(1, j, at(0, j))]),
      k.store(1, k.int(32), at(0, k.int(32))),
      k.store(4, k.int(1), k.float(2)),
      over((j) => [k.store(2, j, k.add(at(0, j), at(1, j)))]),
    ];
    expect(loopsIn(fuseLoops(body, { mayShare }))).toBe(1);
  });

  test("loops over rows with those inside them", () => {
    const row = (i: Expr, body: (at: Expr) => Stmt[]): Stmt => k.forLoop(16, (j) => body(k.add(k.mul(i, k.int(16)), j)), { step: LANES });
    const body = [
      k.forLoop(4, (i) => [row(i, (p) => [k.store(1, p, at(0, p))])]),
      k.forLoop(4, (i) => [row(i, (p) => [k.store(2, p, at(1, p))])]),
    ];
    expect(loopsIn(fuseLoops(body, { mayShare }))).toBe(2);
    // Where lanes are added up apart, only since those inside join.
    expect(loopsIn(fuseLoops(body, { mayShare, foldsApart: true }))).toBe(2);
  });

  test("rows whose last vector is under a mask, though it would reach into the next row", () => {
    const mask = k.lt(k.ramp(LANES), k.int(2));
    const row = (i: Expr, from: number, to: number): Stmt[] => {
      const first = k.mul(i, k.int(6));
      const last = plus(first, 4);
      return [
        k.forLoop(4, (j) => [k.store(to, k.add(first, j), at(from, k.add(first, j)))], { step: 2 * LANES }),
        k.store(to, last, k.load(from, "f32", last, { lanes: LANES, mask }), mask),
      ];
    };
    const body = [k.forLoop(ROWS, (i) => row(i, 0, 1)), k.forLoop(ROWS, (i) => row(i, 1, 2))];
    expect(fuseLoops(body, { mayShare }).length).toBe(1);
  });
});

test("rows go through one pass after another where the lanes of a sum are added up apart", () => {
  const row = (i: Expr, body: (at: Expr) => Stmt[]): Stmt => k.forLoop(16, (j) => body(k.add(k.mul(i, k.int(16)), j)), { step: LANES });
  const body = [
    k.forLoop(ROWS, (i) => {
      const sum = k.bind(k.splat(k.float(0), LANES));
      return [
        sum.statement,
        row(i, (p) => [k.set(sum.variable, k.add(sum.variable, at(0, p)))]),
        k.store(4, i, k.fold("add", sum.variable)),
      ];
    }),
    k.forLoop(ROWS, (i) => [row(i, (p) => [k.store(1, p, k.mul(at(0, p), k.load(4, "f32", i)))])]),
  ];
  expect(fuseLoops(body, { mayShare }).length).toBe(1);
  expect(fuseLoops(body, { mayShare, foldsApart: true }).length).toBe(2);
});

test("what a row has stored is not loaded again in the loops behind it, unless it is written over", () => {
  const sum = k.bind(k.splat(k.float(0), LANES));
  const mean = k.bind(k.fold("add", sum.variable));
  const mask = k.lt(k.ramp(LANES), k.int(2));
  const end = k.bind(k.load(0, "f32", k.int(32), { lanes: LANES, mask }));
  const body = [
    sum.statement,
    over((j) => [k.set(sum.variable, k.add(sum.variable, at(0, j)))]),
    mean.statement,
    k.store(4, k.int(0), mean.variable),
    end.statement,
    k.store(1, k.int(32), end.variable, mask),
    over((j) => [k.store(2, j, k.sub(at(0, j), k.load(4, "f32", k.int(0))))]),
    k.store(2, k.int(32), k.load(1, "f32", k.int(32), { lanes: LANES, mask }), mask),
    k.store(4, k.int(0), k.float(1)),
    k.store(3, k.int(0), k.load(4, "f32", k.int(0))),
  ];
  const marked = body.map((s) => (s.kind === "for" ? { ...s, joins: true } : s));
  const text = printKernel(fuseMarkedLoops(kernelOf(marked)));
  expect(text).toContain("b2[i:4] = b0[i:4] - t1");
  expect(text).toContain("b2[32:4 if ramp < 2] = select(ramp < 2, t2, 0)");
  expect(text).toContain("b3[0] = b4[0]");
});

test("the pass joins marked loops alone, wherever they stand", () => {
  const copy = (from: number, to: number): Stmt => over((j) => [k.store(to, j, at(from, j))]);
  const marked = (from: number, to: number): Stmt => ({ ...(copy(from, to) as Loop), joins: true });
  const loops = (body: readonly Stmt[]): number => loopsIn(fuseMarkedLoops(kernelOf(body)).body);
  expect(loops([copy(0, 1), copy(0, 2)])).toBe(2);
  expect(loops([marked(0, 1), marked(0, 2)])).toBe(1);
  expect(loops([copy(0, 3), marked(0, 1), marked(0, 2)])).toBe(2);
  expect(loops([k.forLoop(ROWS, () => [marked(0, 1), marked(0, 2)])])).toBe(2);
});

describe("not joined are", () => {
  const apart = (name: string, body: () => Stmt[]): void =>
    test(name, () => {
      const stmts = body();
      expect(loopsIn(fuseLoops(stmts, { mayShare }))).toBe(loopsIn(stmts));
    });

  apart("loops of other ranges", () => [
    over((j) => [k.store(1, j, at(0, j))]),
    k.forLoop(16, (j) => [k.store(2, j, at(0, j))], { step: LANES }),
  ]);
  apart("a loop that reads what other iterations write", () => [
    over((j) => [k.store(1, j, at(0, j))]),
    over((j) => [k.store(2, j, at(1, plus(j, 1)))]),
  ]);
  apart("a loop that writes what other iterations read", () => [
    over((j) => [k.store(1, j, at(0, plus(j, 1)))]),
    over((j) => [k.store(0, j, at(2, j))]),
  ]);
  apart("a loop that may write over what other iterations read through another buffer", () => [
    over((j) => [k.store(1, j, at(0, plus(j, 8)))]),
    over((j) => [k.store(2, j, at(1, j))]),
  ]);
  apart("a loop that reads a sum of the first one in memory", () => {
    const sum = k.bind(k.splat(k.float(0), 4));
    return [
      sum.statement,
      over((j) => [k.set(sum.variable, k.add(sum.variable, at(0, j)))]),
      k.store(4, k.int(0), k.fold("add", sum.variable)),
      over((j) => [k.store(1, j, k.mul(at(0, j), k.splat(k.load(4, "f32", k.int(0)), 4)))]),
    ];
  });
  apart("a loop that reads a sum of the first one in a variable", () => {
    const sum = k.bind(k.splat(k.float(0), 4));
    return [
      sum.statement,
      over((j) => [k.set(sum.variable, k.add(sum.variable, at(0, j)))]),
      over((j) => [k.store(1, j, k.mul(at(0, j), sum.variable))]),
    ];
  });
  apart("a loop that reads what is stored between the two", () => [
    over((j) => [k.store(1, j, at(0, j))]),
    k.store(0, k.int(8), at(1, k.int(8))),
    over((j) => [k.store(2, j, at(0, j))]),
  ]);
});

/** What a random loop does at each place: store or add up what is at some places near. */
interface Act {
  readonly adds: boolean;
  readonly to: number;
  readonly from: readonly (readonly [buffer: number, shift: number])[];
}

const buffer = fc.integer({ min: 0, max: 3 });
const act: fc.Arbitrary<Act> = fc.record({
  adds: fc.boolean(),
  to: buffer,
  from: fc.array(fc.tuple(buffer, fc.constantFrom(0, 0, 0, 0, 1, 4, 8)), { minLength: 1, maxLength: 2 }),
});
const acts = fc.array(fc.record({ each: fc.array(act, { minLength: 1, maxLength: 3 }), tail: fc.boolean() }), {
  minLength: 2,
  maxLength: 5,
});

/** Loops over a row's first half, some with a vector behind it. */
function loopsOf(list: readonly { readonly each: readonly Act[]; readonly tail: boolean }[], base: Expr, row: Expr): Stmt[] {
  return list.flatMap(({ each, tail }) => {
    const sums = each.map(() => k.bind(k.splat(k.float(0), 4)));
    const stmts = (j: Expr): Stmt[] =>
      each.flatMap(({ adds, to, from }, n) => {
        const x = k.bind(
          from.map(([b, shift]) => at(b, plus(k.add(base, j), shift))).reduce((p, q) => k.add(k.mul(p, k.splat(k.float(0.5), 4)), q)),
        );
        const sum = sums[n]!.variable;
        return [x.statement, adds ? k.set(sum, k.add(sum, x.variable)) : k.store(to, k.add(base, j), x.variable)];
      });
    return [
      ...sums.map((s) => s.statement),
      k.forLoop(16, stmts, { step: LANES }),
      ...(tail ? stmts(k.int(16)) : []),
      ...each.flatMap(({ adds }, n) => (adds ? [k.store(4, row, k.fold("add", sums[n]!.variable))] : [])),
    ];
  });
}

describe("random loops", () => {
  const run = (body: readonly Stmt[]): number[][] => {
    const kernel = kernelOf(body);
    verifyKernel(kernel);
    const values = BUFFERS.map(({ length }, b) => Float32Array.from({ length }, (_, i) => ((7 * i + 13 * b) % 19) / 4 - 2));
    return interpreted(kernel, values).map((x) => [...x]);
  };

  test("compute what they did before, row by row or one after another", () => {
    let joined = 0;
    fc.assert(
      fc.property(acts, fc.boolean(), (list, rows) => {
        const body = rows ? [k.forLoop(2, (i) => loopsOf(list, k.mul(i, k.int(32)), i))] : loopsOf(list, k.int(0), k.int(0));
        const after = fuseLoops(body, { mayShare });
        if (loopsIn(after) < loopsIn(body)) joined++;
        expect(run(after)).toEqual(run(body));
      }),
      { numRuns: sized(100, 1000) },
    );
    expect(joined).toBeGreaterThan(50);
  });
});
