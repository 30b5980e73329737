/**
 * @file Two transforms outside the core, on the whole registry where they are defined: interval bounds hold every value, Taylor coefficients are
 * the higher derivatives. What a table lacks is listed here.
 */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { isFloat } from "../../src/base/dtype.ts";
import { sizeOf } from "../../src/base/shape.ts";
import { checkpoint } from "../../src/function/control.ts";
import { jvp } from "../../src/function/derivative.ts";
import { intervalRules, intervals } from "../../src/inspect/interval.ts";
import { taylor, taylorRules } from "../../src/inspect/taylor.ts";
import { fromArray, tensor } from "../../src/ops/create.ts";
import type { Op, Sample } from "../../src/ops/op.ts";
import { registry } from "../../src/ops/registry.ts";
import { record, type Tensor } from "../../src/ops/tensor.ts";

let state = 7;
const random = (low: number, high: number): number => {
  state = (state * 48271) % 2147483647;
  return low + (high - low) * (state / 2147483647);
};
type Drawn = Sample["operands"][number];
const draw = ({ shape, domain = [-2, 2] }: Drawn): Tensor =>
  fromArray(
    Float64Array.from({ length: sizeOf(shape) }, () => random(domain[0], domain[1])),
    { shape, dtype: "f64" },
  );

/** Samples of an op whose operands are all floats, with one result. */
const usable = (op: Op): Sample[] =>
  op.samples.filter((s) => s.operands.length > 0 && s.operands.every((t) => isFloat(t.dtype)) && !s.regions);
const apply =
  (op: Op, s: Sample) =>
  (x: Tensor[]): Tensor =>
    record(op, x, s.params, [])[0]!;
const differentiable = registry.filter((op) => op.derivative.kind !== "none" && usable(op).length > 0);

describe("intervals", () => {
  for (const op of differentiable.filter((o) => intervalRules[o.name])) {
    test(op.name, () => {
      for (const s of usable(op)) {
        const f = apply(op, s);
        const [a, b] = [s.operands.map(draw), s.operands.map(draw)];
        const box = intervals(f)([a.map((x, i) => x.minimum(b[i]!))], [a.map((x, i) => x.maximum(b[i]!))]);
        const [low, high] = [box.low.dataSync(), box.high.dataSync()];
        for (let trial = 0; trial < 8; trial++) {
          const inside = a.map((x, i) => x.add(b[i]!.sub(x).mul(random(0, 1))));
          f(inside)
            .dataSync()
            .forEach((y, i) => {
              expect(y).toBeGreaterThanOrEqual(low[i]! - 1e-9);
              expect(y).toBeLessThanOrEqual(high[i]! + 1e-9);
            });
        }
      }
    });
  }

  test("sine reaches its peaks inside the box, and a square is never negative", () => {
    const box = (low: number, high: number): [Tensor[], Tensor[]] => [
      [draw({ shape: [1], dtype: "f64", domain: [low, low] })],
      [draw({ shape: [1], dtype: "f64", domain: [high, high] })],
    ];
    const of = (f: (x: Tensor) => Tensor, [low, high]: [Tensor[], Tensor[]]): number[] => {
      const { low: a, high: b } = intervals(f)(low as [Tensor], high as [Tensor]);
      return [a.itemSync(), b.itemSync()];
    };
    expect(of((x) => x.sin(), box(0, 3))).toEqual([0, 1]);
    expect(of((x) => x.cos(), box(-1, 7))[0]).toBe(-1);
    expect(of((x) => x.mul(x), box(-1, 2))).toEqual([0, 4]);
  });

  test("a checkpoint's bounds are those of its block, which may fall, and may give several results", () => {
    const low = tensor([-1, 2], { dtype: "f64" });
    const high = tensor([3, 4], { dtype: "f64" });
    const block = (x: Tensor): { down: Tensor; both: Tensor } => ({ down: x.neg(), both: x.mul(x).sub(x) });
    const box = intervals(checkpoint(block))([low], [high]);
    const plain = intervals(block)([low], [high]);
    for (const end of ["low", "high"] as const)
      for (const name of ["down", "both"] as const) expect([...box[end][name].dataSync()]).toEqual([...plain[end][name].dataSync()]);
    expect([...box.low.down.dataSync()]).toEqual([-3, -4]);
  });
});

describe("Taylor mode", () => {
  for (const op of differentiable.filter((o) => taylorRules[o.name])) {
    test(`${op.name}: coefficients are directional derivatives over k!`, () => {
      for (const s of usable(op)) {
        const f = apply(op, s);
        const x = s.operands.map(draw);
        const v = s.operands.map((t) => draw({ ...t, domain: [-1, 1] }));
        const along =
          (g: (x: Tensor[]) => Tensor) =>
          (y: Tensor[]): Tensor =>
            jvp(g)([y], [v]).tangent;
        let derivative: (x: Tensor[]) => Tensor = f;
        let factorial = 1;
        taylor(f, 3)([x], [v]).forEach((c, k) => {
          if (k > 0) derivative = along(derivative);
          factorial *= Math.max(1, k);
          const want = derivative(x).dataSync();
          c.dataSync().forEach((got, i) => {
            expect(got * factorial).toBeCloseTo(want[i]!, 6);
          });
        });
      }
    });
  }
});

test("what the tables lack", () => {
  const missing = (table: object): string[] =>
    differentiable
      .map((op) => op.name)
      .filter((name) => !(name in table))
      .sort();
  expect(missing(intervalRules)).toMatchInlineSnapshot(`
    [
      "adjugate",
      "allReduce",
      "atan2",
      "besselI",
      "besselJ",
      "besselY",
      "cast",
      "cosh",
      "det",
      "dft",
      "erfcx",
      "hypot",
      "leastSquares",
      "lgamma",
      "logNdtr",
      "luFactor",
      "matrixExp",
      "matrixExpSlope",
      "maxWithIndex",
      "minWithIndex",
      "ndtr",
      "ndtri",
      "ownLog",
      "polygamma",
      "pow",
      "prod",
      "qr",
      "realDft",
      "realInverseDft",
      "rem",
      "scale",
      "slogdet",
      "solve",
      "svd",
      "tan",
    ]
  `);
  expect(missing(taylorRules)).toMatchInlineSnapshot(`
    [
      "abs",
      "acos",
      "acosh",
      "adjugate",
      "asin",
      "asinh",
      "atan",
      "atan2",
      "atanh",
      "besselI",
      "besselJ",
      "besselY",
      "ceil",
      "cosh",
      "det",
      "erf",
      "erfc",
      "erfcx",
      "erfinv",
      "exp2",
      "expm1",
      "floor",
      "hypot",
      "leastSquares",
      "lgamma",
      "log10",
      "log1p",
      "log2",
      "logNdtr",
      "luFactor",
      "matrixExp",
      "matrixExpSlope",
      "max",
      "maxWithIndex",
      "maximum",
      "min",
      "minWithIndex",
      "minimum",
      "ndtr",
      "ndtri",
      "ownLog",
      "polygamma",
      "pow",
      "prod",
      "qr",
      "relu",
      "rem",
      "round",
      "sign",
      "sinh",
      "slogdet",
      "solve",
      "svd",
      "tan",
      "trunc",
    ]
  `);
});
