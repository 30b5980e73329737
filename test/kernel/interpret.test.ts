/**
 * @file The interpreter: what each operator gives, and what programs do.
 */
import { describe, expect, it } from "vitest";
import { allocate, type Dtype } from "../../src/base/dtype.ts";
import * as k from "../../src/kernel/build.ts";
import { allowCodeFromText, interpret, runKernel } from "../../src/kernel/interpret.ts";
import type { Expr, Kernel, Program } from "../../src/kernel/kernel.ts";
import { meaningOf } from "../../src/kernel/scalar.ts";
import { randomData, randomKernel } from "../codegen/random-kernel.ts";

/** f of two values that the constructors cannot fold, as `lanes` at a time. */
function evaluate(dtype: Dtype, to: Dtype, f: (x: Expr, y: Expr) => Expr, [x, y]: readonly [number, number], lanes: 1 | 4 = 1): number {
  const value = f(k.load(0, dtype, k.int(0), { lanes }), k.load(0, dtype, k.int(4), { lanes }));
  const kernel: Kernel = {
    name: "evaluate",
    buffers: [
      { dtype, length: 8, written: false },
      { dtype: to, length: 4, written: true },
    ],
    body: [k.store(1, k.int(0), value)],
  };
  const input = allocate(dtype, 8);
  input.fill(x, 0, 4);
  input.fill(y, 4, 8);
  const output = allocate(to, 4);
  runKernel(kernel, [input, output]);
  return output[lanes - 1]!;
}

const NAN = Number.NaN;
const INF = Number.POSITIVE_INFINITY;

type Case = readonly [name: string, dtype: Dtype, f: (x: Expr, y: Expr) => Expr, x: number, y: number, result: number];

const cases: readonly Case[] = [
  ["add rounds", "f32", k.add, 16777216, 1, 16777216],
  ["min propagates NaN", "f32", k.min, NAN, 1, NAN],
  ["max propagates NaN", "f32", k.max, 1, NAN, NAN],
  ["max orders zeros", "f32", k.max, -0, 0, 0],
  ["min orders zeros", "f32", k.min, 0, -0, -0],
  ["rem is fmod", "f32", k.rem, -5.5, 2, -1.5],
  ["rem by infinity", "f32", k.rem, 3, INF, 3],
  ["pow of one", "f32", k.pow, 1, NAN, 1],
  ["pow of minus one to infinity", "f32", k.pow, -1, INF, 1],
  ["pow of negative to integer", "f32", k.pow, -2, 3, -8],
  ["pow of negative to fraction", "f32", k.pow, -2, 0.5, NAN],
  ["pow of zero", "f32", k.pow, 0, -1, INF],
  ["round is to even", "f32", (x) => k.round(x), 2.5, 0, 2],
  ["round keeps -0", "f32", (x) => k.round(x), -0.5, 0, -0],
  ["round of large", "f32", (x) => k.round(x), 8388609, 0, 8388609],
  ["trunc", "f32", (x) => k.trunc(x), -1.7, 0, -1],
  ["sqrt of negative", "f32", (x) => k.sqrt(x), -1, 0, NAN],
  ["fma keeps the product", "f32", (x, y) => k.fma(x, x, y), 4097, -16785408, 1],
  ["mul wraps", "i32", k.mul, 65537, 65537, 131073],
  ["div truncates", "i32", k.div, -7, 2, -3],
  ["div by zero", "i32", k.div, 7, 0, 0],
  ["div overflow", "i32", k.div, -2147483648, -1, -2147483648],
  ["rem by zero", "i32", k.rem, 7, 0, 0],
  ["rem takes the sign of the dividend", "i32", k.rem, -7, 3, -1],
  ["shr is arithmetic", "i32", k.shr, -8, 1, -4],
  ["shift counts are mod 32", "i32", k.shl, 1, 33, 2],
  ["abs of the least", "i32", (x) => k.abs(x), -2147483648, 0, -2147483648],
  ["not", "i32", (x) => k.not(x), 5, 0, -6],
  ["u32 div", "u32", k.div, 4294967295, 2, 2147483647],
  ["u32 shr is logical", "u32", k.shr, 4294967295, 31, 1],
  ["u32 max", "u32", k.max, 4294967295, 1, 4294967295],
  ["u32 neg wraps", "u32", (x) => k.neg(x), 1, 0, 4294967295],
];

describe.each([1, 4] as const)("operators on %i lanes", (lanes) => {
  it.each(cases)("%s", (_, dtype, f, x, y, result) => {
    expect(evaluate(dtype, dtype, f, [x, y], lanes)).toBe(result);
  });

  it("compares NaN as C does", () => {
    for (const [f, result] of [
      [k.eq, 0],
      [k.ne, 1],
      [k.lt, 0],
      [k.le, 0],
      [k.gt, 0],
      [k.ge, 0],
    ] as const) {
      expect(evaluate("f32", "bool", f, [NAN, 1], lanes)).toBe(result);
    }
  });

  it("converts", () => {
    expect(evaluate("f32", "i32", (x) => k.cast(x, "i32"), [-3e9, 0], lanes)).toBe(-2147483648);
    expect(evaluate("f32", "u32", (x) => k.cast(x, "u32"), [5e9, 0], lanes)).toBe(4294967295);
    expect(evaluate("f32", "i32", (x) => k.cast(x, "i32"), [NAN, 0], lanes)).toBe(0);
    expect(evaluate("u32", "f32", (x) => k.cast(x, "f32"), [4294967295, 0], lanes)).toBe(4294967296);
    expect(evaluate("i32", "u8", (x) => k.cast(x, "u8"), [-1, 0], lanes)).toBe(255);
    expect(evaluate("f32", "u32", (x) => k.bitcast(x, "u32"), [-1, 0], lanes)).toBe(0xbf800000);
    expect(evaluate("f32", "bool", (x) => k.cast(x, "bool"), [NAN, 0], lanes)).toBe(1);
  });
});

it("spells out operators as `meaningOf` has them", () => {
  const values = [0, -0, 1.5, -7, 3e9, 1e-40, NAN, INF, 2147483647];
  for (const dtype of ["f32", "f64", "i32"] as const) {
    for (const [name, f] of Object.entries({ add: k.add, sub: k.sub, mul: k.mul, div: k.div })) {
      const array = allocate(dtype, 2);
      for (const x of values) {
        for (const y of values) {
          array.set([x, y]);
          expect(evaluate(dtype, dtype, f, [x, y])).toBe(meaningOf(name, dtype)!(array[0]!, array[1]!) + (dtype === "i32" ? 0 : -0));
        }
      }
    }
  }
});

it("computes f64 in double", () => {
  expect(evaluate("f64", "f64", (x) => k.exp(x), [1, 0])).toBe(Math.E);
  expect(evaluate("f64", "f64", (x) => k.erf(x), [0.5, 0])).toBeCloseTo(0.5204998778130465, 15);
  expect(evaluate("f64", "f64", (x) => k.erf(x), [3, 0])).toBeCloseTo(0.9999779095030014, 15);
  expect(evaluate("f64", "f64", (x) => k.sigmoid(x), [-1000, 0])).toBe(0);
});

it("folds lanes pairwise", () => {
  const buffers = [
    { dtype: "f32", length: 4, written: false },
    { dtype: "f32", length: 1, written: true },
  ] as const;
  const kernel: Kernel = { name: "fold", buffers, body: [k.store(1, k.int(0), k.fold("add", k.load(0, "f32", k.int(0), { lanes: 4 })))] };
  const out = new Float32Array(1);
  runKernel(kernel, [new Float32Array([1e8, -1e8, 1, 1]), out]);
  expect(out[0]).toBe(2);
});

it("names the buffer and the index of an access outside it", () => {
  const kernel: Kernel = {
    name: "over",
    buffers: [{ dtype: "f32", length: 4, written: true }],
    body: [k.forLoop(5, (i) => [k.store(0, i, k.float(1))])],
  };
  expect(() => runKernel(kernel, [new Float32Array(4)])).toThrow("internal: kernel over: index 4 is outside buffer b0 of 4 elements");
});

it("checks where program arguments lie", () => {
  const kernel: Kernel = { name: "far", buffers: [{ dtype: "f32", length: 4, written: true }], body: [] };
  const program: Program = { kernels: [kernel], bindings: 1, steps: [{ kind: "call", kernel: 0, args: [{ binding: 0, offset: 60 }] }] };
  expect(() => interpret(program, new WebAssembly.Memory({ initial: 0 }), 0)).toThrow();
  expect(() => interpret(program, { buffer: new ArrayBuffer(64) }, 0)).toThrow("cannot lie at address 60");
});

describe("without code from texts", () => {
  it("closures give the bits of the written functions", () => {
    for (let seed = 0; seed < 40; seed++) {
      const kernel = randomKernel(seed);
      const [written, made] = [randomData(kernel, seed), randomData(kernel, seed)];
      runKernel(kernel, written);
      allowCodeFromText(false);
      try {
        runKernel({ ...kernel }, made);
      } finally {
        allowCodeFromText(undefined);
      }
      expect(made, `seed ${seed}`).toEqual(written);
    }
  });

  it("an index outside its buffer is the same error", () => {
    const kernel: Kernel = {
      name: "wild",
      buffers: [{ dtype: "f32", length: 4, written: true }],
      body: [k.store(0, k.int(4), k.float(1))],
    };
    allowCodeFromText(false);
    try {
      expect(() => runKernel(kernel, [new Float32Array(4)])).toThrow("kernel wild: index 4 is outside buffer b0 of 4 elements");
    } finally {
      allowCodeFromText(undefined);
    }
  });
});
