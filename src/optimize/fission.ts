/**
 * @file Loop fission: products that do not depend on earlier steps of a scan, or on which no later step depends, are taken out of it and made for all steps at
 * once (Appleyard et al. 2016). In a recurrent network most products need the state of the step before, but three kinds do not:
 *
 *     a[t] = x[t] · W             before the loop     A = X · W                     operands that are inputs or constants
 *     y[t] = h[t] · V             after the loop      Y = H · V                     results that no later step reads
 *     s ← s + h[t]ᵀ · d[t]        after the loop      s + sum of H·D over steps     accumulators, such as the gradient of a weight
 *
 * One long product is faster than many short ones: a weight is loaded once for many rows, and an accumulator is not read and written in every step.
 */
import { byteSize } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { type Hoisting, type Target, WASM } from "../kernel/target.ts";
import { dot, dotOver, reuse } from "../ops/contract.ts";
import { add } from "../ops/elementwise.ts";
import { extentsOf } from "../ops/lowering.ts";
import { instructionOf, madeBy } from "../ops/made-by.ts";
import { broadcast } from "../ops/movement.ts";
import type { Instruction, Region, Walks } from "../ops/op.ts";
import { sum } from "../ops/reduce.ts";
import { placeholderOf, rebind, substitute } from "../ops/region.ts";
import { type Scan, scan } from "../ops/scan.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { OpFace } from "../tape/node.ts";
import { dependents, tapeOf, tapeOfRegion } from "../tape/tape.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** A scan that is not recorded yet. */
interface ScanDraft extends Scan {
  readonly operands: readonly Tensor[];
  readonly body: Region;
}

/** A shorter loop, and how the results of the original loop are made from its results. */
interface Fission {
  readonly loop: ScanDraft;
  results(own: readonly Tensor[]): readonly Tensor[];
}

/** What the rules that shorten a loop need. */
interface Means {
  readonly walks: Walks;
  readonly hoisting: Hoisting;
}

/** Takes products out of the loops of a region, again and again until no rule applies. */
export function fission(region: Region, walks: Walks, { hoisting }: Target = WASM): Region {
  const ways = [grown, behind, ahead];
  const rule: Rule = (instruction, operands) => {
    const whole = instructionOf(instruction, scan);
    if (!whole || whole.params.length < 2) return undefined;
    let loop: ScanDraft = { ...whole.params, operands, body: whole.regions[0]! };
    const made: Fission[] = [];
    for (const way of ways) {
      const next = way(loop, { walks, hoisting });
      if (next) made.unshift(next);
      loop = next?.loop ?? loop;
    }
    return made.length ? made.reduce((own, { results }) => results(own), record(loop)) : undefined;
  };
  return rewriteRegion(region, () => rule);
}

function record({ operands, body, ...params }: ScanDraft): readonly Tensor[] {
  return operands[0]!.bindAll(scan, operands, params, [body]);
}

const slicesOf = ({ body, consts, carry }: ScanDraft): readonly Tensor[] => body.inputs.slice(consts + carry);
const bytesOf = (values: readonly Type[]): number => values.reduce((n, { shape, dtype }) => n + sizeOf(shape) * byteSize(dtype), 0);

/** The values that a loop reads or writes in slices. Fission may stack at most as many bytes again. */
class Stacks {
  readonly #all: Set<Tensor>;
  #left: number;
  /** Further values that the loop is to stack. */
  readonly added: Tensor[] = [];

  constructor(loop: ScanDraft) {
    this.#all = new Set([...slicesOf(loop), ...loop.body.outputs.slice(loop.carry)]);
    this.#left = bytesOf([...this.#all]);
  }

  /** Adds values to the stacks if those that are not stacked yet take at most `most` bytes per step. Returns true if it did. */
  take(values: readonly Tensor[], most = Number.POSITIVE_INFINITY): boolean {
    const fresh = [...new Set(values)].filter((x) => !this.#all.has(x));
    const bytes = bytesOf(fresh);
    if (bytes > Math.min(most, this.#left)) return false;
    this.#left -= bytes;
    this.added.push(...fresh);
    for (const x of fresh) this.#all.add(x);
    return true;
  }
}

/** All slices of a value that a loop reads or writes in slices; `own` are its results. */
function stackOf(x: Tensor, { body, carry, operands }: ScanDraft, own: readonly Tensor[]): Tensor {
  const at = body.outputs.indexOf(x, carry);
  return at >= 0 ? own[at]! : operands[body.inputs.indexOf(x)]!;
}

/** Takes accumulators out of a loop whose terms are sums or products of values that can be stacked: the loop stacks those values instead. */
function grown(loop: ScanDraft, { hoisting }: Means): Fission | undefined {
  const { body, consts, carry, operands } = loop;
  const stacks = new Stacks(loop);
  const perStep = dependents(tapeOfRegion(body), body.inputs.slice(consts));
  const terms = new Map<number, Tensor>();
  const candidates = (leaves: readonly OpFace[]): [number, Tensor, readonly Tensor[]][] =>
    growing(loop).flatMap(([i, term]) => {
      const own = terms.has(i) ? undefined : factors(term, leaves, hoisting);
      return own?.every((x) => perStep.has(x)) ? [[i, term, own]] : [];
    });
  // All products are taken out if little must be stacked for them; otherwise, as for sums, only those whose factors are stacked anyway.
  const products = candidates([dot]);
  const factorsOf = products.flatMap(([, , own]) => own);
  if (stacks.take(factorsOf, bytesOf(products.map(([, term]) => term)) / hoisting.worth))
    for (const [i, term] of products) terms.set(i, term);
  for (const [i, term, own] of candidates([dot, sum])) if (stacks.take(own, 0)) terms.set(i, term);
  if (terms.size === 0) return undefined;
  const stays = (i: number): boolean => !terms.has(i);
  const inner: ScanDraft = {
    ...loop,
    carry: carry - terms.size,
    operands: operands.filter((_, i) => stays(i - consts)),
    body: {
      inputs: body.inputs.filter((_, i) => stays(i - consts)),
      outputs: [...body.outputs.filter((_, i) => stays(i)), ...stacks.added],
    },
  };
  const results = (own: readonly Tensor[]): Tensor[] => {
    const kept = [...own];
    const all = (x: Tensor): Tensor => stackOf(x, inner, own);
    return loop.body.outputs.map((_, i) => (terms.has(i) ? operands[consts + i]!.add(overSteps(terms.get(i)!, all)) : kept.shift()!));
  };
  return { loop: inner, results };
}

/** The carries that the body only adds to: the position of each, and the term that is added. */
function growing({ body, consts, carry }: ScanDraft): [number, Tensor][] {
  const readers = new Map<Tensor, number>();
  const count = (x: Tensor): unknown => readers.set(x, (readers.get(x) ?? 0) + 1);
  for (const { operands } of tapeOfRegion(body)) operands.forEach(count);
  body.outputs.forEach(count);
  return body.outputs.slice(0, carry).flatMap((y, i): [number, Tensor][] => {
    const { op, operands } = y.source;
    const x = body.inputs[consts + i]!;
    const at = op === add && readers.get(x) === 1 && readers.get(y) === 1 ? operands.indexOf(x) : -1;
    return at < 0 ? [] : [[i, operands[1 - at]!]];
  });
}

/** The operands of the short products and sums (`leaves`) that a term is made of, if all ops above them commute with the sum over steps; otherwise undefined. */
function factors({ source }: Tensor, leaves: readonly OpFace[], hoisting: Hoisting): readonly Tensor[] | undefined {
  const { op, operands, results } = source;
  if (leaves.includes(op) && (op === sum || sizeOf(extentsOf(source)) < hoisting.manyTerms)) return operands;
  const { derivative } = source.op;
  const isLinear = derivative.kind === "linear" && derivative.how === "jointly" && derivative.in === "all";
  if (!isLinear || operands.length === 0 || operands.some((x) => x.dtype !== results[0]!.dtype)) return undefined;
  const all = operands.map((x) => factors(x, leaves, hoisting));
  return all.every((list) => list !== undefined) ? all.flat() : undefined;
}

/** The sum of a term over all steps, from the stacks of its factors. */
function overSteps({ source, index }: Tensor, all: (x: Tensor) => Tensor): Tensor {
  const product = instructionOf(source, dot);
  if (product) return dotOver(all(product.operands[0]), all(product.operands[1]), product.params);
  const total = instructionOf(source, sum);
  if (total) return all(total.operands[0]).sum([0, ...total.params.axes.map((axis) => axis + 1)]);
  return rebind(
    source,
    source.operands.map((part) => overSteps(part, all)),
  )[index]!;
}

/** Results of instructions that cannot be made for all steps at once: inner loops, barriers, host calls. */
function opaque(list: readonly Instruction[]): Tensor[] {
  const isPlain = (i: Instruction): boolean => ["pointwise", "reduce"].includes(i.op.lower.kind);
  return list.flatMap((i) => (isPlain(i) ? [] : i.results));
}

/** Products of few rows per step with a matrix that is the same in every step. */
function shortProducts(list: readonly Instruction[], perStep: ReadonlySet<Tensor>, { manyRows }: Hoisting): Tensor[] {
  const isShort = (instruction: Instruction): boolean => {
    const product = instructionOf(instruction, dot);
    const same = product?.operands.findIndex((x) => !perStep.has(x)) ?? -1;
    return (
      product !== undefined &&
      same >= 0 &&
      perStep.has(product.operands[1 - same]!) &&
      reuse(product.params, product.operands, same) < manyRows
    );
  };
  return list.filter(isShort).map((i) => i.results[0]!);
}

/** The operand of a broadcast; for other values the value itself. */
function repeated(x: Tensor): Tensor {
  const made = madeBy(x, broadcast);
  return made ? repeated(made.operands[0]) : x;
}

/** Takes products out of the loop whose results only leave it: the loop stacks their operands, and they are made after the loop. */
function behind(loop: ScanDraft, { walks, hoisting }: Means): Fission | undefined {
  const { body, consts, carry, operands, length } = loop;
  const list = tapeOfRegion(body);
  const inside = new Set(tapeOf([...body.outputs.slice(0, carry), ...opaque(list)], new Set(body.inputs)));
  const perStep = dependents(list, body.inputs.slice(consts));
  const late = dependents(
    list,
    shortProducts(list, perStep, hoisting).filter((y) => !inside.has(y.source)),
  );
  const leaves = body.outputs.map((y, i) => i >= carry && late.has(y));
  const outputs = body.outputs.filter((_, i) => leaves[i]);
  const made = tapeOf(outputs, new Set(body.inputs)).filter((i) => late.has(i.results[0]!));
  const given = [...new Set(made.flatMap((i) => i.operands.map(repeated)))].filter((x) => perStep.has(x) && !late.has(x));
  const stacks = new Stacks(loop);
  if (outputs.length === 0 || !stacks.take(given)) return undefined;
  const inner: ScanDraft = {
    ...loop,
    body: { inputs: body.inputs, outputs: [...body.outputs.filter((_, i) => !leaves[i]), ...stacks.added] },
  };
  const results = (own: readonly Tensor[]): Tensor[] => {
    const kept = [...own];
    const all = given.map((x) => stackOf(x, inner, own));
    const region = { inputs: [...body.inputs.slice(0, consts), ...given], outputs };
    const { y } = walks.batch(
      region,
      [...operands.slice(0, consts), ...all],
      region.inputs.map((_, i) => i >= consts),
      length,
    );
    return leaves.map((on) => (on ? y.shift()! : kept.shift()!));
  };
  return { loop: inner, results };
}

/** Takes products of inputs out of the loop: they are made before it, and the loop reads slices of them. */
function ahead(loop: ScanDraft, { walks, hoisting }: Means): Fission | undefined {
  const { body, consts, carry, operands, length } = loop;
  const list = tapeOfRegion(body);
  const late = dependents(list, [...body.inputs.slice(consts, consts + carry), ...opaque(list)]);
  const products = shortProducts(list, dependents(list, slicesOf(loop)), hoisting).filter((y) => !late.has(y));
  if (products.length === 0 || !new Stacks(loop).take(products)) return undefined;
  const bound = new Map(products.map((y) => [y, placeholderOf(y, y.label)]));
  const outputs = substitute(body.outputs, bound);
  const read = new Set(tapeOf(outputs).flatMap((i) => i.results));
  const leaving = products.filter((y) => read.has(bound.get(y)!));
  const isSlice = operands.map((_, i) => i >= consts + carry);
  const { y } = walks.batch({ inputs: body.inputs, outputs: leaving }, operands, isSlice, length);
  const inputs = [...body.inputs, ...leaving.map((y) => bound.get(y)!)];
  return { loop: { ...loop, operands: [...operands, ...y], body: { inputs, outputs } }, results: (own) => own };
}
