/**
 * @file Random kernels for property tests: loop nests with affine, masked and gathered accesses to buffers of every dtype, lets, sets, ifs. Only
 * operations whose result is exact appear, so that every backend must agree bit for bit.
 */
import type { Dtype, TypedArray } from "../../src/base/dtype.ts";
import { allocate } from "../../src/base/dtype.ts";
import * as k from "../../src/kernel/build.ts";
import type { Buffer, Expr, Kernel, Stmt } from "../../src/kernel/kernel.ts";

export const LENGTH = 96;
const DTYPES: readonly Dtype[] = ["f32", "i32", "u32", "u8", "bool", "f64"];

/** A linear congruential generator: kernels are functions of a seed. */
class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }
  below(n: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) | 0;
    return Math.floor(((this.state >>> 8) / 2 ** 24) * n);
  }
  chance(p: number): boolean {
    return this.below(1000) < p * 1000;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const SPECIAL: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  -2.5,
  3.5,
  1e-40,
  1e38,
  -1e38,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  255,
  256,
  2147483647,
  -2147483648,
  4294967295,
];

interface Scope {
  readonly variables: Expr[];
  readonly loops: { readonly variable: Expr; readonly low: number; readonly high: number }[];
  readonly settable: Expr[];
}

/** What machines differ in. */
export interface KernelOptions {
  /** Lanes of vectors: 4 unless it is said otherwise. */
  readonly lanes?: number;
  /** Whether there are vectors of f64. */
  readonly doubles?: boolean;
  /** Whether functions of the host are called: true unless it is said otherwise. */
  readonly host?: boolean;
}

class Maker {
  private readonly random: Random;
  private readonly width: number;
  private readonly doubles: boolean;
  private readonly host: boolean;
  constructor(seed: number, { lanes = 4, doubles = false, host = true }: KernelOptions) {
    this.random = new Random(seed);
    this.width = lanes;
    this.doubles = doubles;
    this.host = host;
  }

  /** Buffers 0..5 are read, 6..11 written, in the order of DTYPES. */
  kernel(): Kernel {
    const buffers: Buffer[] = DTYPES.map((dtype) => ({ dtype, length: LENGTH, written: false }));
    const written: Buffer[] = DTYPES.map((dtype) => ({ dtype, length: LENGTH, written: true }));
    return { name: "random", buffers: [...buffers, ...written], body: this.block({ variables: [], loops: [], settable: [] }, 3) };
  }

  private block(outer: Scope, depth: number): Stmt[] {
    const scope: Scope = { variables: [...outer.variables], loops: [...outer.loops], settable: [...outer.settable] };
    const stmts: Stmt[] = [];
    for (let n = 1 + this.random.below(4); n > 0; n--) stmts.push(...this.statement(scope, depth));
    stmts.push(this.store(scope));
    return stmts;
  }

  private statement(scope: Scope, depth: number): Stmt[] {
    const what = this.random.below(10);
    if (what < 4 && depth > 0) return [this.loop(scope, depth)];
    if (what < 6) return [this.bind(scope)];
    if (what === 6 && depth > 0)
      return [
        k.ifThen(
          this.value("bool", 1, scope, 2),
          this.block(scope, depth - 1),
          this.random.chance(0.5) ? this.block(scope, depth - 1) : [],
        ),
      ];
    if (what === 7 && scope.settable.length > 0) {
      const target = this.random.pick(scope.settable);
      return [k.set(target, this.value(target.dtype, target.lanes, scope, 3))];
    }
    return [this.store(scope)];
  }

  private loop(scope: Scope, depth: number): Stmt {
    const from = this.random.chance(0.7) ? 0 : this.random.below(5) - 2;
    const step = this.random.pick([1, 1, 2, 3, 4]);
    const count = 1 + this.random.below(5);
    const to = from + (count - 1) * step + 1 + this.random.below(step);
    const bounded = from === 0 && step === 1 && this.random.chance(0.4);
    const within = bounded ? ([this.value("i32", 1, scope, 1), this.value("i32", 1, scope, 1)] as const) : undefined;
    return k.forLoop(
      to,
      (i) =>
        this.block(
          {
            ...scope,
            variables: [...scope.variables, i],
            loops: [...scope.loops, { variable: i, low: from, high: from + (count - 1) * step }],
          },
          depth - 1,
        ),
      { from, step, within },
    );
  }

  private bind(scope: Scope): Stmt {
    const lanes = this.lanes();
    const { variable, statement } = k.bind(this.value(this.scalarDtype(lanes), lanes, scope, 3));
    scope.variables.push(variable);
    if (this.random.chance(0.6)) scope.settable.push(variable);
    return statement;
  }

  private lanes(): number {
    return this.random.chance(0.5) ? this.width : 1;
  }

  private scalarDtype(lanes: number): Dtype {
    return this.random.pick(lanes > 1 && !this.doubles ? ["f32", "i32", "u32", "bool"] : ["f32", "i32", "u32", "bool", "f64"]);
  }

  private store(scope: Scope): Stmt {
    const lanes = this.lanes();
    const buffer = 6 + this.random.below(lanes > 1 && !this.doubles ? 5 : 6);
    const value = this.value(DTYPES[buffer - 6]!, lanes, scope, 3);
    return k.store(buffer, lanes > 1 && this.random.chance(0.2) ? this.vectorIndex(scope) : this.index(scope, lanes), value);
  }

  /** An affine index that stays inside the buffer. */
  private index(scope: Scope, lanes: number): Expr {
    let x = k.int(0);
    let low = 0;
    let high = 0;
    for (const loop of scope.loops) {
      const c = this.random.pick([0, 1, 1, 2, 4, 7, -1, -3]);
      const [a, b] = [c * loop.low, c * loop.high];
      if (high - low + Math.abs(b - a) > LENGTH - lanes) continue;
      low += Math.min(a, b);
      high += Math.max(a, b);
      x = k.add(x, k.mul(loop.variable, k.int(c)));
    }
    return k.add(x, k.int(-low + this.random.below(LENGTH - lanes - (high - low) + 1)));
  }

  private vectorIndex(scope: Scope): Expr {
    if (this.random.chance(0.5)) {
      const stride = this.random.pick([1, 2, 5, 0, -1]);
      return k.add(
        k.mul(k.ramp(this.width), k.int(stride)),
        k.add(this.index(scope, 1 + (this.width - 1) * Math.abs(stride)), k.int(stride < 0 ? this.width - 1 : 0)),
      );
    }
    return k.cast(k.rem(k.cast(this.value("i32", this.width, scope, 2), "u32"), k.constant(LENGTH, "u32")), "i32");
  }

  private load(dtype: Dtype, lanes: number, scope: Scope): Expr {
    const buffer = DTYPES.indexOf(dtype) + (this.random.chance(0.2) ? 6 : 0);
    const how = this.random.below(10);
    if (lanes > 1 && how < 2) return k.load(buffer, dtype, this.vectorIndex(scope));
    if (how < 6 || scope.loops.length === 0) return k.load(buffer, dtype, this.index(scope, lanes), { lanes });
    const loop = this.random.pick(scope.loops);
    const wild = k.add(k.mul(loop.variable, k.int(this.random.pick([-9, 5, 30]))), k.int(this.random.below(120) - 20));
    const inside = (i: Expr): Expr => k.and(k.le(k.int(0), i), k.lt(i, k.int(LENGTH)));
    return k.load(buffer, dtype, wild, { lanes, mask: inside(lanes > 1 ? k.add(wild, k.ramp(this.width)) : wild) });
  }

  private value(dtype: Dtype, lanes: number, scope: Scope, depth: number): Expr {
    if (depth === 0 || this.random.chance(0.1)) return this.leaf(dtype, lanes, scope);
    const next = (d: Dtype = dtype, l: number = lanes): Expr => this.value(d, l, scope, depth - 1);
    if (this.random.chance(0.15)) return k.select(next("bool"), next(), next());
    if (lanes > 1 && this.random.chance(0.15)) return k.splat(next(dtype, 1), this.width);
    if (lanes === 1 && (dtype !== "f64" || this.doubles) && dtype !== "u8" && this.random.chance(0.1))
      return k.lane(next(dtype, this.width), this.random.below(this.width));
    if (dtype === "u8") return k.cast(next(this.random.pick(["f32", "i32", "u32", "bool"])), "u8");
    if (dtype === "bool") return this.bool(next, lanes);
    if (this.random.chance(0.2)) return k.cast(next(this.castSource(dtype, lanes)), dtype);
    return dtype === "f32" || dtype === "f64" ? this.float(next, dtype, lanes) : this.integer(next, dtype, lanes);
  }

  private castSource(dtype: Dtype, lanes: number): Dtype {
    const all: Dtype[] = ["f32", "i32", "u32", "bool"];
    return this.random.pick([...all, ...(lanes === 1 ? (["f64", "u8"] as Dtype[]) : this.doubles ? (["f64"] as Dtype[]) : []), dtype]);
  }

  private bool(next: (d?: Dtype, l?: number) => Expr, lanes: number): Expr {
    const what = this.random.below(3);
    if (what === 0) return this.random.pick([k.and, k.or, k.xor, k.eq, k.lt])(next(), next());
    if (what === 1) return k.not(next());
    const d = this.scalarDtype(lanes);
    return this.random.pick([k.eq, k.ne, k.lt, k.le, k.gt, k.ge])(next(d), next(d));
  }

  private float(next: (d?: Dtype, l?: number) => Expr, dtype: Dtype, lanes: number): Expr {
    if (lanes === 1 && dtype === "f32" && this.random.chance(0.2))
      return k.fold(this.random.pick(["add", "mul", "min", "max"] as const), next(dtype, this.width));
    if (this.random.chance(0.4)) return this.random.pick([k.neg, k.abs, k.sqrt, k.floor, k.ceil, k.trunc, k.round])(next());
    return this.random.pick([k.add, k.sub, k.mul, k.div, k.min, k.max, ...(this.host ? [k.rem, k.pow] : [])])(next(), next());
  }

  private integer(next: (d?: Dtype, l?: number) => Expr, dtype: Dtype, lanes: number): Expr {
    if (lanes === 1 && this.random.chance(0.15))
      return k.fold(this.random.pick(["add", "mul", "min", "max"] as const), next(dtype, this.width));
    if (this.random.chance(0.25)) return this.random.pick([k.neg, k.abs, k.not, k.floor])(next());
    return this.random.pick([k.add, k.sub, k.mul, k.div, k.rem, k.min, k.max, k.and, k.or, k.xor, k.shl, k.shr])(next(), next());
  }

  private leaf(dtype: Dtype, lanes: number, scope: Scope): Expr {
    const fitting = scope.variables.filter((v) => v.dtype === dtype && v.lanes === lanes);
    const what = this.random.below(10);
    if (fitting.length > 0 && what < 5) return this.random.pick(fitting);
    if (dtype === "u8") return k.cast(this.leaf("u32", lanes, scope), "u8");
    if (what < 8) return dtype === "u32" && this.random.chance(0.5) ? this.load("u8", lanes, scope) : this.load(dtype, lanes, scope);
    if (dtype === "i32" && lanes > 1 && what === 8) return k.ramp(this.width);
    const c = k.constant(this.random.pick(SPECIAL), dtype);
    return lanes > 1 ? k.splat(c, this.width) : c;
  }
}

export function randomKernel(seed: number, options: KernelOptions = {}): Kernel {
  return new Maker(seed, options).kernel();
}

/** Small numbers and special values for every buffer. */
export function randomData(kernel: Kernel, seed: number): TypedArray[] {
  const random = new Random(seed ^ 0x5bd1e995);
  return kernel.buffers.map(({ dtype, length }) => {
    const data = allocate(dtype, length);
    for (let i = 0; i < length; i++) {
      const value = random.chance(0.15)
        ? random.pick(SPECIAL)
        : random.chance(0.5)
          ? random.below(200) - 100
          : (random.below(2000) - 1000) / 64;
      data[i] = dtype === "bool" ? Number(value > 0) : value;
    }
    return data;
  });
}
