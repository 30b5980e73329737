/**
 * @file f32 transcendentals as arithmetic of the kernel language, written once for every backend: range reduction, polynomial,
 * reconstruction through the bits of the exponent. f64 stays an intrinsic (the host's `Math`).
 *
 * The stated errors (ULP) are the largest found in four million samples of the whole domain, in units of the last place of the correctly rounded result; the
 * second is with separate multiplications and additions instead of fused ones. `test/kernel/math.test.ts` holds them to it.
 */
import * as k from "./build.ts";
import type { Expr, Kernel, Stmt } from "./kernel.ts";
import { isNative, type Target, WASM } from "./target.ts";
import { mapBlocks, mapOperands, rewrite } from "./walk.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const LOG2_E = Math.LOG2E;
/** ln 2 in two parts (Cody & Waite 1980): n·LN2_HIGH is exact for |n| < 2¹⁵. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444005469057e-4;
/** 1.5·2²³: adding it rounds to an integer, which is then in the low bits. */
const ROUND_MAGIC = 12582912;
const ROUND_MAGIC_BITS = 0x4b400000;
const ONE_BITS = 0x3f800000;

/** Σ coefficients[i]·x^(n-1-i), by Horner's rule. */
function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  return coefficients.slice(1).reduce((sum, c) => k.fma(sum, x, k.float(c)), k.float(coefficients[0]!));
}

/**
 * Σ coefficients[i]·x^(n-1-i), by Estrin's scheme: pairs, then pairs of pairs. A third as many steps wait for each other as by Horner's rule, for two more
 * multiplications.
 */
function estrin(x: Expr, coefficients: readonly number[]): Expr {
  let terms = [...coefficients].reverse().map((c) => k.float(c));
  for (let power = x; terms.length > 1; power = k.mul(power, power)) {
    const pairs: Expr[] = [];
    for (let i = 0; i < terms.length; i += 2) pairs.push(i + 1 < terms.length ? k.fma(terms[i + 1]!, power, terms[i]!) : terms[i]!);
    terms = pairs;
  }
  return terms[0]!;
}

// `select` with an ordered comparison lets NaN through, and costs one instruction (pmin, pmax) where `min` costs seven.
function atMost(x: Expr, limit: number): Expr {
  return k.select(k.gt(x, k.float(limit)), k.float(limit), x);
}
function atLeast(x: Expr, limit: number): Expr {
  return k.select(k.lt(x, k.float(limit)), k.float(limit), x);
}

/** 2ⁿ for integers -126 ≤ n ≤ 127. */
function powerOfTwo(n: Expr): Expr {
  return k.bitcast(k.shl(k.add(n, k.int(127)), k.int(23)), "f32");
}

/** n and r with x = n·ln 2 + r, |r| ≤ ½ ln 2; n also as the low bits of ROUND_MAGIC + n. */
function reduceByLn2(x: Expr): { readonly n: Expr; readonly bits: Expr; readonly r: Expr } {
  const shifted = k.fma(x, k.float(LOG2_E), k.float(ROUND_MAGIC));
  const n = k.sub(shifted, k.float(ROUND_MAGIC));
  const r = k.fma(n, k.float(-LN2_LOW), k.fma(n, k.float(-LN2_HIGH), x));
  return { n, bits: k.bitcast(shifted, "i32"), r };
}

/** e^r for |r| ≤ ½ ln 2 (Juffa 2016, `expf`). */
const EXP: readonly number[] = [1.37805939e-3, 8.37312452e-3, 4.16695364e-2, 1.6666472e-1, 4.99999851e-1, 1, 1];

/**
 * eˣ; 0.86 ULP, 1.12. The scale 2ⁿ is applied in two factors, so that results underflow gradually and overflow to ∞ by themselves: ⌈n/2⌉ is added to the exponent of e^r, and
 * 2^⌊n/2⌋ multiplies. The shifts drop the bits of ROUND_MAGIC. Where an instruction scales, it gives the same bits.
 */
function exp(x: Expr, target: Target): Expr {
  const { n, bits, r } = reduceByLn2(atMost(atLeast(x, -104), 89));
  if (scales(target)) return k.scale(polynomial(r, EXP), n);
  const half = k.shr(bits, k.int(1));
  const y = k.add(k.bitcast(polynomial(r, EXP), "i32"), k.shl(k.sub(bits, half), k.int(23)));
  return k.mul(k.bitcast(y, "f32"), k.bitcast(k.add(k.shl(half, k.int(23)), k.int(ONE_BITS)), "f32"));
}

/**
 * eˣ for x ≤ 0; 0.86 ULP, 1.12. From 2⁶⁴·e^r, whose exponent stays normal whatever n is added to it: the product with 2⁻⁶⁴ underflows gradually.
 */
function expBelow(x: Expr, target: Target): Expr {
  const { n, bits, r } = reduceByLn2(atLeast(x, -104));
  if (scales(target)) return k.scale(polynomial(r, EXP), n);
  const raised = EXP.map((c) => c * 2 ** 64);
  const y = k.add(k.bitcast(polynomial(r, raised), "i32"), k.shl(bits, k.int(23)));
  return k.mul(k.bitcast(y, "f32"), k.float(2 ** -64));
}

/** eˣ, in fewer steps if x <= 0 is known from the form of x: a minimum with 0. */
function expOf(x: Expr, target: Target): Expr {
  const limit = x.op === "min" ? k.constantOf(x.args[1]!) : undefined;
  return limit === 0 ? expBelow(atMost(x.args[0]!, 0), target) : exp(x, target);
}

/** Whether an instruction multiplies by powers of two: it takes the place of shifts and additions of bits, three of them in a softmax. */
function scales(target: Target): boolean {
  return isNative(target, "scale", "f32");
}

/** 2^f for |f| ≤ ½, with a relative error of 1.9e-9 before rounding (Remez 1934). */
const EXP2: readonly number[] = [1.53458124e-4, 1.33999312e-3, 9.61848896e-3, 5.55032878e-2, 2.40226469e-1, 6.93147206e-1, 1];

/** 2^(x·scale) for results that are normal, in a few steps: the product is rounded once, so its error grows with its size. */
function scaledPower(x: Expr, scale: number): Expr {
  const shifted = k.fma(x, k.float(scale), k.float(ROUND_MAGIC));
  const f = k.fma(x, k.float(scale), k.neg(k.sub(shifted, k.float(ROUND_MAGIC))));
  return k.bitcast(k.add(k.bitcast(estrin(f, EXP2), "i32"), k.shl(k.bitcast(shifted, "i32"), k.int(23))), "f32");
}

/** eˣ for -87 ≤ x ≤ 88, where it is normal: one factor does. */
function expNormal(x: Expr): Expr {
  const { bits, r } = reduceByLn2(x);
  return k.bitcast(k.add(k.bitcast(polynomial(r, EXP), "i32"), k.shl(bits, k.int(23))), "f32");
}

/** e^r - 1 - r for |r| ≤ ½ ln 2, divided by r² (Moshier, Cephes 2.2 `expf`, 1992). */
const EXPM1: readonly number[] = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];

/** eˣ - 1 = 2·(2ⁿ⁻¹(eʳ - 1) + (2ⁿ⁻¹ - ½)), after Juffa (2016); 1.42 ULP, 1.53. Below -17.4 it is -1. */
function expm1(x: Expr): Expr {
  const { bits, r } = reduceByLn2(atMost(atLeast(x, -30), 89));
  const n = k.sub(bits, k.int(ROUND_MAGIC_BITS));
  const q = k.fma(polynomial(r, EXPM1), k.mul(r, r), r);
  const s = powerOfTwo(k.sub(n, k.int(1)));
  const y = k.fma(s, q, k.sub(s, k.float(0.5)));
  // n = 0: q itself, which keeps tiny arguments and -0 (x in place of r, since adding 0·ln 2 loses the sign of -0).
  return k.select(k.eq(n, k.int(0)), k.select(k.lt(k.abs(x), k.float(1e-7)), x, q), k.add(y, y));
}

/** log(1 + f) for √½ ≤ 1 + f < √2, divided by f³, without f - f²/2 (Moshier, Cephes 2.2 `logf`, 1992). */
const LOG: readonly number[] = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
  3.3333331174e-1,
];

/** log(1 + f) + e·ln 2. */
function logCore(f: Expr, e: Expr): Expr {
  const z = k.mul(f, f);
  const tail = k.fma(e, k.float(LN2_LOW), k.mul(k.mul(polynomial(f, LOG), f), z));
  return k.fma(e, k.float(LN2_HIGH), k.add(f, k.fma(z, k.float(-0.5), tail)));
}

const SQRT_HALF_BITS = 0x3f3504f3;

/** The exponent e for which x·2⁻ᵉ is in [√½, √2), from the bits of a normal positive x. */
function exponentOf(x: Expr): Expr {
  return k.shr(k.sub(k.bitcast(x, "i32"), k.int(SQRT_HALF_BITS)), k.int(23));
}

/** ln x; 0.81 ULP, 0.8. Subnormal arguments are first scaled by 2²³. */
function log(x: Expr): Expr {
  const tiny = k.lt(x, k.float(1.17549435e-38));
  const y = k.select(tiny, k.mul(x, k.float(2 ** 23)), x);
  const e = exponentOf(y);
  const f = k.sub(k.bitcast(k.sub(k.bitcast(y, "i32"), k.shl(e, k.int(23))), "f32"), k.float(1));
  const exponent = k.sub(k.cast(e, "f32"), k.select(tiny, k.float(23), k.float(0)));
  return logSpecial(x, x, logCore(f, exponent));
}

/** Replaces y = ln u by its special values: NaN below 0, -∞ at 0, and `x` (the argument of the function) for ∞ and NaN. */
function logSpecial(u: Expr, x: Expr, y: Expr): Expr {
  const finite = k.select(k.lt(u, k.float(INFINITY)), y, x);
  const positive = k.select(k.eq(u, k.float(0)), k.float(-INFINITY), finite);
  return k.select(k.lt(u, k.float(0)), k.float(Number.NaN), positive);
}

/**
 * ln(1 + x); 1.37 ULP, 1.37. With s = 2⁻ᵉ, e from the rounded 1 + x, the remainder s·x + (s - 1) is exact enough (Juffa 2015). Computed from 4s, since s itself is subnormal for
 * the largest x.
 */
function log1p(x: Expr): Expr {
  const u = k.add(x, k.float(1));
  const e = exponentOf(u);
  const s4 = k.bitcast(k.sub(k.int(ONE_BITS + (2 << 23)), k.shl(e, k.int(23))), "f32");
  const f = k.fma(s4, k.mul(x, k.float(0.25)), k.fma(s4, k.float(0.25), k.float(-1)));
  const y = logCore(f, k.cast(e, "f32"));
  return k.select(k.lt(k.abs(x), k.float(2 ** -25)), x, logSpecial(u, x, y));
}

/** (tanh x - x)/x³ in x² for |x| < 0.625 (Moshier, Cephes 2.2 `tanhf`, 1992). */
const TANH: readonly number[] = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];

/**
 * tanh x = 1 - 2/(e²ˣ + 1) for x ≥ 0.625, a polynomial below; 1.46 ULP, 1.46. Correct to half a unit where it is near 1: derivatives are made of 1 - y², of which a
 * rational approximation, though half as long, leaves few digits.
 */
function tanh(x: Expr): Expr {
  const size = k.abs(x);
  const u = k.mul(x, x);
  const small = k.fma(k.mul(size, u), polynomial(u, TANH), size);
  const large = k.sub(k.float(1), k.div(k.float(2), k.add(scaledPower(atMost(size, 10), 2 * LOG2_E), k.float(1))));
  return copySign(k.select(k.lt(size, k.float(0.625)), small, large), x);
}

function copySign(size: Expr, sign: Expr): Expr {
  const bits = k.and(k.bitcast(sign, "i32"), k.int(-(2 ** 31)));
  return k.bitcast(k.or(k.bitcast(size, "i32"), bits), "f32");
}

/** 1/(1 + e⁻ˣ); 2.6 ULP, 2.7. From e^-|x| on both sides, so that neither overflows; above 0 as 1 - σ(-x), which keeps the digits of 1 - y. */
function sigmoid(x: Expr, target: Target): Expr {
  const e = expBelow(k.neg(k.abs(x)), target);
  const below = k.div(e, k.add(k.float(1), e));
  return k.select(k.lt(x, k.float(0)), below, k.sub(k.float(1), below));
}

/** The same in double precision, where the host has eˣ alone. */
function logistic(x: Expr): Expr {
  const e = k.exp(k.neg(k.abs(x)));
  const one = k.splat(k.constant(1, "f64"), x.lanes);
  return k.div(k.select(k.lt(x, k.splat(k.constant(0, "f64"), x.lanes)), e, one), k.add(one, e));
}

/** After Juffa (2016), `erff`; 1.0 ULP, 1.2: x + x·P(x²) below 0.927734375, 1 - exp(Q(|x|)) above. */
const ERF_SMALL: readonly number[] = [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1];
const ERF_LARGE: readonly number[] = [
  -1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1,
];

function erf(x: Expr): Expr {
  const t = atMost(k.abs(x), 4);
  const small = k.fma(polynomial(k.mul(x, x), ERF_SMALL), x, x);
  const q = k.fma(polynomial(t, ERF_LARGE), t, k.neg(t));
  const large = copySign(k.sub(k.float(1), expNormal(q)), x);
  return k.select(k.le(t, k.float(0.927734375)), small, large);
}

/** `parts` leading pieces of 11 bits of high + low, and the rest. */
function cut(high: number, low: number, parts: number): number[] {
  const pieces: number[] = [];
  let rest = high;
  for (let i = 0; i < parts; i++) {
    const unit = 2 ** (Math.floor(Math.log2(rest)) - 10);
    const piece = Math.floor(rest / unit) * unit;
    pieces.push(piece);
    rest -= piece;
  }
  return [...pieces, rest + low];
}

/** π/2 in five parts; n times each of the first four is exact for |n| ≤ 2¹³ (Cody & Waite 1980). */
const HALF_PI: readonly number[] = cut(Math.PI / 2, 6.123233995736766e-17, 4);
/** Beyond 8192 quarter turns the reduction loses bits. */
const SINE_LIMIT = 12800;

/** Minimax polynomials on |r| ≤ π/4 (Moshier, Cephes 2.2 `sinf`, 1992): (sin r - r)/r³ and (cos r - 1 + r²/2)/r⁴. */
const SIN: readonly number[] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS: readonly number[] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/** sin(x + shift·π/2); 1.6 ULP for |x| ≤ 100, 2.5 up to SINE_LIMIT; fused or not. */
function sine(x: Expr, shift: number): Expr {
  const shifted = k.fma(x, k.float(2 / Math.PI), k.float(ROUND_MAGIC));
  const n = k.sub(shifted, k.float(ROUND_MAGIC));
  const quadrant = k.add(k.bitcast(shifted, "i32"), k.int(shift));
  const r = HALF_PI.reduce((rest, part) => k.fma(n, k.float(-part), rest), x);
  const z = k.mul(r, r);
  const s = k.fma(k.mul(polynomial(z, SIN), z), r, r);
  const c = k.fma(k.mul(polynomial(z, COS), z), z, k.fma(z, k.float(-0.5), k.float(1)));
  const odd = k.ne(k.and(quadrant, k.int(1)), k.int(0));
  const sign = k.shl(k.and(quadrant, k.int(2)), k.int(30));
  const y = k.select(odd, c, s);
  return k.bitcast(k.xor(k.bitcast(y, "i32"), sign), "f32");
}

const DIRECT: Readonly<Record<string, (x: Expr, target: Target) => Expr>> = { exp: expOf, expm1, log, log1p, tanh, sigmoid, erf };

/** Computes an f32 function in the host's double precision. */
function throughHost(f: (x: Expr) => Expr, x: Expr, { calls }: Target): Expr {
  if (calls === "vectors") return f(x);
  const one = (scalar: Expr): Expr => k.cast(f(k.cast(scalar, "f64")), "f32");
  if (x.lanes === 1) return one(x);
  const lanes = Array.from({ length: x.lanes }, (_, i) => one(k.lane(x, i)));
  const last = k.splat(lanes.at(-1)!, x.lanes);
  return lanes.slice(0, -1).reduceRight((rest, y, i) => k.select(k.eq(k.ramp(x.lanes), k.int(i)), y, rest), last);
}

/**
 * sin or cos bound to a variable before the statement that uses it, since huge and non-finite arguments take a branch to the host:
 *
 *     let t = polynomial(x);  if !(max|x| < limit) { t = host(x) }
 */
function bindSine(op: "sin" | "cos", x: Expr, prelude: Stmt[], target: Target): Expr {
  const argument = k.bind(x);
  const result = k.bind(sine(argument.variable, op === "sin" ? 0 : 1));
  const size = k.abs(argument.variable);
  const inside = k.lt(x.lanes > 1 ? k.fold("max", size) : size, k.float(SINE_LIMIT));
  const slow = throughHost(op === "sin" ? k.sin : k.cos, argument.variable, target);
  prelude.push(argument.statement, result.statement, k.ifThen(k.not(inside), [k.set(result.variable, slow)]));
  return result.variable;
}

/** Expands the transcendentals of one statement; branches to the host come before it. */
function expandIn(s: Stmt, target: Target): readonly Stmt[] {
  const prelude: Stmt[] = [];
  const memo = new Map<Expr, Expr>();
  const change = (x: Expr): Expr => {
    if (x.op === "sigmoid" && x.dtype === "f64" && target.calls === "vectors") return logistic(x.args[0]!);
    if (x.dtype !== "f32" || isNative(target, x.op, x.dtype)) return x;
    const direct = DIRECT[x.op];
    if (direct) return direct(x.args[0]!, target);
    return x.op === "sin" || x.op === "cos" ? bindSine(x.op, x.args[0]!, prelude, target) : x;
  };
  const expanded = mapOperands(s, (x) => rewrite(x, change, memo));
  return [...prelude, mapBlocks(expanded, (block) => block.flatMap((inner) => expandIn(inner, target)))];
}

/** Rewrites every f32 transcendental that the target has no instruction for into arithmetic. `pow` is computed by the host, lane by lane. */
export function expandMath(kernel: Kernel, target: Target = WASM): Kernel {
  return { ...kernel, body: kernel.body.flatMap((s) => expandIn(s, target)) };
}
