/** @file The kernels of the self-test: one for each kind of instruction that a processor, a system or an emulator may get wrong. Their results have no bits that are left open. */
import type { Dtype, TypedArray } from "../../base/dtype.ts";
import * as k from "../../kernel/build.ts";
import type { Expr, Kernel, Stmt } from "../../kernel/kernel.ts";
import type { Target } from "../../kernel/target.ts";

/** A kernel and what its buffers hold before it runs. */
export interface Check {
  readonly kernel: Kernel;
  readonly data: readonly TypedArray[];
}

const ELEMENTS = 75;

const floats = (scale: number): Float32Array => Float32Array.from({ length: ELEMENTS }, (_, i) => Math.fround(Math.sin(i + 1) * scale));
const doubles = Float64Array.from({ length: ELEMENTS }, (_, i) => Math.cos(i + 1) * 40);
const integers = Int32Array.from({ length: ELEMENTS }, (_, i) => Math.imul(i + 1, 0x9e3779b1));

function kernelOf(name: string, dtypes: readonly Dtype[], body: readonly Stmt[]): Kernel {
  return { name, buffers: dtypes.map((dtype, i) => ({ dtype, length: ELEMENTS, written: i === dtypes.length - 1 })), body };
}

/** The last buffer, element by element of the first: in vectors, and what is left of them under a mask. */
function elementwise(name: string, from: Dtype, to: Dtype, lanes: number, f: (x: Expr) => Expr): Kernel {
  const whole = Math.floor(ELEMENTS / lanes);
  const at = k.int(whole * lanes);
  const mask = k.lt(k.ramp(lanes), k.splat(k.int(ELEMENTS - whole * lanes), lanes));
  const loop = k.forLoop(whole, (n) => {
    const i = k.mul(n, k.int(lanes));
    return [k.store(1, i, f(k.load(0, from, i, { lanes })))];
  });
  return kernelOf(name, [from, to], [loop, k.store(1, at, f(k.load(0, from, at, { lanes, mask })), mask)]);
}

/** Sums of products: a tile of three vectors. */
function products(lanes: number): Kernel {
  const sums = [0, 1, 2].map(() => k.bind(k.splat(k.float(0), lanes)));
  const loop = k.forLoop(20, (j) =>
    sums.map(({ variable }, n) => {
      const row = k.splat(k.load(0, "f32", k.add(k.mul(j, k.int(3)), k.int(n))), lanes);
      return k.set(variable, k.fma(row, k.load(1, "f32", j, { lanes }), variable));
    }),
  );
  const stores = sums.map(({ variable }, n) => k.store(2, k.int(n * lanes), variable));
  return kernelOf("products", ["f32", "f32", "f32"], [...sums.map((s) => s.statement), loop, ...stores]);
}

/** What machine code must compute as the interpreter does before it is trusted. */
export function checksFor({ lanes }: Target): Check[] {
  const splat = (n: number, x: Expr): Expr => k.splat(k.constant(n, x.dtype), x.lanes);
  const bounded = (x: Expr): Expr => k.max(k.min(x, splat(2, x)), splat(-1.5, x));
  return [
    { kernel: products(lanes.f32), data: [floats(1), floats(3), floats(0)] },
    {
      kernel: elementwise("functions", "f32", "f32", lanes.f32, (x) =>
        k.add(k.exp(bounded(x)), k.div(x, k.sqrt(k.add(k.abs(x), splat(1, x))))),
      ),
      data: [floats(5), floats(0)],
    },
    {
      kernel: elementwise("conversions", "f32", "i32", lanes.f32, (x) => k.cast(k.mul(x, splat(1e9, x)), "i32")),
      data: [floats(5), new Int32Array(ELEMENTS)],
    },
    {
      kernel: elementwise("integers", "i32", "i32", lanes.i32, (x) =>
        k.select(k.lt(x, splat(0, x)), k.div(x, splat(7, x)), k.xor(k.shl(x, splat(3, x)), k.mul(x, splat(5, x)))),
      ),
      data: [integers, new Int32Array(ELEMENTS)],
    },
    {
      kernel: elementwise("doubles", "f64", "f64", lanes.f64, (x) => k.add(k.mul(k.floor(x), x), k.div(splat(1, x), x))),
      data: [doubles, new Float64Array(ELEMENTS)],
    },
  ];
}
