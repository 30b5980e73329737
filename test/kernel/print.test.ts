/**
 * @file Kernels as text, and the hash that tells them apart.
 */
import { expect, it } from "vitest";
import * as k from "../../src/kernel/build.ts";
import { hashKernel } from "../../src/kernel/hash.ts";
import type { Expr, Kernel, Stmt } from "../../src/kernel/kernel.ts";
import { expandMath } from "../../src/kernel/math.ts";
import { printKernel } from "../../src/kernel/print.ts";

function map(f: (x: Expr) => Expr, name = "map"): Kernel {
  const loop = k.forLoop(320, (i) => [k.store(1, i, f(k.load(0, "f32", i, { lanes: 4 })))], { step: 4 });
  return {
    name,
    buffers: [
      { dtype: "f32", length: 320, written: false },
      { dtype: "f32", length: 320, written: true },
    ],
    body: [loop],
  };
}

it("prints loops, lets, sets and ifs", () => {
  const body = [
    k.forLoop(8, (i) =>
      k.letIn(k.splat(k.float(0), 4), (sum) => [
        k.forLoop(16, (j) => [k.set(sum, k.fma(k.load(0, "f32", k.add(k.mul(i, k.int(16)), j), { lanes: 4 }), k.float(0.5), sum))], {
          step: 4,
        }),
        k.ifThen(k.lt(i, k.int(3)), [k.store(1, i, k.fold("add", sum))], [k.store(1, i, k.sub(k.lane(sum, 2), k.float(-1)))]),
      ]),
    ),
  ];
  const kernel: Kernel = {
    name: "rows",
    buffers: [
      { dtype: "f32", length: 128, written: false },
      { dtype: "f32", length: 8, written: true },
    ],
    body,
  };
  expect(printKernel(kernel)).toMatchInlineSnapshot(`
    "kernel rows(b0: f32[128], b1: mut f32[8])
    for i < 8 {
      let t0 = 0
      for j < 16 step 4 {
        t0 = fma(b0[i * 16 + j:4], 0.5, t0)
      }
      if i < 3 {
        b1[i] = fold.add(t0)
      } else {
        b1[i] = t0.2 - -1
      }
    }"
  `);
});

it("prints which iterations a loop leaves out", () => {
  const inner = (i: Expr): Stmt =>
    k.forLoop(5, (j) => [k.store(0, k.add(i, j), k.float(1))], { within: [k.sub(k.int(4), i), k.sub(k.int(14), i)] });
  const kernel: Kernel = {
    name: "band",
    buffers: [{ dtype: "f32", length: 18, written: true }],
    body: [k.forLoop(14, (i) => [inner(i)])],
  };
  expect(printKernel(kernel)).toMatchInlineSnapshot(`
    "kernel band(b0: mut f32[18])
    for i < 14 {
      for j < 5 within 4 - i .. 14 - i {
        b0[i + j] = 1
      }
    }"
  `);
});

it("parenthesizes by strength and shows masks, casts and gathers", () => {
  const kernel = map((x) => {
    const mask = k.and(k.le(k.float(0), x), k.lt(x, k.float(9)));
    const index = k.cast(k.mul(k.add(x, k.float(1)), k.float(2)), "i32");
    return k.mul(k.load(0, "f32", index, { mask }), k.neg(k.add(x, k.float(-3))));
  });
  expect(printKernel(kernel)).toMatchInlineSnapshot(`
    "kernel map(b0: f32[320], b1: mut f32[320])
    for i < 320 step 4 {
      b1[i:4] = b0[i32((b0[i:4] + 1) * 2) if 0 <= b0[i:4] & b0[i:4] < 9] * -(b0[i:4] - 3)
    }"
  `);
});

it("names what is shared when the tree would be much larger", () => {
  expect(printKernel(expandMath(map(k.exp)))).toMatchInlineSnapshot(`
    "kernel map(b0: f32[320], b1: mut f32[320])
    for i < 320 step 4 {
      s0 = select(b0[i:4] < -104, -104, b0[i:4])
      s1 = select(89 < s0, 89, s0)
      s2 = fma(s1, 1.442695, 12582912)
      s3 = s2 - 12582912
      s4 = fma(s3, 0.00021219444, fma(s3, -0.6933594, s1))
      s5 = bits.i32(s2)
      s6 = s5 >> 1
      b1[i:4] = bits.f32(bits.i32(fma(fma(fma(fma(fma(fma(0.0013780594, s4, 0.0083731245), s4, 0.041669536), s4, 0.16666472), s4, 0.49999985), s4, 1), s4, 1)) + (s5 - s6 << 23)) * bits.f32((s6 << 23) + 1065353216)
    }"
  `);
});

it("hashes content, not names or numbering", () => {
  expect(hashKernel(map(k.exp, "a"))).toBe(hashKernel(map(k.exp, "b")));
  expect(hashKernel(map(k.exp))).not.toBe(hashKernel(map(k.sin)));
  expect(hashKernel(map((x) => k.add(x, k.float(1))))).not.toBe(hashKernel(map((x) => k.add(x, k.float(1.0000001)))));
  const wider = map(k.exp);
  expect(hashKernel({ ...wider, buffers: [{ dtype: "f32", length: 321, written: false }, wider.buffers[1]!] })).not.toBe(hashKernel(wider));
});
