/** @file Networks for the instruments' tests: chains of dense layers in f64, and batches. */
import { manualSeed } from "../../src/math/random.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import { Module } from "../../src/nn/module.ts";
import { Parameter } from "../../src/nn/parameter.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

/** A small generator of its own (mulberry32), so that a test's numbers do not depend on the library's. */
export function generator(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const normalFrom = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

export const randomTensor = (random: () => number, shape: readonly number[], std = 1, dtype: "f64" | "f32" = "f64"): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, () => std * normalFrom(random));
  return fromArray(dtype === "f64" ? Float64Array.from(values) : Float32Array.from(values), { shape: [...shape], dtype });
};

export type Activation = "relu" | "sigmoid" | "tanh" | "none";

/** ŷ = W_L g(… g(W_1 x)) in f64, without biases unless asked for. */
export class Chain extends Module {
  readonly weights: Parameter[];
  readonly biases: Parameter[];
  readonly activation: Activation;

  constructor(weights: readonly Tensor[], activation: Activation, biases: readonly Tensor[] = []) {
    super();
    this.weights = weights.map((w) => new Parameter(w));
    this.biases = biases.map((b) => new Parameter(b));
    this.activation = activation;
  }

  forward(x: Tensor): Tensor {
    let h = x;
    for (const [i, w] of this.weights.entries()) {
      h = h.dot(w.value, "ni,oi->no");
      const bias = this.biases[i];
      if (bias) h = h.add(bias.value);
      if (i < this.weights.length - 1 && this.activation !== "none") h = h[this.activation]();
    }
    return h;
  }
}

/** Layers of these sizes with normal entries of the variance gain²/fan-in. */
export function randomChain(sizes: readonly number[], activation: Activation, seed: number, gain = 1): Chain {
  const random = generator(seed);
  const weights = sizes.slice(1).map((out, i) => randomTensor(random, [out, sizes[i]!], gain / Math.sqrt(sizes[i]!)));
  return new Chain(weights, activation);
}

export const targetsFor = (n: number, classes: number): Tensor =>
  fromArray(
    Int32Array.from({ length: n }, (_, i) => i % classes),
    { shape: [n], dtype: "i32" },
  );

export { crossEntropy, manualSeed };
