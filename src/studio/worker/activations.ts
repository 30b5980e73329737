/** @file Activation functions and softmax as the room Units shows them: values, slopes and properties, computed by the library in f64. */
import { type Compiled, compile } from "../../function/compile.ts";
import { grad } from "../../function/derivative.ts";
import { cosine, elu, hardTanh, leakyRelu, rbf, softplus } from "../../math/activation.ts";
import { keyOf, normal } from "../../math/random.ts";
import { entropy, softmax } from "../../math/softmax.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { CurveName } from "./curve-names.ts";

/** Tangents of z²/4 at evenly spaced places: the largest of k of them is a convex curve of k pieces. */
function maxoutOf(z: Tensor, pieces: number): Tensor {
  const places = Array.from({ length: pieces }, (_, i) => (pieces === 1 ? 0 : -4 + (8 * i) / (pieces - 1)));
  return places.map((t) => z.mul(t / 2).sub((t * t) / 4)).reduce((a, b) => a.maximum(b));
}

const FUNCTIONS: Readonly<Record<CurveName, (z: Tensor, a: number) => Tensor>> = {
  sigmoid: (z) => z.sigmoid(),
  tanh: (z) => z.tanh(),
  ReLU: (z) => z.relu(),
  "leaky ReLU": (z, a) => leakyRelu(z, { negativeSlope: a }),
  ELU: (z, a) => elu(z, { alpha: a }),
  softplus: (z, a) => softplus(z, { beta: a }),
  "hard tanh": (z) => hardTanh(z),
  "sigmoid of a z": (z, a) => z.mul(a).sigmoid(),
  maxout: (z, a) => maxoutOf(z, a),
  cosine: (z) => cosine(z),
  "radial basis": (z, a) => rbf(z.unsqueeze(-1), tensor([[0]], { dtype: "f64" }), { sigma: a }).select(-1, 0),
  linear: (z) => z.mul(1),
};

type Both = Compiled<(z: Tensor) => Tensor[]>;

/** The functions that were asked for last, compiled: a slider asks for the same again and again. */
const programs = new Map<string, Both>();
const MOST_PROGRAMS = 32;

function programOf(name: CurveName, a: number): Both {
  const key = `${name} ${a}`;
  let found = programs.get(key);
  if (!found) {
    const of = FUNCTIONS[name];
    if (!of) throw new RangeError(`there is no activation "${name}"; want one of ${Object.keys(FUNCTIONS).join(", ")}`);
    const slope = grad((z: Tensor) => of(z, a).sum());
    found = compile((z: Tensor) => [of(z, a), slope(z)]);
    programs.set(key, found);
    const [oldest] = programs.keys();
    if (programs.size > MOST_PROGRAMS) {
      programs.get(oldest!)!.dispose();
      programs.delete(oldest!);
    }
  }
  return found;
}

/** Values and slopes at some places. */
export function valuesAt(name: CurveName, a: number, places: readonly number[]): { values: number[]; slopes: number[] } {
  const [values, slopes] = programOf(name, a)(tensor([...places], { dtype: "f64" })) as [Tensor, Tensor];
  return { values: Array.from(values.dataSync()), slopes: Array.from(slopes.dataSync()) };
}

/** What is true of an activation, measured. */
export interface Properties {
  /** Mean output for z from N(0, 1), of 100,000 draws. */
  readonly mean: number;
  readonly slopeLeft: number;
  readonly slopeRight: number;
  readonly largestSlope: number;
  readonly low: number;
  readonly high: number;
  /** Share of [-10, 10] on which the slope is below 1/1000 in size. */
  readonly flat: number;
}

export interface CurveAnswer {
  readonly z: number[];
  readonly values: number[];
  readonly slopes: number[];
  /** At the place that was asked for. */
  readonly value: number;
  readonly slope: number;
  readonly properties: Properties;
}

/** Half the range that is drawn, and that properties are measured on. */
const REACH = 6;
const MEASURED = 10;

let draws: Tensor | undefined;

/** A function over [-6, 6], at one place, and what is true of it. */
export function curveOf(name: CurveName, a: number, at: number, n = 241): CurveAnswer {
  const z = Array.from({ length: n }, (_, i) => -REACH + (2 * REACH * i) / (n - 1));
  const { values, slopes } = valuesAt(name, a, z);
  const {
    values: [value],
    slopes: [slope],
  } = valuesAt(name, a, [at]);
  const wide = valuesAt(
    name,
    a,
    Array.from({ length: 2001 }, (_, i) => -MEASURED + (MEASURED * i) / 1000),
  );
  draws ??= normal(keyOf(1), [100_000], { dtype: "f64" });
  const mean = programOf(name, a)(draws)[0]!.mean().itemSync();
  return {
    z,
    values,
    slopes,
    value: value!,
    slope: slope!,
    properties: {
      mean,
      slopeLeft: wide.slopes[0]!,
      slopeRight: wide.slopes.at(-1)!,
      largestSlope: Math.max(...wide.slopes.map(Math.abs)),
      low: Math.min(...wide.values),
      high: Math.max(...wide.values),
      flat: wide.slopes.filter((s) => Math.abs(s) < 1e-3).length / wide.slopes.length,
    },
  };
}

export interface SoftmaxAnswer {
  readonly shares: number[];
  readonly entropy: number;
  readonly sum: number;
}

/** Softmax of logits over a temperature, and the entropy in nats. */
export function softmaxOf(logits: readonly number[], temperature: number): SoftmaxAnswer {
  const p = softmax(tensor([...logits], { dtype: "f64" }).div(temperature), 0);
  return { shares: Array.from(p.dataSync()), entropy: entropy(p, 0).itemSync(), sum: p.sum().itemSync() };
}
