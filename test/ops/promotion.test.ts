/** @file The tables of promotion in docs/ops.md, cell by cell: what ops give for each pair of dtypes is what the tables say. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { type Dtype, isFloat, wide } from "../../src/base/dtype.ts";
import { PROMOTION } from "../../src/inspect/op-table.ts";
import { logAddExp2, trueDivide, xlog1py, xlogy } from "../../src/math/arithmetic.ts";
import { cdist } from "../../src/math/distance.ts";
import { einsum, kron, outer, tensordot } from "../../src/math/einsum.ts";
import { hstack } from "../../src/math/grids.ts";
import * as F from "../../src/math/index.ts";
import { atan2, hypot, lerp, logAddExp } from "../../src/math/pointwise.ts";
import { stack, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const DTYPES: readonly Dtype[] = ["bool", "u8", "i32", "u32", "f32", "f64"];
type Binary = (a: Tensor, b: Tensor) => Tensor;

/** Operations of each family. A loss takes what is compared, so its operands may be of two dtypes. */
const OPS: Readonly<Record<string, Readonly<Record<string, Binary>>>> = {
  Choice: {
    maximum: (a, b) => a.maximum(b),
    minimum: (a, b) => a.minimum(b),
    where: (a, b) => a.ne(a).where(a, b),
    concat: (a, b) => a.concat([b]),
    "where, a choice between three": (a, b) => a.isNaN().where(b, a),
    stack: (a, b) => stack([a, b]),
    hstack: (a, b) => hstack([a, b]),
    "maximum of maximum": (a, b) => a.maximum(b).maximum(a),
  },
  Arithmetic: {
    add: (a, b) => a.add(b),
    sub: (a, b) => a.sub(b),
    mul: (a, b) => a.mul(b),
    div: (a, b) => a.div(b),
    rem: (a, b) => a.rem(b),
    matmul: (a, b) => a.matmul(b),
    outer: (a, b) => outer(a.flatten(), b.flatten()),
    tensordot: (a, b) => tensordot(a, b, 1),
    kron,
    einsum: (a, b) => einsum("ij,jk->ik", a, b),
  },
  "Real functions": {
    pow: (a, b) => a.pow(b),
    atan2,
    hypot,
    lerp: (a, b) => lerp(a, b, 0.5),
    logAddExp,
    xlogy,
    trueDivide,
    cdist: (a, b) => cdist(a, b),
    mseLoss: (a, b) => F.mseLoss(a, b, { reduction: "none" }),
    l1Loss: (a, b) => F.l1Loss(a, b, { reduction: "none" }),
    huberLoss: (a, b) => F.huberLoss(a, b, { reduction: "none" }),
    smoothL1Loss: (a, b) => F.smoothL1Loss(a, b, { reduction: "none" }),
    xlog1py,
    logAddExp2,
    cosineSimilarity: (a, b) => F.cosineSimilarity(a, b),
    pairwiseDistance: (a, b) => F.pairwiseDistance(a, b),
  },
};

describe.each(Object.keys(OPS))("%s", (family) => {
  test.each(Object.entries(OPS[family]!))("%s", (_, f) => {
    const { rule } = PROMOTION[family]!;
    for (const a of DTYPES)
      for (const b of DTYPES) {
        const y = f(zeros([2, 2], a), zeros([2, 2], b));
        expect(`${a}, ${b}: ${y.dtype}`).toBe(`${a}, ${b}: ${rule(a, b)}`);
      }
  });
});

test.each(DTYPES)("functions of one operand, %s", (dtype) => {
  const x = zeros([2, 2], dtype);
  const real = isFloat(dtype) ? dtype : "f32";
  for (const f of ["exp", "sqrt", "sin", "mean", "var", "std", "log1p", "floor"] as const)
    expect(`${f} ${x[f]().dtype}`).toBe(`${f} ${real}`);
  for (const f of ["sum", "prod", "neg"] as const) expect(`${f} ${x[f]().dtype}`).toBe(`${f} ${wide(dtype)}`);
  for (const f of ["max", "min", "abs", "sign", "relu"] as const)
    expect(`${f} ${x[f]().dtype}`).toBe(`${f} ${f === "relu" ? real : dtype}`);
  for (const f of ["isNaN", "isInf", "isFinite", "any", "all"] as const) expect(`${f} ${x[f]().dtype}`).toBe(`${f} bool`);
  expect(x.cumsum(0).dtype).toBe(wide(dtype));
  expect(x.argmax(0).dtype).toBe("i32");
  expect(x.add(1).dtype).toBe(dtype === "bool" ? "f32" : wide(dtype));
  expect(x.mul(0.5).dtype).toBe(real);
  expect([x.flip(), x.transpose(), x.sort(0).values, x.reshape([4])].map((t) => t.dtype)).toEqual([dtype, dtype, dtype, dtype]);
});
