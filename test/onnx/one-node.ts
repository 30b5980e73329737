/** @file A model of one node, run on its inputs, and small inputs and sums for what it should give. */
import { expect } from "vitest";
import type { OnnxGraph } from "../../src/formats/onnx.ts";
import * as nb from "../../src/index.ts";
import * as onnx from "../../src/onnx/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const { tensor } = nb;
const TYPE: Readonly<Record<string, number>> = { f32: 1, u8: 2, i32: 6, bool: 9, u32: 12 };

export type Attribute = number | string | readonly number[] | OnnxGraph;

/** A model of one node (its domain before the name), run on its inputs; `FLOATS` names attributes that are no whole numbers. */
export async function run(
  name: string,
  opset: number,
  inputs: readonly (Tensor | undefined)[],
  attributes: Record<string, Attribute> = {},
  outputs = 1,
): Promise<Tensor[]> {
  const attribute = ([name, value]: [string, Attribute]) => {
    if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: 3 };
    if (typeof value === "object" && !("length" in value)) return { name, g: value, type: 5 };
    if (typeof value !== "number") return { name, ints: [...value], type: 7 };
    return FLOATS.has(name) ? { name, f: value, type: 1 } : { name, i: value, type: 2 };
  };
  const given = inputs.flatMap((x, i) => (x ? [{ x, name: `x${i}` }] : []));
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const cut = name.lastIndexOf(".");
  const [domain, op] = [name.slice(0, Math.max(0, cut)), name.slice(cut + 1)];
  const file = onnx.encodeOnnx("Model", {
    irVersion: 10,
    opsets: [{ domain: "", version: opset }, ...(domain ? [{ domain, version: 1 }] : [])],
    graph: {
      nodes: [
        {
          op,
          domain,
          inputs: inputs.map((x, i) => (x ? `x${i}` : "")),
          outputs: results,
          attributes: Object.entries(attributes).map(attribute),
        },
      ],
      inputs: given.map(({ x, name }) => ({
        name,
        type: { tensor: { elem: TYPE[x.dtype], shape: { dims: x.shape.map((value) => ({ value })) } } },
      })),
      outputs: results.map((name) => ({ name })),
    },
  });
  const model = await onnx.load(file);
  const result = model.forward(Object.fromEntries(given.map(({ x, name }) => [name, x])));
  return outputs === 1 ? [result as Tensor] : results.map((name) => (result as Record<string, Tensor>)[name]!);
}

const FLOATS: ReadonlySet<string> = new Set(["alpha", "epsilon", "scale", "low", "high", "mean", "seed"]);
export const wave = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 2 * Math.sin(i * i + 1)),
    { shape },
  );
export const ints = (list: readonly number[], shape: readonly number[] = [list.length]): Tensor => tensor(Int32Array.from(list), { shape });
export const close = (got: Tensor | undefined, want: ArrayLike<number>): void => {
  const list = got!.dataSync();
  expect(list.length).toBe(want.length);
  Array.from(want).forEach((w, i) => void expect(list[i]! - w, `element ${i}: ${list[i]} for ${w}`).toBeCloseTo(0, 5));
};
export const of = (x: Tensor): number[] => Array.from(x.dataSync());
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
export const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
