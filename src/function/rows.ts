/**
 * @file Checks whether a list computes the examples of a batch independently. If it does, a program of a few examples serves any number of them, block after block,
 * with the same bits.
 *
 * The walk uses the lowering rules. For each value it knows where the examples are: along one axis, perhaps merged with other indices by a reshape. A result has its
 * examples along an axis if every element reads only elements of the same example from operands with examples, and from other operands only elements that are the
 * same for all examples.
 */
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import { eachExpr } from "../kernel/walk.ts";
import { counters, probe } from "../ops/lowering.ts";
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { primitives } from "../runtime/passes.ts";
import { userLine } from "../tape/origin.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** The location of the B examples of a value: index = (i·B + example)·after + j along `axis`, with 0 <= i < before and 0 <= j < after. */
export interface Examples {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

type Where = Examples | undefined;

const FIRST: Examples = { axis: 0, before: 1, after: 1 };
const same = (a: Where, b: Where): boolean => a?.axis === b?.axis && a?.before === b?.before && a?.after === b?.after;

/** Thrown if an instruction mixes examples. */
export class MixedExamples extends Error {
  override readonly name = "MixedExamples";
}

/**
 * Checks that a list computes for each example what it would compute for that example alone. `batched` says which inputs count their `n` examples along axis 0.
 * @throws {MixedExamples} that names the first instruction that mixes them, or a result that has none on axis 0.
 */
export function checkRows(region: Region, batched: readonly boolean[], n: number, what: string): void {
  const list = primitives(region);
  const walk = new Walk(n, what, () => false);
  const places = walk.run(
    list,
    batched.map((on) => (on ? FIRST : undefined)),
  );
  places.forEach((place, i) => {
    if (!same(place, FIRST)) walk.fail(list.outputs[i]!.source, `result ${i} is not one for each example`);
  });
}

/** Walks along a list and notes for each value where its examples are. */
class Walk {
  readonly #n: number;
  readonly #what: string;
  readonly #where: Map<Tensor, Examples> = new Map();
  readonly #inputs: Set<Tensor> = new Set();
  /** Returns true if an input of the list is the same for all examples, supposing that they were at the given location. */
  readonly #repeats: (input: Tensor, place: Examples) => boolean;

  constructor(n: number, what: string, repeats: (input: Tensor, place: Examples) => boolean) {
    [this.#n, this.#what, this.#repeats] = [n, what, repeats];
  }

  /** Returns the locations of the examples in the outputs, given those in the inputs. */
  run(region: Region, inputs: readonly Where[]): Where[] {
    region.inputs.forEach((x, i) => {
      this.#inputs.add(x);
      const place = inputs[i];
      if (place) this.#where.set(x, place);
      else this.#where.delete(x);
    });
    for (const instruction of tapeOfRegion(region)) {
      if (!instruction.operands.some((x) => this.#where.has(x))) continue;
      const places = this.#places(instruction);
      instruction.results.forEach((y, i) => {
        const place = places[i];
        if (place) this.#where.set(y, place);
      });
    }
    return region.outputs.map((y) => this.#where.get(y));
  }

  fail({ op, origin }: Instruction, why: string): never {
    const line = userLine(origin);
    throw new MixedExamples(
      `${this.#what}: ${why} (${op.name}${line ? `, ${line}` : ""}), so the function cannot run in blocks; leave { block } out, or compute it for each example`,
    );
  }

  /** The locations of the examples in the results of an instruction. */
  #places(instruction: Instruction): Where[] {
    const { op, operands, results } = instruction;
    const known = operands.map((x) => this.#where.get(x));
    const loop = op.traits?.loop?.(instruction.params, operands.length);
    if (loop) return this.#loop(instruction, loop.consts, loop.carry);
    if (op.traits?.branches) return this.#branches(instruction, known);
    const { kind } = instruction.op.lower;
    if (kind === "control" && op.traits?.alias) return known.slice(0, results.length);
    if (kind === "host") return results.map((y) => this.#onHost(instruction, known, y));
    const place = this.#candidates(instruction, known).find((candidate) => this.#follows(instruction, candidate));
    return [place ?? this.fail(instruction, "mixes examples")];
  }

  /** Possible locations of the examples in a result. */
  #candidates({ operands, results: [y] }: Instruction, known: readonly Where[]): Examples[] {
    const { shape } = y!;
    const found: Examples[] = [];
    operands.forEach((x, i) => {
      const place = known[i];
      if (!place) return;
      for (let axis = 0; axis < shape.length; axis++) {
        const plain = { ...place, axis };
        if (shape[axis] === place.before * this.#n * place.after) found.push(plain);
        // A reshape keeps the row-major order, so the product of the extents before the examples stays the same.
        const lead = product(x.shape.slice(0, place.axis)) * place.before;
        const before = lead / product(shape.slice(0, axis));
        const after = shape[axis]! / (before * this.#n);
        if (before >= 1 && Number.isInteger(before) && after >= 1 && Number.isInteger(after)) found.push({ axis, before, after });
      }
    });
    // The location in the operand is tried first: of two axes of the same length it is the right one.
    const [now] = known.filter((place) => place !== undefined);
    return found.sort((a, b) => Number(same(b, now)) - Number(same(a, now)));
  }

  /** Returns true if, with examples at `place`, each element of the result reads only its own example and does not depend on the example's number. */
  #follows(instruction: Instruction, place: Examples): boolean {
    const { shape } = instruction.results[0]!;
    const counter = k.variable("i32");
    const example = Index.of(counter, 0, this.#n - 1);
    const fresh = (size: number): Index => Index.of(k.variable("i32"), 0, size - 1);
    const { axis, before, after } = place;
    const own = fresh(before)
      .times(this.#n * after)
      .plus(example.times(after))
      .plus(fresh(after));
    let ok = true;
    const probed = probe(instruction, counters(shape).with(axis, own), (i, index, mask) => {
      if (!ok) return;
      if (mask && depends(mask, counter)) ok = false;
      else ok = this.#reads(instruction.operands[i]!, index, counter);
    });
    return probed !== undefined && ok && !depends(probed.result, counter);
  }

  /** Returns true if an access reads the example of the counter, or, in an operand without examples, an element that is the same for all. */
  #reads(x: Tensor, index: readonly Index[], counter: Expr): boolean {
    const moving = index.flatMap((at, axis) => (depends(at.toExpr(), counter) ? [axis] : []));
    const place = this.#where.get(x);
    const [axis] = moving;
    if (axis === undefined) return place === undefined;
    const after = index[axis]!.coefficientOf(counter);
    if (moving.length > 1 || after === null || after < 1) return false;
    const before = x.shape[axis]! / (after * this.#n);
    // Modulo B·after, the rest of the index must be j with 0 <= j < after: then it is in the same example.
    const rest = index[axis]!.minus(Index.of(counter, 0, this.#n - 1).times(after)).mod(this.#n * after);
    if (depends(rest.toExpr(), counter) || rest.max >= after) return false;
    const read = { axis, before, after };
    return place ? same(place, read) : Number.isInteger(before) && this.#isSame(x, read);
  }

  /** Returns true if a value without examples has the same elements for every example at `place`. */
  #isSame(x: Tensor, place: Examples): boolean {
    if (this.#inputs.has(x)) return this.#repeats(x, place);
    return this.#follows(x.source, place);
  }

  /** Host functions work along one axis, on what is behind some leading axes, on the last two axes, or on each element. */
  #onHost(instruction: Instruction, known: readonly Where[], y: Tensor): Where {
    const { operands, params } = instruction;
    const given: { readonly axis?: unknown; readonly batch?: unknown } = params ?? {};
    const place = known.find((each) => each !== undefined)!;
    const { axis, before, after } = place;
    const apart = [...operands, y].every(({ shape }) => {
      if (shape[axis] !== before * this.#n * after) return false;
      if (typeof given.batch === "number") return axis < given.batch;
      if (typeof given.axis === "number") return axis !== (given.axis < 0 ? shape.length + given.axis : given.axis);
      return axis < shape.length - 2 || [...operands, y].every((x) => x.shape.join() === y.shape.join());
    });
    const fits = operands.every((x, i) => (known[i] ? same(known[i], place) : this.#isSame(x, place)));
    return apart && fits ? place : this.fail(instruction, "mixes examples");
  }

  /** Walks over an inner region, given the locations of its inputs. */
  #inside(region: Region, operands: readonly Tensor[], places: readonly Where[]): Where[] {
    const outer = new Map(region.inputs.map((x, i) => [x, operands[i]!]));
    const walk = new Walk(this.#n, this.#what, (x, place) => {
      const own = outer.get(x);
      return own !== undefined && own.shape.length === x.shape.length && this.#isSame(own, place);
    });
    const found = walk.run(region, places);
    // A carry may have no examples in one iteration and have them in the next; it must then be the same for all of them.
    this.#plain = (i, place) => walk.#isSame(region.outputs[i]!, place);
    return found;
  }

  /** For the region that was walked last: returns true if an output without examples is the same for all. */
  #plain: (output: number, place: Examples) => boolean = () => false;

  /** Locations in the results of a loop. Carries are iterated until the locations no longer change. */
  #loop(instruction: Instruction, consts: number, carry: number): Where[] {
    const { operands, regions } = instruction;
    const body = regions.at(-1)!;
    const known = operands.map((x) => this.#where.get(x));
    const carried = known.slice(consts, consts + carry);
    const slices = known.slice(consts + carry).map((place): Where => {
      if (place?.axis === 0) return this.fail(instruction, "loops over examples");
      return place && { ...place, axis: place.axis - 1 };
    });
    for (;;) {
      const places = [...known.slice(0, consts), ...carried, ...slices];
      const found = this.#inside(body, operands, places);
      let changed = false;
      for (let i = 0; i < carry; i++) {
        const [now, next] = [carried[i], found[i]];
        if (same(now, next)) continue;
        if (now && (next || !this.#plain(i, now))) this.fail(instruction, "mixes examples");
        if (now) continue;
        if (!this.#isSame(operands[consts + i]!, next!)) this.fail(instruction, "starts each example otherwise");
        carried[i] = next;
        changed = true;
      }
      if (changed) continue;
      if (regions.length > 1 && this.#inside(regions[0]!, operands, places)[0]) this.fail(instruction, "ends when some example says so");
      return [...carried, ...found.slice(carry).map((place) => place && { ...place, axis: place.axis + 1 })];
    }
  }

  /** Locations in the results of a branch, which must agree in all its regions. */
  #branches(instruction: Instruction, known: readonly Where[]): Where[] {
    const { operands, regions } = instruction;
    if (known[0]) this.fail(instruction, "branches by what some example says");
    const branches = regions.map((branch) => {
      const places = this.#inside(branch, operands.slice(1), known.slice(1));
      return { places, plain: this.#plain };
    });
    return instruction.results.map((_, i) => {
      const place = branches.find(({ places }) => places[i])?.places[i];
      if (!place) return undefined;
      const agree = branches.every(({ places, plain }) => (places[i] ? same(places[i], place) : plain(i, place)));
      return agree ? place : this.fail(instruction, "mixes examples");
    });
  }
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function depends(x: Expr, counter: Expr): boolean {
  let found = false;
  eachExpr([x], (part) => {
    found ||= part === counter;
  });
  return found;
}
