/**
 * @file Random numbers. Where a node names a seed they are those of ONNX's reference implementation, in each run the same; else they come from the library's own stream.
 */
import { sizeOf } from "../../base/shape.ts";
import { normal, randomKey, uniform } from "../../math/random.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { evenBySeed, normalBySeed } from "../mersenne.ts";
import { type Given, heldAs, Live } from "../value.ts";

const NOTE = "without a seed draws other numbers than other runtimes";

/** Numbers by the node's seed, or else by a key of the library's stream. */
const drawn =
  (bySeed: (seed: number, count: number) => Float64Array, byKey: (key: Tensor, shape: readonly number[]) => Tensor) =>
  (c: Call, shape: readonly number[]): Tensor => {
    const seed = c.scalar("seed");
    if (seed === undefined || Number.isNaN(seed)) return byKey(randomKey(), shape);
    return tensor(bySeed(seed, sizeOf(shape)), { shape, dtype: "f64" });
  };
const even = drawn(evenBySeed, (key, shape) => uniform(key, shape));
const gaussian = drawn(normalBySeed, (key, shape) => normal(key, shape));

const draws = (since: number, shapeOf: (c: Call) => readonly number[], draw: (c: Call, shape: readonly number[]) => Tensor): Op => ({
  since,
  limits: NOTE,
  run: (c) => {
    const like = c.has(0) ? c.dtype(0) : "float";
    const dtype = c.type("dtype") ?? like;
    return new Live(draw(c, shapeOf(c)).cast(heldAs(dtype)), dtype);
  },
});

const given = (c: Call): readonly number[] => c.ints("shape") ?? [];
const alike = (c: Call): readonly number[] => c.shape(0);
const scaled = (c: Call, shape: readonly number[]): Tensor => gaussian(c, shape).mul(c.float("scale", 1)).add(c.float("mean", 0));
const between = (c: Call, shape: readonly number[]): Tensor => {
  const [low, high] = [c.float("low", 0), c.float("high", 1)];
  return even(c, shape)
    .mul(high - low)
    .add(low);
};

function coins(c: Call): Given {
  const p = c.tensor(0);
  const dtype = c.type("dtype") ?? c.dtype(0);
  const share = even(c, p.shape);
  const own = p.cast(share.dtype);
  // As a binomial draw counts: of the rarer side.
  const isOne = own.le(0.5).where(share.gt(own.neg().add(1)), share.le(own));
  return new Live(isOne.cast(heldAs(dtype)), dtype);
}

/** Classes drawn by the logarithms of their weights, [N, classes] to [N, count]: the largest of logits with Gumbel noise (Gumbel 1954). */
function multinomial(c: Call): Given {
  const logits = c.tensor(0);
  const [n, classes] = logits.shape;
  const count = c.int("sample_size", 1);
  const u = even(c, [n, count, classes])
    .cast("f32")
    .clamp(1e-7, 1 - 2 ** -24);
  const noise = u.log().neg().log().neg();
  const dtype = c.type("dtype") ?? "int32";
  return new Live(logits.cast("f32").unsqueeze(1).add(noise).argmax(-1).cast(heldAs(dtype)), dtype);
}

export const randoms: Readonly<Record<string, Op>> = {
  RandomNormal: draws(1, given, scaled),
  RandomNormalLike: draws(1, alike, scaled),
  RandomUniform: draws(1, given, between),
  RandomUniformLike: draws(1, alike, between),
  Bernoulli: { since: 15, run: coins, limits: NOTE },
  Multinomial: { since: 7, run: multinomial, limits: NOTE },
};
