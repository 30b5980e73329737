/**
 * @file Computes less where a slice follows: a slice of a convolution's result is the convolution of a slice, and a slice of a padded value is the value with
 * less padding. So the input gradient of a padded convolution never computes the gradient of the padding. For strided convolutions the pass must run before
 * they are expanded, for others after; it runs twice.
 */
import { conv, convInput, partOfInput } from "../ops/convolution.ts";
import { instructionOf, madeBy } from "../ops/made-by.ts";
import { pad, type Slicing, slice } from "../ops/movement.ts";
import type { Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

export function crop(region: Region): Region {
  return rewriteRegion(region, cropping);
}

/** The rule: a slice of a value that can be computed in part. */
function cropping(region: Region): Rule {
  const readers = new Map<Tensor, number>();
  const count = (x: Tensor): unknown => readers.set(x, (readers.get(x) ?? 0) + 1);
  for (const instruction of tapeOfRegion(region)) instruction.operands.forEach(count);
  region.outputs.forEach(count);
  return (instruction, _, original) => {
    const cut = instructionOf(instruction, slice);
    if (!cut || readers.get(original.operands[0]!) !== 1) return undefined;
    const part = partOf(cut.operands[0], cut.params);
    return part && [part];
  };
}

/** A spatial slice of a convolution's result, or of the input gradient of a strided convolution, as a smaller convolution; undefined for other values. */
function partOf(x: Tensor, { start, stop, step }: Slicing): Tensor | undefined {
  if ([0, 1].some((i) => start[i] !== 0 || stop[i] !== x.shape[i]) || step.some((s) => s !== 1)) return undefined;
  const back = madeBy(x, convInput);
  if (back) {
    const size = stop.slice(2).map((to, i) => to - start[i + 2]!);
    return partOfInput(...back.operands, { ...back.params, size }, start.slice(2));
  }
  const forward = madeBy(x, conv);
  if (!forward) return undefined;
  const { params } = forward;
  const [y, w] = forward.operands;
  if (params.stride.some((s) => s !== 1)) return undefined;
  const end = stop.map((s, i) => (i < 2 ? y.shape[i]! : s + (w.shape[i]! - 1) * params.dilation[i - 2]!));
  return y.bind(conv, [padLess(y, start, end), w], params);
}

/** A slice of a value; a padded value is padded less instead. */
function padLess(x: Tensor, start: readonly number[], stop: readonly number[]): Tensor {
  const padded = madeBy(x, pad);
  if (!padded) return x.slice(start, stop);
  const { low, high, interior } = padded.params;
  const front = start.map((s, i) => low[i]! - s);
  const back = stop.map((s, i) => high[i]! - (x.shape[i]! - s));
  if ([...front, ...back].some((n) => n < 0)) return x.slice(start, stop);
  return padded.operands[0].pad(front, back, interior);
}
