/** @file Ops on each element: arithmetic, comparisons, logic, functions and activations. */
import * as F from "../../math/index.ts";
import { mod } from "../../math/pointwise.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { type Given, isFloatType, Live } from "../value.ts";
import { converted, wide, wrapped } from "./types.ts";

/** Before version 7 operands broadcast only where an attribute says so, from a given axis. */
function pair(c: Call): [Tensor, Tensor] {
  if (c.step.domain === "" && c.opset < 7 && c.flag("broadcast")) {
    const [x, y] = [c.tensor(0), c.tensor(1)];
    const at = c.int("axis", x.rank - y.rank);
    const from = at < 0 ? at + x.rank : at;
    return [x, y.reshape([...y.shape, ...Array.from({ length: x.rank - from - y.rank }, () => 1)])];
  }
  const [x, y] = [wide(c.tensor(0)), wide(c.tensor(1))];
  return [x, y];
}

type Binary = (x: Tensor, y: Tensor) => Tensor;

const arithmetic = (since: number, f: Binary): Op => ({
  since,
  run: (c) => wrapped(f(...pair(c)), c.dtype(0)),
});
const comparison = (since: number, f: Binary): Op => ({ since, run: (c) => f(...pair(c)) });
const logic = (since: number, f: Binary): Op => ({ since, run: (c) => f(c.tensor(0), c.tensor(1)) });
const bitwise = (since: number, f: Binary): Op => arithmetic(since, f);
const unary = (since: number, f: (x: Tensor) => Tensor): Op => ({ since, run: (c) => f(c.tensor(0)) });
/** Of floats alone; whole numbers stay as they are. */
const rounding = (since: number, f: (x: Tensor) => Tensor): Op => ({
  since,
  run: (c) => (isFloatType(c.dtype(0)) ? f(c.tensor(0)) : c.value(0)),
});
const several = (since: number, f: Binary): Op => ({
  since,
  run: (c) => wrapped(c.tensors.map(wide).reduce(f), c.dtype(0)),
});

function power(c: Call): Given {
  const [x, y] = [c.tensor(0), c.tensor(1)];
  if (isFloatType(c.dtype(0))) return x.pow(y.cast(x.dtype));
  // Whole bases: in f64, which holds every result of 32 bits.
  return wrapped(wide(x).cast("f64").pow(y.cast("f64")).trunc().cast("i32"), c.dtype(0));
}

function modulo(c: Call): Given {
  const [x, y] = pair(c);
  return wrapped(c.flag("fmod") ? x.rem(y) : mod(x, y), c.dtype(0));
}

function clip(c: Call): Given {
  const x = wide(c.tensor(0));
  const limit = (i: number, name: string): Tensor | number | undefined => (c.has(i) ? wide(c.tensor(i)).reshape([]) : c.scalar(name));
  const [low, high] = [limit(1, "min"), limit(2, "max")];
  const above = low === undefined ? x : x.maximum(low);
  return wrapped(high === undefined ? above : above.minimum(high), c.dtype(0));
}

function shift(c: Call): Given {
  const [x, y] = pair(c);
  const direction = c.text("direction", "");
  if (direction !== "LEFT" && direction !== "RIGHT") throw new Error(`the direction must be LEFT or RIGHT, got "${direction}"`);
  const type = c.dtype(0);
  // A shift by all bits or more, or by less than none, leaves 0, or what the sign fills in.
  const [left, bits] = [direction === "LEFT", Math.min(32, Number(/\d+/.exec(type)![0]))];
  const inside = y.ge(0).and(y.lt(bits));
  const none = left || type.startsWith("u") ? x.like(0) : x.shr(y.like(bits - 1));
  const by = inside.where(y, 0);
  return wrapped(inside.where(left ? x.shl(by) : x.shr(by), none), type);
}

function isInfinite(c: Call): Given {
  const x = c.tensor(0);
  const up = c.flag("detect_positive", true) ? x.eq(Number.POSITIVE_INFINITY) : undefined;
  const down = c.flag("detect_negative", true) ? x.eq(Number.NEGATIVE_INFINITY) : undefined;
  if (up && down) return up.or(down);
  return up ?? down ?? x.ne(x).and(x.eq(x));
}

/** Softmax and its kin: before version 13 over all axes from `axis` on. */
const overAxis = (since: number, f: (x: Tensor, axis: number) => Tensor): Op => ({
  since,
  run: (c) => {
    const x = c.tensor(0);
    if (c.opset >= 13) return f(x, c.axis(-1));
    const axis = c.axis(1);
    const flat = x.reshape([x.shape.slice(0, axis).reduce((a, b) => a * b, 1), x.shape.slice(axis).reduce((a, b) => a * b, 1)]);
    return f(flat, 1).reshape(x.shape);
  },
});

function hardmax(x: Tensor, axis: number): Tensor {
  return x.argmax(axis).oneHot(x.shape[axis], x.dtype).moveAxis(-1, axis);
}

function selu(c: Call): Given {
  const x = c.tensor(0);
  const alpha = c.float("alpha", 1.6732631921768188);
  const gamma = c.float("gamma", 1.0507010221481323);
  return x.le(0).where(x.minimum(0).exp().sub(1).mul(alpha), x).mul(gamma);
}

/** A slope of [C] before version 7 is one of each channel. */
function prelu(c: Call): Given {
  const [x, own] = [c.tensor(0), c.tensor(1)];
  const perChannel = c.opset < 7 && own.rank === 1 && own.shape[0] > 1 && x.rank > 2;
  const slope = perChannel ? own.reshape([own.shape[0], ...x.shape.slice(2).map(() => 1)]) : own;
  return wrapped(x.lt(0).where(x.mul(slope), x), c.dtype(0));
}

function celu(c: Call): Given {
  return F.celu(c.tensor(0), { alpha: c.float("alpha", 1) });
}

function shrink(c: Call): Given {
  const x = wide(c.tensor(0));
  const limit = c.float("lambd", 0.5);
  const bias = c.float("bias", 0);
  const y = x.cast(isFloatType(c.dtype(0)) ? x.dtype : "f32");
  const zero = y.like(0);
  return wrapped(
    y
      .lt(-limit)
      .where(y.add(bias), y.gt(limit).where(y.sub(bias), zero))
      .cast(x.dtype),
    c.dtype(0),
  );
}

function approximate(c: Call): "none" | "tanh" {
  return c.text("approximate", "none") === "tanh" ? "tanh" : "none";
}

function bitCast(c: Call): Given {
  const to = c.type("to");
  const x = c.single(0);
  if (!to) throw new Error("the attribute to is missing");
  if (to === x.dtype) return x;
  const bits32 = ["float", "int32", "uint32"];
  const same8 = ["int8", "uint8"];
  if (bits32.includes(to) && bits32.includes(x.dtype)) {
    const held = { float: "f32", int32: "i32", uint32: "u32" } as const;
    return new Live(x.tensor.bitcast(held[to as "float"]), to);
  }
  if (same8.includes(to) && same8.includes(x.dtype)) return wrapped(wide(x.tensor), to);
  const same16 = ["int16", "uint16"];
  if (same16.includes(to) && same16.includes(x.dtype)) return wrapped(x.tensor, to);
  throw unsupported(`bits of ${x.dtype} as ${to}: only types of 32 bits, or whole numbers of 8 or 16, are held with their bits`);
}

export const elementwise: Readonly<Record<string, Op>> = {
  Abs: { since: 1, run: (c) => (c.tensor(0).dtype === "u8" ? c.value(0) : c.tensor(0).abs()) },
  Neg: { since: 1, run: (c) => wrapped(c.tensor(0).neg(), c.dtype(0)) },
  Sign: { since: 9, run: (c) => wrapped(wide(c.tensor(0)).sign(), c.dtype(0)) },
  Add: arithmetic(1, (x, y) => x.add(y)),
  Sub: arithmetic(1, (x, y) => x.sub(y)),
  Mul: arithmetic(1, (x, y) => x.mul(y)),
  Div: arithmetic(1, (x, y) => x.div(y)),
  Pow: { since: 1, run: power },
  Mod: { since: 10, run: modulo },
  Max: several(1, (x, y) => x.maximum(y)),
  Min: several(1, (x, y) => x.minimum(y)),
  Sum: several(1, (x, y) => x.add(y)),
  Mean: { since: 1, run: (c) => c.tensors.reduce((x, y) => x.add(y)).mul(1 / c.inputs.length) },
  Clip: { since: 1, fixed: [1, 2], run: clip },
  Equal: comparison(1, (x, y) => x.eq(y)),
  Greater: comparison(1, (x, y) => x.gt(y)),
  GreaterOrEqual: comparison(12, (x, y) => x.ge(y)),
  Less: comparison(1, (x, y) => x.lt(y)),
  LessOrEqual: comparison(12, (x, y) => x.le(y)),
  And: logic(1, (x, y) => x.and(y)),
  Or: logic(1, (x, y) => x.or(y)),
  Xor: logic(1, (x, y) => x.xor(y)),
  Not: unary(1, (x) => x.not()),
  BitwiseAnd: bitwise(18, (x, y) => x.and(y)),
  BitwiseOr: bitwise(18, (x, y) => x.or(y)),
  BitwiseXor: bitwise(18, (x, y) => x.xor(y)),
  BitwiseNot: { since: 18, run: (c) => wrapped(wide(c.tensor(0)).not(), c.dtype(0)) },
  BitShift: { since: 11, run: shift },
  BitCast: { since: 26, run: bitCast, limits: "types of 32 bits and whole numbers of 8 or 16; others are not held with their bits" },
  Where: {
    since: 9,
    run: (c) => new Live(wide(c.tensor(0).cast("bool").where(c.tensor(1), c.tensor(2))).cast(c.tensor(1).dtype), c.dtype(1)),
  },
  IsNaN: unary(9, (x) => x.isNaN()),
  IsInf: { since: 10, run: isInfinite },
  Ceil: rounding(1, (x) => x.ceil()),
  Floor: rounding(1, (x) => x.floor()),
  Round: rounding(11, (x) => x.round()),
  Identity: { since: 1, run: (c) => [c.value(0)] },
  Cast: { since: 1, run: (c) => converted(c.tensor(0), c.dtype(0), c.type("to") ?? "float", c.flag("saturate", true)) },
  CastLike: { since: 15, run: (c) => converted(c.tensor(0), c.dtype(0), c.dtype(1), c.flag("saturate", true)) },
  Acos: unary(7, (x) => x.acos()),
  Acosh: unary(9, (x) => x.acosh()),
  Asin: unary(7, (x) => x.asin()),
  Asinh: unary(9, (x) => x.asinh()),
  Atan: unary(7, (x) => x.atan()),
  Atanh: unary(9, (x) => x.atanh()),
  Cos: unary(7, (x) => x.cos()),
  Cosh: unary(9, (x) => x.cosh()),
  Sin: unary(7, (x) => x.sin()),
  Sinh: unary(9, (x) => x.sinh()),
  Tan: unary(7, (x) => x.tan()),
  Tanh: unary(1, (x) => x.tanh()),
  Erf: unary(9, (x) => x.erf()),
  Exp: unary(1, (x) => x.exp()),
  Log: unary(1, (x) => x.log()),
  Sqrt: unary(1, (x) => x.sqrt()),
  Reciprocal: unary(1, (x) => x.recip()),
  Relu: { since: 1, run: (c) => wrapped(isFloatType(c.dtype(0)) ? c.tensor(0).relu() : wide(c.tensor(0)).maximum(0), c.dtype(0)) },
  Sigmoid: unary(1, (x) => x.sigmoid()),
  HardSigmoid: { since: 1, run: (c) => c.tensor(0).mul(c.float("alpha", 0.2)).add(c.float("beta", 0.5)).clamp(0, 1) },
  HardSwish: unary(14, (x) => F.hardSwish(x)),
  Elu: { since: 1, run: (c) => F.elu(c.tensor(0), { alpha: c.float("alpha", 1) }) },
  Celu: { since: 12, run: celu },
  Selu: { since: 1, run: selu },
  Gelu: { since: 20, run: (c) => F.gelu(c.tensor(0), { approximate: approximate(c) }) },
  Mish: unary(18, (x) => F.mish(x)),
  Swish: { since: 24, run: (c) => F.swish(c.tensor(0), { beta: c.float("alpha", 1) }) },
  SwiGLU: {
    since: 28,
    run: (c) => F.swish(c.tensor(0), { beta: c.float("alpha", 1) }).mul(c.tensor(1)),
  },
  Softplus: unary(1, (x) => F.softplus(x)),
  Softsign: unary(1, (x) => F.softsign(x)),
  LeakyRelu: { since: 1, run: (c) => F.leakyRelu(c.tensor(0), { negativeSlope: c.float("alpha", 0.01) }) },
  PRelu: { since: 1, weights: [1], run: prelu },
  Shrink: { since: 9, run: shrink },
  ThresholdedRelu: { since: 10, run: (c) => c.tensor(0).gt(c.float("alpha", 1)).where(c.tensor(0), c.tensor(0).like(0)) },
  Softmax: overAxis(1, (x, axis) => F.softmax(x, axis)),
  LogSoftmax: overAxis(1, (x, axis) => F.logSoftmax(x, axis)),
  Hardmax: overAxis(1, hardmax),
  Affine: { since: 1, run: (c) => c.tensor(0).mul(c.float("alpha", 1)).add(c.float("beta", 0)) },
  ParametricSoftplus: { since: 1, run: (c) => F.softplus(c.tensor(0).mul(c.float("beta", 1))).mul(c.float("alpha", 1)) },
  ScaledTanh: { since: 1, run: (c) => c.tensor(0).mul(c.float("beta", 1)).tanh().mul(c.float("alpha", 1)) },
};
