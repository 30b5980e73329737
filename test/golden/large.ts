/**
 * @file Adapters of the golden group `large`: inputs and cotangents are made by a hash of their names, results and gradients are compared at
 * sampled positions and by their sums.
 */
import { functional, softmax, type Tensor, tensor, vjp } from "nabla";
import { type Adapter, type Case, type CaseData, type Group, type Outcome, PERFECT, Uncovered, type Values, worse } from "./adapter.ts";
import { convTranspose, perChannel, standardize } from "./layer-formulas.ts";

export function fnv1a32(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

export function lowbias32(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The tensor called `name`: 2u - 1 with u from the hash of name and position. */
function filled(name: string, shape: readonly number[]): Tensor {
  const start = fnv1a32(name);
  const n = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: n }, (_, i) => 2 * (lowbias32((start + i) >>> 0) / 2 ** 32) - 1);
  return tensor(data, { shape });
}

/** What the manifest says of a result: sampled entries, their sum, the sum of their magnitudes. */
function compareSamples(role: string, got: ArrayLike<number>, c: Case, data: CaseData): Outcome {
  const index = data.tensor(c.inputs![`${role}_index`]!).dataSync();
  let [sum, magnitude] = [0, 0];
  for (let i = 0; i < got.length; i++) {
    sum += got[i]!;
    magnitude += Math.abs(got[i]!);
  }
  const found = { [role]: Array.from(index, (i) => got[i]!), [`${role}_sum`]: [sum], [`${role}_sumabs`]: [magnitude] };
  return Object.entries(found)
    .map(([key, values]) => data.compare(values, c.outputs![key]!, c.tol!.outputs![key]!, key))
    .reduce(worse, PERFECT);
}

function runLarge(adapter: Adapter, c: Case, data: CaseData): Outcome {
  const shapes = c.shapes as Record<string, number[]>;
  const inputs = Object.fromEntries(Object.entries(shapes).map(([role, shape]) => [role, filled(`${c.id}/${role}`, shape)]));
  const { value, pullback } = vjp((x: Values) => adapter(x, c.attrs, c) as Tensor)(inputs);
  if (String(value.shape) !== String(c.output_shape)) throw new Error(`out has shape [${value.shape}], expected [${c.output_shape}]`);
  const [grads] = pullback(filled(`${c.id}/cotangent`, value.shape));
  let outcome = compareSamples("out", value.dataSync(), c, data);
  for (const role of Object.keys(shapes)) outcome = worse(outcome, compareSamples(`grad_${role}`, grads[role]!.dataSync(), c, data));
  return outcome;
}

const axesOf = (axes: number | number[] | null): number[] | undefined => (axes === null ? undefined : [axes].flat());

export const large: Group = {
  // What was stored, in words.
  remarks: ["formula"],
  run: runLarge,
  adapters: {
    matmul: ({ a, b }) => a!.matmul(b!),
    matmul_transposed_b: ({ a, b }) => a!.matmul(b!.transpose()),
    conv2d({ x, weight, bias }, { stride, padding, dilation, groups }) {
      const y = x!.conv(weight!, { stride, padding, dilation, groups });
      return bias ? y.add(perChannel(bias, y)) : y;
    },
    conv_transpose2d: ({ x, weight }, { stride, padding, output_padding, dilation, groups }) =>
      convTranspose(x!, weight!, { stride, padding, outputPadding: output_padding, dilation, groups }),
    max_pool2d: ({ x }, { kernel, stride, padding }) => functional.maxPool2d(x!, kernel, { stride, padding }),
    avg_pool2d: ({ x }, { kernel, stride, padding }) => functional.avgPool2d(x!, kernel, { stride, padding }),
    batch_norm({ x, weight, bias }, { eps, training }) {
      if (!training) throw new Uncovered("batch norm by running statistics");
      const axes = x!.shape.map((_, i) => i).filter((i) => i !== 1);
      const y = standardize(x!, axes, eps);
      return y.mul(perChannel(weight!, y)).add(perChannel(bias!, y));
    },
    layer_norm: ({ x, weight, bias }, { eps }) => standardize(x!, [-1], eps).mul(weight!).add(bias!),
    softmax: ({ x }, { axis }) => softmax(x!.mul(8), axis),
    sum: ({ x }, { axes }) => x!.sum(axesOf(axes)),
    amax: ({ x }, { axes }) => x!.max(axesOf(axes)),
    add: ({ a, b }) => a!.add(b!),
    mul_transposed: ({ a, b }) => a!.transpose().mul(b!),
    permute_scale: ({ x }, { dims }) => x!.transpose(dims).mul(2),
    cumsum: ({ x }, { axis }) => x!.cumsum(axis),
    tanh: ({ x }) => x!.mul(3).tanh(),
  },
};
