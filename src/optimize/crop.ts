/**
 * @file What is cut off need not be computed: a part of a convolution's result is the convolution of a part, and a part of a padded value is the value with less
 * padding. So the input gradient of a padded convolution never computes the gradient of the padding; of a strided one before it is expanded, else after.
 */
import { type Conv, conv, convInput, partOfInput } from "../ops/contract.ts";
import { pad, slice } from "../ops/movement.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Region, Value } from "../tape/node.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

interface Slicing {
  readonly start: readonly number[];
  readonly stop: readonly number[];
  readonly step: readonly number[];
}

export function crop(region: Region): Region {
  return rewriteRegion(region, cropping);
}

function cropping(region: Region): Rule {
  const readers = new Map<Value, number>();
  const count = (x: Value): unknown => readers.set(x, (readers.get(x) ?? 0) + 1);
  for (const instruction of tapeOfRegion(region)) instruction.operands.forEach(count);
  region.outputs.forEach(count);
  return ({ op, params }, [x], original) => {
    if (op !== slice || readers.get(original.operands[0]!) !== 1) return undefined;
    const part = partOf(x!, params as Slicing);
    return part && [part];
  };
}

/** A part of a convolution's result, or of the input gradient of a strided one before that is expanded; of all images and channels. */
function partOf(x: Tensor, { start, stop, step }: Slicing): Tensor | undefined {
  const { op } = x.source;
  if (op !== conv && op !== convInput) return undefined;
  if ([0, 1].some((i) => start[i] !== 0 || stop[i] !== x.shape[i]) || step.some((s) => s !== 1)) return undefined;
  const [y, w] = x.source.operands as [Tensor, Tensor];
  const params = x.source.params as Conv;
  if (op === convInput) return partOfInput(y, w, { ...params, size: stop.slice(2).map((to, i) => to - start[i + 2]!) }, start.slice(2));
  if (params.stride.some((s) => s !== 1)) return undefined;
  const end = stop.map((s, i) => (i < 2 ? y.shape[i]! : s + (w.shape[i]! - 1) * params.dilation[i - 2]!));
  return y.bind(conv, [padLess(y, start, end), w], params);
}

/** A part of a value; of a padded one without padding what will be cut. */
function padLess(x: Tensor, start: readonly number[], stop: readonly number[]): Tensor {
  if (x.source.op !== pad) return x.slice(start, stop);
  const { low, high, interior } = x.source.params as { low: readonly number[]; high: readonly number[]; interior: readonly number[] };
  const front = start.map((s, i) => low[i]! - s);
  const back = stop.map((s, i) => high[i]! - (x.shape[i]! - s));
  if ([...front, ...back].some((n) => n < 0)) return x.slice(start, stop);
  return (x.source.operands[0] as Tensor).pad(front, back, interior);
}
