/** @file Operators made of others: derivatives of both modes and of second order, a batch against one example, compiled against eager. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { vmap } from "../../src/function/vmap.ts";
import { checkGradients } from "../../src/inspect/check.ts";
import * as a from "../../src/math/arithmetic.ts";
import * as c from "../../src/math/calculus.ts";
import { embeddingBag } from "../../src/math/embedding-bag.ts";
import * as g from "../../src/math/grids.ts";
import { normal } from "../../src/math/random.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose } from "../function/backends.ts";

const f64 = (values: number[]): Tensor => tensor(values, { dtype: "f64" });
const i32 = (values: number[]): Tensor => tensor(values, { dtype: "i32" });
const list = (t: Tensor): number[] => [...t.dataSync()];
const draw = (...shape: number[]): Tensor => normal(tensor(Uint32Array.of(3, 4)), shape, { dtype: "f64" });
const [A, y, xs] = [draw(3, 5), draw(2, 6), draw(6).abs().add(0.1).cumsum(0)];

const CASES: Readonly<Record<string, readonly [(...x: Tensor[]) => Tensor | Tensor[], ...Tensor[]]>> = {
  cov: [(x) => c.cov(x), A],
  corrcoef: [(x) => c.corrcoef(x), A],
  trapezoid: [(v, x) => c.trapezoid(v, { x }), y, xs],
  cumulativeTrapezoid: [(v) => c.cumulativeTrapezoid(v, { axis: 0 }), y],
  gradient: [(v, x) => c.gradient(v, { axes: 1, spacing: x, edgeOrder: 2 }), y, xs],
  pdist: [(x) => c.pdist(x), A],
  renorm: [(x) => c.renorm(x, 2, 0, 1), A],
  copysign: [(x, s) => a.copysign(x, s), y, f64([-1])],
  frexp: [(x) => a.frexp(x).mantissa, y],
  ldexp: [(x) => a.ldexp(x, 3), y],
  xlogy: [(x, z) => a.xlogy(x, z), y, xs],
  xlog1py: [(x, z) => a.xlog1py(x, z), y, xs],
  logAddExp2: [(x, z) => a.logAddExp2(x, z), y, xs],
  vander: [(x) => g.vander(x), xs],
  blockDiag: [(x, z) => g.blockDiag([x, z]), A, y],
  "embeddingBag, mean": [(t) => embeddingBag(i32([1, 2, 0, 0, 2]), t, { offsets: i32([0, 2, 2]), paddingIndex: 1 }), A],
  "embeddingBag, max": [(t) => embeddingBag(i32([1, 2, 0, 0, 2]), t, { offsets: i32([0, 3]), mode: "max" }), A],
  "embeddingBag, weights": [
    (t, w) => embeddingBag(i32([1, 2, 0, 0, 2, 1]), t, { offsets: i32([0, 3]), mode: "sum", perSampleWeights: w }),
    A,
    xs,
  ],
  combinations: [(x) => g.combinations(x), xs],
};

test.each(Object.keys(CASES))("%s: derivatives, a batch, compiled", (name) => {
  const [f, ...x] = CASES[name]!;
  const report = checkGradients(f as (...x: Tensor[]) => Tensor, x, { entries: 4 });
  expect(report.passed, String(report)).toBe(true);
  const want = elements(f(...x));
  expectClose(compile(f)(...x), want);
  const many = vmap(f)(...x.map((t) => t.unsqueeze(0).concat([t.mul(2).unsqueeze(0)], 0)));
  expectClose(
    [many].flat().flatMap((t) => list(t.select(0, 0))),
    want,
  );
});
