/**
 * @file Random numbers, counter-based (Salmon et al. 2011): bits are a function of a key and a position, the same on every backend and thread
 * count. Keys are explicit, or come from one seeded state cell.
 */

import { checkOptions } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { keyFromSeed, threefry2x32 as referenceBlock } from "../base/random.ts";
import { checkShape, formatType, type Shape, sizeOf } from "../base/shape.ts";
import { batchIndices } from "../function/vmap.ts";
import { checkTensors } from "../ops/check.ts";
import { arange, stack, tensor } from "../ops/create.ts";
import { threefry } from "../ops/elementwise.ts";
import { elementsOf, type Tensor, type TensorLike } from "../ops/tensor.ts";
import { Cell, currentFrame } from "../runtime/cell.ts";
import { NORMAL, UNIFORM_OPTIONS } from "./options.ts";

export interface UniformOptions {
  /** Inclusive. Default 0. */
  readonly low?: number;
  /** Exclusive. Default 1. */
  readonly high?: number;
  /** Default f32. */
  readonly dtype?: Dtype;
}

/** The key (u32[2]) of a seed, an integer of up to 53 bits. */
export function keyOf(seed: number): Tensor {
  const [a, b] = keyFromSeed(seed);
  return tensor(Uint32Array.of(a, b));
}

/** @throws {TypeError} unless it is a key, u32[2], or keys, u32[2, N]. */
function checkKey(what: string, key: unknown): void {
  checkTensors(what, { key });
  const { dtype, shape } = key as Tensor;
  if (dtype !== "u32" || shape[0] !== 2)
    throw new TypeError(`${what}: key must be a key, u32[2], got ${formatType(key as Tensor)}; make one with random.keyOf(seed)`);
}

/** Word `word` of the Threefry block of `key` at the counters (c0, c1), which have one shape. */
function block(key: Tensor, c0: Tensor, c1: Tensor, word: 0 | 1): Tensor {
  const half = (i: number): Tensor => key.select(0, i).broadcastTo(c0.shape);
  return c0.bind(threefry, [half(0), half(1), c0, c1], { word });
}

/** Uniform u32 bits: element i is word 0 of the block at counter (i, 0). */
export function bits(key: Tensor, shape: Shape): Tensor {
  checkTensors("bits", { key });
  checkKey("bits", key);
  checkShape(shape, "bits");
  const position = arange(sizeOf(shape), "u32").reshape(shape);
  return block(key, position, position.like(0), 0);
}

/** A new key from a key and an integer; different integers give unrelated keys. Counter (n, 1) keeps clear of `bits`. */
export function foldIn(key: Tensor, n: TensorLike): Tensor {
  checkTensors("foldIn", { key });
  checkKey("foldIn", key);
  const count = (typeof n === "number" ? key.constantOf({ shape: [], dtype: "u32" }, n) : key.operand(n)).cast("u32");
  const c1 = count.like(1);
  return block(key, count, c1, 0)
    .unsqueeze(0)
    .concat([block(key, count, c1, 1).unsqueeze(0)]);
}

/** `n` unrelated keys. The old key must not be used again. */
export function split(key: Tensor, n: number): Tensor[] {
  checkTensors("split", { key });
  checkKey("split", key);
  return Array.from({ length: n }, (_, i) => foldIn(key, i));
}

/** Uniform floats in [low, high): the 24 upper bits of each word, so that 1 is never reached. */
export function uniform(key: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  checkTensors("uniform", { key });
  checkKey("uniform", key);
  checkOptions("uniform", options, UNIFORM_OPTIONS);
  const { low = 0, high = 1, dtype = "f32" } = options;
  const unit = bits(key, shape)
    .shr(8)
    .cast(dtype)
    .mul(2 ** -24);
  if (low === 0 && high === 1) return unit;
  const y = unit.mul(high - low).add(low);
  return reaches(low, high, dtype) ? y.minimum(Math.max(below(high), Math.fround(low))) : y;
}

/** Whether rounding to f32 takes the largest draw to the excluded bound: where the interval is narrow for its distance from 0. */
function reaches(low: number, high: number, dtype: Dtype): boolean {
  if (dtype !== "f32") return false;
  const f = Math.fround;
  return f(f((1 - 2 ** -24) * f(high - low)) + f(low)) >= high;
}

/** The largest f32 below x. */
function below(x: number): number {
  const cell = Float32Array.of(x);
  if (cell[0]! < x) return cell[0]!;
  const bits = new Int32Array(cell.buffer);
  if (cell[0] === 0) return -(2 ** -149);
  bits[0]! += cell[0]! > 0 ? -1 : 1;
  return cell[0]!;
}

/** Standard normal floats (Box & Muller 1958): √(-2 ln u₁) · cos 2πu₂ with u₁ in (0, 1]. */
export function normal(key: Tensor, shape: Shape, options: { readonly dtype?: Dtype } = {}): Tensor {
  checkTensors("normal", { key });
  checkKey("normal", key);
  checkOptions("normal", options, NORMAL);
  const { dtype = "f32" } = options;
  const [a, b] = split(key, 2) as [Tensor, Tensor];
  const u1 = uniform(a, shape, { dtype }).add(2 ** -24);
  const u2 = uniform(b, shape, { dtype });
  return u1
    .log()
    .mul(-2)
    .sqrt()
    .mul(u2.mul(2 * Math.PI).cos());
}

/** True with probability p. */
export function bernoulli(key: Tensor, p: TensorLike, shape: Shape): Tensor {
  checkTensors("bernoulli", { key });
  checkKey("bernoulli", key);
  return uniform(key, shape).lt(p);
}

/** 0 to n - 1 in a random order, i32[n]. */
export function permutation(key: Tensor, n: number): Tensor {
  checkTensors("permutation", { key });
  checkKey("permutation", key);
  return bits(key, [n]).argsort(0);
}

// Proposals of which the first that is accepted counts. One in twenty is refused at most, so that all are once in 10¹⁰ draws.
const PROPOSALS = 8;

/** Logarithms of gamma variates with unit scale (Marsaglia & Tsang 2000; for a < 1 by G(a) = G(a + 1)·U^(1/a)). */
function logGamma(key: Tensor, concentration: number, shape: Shape): Tensor {
  if (!(concentration > 0)) throw new RangeError(`random: want a concentration above 0, got ${concentration}`);
  const [ofNormal, ofUniform, ofBoost] = split(key, 3) as [Tensor, Tensor, Tensor];
  const d = (concentration < 1 ? concentration + 1 : concentration) - 1 / 3;
  const z = normal(ofNormal, [PROPOSALS, ...shape]);
  const root = z.mul(1 / Math.sqrt(9 * d)).add(1);
  const possible = root.gt(0);
  const logV = possible.where(root, 1).log().mul(3);
  const limit = z.square().mul(0.5).add(d).sub(logV.exp().mul(d)).add(logV.mul(d));
  const u = uniform(ofUniform, z.shape).add(2 ** -24);
  const accepted = possible.and(u.log().lt(limit));
  const first = accepted.cast("i32").argmax(0, { keepDims: true }); // the first of equals
  const value = logV.takeAlongInside(first, 0).squeeze(0).add(Math.log(d));
  if (concentration >= 1) return value;
  const boost = uniform(ofBoost, shape).add(2 ** -24);
  return value.add(boost.log().div(concentration));
}

/** Gamma floats with mean and variance `concentration`. Default f32. */
export function gamma(key: Tensor, concentration: number, shape: Shape): Tensor {
  checkTensors("gamma", { key });
  checkKey("gamma", key);
  return logGamma(key, concentration, shape).exp();
}

/** Beta floats in [0, 1]: G(a)/(G(a) + G(b)), which is computed from logarithms, since for small a and b both underflow. */
export function beta(key: Tensor, a: number, b: number, shape: Shape): Tensor {
  checkTensors("beta", { key });
  checkKey("beta", key);
  const [ofA, ofB] = split(key, 2) as [Tensor, Tensor];
  return logGamma(ofA, a, shape)
    .sub(logGamma(ofB, b, shape))
    .sigmoid();
}

/** The Threefry-2x32-20 block of a key at a counter, both u32[2]. */
export function threefry2x32(key: Tensor, counter: Tensor): Tensor {
  checkTensors("threefry2x32", { key, counter });
  const [c0, c1] = [0, 1].map((i) => counter.narrow(0, i, 1)) as [Tensor, Tensor];
  return block(key, c0, c1, 0).concat([block(key, c0, c1, 1)]);
}

/** The upper 32 bits of the product of two u32, by halves of 16 bits: 64-bit integers are not everywhere. */
function multiplyHigh(a: Tensor, b: number): Tensor {
  const [low, high] = [a.and(0xffff), a.shr(16)];
  const middle = high.mul(b & 0xffff).add(low.mul(b & 0xffff).shr(16));
  const other = low.mul(b >>> 16).add(middle.and(0xffff));
  return high
    .mul(b >>> 16)
    .add(middle.shr(16))
    .add(other.shr(16));
}

/** The Philox-4x32-10 block (Salmon et al. 2011, §3.3) of a key, u32[2], at a counter, u32[4]. */
export function philox4x32(key: Tensor, counter: Tensor): Tensor {
  checkTensors("philox4x32", { key, counter });
  let [k0, k1] = [0, 1].map((i) => key.select(0, i)) as [Tensor, Tensor];
  let [x0, x1, x2, x3] = [0, 1, 2, 3].map((i) => counter.select(0, i)) as [Tensor, Tensor, Tensor, Tensor];
  for (let round = 0; round < 10; round++) {
    const [high0, high1] = [multiplyHigh(x0, PHILOX[0]), multiplyHigh(x2, PHILOX[1])];
    [x0, x1, x2, x3] = [high1.xor(x1).xor(k0), x2.mul(PHILOX[1]), high0.xor(x3).xor(k1), x0.mul(PHILOX[0])];
    [k0, k1] = [k0.add(WEYL[0]), k1.add(WEYL[1])];
  }
  return stack([x0, x1, x2, x3]);
}

/** Multipliers, and the steps of the key (the golden ratio and √3 - 1 in 32 bits). */
const PHILOX = [0xd2511f53, 0xcd9e8d57] as const;
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;

// ---- implicit randomness ------------------------------------------------------------------------------------------------------------

let state: Cell | undefined;

/** The cell that implicit randomness advances: a key and a count. It is part of every program that uses it. */
export function randomState(): Cell {
  state ??= new Cell(initialState(0), "random");
  return state;
}

function initialState(seed: number): Tensor {
  const [a, b] = keyFromSeed(seed);
  return tensor(Uint32Array.of(a, b, 0));
}

/** Starts the implicit stream anew: equal seeds give equal numbers. */
export function manualSeed(seed: number): void {
  if (state) state.set(initialState(seed));
  else state = new Cell(initialState(seed), "random");
}

/** The next key of the implicit stream. Under vmap every example gets its own. */
export function randomKey(): Tensor {
  const cell = randomState();
  if (!currentFrame() && cell.current.isComputed) return nextKey(cell);
  const now = cell.value;
  const key = now.slice([0], [2]);
  const count = now.select(0, 2);
  cell.set(key.concat([count.add(1).unsqueeze(0)]));
  return batchIndices().reduce<Tensor>((own, index) => foldIn(own, index), foldIn(key, count));
}

/** The same at once, where nothing is recorded: a program for two words is not worth its compilation. */
function nextKey(cell: Cell): Tensor {
  const [a, b, count] = elementsOf(cell.current) as Uint32Array;
  cell.set(tensor(Uint32Array.of(a!, b!, count! + 1)));
  return tensor(Uint32Array.from(referenceBlock([a!, b!], [count!, 1])));
}
