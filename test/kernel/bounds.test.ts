/** @file Proofs that accesses stay inside their buffers, and the checks that stand in for them; lowering, as a table. */
import { describe, expect, test } from "vitest";
import { checkBounds, guardAccesses } from "../../src/kernel/bounds.ts";
import * as k from "../../src/kernel/build.ts";
import { runKernel } from "../../src/kernel/interpret.ts";
import type { Expr, Kernel, Stmt } from "../../src/kernel/kernel.ts";
import { LOWERING, lower, splitMaskedStores, splitMultiplyAdds } from "../../src/kernel/lower.ts";
import { type Target, WASM, withLanes } from "../../src/kernel/target.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";
import { eachExpr, eachStmt, operandsOf } from "../../src/kernel/walk.ts";
import { LENGTH, randomData, randomKernel } from "../codegen/random-kernel.ts";

const kernelOf = (body: readonly Stmt[], length = 64): Kernel => ({
  name: "bounds",
  buffers: [
    { dtype: "f32", length, written: false },
    { dtype: "f32", length, written: true },
    { dtype: "i32", length, written: false },
  ],
  body,
});

/** A copy of `count` elements from `index(i)`. */
const copy = (count: number, index: (i: Expr) => Expr, mask?: (i: Expr) => Expr): Kernel =>
  kernelOf([k.forLoop(count, (i) => [k.store(1, i, k.load(0, "f32", index(i), { mask: mask?.(i) }))])]);

const unproved = (kernel: Kernel): number => checkBounds(kernel).unproved.length;

describe("an access is proved", () => {
  test.each<[string, Kernel, number]>([
    ["by the range of a counter", copy(64, (i) => i), 0],
    ["not where the counter goes too far", copy(64, (i) => k.add(i, k.int(1))), 1],
    ["not where it begins too early", copy(64, (i) => k.sub(i, k.int(1))), 1],
    [
      "by a mask",
      copy(
        64,
        (i) => k.sub(i, k.int(1)),
        (i) => k.le(k.int(1), i),
      ),
      0,
    ],
    [
      "not by a mask that is one too wide",
      copy(
        64,
        (i) => k.sub(i, k.int(2)),
        (i) => k.le(k.int(1), i),
      ),
      1,
    ],
    ["by quotients and remainders", copy(64, (i) => k.add(k.mul(k.rem(i, k.int(8)), k.int(8)), k.div(i, k.int(8)))), 0],
    ["not with a stride too long", copy(64, (i) => k.add(k.mul(k.rem(i, k.int(8)), k.int(9)), k.div(i, k.int(8)))), 1],
  ])("%s", (_, kernel, count) => {
    expect(unproved(kernel)).toBe(count);
  });

  test("by the conditions of a padded window along two axes, and not without one of them", () => {
    const window = (conditions: number): Kernel =>
      kernelOf([
        k.forLoop(8, (y) => [
          k.forLoop(8, (x) => [
            k.forLoop(3, (dy) => [
              k.forLoop(3, (dx) => {
                const [row, column] = [k.sub(k.add(y, dy), k.int(1)), k.sub(k.add(x, dx), k.int(1))];
                const all = [k.le(k.int(0), row), k.lt(row, k.int(8)), k.le(k.int(0), column), k.lt(column, k.int(8))];
                const mask = all.slice(0, conditions).reduce((a, b) => k.and(a, b));
                const at = k.add(k.mul(row, k.int(8)), column);
                return [k.store(1, k.add(k.mul(y, k.int(8)), x), k.load(0, "f32", at, { mask }))];
              }),
            ]),
          ]),
        ]),
      ]);
    expect([4, 3, 2, 1].map((n) => unproved(window(n)))).toEqual([0, 1, 1, 1]);
  });

  test("by a condition on several counters that is not a multiple of the index", () => {
    const parts = (limit: number): Kernel =>
      kernelOf([
        k.forLoop(8, (j) => [
          k.forLoop(4, (i) => {
            const mask = k.lt(k.add(k.mul(j, k.int(4)), i), k.int(limit));
            return [k.store(1, k.add(k.mul(j, k.int(10)), i), k.float(1), mask)];
          }),
        ]),
      ]);
    // j <= 5, and so j·10 + i <= 53; j <= 6 and 63; j <= 7 and 73.
    expect([23, 27, 29].map((n) => unproved(parts(n)))).toEqual([0, 0, 1]);
  });

  test("lane by lane", () => {
    const vectors = (to: number, lanes: number): Kernel =>
      kernelOf([k.forLoop(to, (i) => [k.store(1, i, k.load(0, "f32", i, { lanes }))], { step: lanes })]);
    expect([4, 8, 16].map((lanes) => unproved(vectors(64, lanes)))).toEqual([0, 0, 0]);
    expect(unproved(vectors(66, 4))).toBe(2);
    const live = (limit: number): Kernel => {
      const mask = (i: Expr): Expr => k.lt(k.add(i, k.ramp(4)), k.int(limit));
      return kernelOf([k.forLoop(68, (i) => [k.store(1, i, k.load(0, "f32", i, { lanes: 4, mask: mask(i) }), mask(i))], { step: 4 })]);
    };
    expect([64, 65].map((n) => unproved(live(n)))).toEqual([0, 2]);
  });

  test("inside a branch and a loop that leaves iterations out", () => {
    const branch = (limit: number): Kernel =>
      kernelOf([k.forLoop(99, (i) => [k.ifThen(k.lt(i, k.int(limit)), [k.store(1, i, k.float(1))], [])])]);
    expect([64, 65].map((n) => unproved(branch(n)))).toEqual([0, 1]);
    const within = (low: number): Kernel =>
      kernelOf([k.forLoop(64, (i) => [k.store(1, k.sub(i, k.int(3)), k.float(1))], { within: [k.int(low), k.int(64)] })]);
    expect([3, 2].map((n) => unproved(within(n)))).toEqual([0, 1]);
    // Bounds that are vectors, which the language has not, prove nothing.
    const vectors = kernelOf([
      k.forLoop(64, (i) => [k.store(1, k.sub(i, k.int(3)), k.float(1))], { within: [k.splat(k.int(3), 4), k.splat(k.int(64), 4)] }),
    ]);
    expect(unproved(vectors)).toBe(1);
  });
});

test("what is not proved is checked when it runs", () => {
  const gather = copy(64, (i) => k.load(2, "i32", i));
  expect(checkBounds(gather).unproved.map(({ lookedUp }) => lookedUp)).toEqual([true]);
  const at = Int32Array.from({ length: 64 }, (_, i) => [i, -1, 64, 2 ** 31 - 1, -(2 ** 31)][i % 5]!);
  const run = (kernel: Kernel): Float32Array => {
    const y = new Float32Array(64);
    runKernel(kernel, [new Float32Array(64).fill(7), y, at]);
    return y;
  };
  expect(() => run(gather)).toThrow("outside buffer");
  const guarded = guardAccesses(gather);
  verifyKernel(guarded);
  expect(checkBounds(guarded).unproved).toEqual([]);
  expect(run(guarded)).toEqual(Float32Array.from(at, (_, i) => (i % 5 === 0 ? 7 : 0)));
  const scatter = kernelOf([k.forLoop(60, (i) => [k.store(1, k.load(2, "i32", i), k.splat(k.float(3), 1))])]);
  expect(run(guardAccesses(scatter)).filter((v) => v === 3).length).toBe(12);
});

describe("lowering", () => {
  test("every pass keeps the language and the meaning, for a machine with masks and checks of its own too", () => {
    const bare = { ...withLanes(WASM, 4, "overlap"), guardAccesses };
    for (let seed = 0; seed < 15; seed++)
      for (const target of [WASM, bare]) {
        const kernel = randomKernel(seed);
        const names: string[] = [];
        const lowered = lower(kernel, target, (name, after) => {
          names.push(name);
          verifyKernel(after, target);
        });
        expect(names).toEqual(LOWERING.map(([name]) => name));
        const [before, after] = [randomData(kernel, seed), randomData(kernel, seed)];
        runKernel(kernel, before);
        runKernel(lowered, after);
        expect(after, `kernel ${seed} of buffers of ${LENGTH}`).toEqual(before);
      }
  });

  /** The operators in a kernel, each with its dtype. */
  const opsOf = ({ body }: Kernel): Set<string> => {
    const found = new Set<string>();
    eachStmt(body, (s) => eachExpr(operandsOf(s), ({ op, dtype }) => found.add(`${op} ${dtype}`)));
    return found;
  };

  test("a multiply-add is two operations where the machine has no such instruction", () => {
    const x = (i: Expr): Expr => k.load(0, "f32", i);
    const kernel = kernelOf([k.forLoop(64, (i) => [k.store(1, i, k.fma(x(i), k.fma(x(i), x(i), k.float(3)), x(i)))])]);
    const run = (of: Kernel): Float32Array => {
      const y = new Float32Array(64);
      runKernel(of, [Float32Array.from({ length: 64 }, (_, i) => i - 32), y, new Int32Array(64)]);
      return y;
    };
    const split = splitMultiplyAdds(kernel);
    verifyKernel(split);
    expect(opsOf(kernel)).toContain("fma f32");
    expect(opsOf(split)).not.toContain("fma f32");
    expect(run(split)).toEqual(run(kernel));
    expect(run(split)[35]).toBe(3 * (9 + 3) + 3);
    const lowered = (fma: Target["fma"]): boolean => opsOf(lower(kernel, { ...WASM, fma })).has("fma f32");
    expect([lowered("fused"), lowered("engine"), lowered("separate")]).toEqual([true, true, false]);
  });

  test.each([
    ["exp", k.exp],
    ["sin", k.sin],
    ["tanh", k.tanh],
  ] as const)("%s of f32 is expanded, unless the machine has it", (op, f) => {
    const kernel = kernelOf([k.forLoop(64, (i) => [k.store(1, i, f(k.load(0, "f32", i)))])]);
    expect(opsOf(lower(kernel, WASM))).not.toContain(`${op} f32`);
    const native = lower(kernel, { ...WASM, native: { f32: [op], f64: [] } });
    expect(opsOf(native)).toEqual(opsOf(kernel));
  });

  test("a masked store is a branch for each lane where the machine has none", () => {
    const mask = (i: Expr): Expr => k.lt(k.add(i, k.ramp(4)), k.int(62));
    const kernel = kernelOf([k.forLoop(64, (i) => [k.store(1, i, k.load(0, "f32", i, { lanes: 4 }), mask(i))], { step: 4 })]);
    const split = splitMaskedStores(kernel);
    eachStmt(split.body, (s) => expect(s.kind === "store" ? s.mask : undefined).toBeUndefined());
    const run = (of: Kernel): Float32Array => {
      const y = new Float32Array(64);
      runKernel(of, [Float32Array.from({ length: 64 }, (_, i) => i + 1), y, new Int32Array(64)]);
      return y;
    };
    expect(run(split)).toEqual(run(kernel));
    expect(run(kernel).slice(60)).toEqual(Float32Array.of(61, 62, 0, 0));
  });
});
