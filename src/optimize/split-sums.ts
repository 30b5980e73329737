/**
 * @file Cuts long sums with few results (a loss, the gradient of a bias) into slices, so that threads have work to divide. The results of the slices are combined
 * in a second, short reduction. The cuts, and with them the order of the sum, depend on shapes and the target alone, not on the number of threads.
 *
 *     sum x[n,c,p] over n, p     =     sum over s of (sum x[s,m,c,p] over m, p)     where n = s·M + m
 */
import { sizeOf } from "../base/shape.ts";
import { type Slicing, type Target, WASM } from "../kernel/target.ts";
import { dot, words } from "../ops/contract.ts";
import { instructionOf } from "../ops/made-by.ts";
import type { Region } from "../ops/op.ts";
import { max, min, sum } from "../ops/reduce.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** How many slices an axis is cut into: a divisor of its extent, so that all slices have one size; 1 if cutting does not pay. */
function slicesOf(extent: number, results: number, wanted: number): number {
  for (let slices = Math.floor(wanted / results); slices >= 4; slices--) if (extent % slices === 0 && slices < extent) return slices;
  return 1;
}

/**
 * The axis among `candidates` that gives the most slices, and is best not cut within vectors of images, which would have to be stored row by row; of equally good
 * ones the first.
 */
function bestAxis(
  candidates: readonly number[],
  shape: readonly number[],
  results: number,
  { wanted }: Slicing,
  images = 1,
): { axis: number; slices: number } {
  const options = candidates.map((axis) => ({ axis, slices: slicesOf(shape[axis]!, results, wanted) }));
  const whole = ({ axis, slices }: { axis: number; slices: number }): boolean => axis !== 0 || (shape[0]! / slices) % images === 0;
  const best = (list: typeof options): (typeof options)[number] =>
    list.reduce((most, option) => (option.slices > most.slices ? option : most), { axis: -1, slices: 1 });
  const found = best(options.filter(whole));
  return found.slices > 1 ? found : best(options);
}

const cut = (x: Tensor, axis: number, slices: number): Tensor =>
  x.reshape([...x.shape.slice(0, axis), slices, x.shape[axis]! / slices, ...x.shape.slice(axis + 1)]);

/** Makes a rule from the limits of a target. */
type SlicingRule = (target: Target) => Rule;

const sliceReduction: SlicingRule =
  ({ slicing, lanes }) =>
  (instruction, [x]) => {
    const reduction = instructionOf(instruction, sum) ?? instructionOf(instruction, max) ?? instructionOf(instruction, min);
    const results = sizeOf(instruction.results[0]!.shape);
    if (!reduction || results > slicing.enough || results === 0 || sizeOf(x!.shape) < slicing.leastElements) return undefined;
    const { axes } = reduction.params;
    const { axis, slices } = bestAxis(axes, x!.shape, results, slicing, x!.shape.length > 2 ? lanes.f32 : 1);
    if (slices === 1) return undefined;
    const inner = axes.map((a) => (a >= axis ? a + 1 : a));
    // The position of the slices among the axes of the results: the axes before the cut axis that are not summed.
    const at = axis - axes.filter((a) => a < axis).length;
    const op = instruction.op === sum ? "sum" : instruction.op === max ? "max" : "min";
    return [cut(x!, axis, slices)[op](inner)[op](at)];
  };

/** Cuts a sum over leading axes into slices of rows, which can be summed in the kernel that makes the rows (`schedule/rows.ts`). */
const sliceRows: SlicingRule =
  ({ slicing }) =>
  (instruction, [x]) => {
    const total = instructionOf(instruction, sum);
    if (!total || total.results[0]!.dtype !== "f32") return undefined;
    const { axes } = total.params;
    const rows = sizeOf(x!.shape.slice(0, axes.length));
    const { shape } = instruction.results[0]!;
    const results = sizeOf(shape);
    const leading = axes.every((axis, i) => axis === i);
    const { enough, leastInRows, manyRows, mostResults, rowSlices } = slicing;
    if (!leading || rows < manyRows || results > mostResults || results <= enough || rows * results < leastInRows) return undefined;
    let slices = rowSlices;
    while (rows % slices !== 0) slices--;
    if (slices < rowSlices / 4) return undefined;
    return [
      x!
        .reshape([slices, rows / slices, ...shape])
        .sum(1)
        .sum(0),
    ];
  };

const sliceDot: SlicingRule =
  ({ slicing }) =>
  (instruction) => {
    const product = instructionOf(instruction, dot);
    if (!product) return undefined;
    const results = sizeOf(product.results[0]!.shape);
    const [x, y] = product.operands;
    const elements = Math.max(sizeOf(x.shape), sizeOf(y.shape));
    if (results > slicing.enough || results === 0 || elements < slicing.leastElements) return undefined;
    const { spec } = product.params;
    const [xs, ys, out] = words(spec);
    const summed = [...xs].flatMap((c, axis) => (ys.includes(c) && !out.includes(c) ? [axis] : []));
    const { axis, slices } = bestAxis(summed, x.shape, results, slicing);
    const fresh = [..."abcdefghijklmnopqrstuvwxyz"].find((c) => !spec.includes(c));
    if (slices === 1 || !fresh) return undefined;
    const letter = xs[axis]!;
    const both = (word: string): string => word.replace(letter, fresh + letter);
    const sliced = x.bind(dot, [cut(x, axis, slices), cut(y, ys.indexOf(letter), slices)], {
      spec: `${both(xs)},${both(ys)}->${fresh}${out}`,
    });
    return [sliced.sum(0)];
  };

export function splitSums(region: Region, target: Target = WASM): Region {
  const [ofReduction, ofRows, ofDot] = [sliceReduction(target), sliceRows(target), sliceDot(target)];
  const rule: Rule = (...given) => ofReduction(...given) ?? ofRows(...given) ?? ofDot(...given);
  return rewriteRegion(region, () => rule);
}
