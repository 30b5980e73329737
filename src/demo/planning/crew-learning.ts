/**
 * @file Who somebody is: a network learns to map photographs of one person near each other by telling other people apart, with cosines for logits (Wang et al. 2017, NormFace). Whoever
 * is enrolled is known by the nearest photographs; who is near to nobody, or as near to two, is unknown.
 */
import { compile } from "../../function/compile.ts";
import { backward } from "../../function/derivative.ts";
import { crossEntropy } from "../../math/loss.ts";
import { keyOf, permutation } from "../../math/random.ts";
import { Conv2d, Flatten, type Layer, Linear, MaxPool2d, ReLU, Sequential } from "../../nn/index.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import { FACE, photographs } from "./crew-faces.ts";

/** Numbers of an embedding. */
const WIDTH = 24;
/** What cosines are multiplied by for logits: 16, so that the softmax can come near 0 and 1. */
const SCALE = 16;

const network = (): Layer =>
  new Sequential(
    new Conv2d(1, 12, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(12, 24, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(24 * 25, WIDTH),
  );

const unit = (x: Tensor): Tensor => x.div(x.square().sum(1, { keepDims: true }).add(1e-12).sqrt());

const images = (pixels: Float32Array): Tensor => tensor(pixels, { shape: [pixels.length / FACE ** 2, 1, FACE, FACE] });

/** Trains on `people` people, who are numbered from 1,000 × (seed + 1), with 12 photographs each. */
export function trainEmbedding(
  seed: number,
  { people = 80, epochs = 12 }: { readonly people?: number; readonly epochs?: number } = {},
): Layer {
  const model = network();
  const centres = new Linear(WIDTH, people, { bias: false });
  const optimizer = new Adam([...model.parameters(), ...centres.parameters()], { lr: 3e-3 });
  const who = Array.from({ length: 12 * people }, (_, i) => i % people);
  const x = images(
    photographs(
      who.map((person) => 1000 * (seed + 1) + person),
      seed + 1,
    ),
  );
  const y = tensor(Int32Array.from(who));
  const batch = 48;
  const step = compile((inputs: Tensor, truth: Tensor, rows: Tensor) => {
    const { grads } = backward(() => {
      const cosines = unit(model.forward(inputs.take(rows, 0))).dot(unit(centres.weight.value), "nd,kd->nk");
      return crossEntropy(cosines.mul(SCALE), truth.take(rows, 0));
    }, optimizer.parameters);
    optimizer.step(grads);
    return grads[0]!.sum();
  });
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = permutation(keyOf(1000 * seed + epoch), who.length).dataSync();
    for (let at = 0; at + batch <= who.length; at += batch) step(x, y, tensor(Int32Array.from(order.subarray(at, at + batch))));
  }
  return model;
}

/** Embeddings of length 1, one after the other. */
function embeddings(model: Layer, pixels: Float32Array): Float32Array[] {
  const flat = unit(model.forward(images(pixels))).dataSync() as Float32Array;
  return Array.from({ length: flat.length / WIDTH }, (_, i) => flat.slice(i * WIDTH, (i + 1) * WIDTH));
}

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, each, i) => sum + each * b[i]!, 0);

/** What a gate knows of somebody: the nearest enrolled person, how near, and by how much nearer than the next. */
export interface Sighting {
  readonly nearest: number;
  readonly cosine: number;
  readonly margin: number;
}

/** Photographs that are taken of somebody at a time. */
export const SHOTS = 4;

/** The mean of the embeddings of every few photographs, of length 1. */
function means(model: Layer, pixels: Float32Array): Float32Array[] {
  const found = embeddings(model, pixels);
  return Array.from({ length: found.length / SHOTS }, (_, i) => {
    const own = found.slice(i * SHOTS, (i + 1) * SHOTS);
    const sum = own[0]!.map((__, k) => own.reduce((total, each) => total + each[k]!, 0));
    const length = Math.sqrt(cosine(sum, sum));
    return sum.map((each) => each / length);
  });
}

const several = (people: readonly number[]): number[] => people.flatMap((each) => new Array<number>(SHOTS).fill(each));

/** The enrolled people, in their order. */
export class Register {
  readonly #model: Layer;
  readonly #people: readonly Float32Array[];

  constructor(model: Layer, people: readonly number[], seed: number) {
    this.#model = model;
    this.#people = means(model, photographs(several(people), seed));
  }

  /** What a gate makes of people, of each of whom it takes some photographs. */
  see(people: readonly number[], seed: number): Sighting[] {
    return means(this.#model, photographs(several(people), seed)).map((face) => {
      const cosines = this.#people.map((person) => cosine(face, person));
      const order = cosines.map((_, i) => i).sort((a, b) => cosines[b]! - cosines[a]!);
      const [first, second] = order as [number, number];
      return { nearest: first, cosine: cosines[first]!, margin: cosines[first]! - cosines[second]! };
    });
  }
}

/** From when on a sighting counts. */
export interface Limits {
  readonly cosine: number;
  readonly margin: number;
}

export const known = ({ cosine: near, margin }: Sighting, limits: Limits): boolean => near >= limits.cosine && margin >= limits.margin;

/** Limits that five of a hundred sightings of other enrolled people miss. */
export function limitsFrom(model: Layer, people: readonly number[], seed: number): Limits {
  const register = new Register(model, people, seed);
  const seen = register.see([...people, ...people], seed + 1);
  const low = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(0.05 * values.length)]!;
  return { cosine: low(seen.map((each) => each.cosine)), margin: low(seen.map((each) => each.margin)) };
}
