/**
 * @file The steps of random programs: each takes values that the program already has and says how to make another. A step that does not fit
 * what it was offered gives nothing.
 *
 * Backends and fusions may round differently, so what jumps (comparisons, floor, conversions to integers, derivatives of |x|) is applied
 * only to *exact* values: inputs, which are small multiples of 1/8, integers, and what movement makes of them.
 */
import { allocate, isFloat } from "../../src/base/dtype.ts";
import { sizeOf, type Type } from "../../src/base/shape.ts";
import { checkpoint, cond, scan } from "../../src/function/control.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { arange, fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import type { Random } from "./random.ts";

/** A value of the program under construction. */
export interface Known extends Type {
  readonly id: number;
  readonly exact: boolean;
}

/** A step: what it is called, the values it takes, how it is recorded. */
export interface Step {
  readonly name: string;
  readonly args: readonly number[];
  readonly exact: boolean;
  readonly apply: (x: readonly Tensor[]) => Tensor;
}

type Maker = (random: Random, pool: readonly Known[]) => Step | undefined;

/** Multiples of 1/8 in [-2, 2], small integers, or bools. */
export function draw(random: Random, { shape, dtype }: Type): Tensor {
  const one = (): number =>
    isFloat(dtype) ? random.int(-16, 16) / 8 : dtype === "bool" ? random.int(0, 1) : random.int(dtype === "i32" ? -6 : 0, 6);
  return fromArray(
    allocate(dtype, sizeOf(shape)).map(() => one()),
    { shape, dtype },
  );
}

function choose(random: Random, pool: readonly Known[], fits: (x: Known) => boolean): Known | undefined {
  const list = pool.filter(fits);
  return list.length ? random.pick(list) : undefined;
}

const float = (x: Known): boolean => isFloat(x.dtype);
const number = (x: Known): boolean => x.dtype !== "bool";
const ranked =
  (least: number, also: (x: Known) => boolean = () => true) =>
  (x: Known): boolean =>
    x.shape.length >= least && also(x);

/** A step on one value. */
function on(x: Known | undefined, name: string, exact: boolean, apply: (x: Tensor) => Tensor): Step | undefined {
  return x && { name, args: [x.id], exact: exact && x.exact, apply: ([t]) => apply(t!) };
}

// ---- smooth functions, which may be differentiated ------------------------------------------------------------------------------------

type Chain = (x: Tensor) => Tensor;

const SMOOTH: Readonly<Record<string, Chain>> = {
  sin: (x) => x.sin(),
  cos: (x) => x.cos(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  erf: (x) => x.erf(),
  neg: (x) => x.neg(),
  halve: (x) => x.mul(0.5).add(0.25),
  exp: (x) => x.tanh().exp(),
  expm1: (x) => x.sin().expm1(),
  log: (x) => x.mul(x).add(1).log(),
  log1p: (x) => x.square().log1p(),
  sqrt: (x) => x.mul(x).add(1).sqrt(),
  recip: (x) => x.mul(x).add(1).recip(),
  ratio: (x) => x.div(x.mul(x).add(2)),
  selfProduct: (x) => x.mul(x.sin()),
  // What simplification takes away: neutral elements, movement that cancels, constants that fold.
  neutral: (x) => x.like(0).sub(x).mul(1).add(0).div(1),
  zeroed: (x) => x.like(2).neg().mul(x.like(0)).add(x).sub(x.like(0)),
  chosen: (x) => x.like(1).gt(0).where(x, x.sin()),
  turned: (x) => x.transpose().neg().neg().transpose().cast("f64").cast(x.dtype),
  summed: (x) => x.like(0).sum().add(x.mul(0.5)).add(x.mul(0.5)),
  stopped: (x) => x.mul(x.stopGradient().tanh()),
};

/** Steps on a value of a given shape that keep it differentiable; the shape may change. */
const SHAPED: readonly ((random: Random, shape: readonly number[]) => readonly [string, Chain] | undefined)[] = [
  (random, shape) => {
    const axes = random.shuffled(shape.map((_, i) => i));
    return [`transpose(${axes})`, (x) => x.transpose(axes)];
  },
  (random, shape) => {
    if (shape.length === 0) return undefined;
    const axis = random.int(0, shape.length - 1);
    return [`sum(${axis})`, (x) => x.sum(axis)];
  },
  (random, shape) => {
    if (shape.length === 0) return undefined;
    const axis = random.int(0, shape.length - 1);
    return [`centre(${axis})`, (x) => x.sub(x.mean(axis, { keepDims: true }))];
  },
  (random, shape) => {
    const [low, high, interior] = [0, 1, 2].map((kind) => shape.map(() => random.int(0, kind === 2 ? 1 : 2)));
    return [`pad(${low};${high};${interior})`, (x) => x.pad(low!, high!, interior!)];
  },
  (random, shape) => {
    if (shape.some((d) => d === 0)) return undefined;
    const start = shape.map((d) => random.int(0, d - 1));
    const stop = shape.map((d, i) => random.int(start[i]! + 1, d));
    const step = shape.map(() => random.int(1, 2));
    return [`slice(${start};${stop};${step})`, (x) => x.slice(start, stop, step)];
  },
  (random, shape) => {
    if (shape.length === 0) return undefined;
    const axes = random.some(shape.map((_, i) => i));
    return [`flip(${axes})`, (x) => x.flip(axes)];
  },
  (_, shape) => [`flatten`, (x) => x.reshape([sizeOf(shape)])],
  (random, shape) => {
    const size = sizeOf(shape);
    const divisors = [2, 3, 4].filter((d) => size % d === 0);
    if (size === 0 || divisors.length === 0) return undefined;
    const d = random.pick(divisors);
    return [`reshape(${d})`, (x) => x.reshape([d, size / d])];
  },
  (random, shape) => {
    const axis = shape.length - 1;
    if (axis < 0 || shape[axis]! < 3) return undefined;
    const stride = random.int(1, 2);
    return [`windows(${stride})`, (x) => x.windows([2], [stride])];
  },
  (random, shape) => {
    const at = random.int(0, shape.length);
    const n = random.int(1, 3);
    return [`repeat(${at},${n})`, (x) => x.unsqueeze(at).broadcastTo(shape.toSpliced(at, 0, n))];
  },
  (random, shape) => {
    if (shape.length === 0) return undefined;
    const axis = random.int(0, shape.length - 1);
    return [`concat(${axis})`, (x) => x.concat([x.mul(0.5)], axis)];
  },
  (_, shape) => {
    if (shape.length < 2) return undefined;
    const order = shape.map((_, i) => i).toSpliced(shape.length - 2, 2, shape.length - 1, shape.length - 2);
    return ["gram", (x) => x.matmul(x.transpose(order)).mul(0.25)];
  },
  (random, shape) => {
    if (shape.length === 0) return undefined;
    const weight = draw(random, { shape: [shape.at(-1)!, random.int(1, 3)], dtype: "f32" });
    return [`matmul[${weight.shape}]`, (x) => x.matmul(weight)];
  },
  (random, shape) => {
    const size = sizeOf(shape);
    if (size < 4 || size % 2) return undefined;
    const groups = random.int(1, 2);
    const weight = draw(random, { shape: [2, 2 / groups, 2], dtype: "f32" });
    const options = { groups, padding: random.int(0, 1), stride: random.int(1, 2) };
    return [
      `conv(${JSON.stringify(options)})`,
      (x) =>
        x
          .reshape([1, 2, size / 2])
          .conv(weight.cast(x.dtype), options)
          .mul(0.5),
    ];
  },
  (random, shape) => {
    if (shape.length === 0 || shape[0] === 0) return undefined;
    const rows = Int32Array.from(random.list(random.int(1, 4), () => random.int(0, shape[0]! - 1)));
    const indices = fromArray(rows, { shape: [rows.length], dtype: "i32" });
    return [`take([${rows}])`, (x) => x.take(indices)];
  },
];

/** One to four smooth steps in a row. The shape is followed by recording on a constant. */
export function chain(random: Random, shape: readonly number[]): readonly [string, Chain] {
  const steps: (readonly [string, Chain])[] = [];
  let now = shape;
  for (let i = random.int(1, 4); i > 0; i--) {
    const made = random.chance(0.5) ? random.pick(SHAPED)(random, now) : undefined;
    const step = made ?? random.pick(Object.entries(SMOOTH));
    const next = step[1](fromArray(new Float32Array(sizeOf(now)), { shape: now, dtype: "f32" })).shape;
    if (sizeOf(next) > MOST_ELEMENTS) continue;
    steps.push(step);
    now = next;
  }
  return [steps.map(([name]) => name).join("·") || "id", (x) => steps.reduce((y, [, f]) => f(y), x)];
}

/** Longer values are not made: programs stay fast on the interpreter. */
export const MOST_ELEMENTS = 600;

/** A chain and a value to apply it to, as a step made by `wrap`. */
function chained(name: string, least: number, wrap: (f: Chain, random: Random) => Chain, element = false): Maker {
  return (random, pool) => {
    const x = choose(
      random,
      pool,
      ranked(least, (k) => float(k) && sizeOf(k.shape) > 0),
    );
    if (!x) return undefined;
    const [text, f] = chain(random, element ? x.shape.slice(1) : x.shape);
    return on(x, `${name}(${text})`, false, wrap(f, random));
  };
}

// ---- the makers -------------------------------------------------------------------------------------------------------------------------

const unary: Maker = (random, pool) => {
  const [name, f] = random.pick(Object.entries(SMOOTH));
  return on(choose(random, pool, float), name, false, f);
};

const shaped: Maker = (random, pool) => {
  const x = choose(random, pool, float);
  const made = x && random.pick(SHAPED)(random, x.shape);
  return made && on(x, made[0], !/sum|centre|gram|matmul|conv|concat/.test(made[0]), made[1]);
};

/** Continuous, but with corners: fine anywhere but under a derivative. */
const cornered: Maker = (random, pool) => {
  const [name, f] = random.pick<readonly [string, Chain]>([
    ["abs", (x) => x.abs()],
    ["relu", (x) => x.relu()],
    ["clamp", (x) => x.clamp(-1, 1)],
  ]);
  return on(choose(random, pool, float), name, true, f);
};

/** Jumps: only where nothing is rounded. */
const jump: Maker = (random, pool) => {
  const [name, f] = random.pick<readonly [string, Chain]>([
    ["floor", (x) => x.floor()],
    ["round", (x) => x.round()],
    ["sign", (x) => x.sign()],
    ["toInteger", (x) => x.cast("i32")],
    ["gt", (x) => x.gt(0.25)],
    ["isLargest", (x) => x.eq(x.max())],
  ]);
  return on(
    choose(random, pool, (x) => float(x) && x.exact && sizeOf(x.shape) > 0),
    name,
    true,
    f,
  );
};

const integer: Maker = (random, pool) => {
  const [name, f] = random.pick<readonly [string, Chain]>([
    ["rem", (x) => x.rem(5)],
    ["halves", (x) => x.div(2)],
    ["toFloat", (x) => x.rem(7).cast("f32").mul(0.125)],
    ["toDouble", (x) => x.rem(7).cast("f64").mul(0.125)],
    ["isOdd", (x) => x.and(1).eq(1)],
    ["oneHot", (x) => x.abs().rem(3).oneHot(3)],
    ["sum", (x) => x.sum()],
    ["plusPlace", (x) => (x.rank ? x.add(x.iotaLike(0).cast(x.dtype)) : x)],
  ]);
  return on(
    choose(random, pool, (x) => x.dtype === "i32"),
    name,
    true,
    f,
  );
};

const binary: Maker = (random, pool) => {
  const x = choose(random, pool, number);
  const fits = (y: Known): boolean =>
    number(y) &&
    range(Math.max(x!.shape.length, y.shape.length)).every((i) => {
      const [a, b] = [x!.shape.at(-1 - i) ?? 1, y.shape.at(-1 - i) ?? 1];
      return a === b || a === 1 || b === 1;
    });
  const y = x && choose(random, pool, fits);
  if (!x || !y) return undefined;
  const [name, f] = random.pick<readonly [string, (a: Tensor, b: Tensor) => Tensor]>([
    ["add", (a, b) => a.add(b)],
    ["sub", (a, b) => a.sub(b)],
    ["mul", (a, b) => a.mul(b)],
    ["maximum", (a, b) => a.maximum(b)],
    ["minimum", (a, b) => a.minimum(b)],
    ["divBySquare", (a, b) => a.div(b.mul(b).add(1))],
  ]);
  const exact = !float(x) && !float(y);
  return { name, args: [x.id, y.id], exact: exact || (/imum/.test(name) && x.exact && y.exact), apply: ([a, b]) => f(a!, b!) };
};

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** A choice by a bool of the same shape or by a comparison of exact values. */
const where: Maker = (random, pool) => {
  const x = choose(random, pool, number);
  const same = (t: Known): boolean => String(t.shape) === String(x!.shape) && number(t);
  const y = x && choose(random, pool, same);
  const c = x && choose(random, pool, (t) => String(t.shape) === String(x.shape) && t.exact);
  if (!x || !y || !c) return undefined;
  return {
    name: "where",
    args: [c.id, x.id, y.id],
    exact: x.exact && y.exact,
    apply: ([p, a, b]) => (p!.dtype === "bool" ? p! : p!.gt(0)).where(a!, b!),
  };
};

const reduction: Maker = (random, pool) => {
  const x = choose(
    random,
    pool,
    ranked(1, (k) => number(k) && sizeOf(k.shape) > 0),
  );
  if (!x) return undefined;
  const axes = random.some(x.shape.map((_, i) => i));
  const keepDims = random.chance(0.3);
  const name = random.pick(["sum", "mean", "max", "min"] as const);
  return on(x, `${name}(${axes}${keepDims ? ",keep" : ""})`, /max|min/.test(name), (t) => t[name](axes, { keepDims }));
};

const position: Maker = (random, pool) => {
  const x = choose(
    random,
    pool,
    ranked(1, (k) => number(k) && k.exact && sizeOf(k.shape) > 0),
  );
  const axis = x ? random.int(0, x.shape.length - 1) : 0;
  return on(x, `argmax(${axis})`, true, (t) => t.argmax(axis));
};

const product: Maker = (random, pool) => {
  const x = choose(random, pool, ranked(1, float));
  const y =
    x &&
    choose(random, pool, (t) => ranked(1, float)(t) && t.shape.at(t.shape.length === 1 ? 0 : -2) === x.shape.at(-1) && t.shape.length <= 2);
  return x && y && { name: "matmul", args: [x.id, y.id], exact: false, apply: ([a, b]) => a!.matmul(b!).mul(0.25) };
};

const convolution: Maker = (random, pool) => {
  const x = choose(random, pool, (t) => float(t) && sizeOf(t.shape) % 4 === 0 && sizeOf(t.shape) >= 12 && sizeOf(t.shape) <= 96);
  if (!x) return undefined;
  const length = sizeOf(x.shape) / 4;
  const [groups, stride, dilation, padding] = [random.int(1, 2), random.int(1, 2), random.int(1, 2), random.int(0, 2)];
  const weight = draw(random, { shape: [4, 2 / groups, 2], dtype: x.dtype });
  return on(x, `conv(g${groups} s${stride} d${dilation} p${padding})`, false, (t) =>
    t.reshape([2, 2, length]).conv(weight, { groups, stride, dilation, padding }).mul(0.25),
  );
};

/** Rows by a value's own integers, brought into range. */
const gather: Maker = (random, pool) => {
  const x = choose(
    random,
    pool,
    ranked(1, (k) => k.shape[0]! > 0 && number(k)),
  );
  const i = choose(random, pool, (k) => k.dtype === "i32" && k.shape.length <= 2);
  if (!x || !i) return undefined;
  return { name: "take", args: [x.id, i.id], exact: x.exact, apply: ([a, b]) => a!.take(b!.rem(a!.shape[0]!).abs()) };
};

const join: Maker = (random, pool) => {
  const x = choose(random, pool, ranked(1, number));
  const axis = x ? random.int(0, x.shape.length - 1) : 0;
  const y =
    x &&
    choose(
      random,
      pool,
      (t) => number(t) && t.shape.length === x.shape.length && String(t.shape.with(axis, 0)) === String(x.shape.with(axis, 0)),
    );
  return (
    x &&
    y && {
      name: `concat(${axis})`,
      args: [x.id, y.id],
      exact: x.exact && y.exact && x.dtype === y.dtype,
      apply: ([a, b]) => a!.concat([b!], axis),
    }
  );
};

const constant: Maker = (random, pool) => {
  const x = choose(random, pool, ranked(1, float));
  return on(x, "plusPlaces", false, (t) => t.mul(0.5).add(arange(t.shape.at(-1)!).cast(t.dtype).mul(0.125)));
};

const loop: Maker = (random, pool) => {
  const x = choose(
    random,
    pool,
    ranked(1, (k) => float(k) && k.shape[0]! <= 5),
  );
  if (!x) return undefined;
  const start = choose(random, pool, (t) => t.dtype === x.dtype && String(t.shape) === String(x.shape.slice(1)));
  const [text, f] = chain(random, x.shape.slice(1));
  const [reverse, wantLast, differentiate] = [random.chance(0.3), random.chance(0.5), random.chance(0.4)];
  const run = (xs: Tensor, h0: Tensor): Tensor => {
    const [h, ys] = scan((h: Tensor, v: Tensor) => [h.mul(0.5).add(v).sin(), f(h.sub(v))], h0, xs, { reverse });
    return wantLast ? h : ys;
  };
  const name = `scan(${text}${reverse ? ",reverse" : ""})`;
  const zero = (xs: Tensor): Tensor => xs.constantOf({ shape: xs.shape.slice(1), dtype: xs.dtype }, 0);
  const body = (xs: Tensor, h0: Tensor): Tensor => (differentiate ? grad((v: Tensor) => run(v, h0).sin().sum())(xs) : run(xs, h0));
  return {
    name: differentiate ? `grad ${name}` : name,
    args: start ? [x.id, start.id] : [x.id],
    exact: false,
    apply: ([xs, h0]) => body(xs!, h0 ?? zero(xs!)),
  };
};

const choice: Maker = (random, pool) => {
  const x = choose(random, pool, float);
  const p = choose(random, pool, (t) => t.exact && sizeOf(t.shape) > 0 && number(t));
  if (!x || !p) return undefined;
  const [a, b] = [random.pick(Object.entries(SMOOTH)), random.pick(Object.entries(SMOOTH))];
  const differentiate = random.chance(0.4);
  const run = (t: Tensor, q: Tensor): Tensor => cond(q.max().gt(1), a[1], b[1], t);
  return {
    name: `${differentiate ? "grad " : ""}cond(${a[0]}|${b[0]})`,
    args: [x.id, p.id],
    exact: false,
    apply: ([t, q]) => (differentiate ? grad((v: Tensor) => run(v, q!).sum())(t!) : run(t!, q!)),
  };
};

/** Makers with how often they are tried. */
export const MAKERS: readonly (readonly [number, Maker])[] = [
  [4, unary],
  [6, shaped],
  [2, cornered],
  [2, jump],
  [2, integer],
  [5, binary],
  [2, where],
  [3, reduction],
  [1, position],
  [2, product],
  [1, convolution],
  [2, gather],
  [2, join],
  [1, constant],
  [2, loop],
  [1, choice],
  [2, chained("grad", 0, (f) => (x) => grad((v: Tensor) => f(v).sin().sum())(x))],
  [
    1,
    chained(
      "grad∘grad",
      0,
      (f) => (x) =>
        grad((v: Tensor) =>
          grad((u: Tensor) => f(u).sin().sum())(v)
            .sin()
            .sum(),
        )(x),
    ),
  ],
  [1, chained("jvp", 0, (f) => (x) => jvp(f)([x], [x.cos()]).tangent)],
  [1, chained("checkpoint", 0, (f) => (x) => grad((v: Tensor) => checkpoint(f)(v).tanh().sum())(x))],
  [1, chained("vmap", 1, (f) => vmap(f), true)],
  [1, chained("vmap∘grad", 1, (f) => vmap(grad((v: Tensor) => f(v).sin().sum())), true)],
  [1, chained("grad∘vmap", 1, (f) => grad((v: Tensor) => vmap(f)(v).sin().sum()), true)],
];

/** One step by a maker drawn by weight. */
export function randomStep(random: Random, pool: readonly Known[]): Step | undefined {
  const total = MAKERS.reduce((sum, [weight]) => sum + weight, 0);
  let at = random.unit() * total;
  const maker = MAKERS.find(([weight]) => {
    at -= weight;
    return at < 0;
  })!;
  return maker[1](random, pool);
}
