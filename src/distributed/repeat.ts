/**
 * @file Repeats a recorded list for several shards: what depends on a shard once for each, the rest once. An all-reduce takes the values of all shards, so what is
 * computed from its results is the same for all. Regions with an all-reduce inside are those of all shards together, since they meet in it.
 */
import { allReduce } from "../ops/collective.ts";
import { instructionOf } from "../ops/made-by.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { placeholderOf, rebind } from "../ops/region.ts";
import { record, type Tensor } from "../ops/tensor.ts";
import { tapeOf, tapeOfRegion } from "../tape/tape.ts";

/** Stands for a value: one that all shards share, or one for each. */
export type Image = Tensor | readonly Tensor[];

export const isOne = (image: Image): image is Tensor => !Array.isArray(image);

/** The images of `outputs`, where `seeds` gives each value that differs between shards. */
export function repeat(outputs: readonly Tensor[], seeds: ReadonlyMap<Tensor, Image>, shards: number): Image[] {
  const since = Math.min(...[...seeds.keys()].map((x) => x.source.serial));
  const images = new Map<Tensor, Image>(seeds);
  const imageOf = (x: Tensor): Image => images.get(x) ?? x;
  for (const instruction of tapeOf(outputs, new Set(seeds.keys()), since)) {
    const sum = instructionOf(instruction, allReduce);
    if (!sum && !instruction.operands.some((x) => images.has(x))) continue;
    const operands = instruction.operands.map(imageOf);
    const made = sum ? addUp(sum, operands, shards) : again(instruction, operands, shards);
    instruction.results.forEach((old, j) => {
      images.set(old, made[j]!);
    });
  }
  return outputs.map(imageOf);
}

/** An all-reduce takes the values of all shards; one that they share it takes as often. */
function addUp(
  {
    operands: old,
    params: { group, shards: before },
  }: Instruction & { readonly params: { readonly group: number; readonly shards: number } },
  operands: readonly Image[],
  shards: number,
): Tensor[] {
  const all = operands.flatMap((image) => valuesOf(image, shards));
  if (before !== 1) throw new Error(`internal: an all-reduce of ${old.length} operands was spread already`);
  return all[0]!.bindAll(allReduce, all, { group, shards });
}

/** The values of an image: the one, or one for each shard; one that they share comes `count` times. */
const valuesOf = (image: Image, count: number): readonly Tensor[] => (isOne(image) ? Array.from({ length: count }, () => image) : image);

/** The images of an instruction's results: one instruction, or one for each shard. */
function again(instruction: Instruction, operands: readonly Image[], shards: number): Image[] {
  if (operands.every(isOne)) return rebind(instruction, operands);
  if (instruction.regions.some(hasAllReduce)) return jointly(instruction, operands, shards);
  const { op, params, lanes, regions, origin } = instruction;
  const each = Array.from({ length: shards }, (_, s) => {
    const own = operands.map((image) => (isOne(image) ? image : image[s]!));
    return record(op, own, params, regions, { lanes, origin: { ...origin, shard: s } });
  });
  return instruction.results.map((_, j) => each.map((results) => results[j]!));
}

function hasAllReduce(region: Region): boolean {
  return tapeOfRegion(region).some(({ op, regions }) => op === allReduce || regions.some(hasAllReduce));
}

/** The images of the results of an instruction with an all-reduce inside. */
function jointly(instruction: Instruction, operands: readonly Image[], shards: number): Image[] {
  const { op, params, regions } = instruction;
  if (op.lower.kind === "expand") return inlined(regions[0]!, operands, shards);
  if (op.traits?.branches) return branches(instruction, operands, shards);
  const loop = op.traits?.loop?.(params, operands.length);
  if (loop && regions.length === 1) return looped(instruction, operands, shards, loop);
  throw new TypeError(
    `shards: ${op.name} has a sum over the batch inside, in which the shards of a batch cannot meet, since each may go around as often as it likes; use scan, which goes around equally often`,
  );
}

/** The results of a region in place of the instruction that has it. */
function inlined({ inputs, outputs }: Region, operands: readonly Image[], shards: number): Image[] {
  const images = repeat(outputs, new Map(inputs.map((x, i) => [x, operands[i]!])), shards);
  // A constant of the region gets a fresh name, so that reading it never changes the region.
  return images.map((image, i) => (image === outputs[i] ? outputs[i]!.identity() : image));
}

/** A region for all shards. */
interface Joint {
  readonly inputs: readonly Tensor[];
  readonly images: readonly Image[];
}

/** A region of a shard for all shards; `each` says which of its inputs differ between them. */
function forAll({ inputs, outputs }: Region, each: readonly boolean[], shards: number): Joint {
  const seeds = new Map<Tensor, Image>();
  inputs.forEach((x, i) => {
    seeds.set(x, each[i] ? Array.from({ length: shards }, () => placeholderOf(x, x.label)) : placeholderOf(x, x.label));
  });
  return { inputs: [...seeds.values()].flatMap((image) => valuesOf(image, 1)), images: repeat(outputs, seeds, shards) };
}

function branches(instruction: Instruction, [predicate, ...inputs]: readonly Image[], shards: number): Image[] {
  if (!isOne(predicate!))
    throw new TypeError(
      `shards: ${instruction.op.name} has a sum over the batch inside, in which all shards must meet, but its condition differs between them; make the condition a sum too, as distributed.sum(x) gives it`,
    );
  const kinds = inputs.map((image) => !isOne(image));
  const inner = instruction.regions.map((body) => forAll(body, kinds, shards));
  const results = instruction.results.map((_, j) => inner.some(({ images }) => !isOne(images[j]!)));
  return together(instruction, [predicate!, ...flat(inputs, kinds, shards)], instruction.params, inner, results, shards);
}

function looped(
  instruction: Instruction,
  operands: readonly Image[],
  shards: number,
  { consts, carry }: { readonly consts: number; readonly carry: number },
): Image[] {
  let kinds = operands.map((image) => !isOne(image));
  let inner = forAll(instruction.regions[0]!, kinds, shards);
  // A carry differs between shards as soon as what the body makes of it does.
  for (;;) {
    const { images } = inner;
    const grown = kinds.map((each, i) => each || (i >= consts && i < consts + carry && !isOne(images[i - consts]!)));
    if (grown.every((each, i) => each === kinds[i])) break;
    kinds = grown;
    inner = forAll(instruction.regions[0]!, kinds, shards);
  }
  const width = (from: number, to: number): number => kinds.slice(from, to).reduce((n, each) => n + (each ? shards : 1), 0);
  const params = { ...(instruction.params as object), consts: width(0, consts), carry: width(consts, consts + carry) };
  const results = inner.images.map((image, j) => (j < carry ? kinds[consts + j]! : !isOne(image)));
  return together(instruction, flat(operands, kinds, shards), params, [inner], results, shards);
}

const flat = (images: readonly Image[], each: readonly boolean[], shards: number): Tensor[] =>
  images.flatMap((image, i) => valuesOf(image, each[i] ? shards : 1));

/** One instruction for all shards; `each` says which of its results differ between them. */
function together(
  { op, lanes, origin }: Instruction,
  operands: readonly Tensor[],
  params: unknown,
  inner: readonly Joint[],
  each: readonly boolean[],
  shards: number,
): Image[] {
  const regions = inner.map(({ inputs, images }) => ({ inputs, outputs: flat(images, each, shards) }));
  const results = record(op, operands, params, regions, { lanes, origin });
  return each.map((differs) => (differs ? results.splice(0, shards) : results.shift()!));
}
