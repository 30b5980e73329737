/** @file Random numbers. They come from Nabla's own counters, by the node's seed or else by the library's own stream: other numbers than other runtimes draw. */
import { bernoulli, keyOf, normal, randomKey, uniform } from "../../math/random.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { type Given, heldAs, Live } from "../value.ts";

const NOTE = "draws other numbers than other runtimes";

/** A seed is a float in files; its bits make the key. */
function keyFor(c: Call): Tensor {
  const seed = c.scalar("seed");
  return seed === undefined ? randomKey() : keyOf(new Uint32Array(Float32Array.of(seed).buffer)[0]);
}

const draws = (
  since: number,
  host: readonly number[],
  shapeOf: (c: Call) => readonly number[],
  draw: (c: Call, shape: readonly number[]) => Tensor,
): Op => ({
  since,
  host,
  limits: NOTE,
  run: (c) => {
    const like = c.has(0) ? c.dtype(0) : "float";
    const dtype = c.type("dtype") ?? like;
    return new Live(draw(c, shapeOf(c)).cast(heldAs(dtype)), dtype);
  },
});

const given = (c: Call): readonly number[] => c.ints("shape") ?? [];
const alike = (c: Call): readonly number[] => c.shape(0);
const gaussian = (c: Call, shape: readonly number[]): Tensor => normal(keyFor(c), shape).mul(c.float("scale", 1)).add(c.float("mean", 0));
const even = (c: Call, shape: readonly number[]): Tensor => uniform(keyFor(c), shape, { low: c.float("low", 0), high: c.float("high", 1) });

function coins(c: Call): Given {
  const p = c.tensor(0);
  const dtype = c.type("dtype") ?? c.dtype(0);
  return new Live(bernoulli(keyFor(c), p, p.shape).cast(heldAs(dtype)), dtype);
}

/** Classes drawn by the logarithms of their weights, [N, classes] to [N, count]: the largest of logits with Gumbel noise (Gumbel 1954). */
function multinomial(c: Call): Given {
  const logits = c.tensor(0);
  const [n, classes] = logits.shape;
  const count = c.int("sample_size", 1);
  const u = uniform(keyFor(c), [n, count, classes], { low: 1e-7, high: 1 });
  const noise = u.log().neg().log().neg();
  const dtype = c.type("dtype") ?? "int32";
  return new Live(logits.cast("f32").unsqueeze(1).add(noise).argmax(-1).cast(heldAs(dtype)), dtype);
}

export const randoms: Readonly<Record<string, Op>> = {
  RandomNormal: draws(1, [], given, gaussian),
  RandomNormalLike: draws(1, [], alike, gaussian),
  RandomUniform: draws(1, [], given, even),
  RandomUniformLike: draws(1, [], alike, even),
  Bernoulli: { since: 15, run: coins, limits: NOTE },
  Multinomial: { since: 7, run: multinomial, limits: NOTE },
};
