/**
 * @file Checkpointing of loops. A scan F that stacks values for a scan B that goes back over them keeps only its state at the start of each stretch of steps. The
 * stretch runs once more just before B goes over it. The loops become loops of loops, so programs stay short.
 *
 *     F over T, stacks T     B back over T          F over K stretches, stacks K states     K times: F over L again, B back over L
 *
 * The last steps, which B reads first, may keep what they stack. A stretch is itself such a pair of loops and may be cut again. (Gruslys et al. 2016 give the best
 * plan of any depth; stretches of one size come close to it and need no separate code for each.)
 */
import type { Type } from "../base/shape.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { closedRegion, inlineRegion, rebind } from "../ops/region.ts";
import { type Scan, scan } from "../ops/scan.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** How the loops are cut into stretches. */
export interface Stretching {
  /** The share of the steps, from 0 to 1, that keep what they stack and do not run again. */
  readonly kept: number;
  /** The most times that a step runs again; Infinity makes stretches of single steps. */
  readonly depth: number;
}

/** Stores about √n states and the inner values of √n steps. */
export const ROOT: Stretching = { kept: 0, depth: 1 };

/** Tried in this order, from the least repeated work to the least memory. */
export const STRETCHINGS: readonly Stretching[] = [
  { kept: 1 / 2, depth: 1 },
  { kept: 1 / 4, depth: 1 },
  ROOT,
  { kept: 0, depth: 2 },
  { kept: 0, depth: Number.POSITIVE_INFINITY },
];

/** Loops with fewer steps are not cut. */
const LEAST_STEPS = 4;

/** A scan, the scan that goes back over its stacks, and the stacks that nothing else reads. */
interface Pair {
  readonly forward: Instruction;
  readonly backward: Instruction;
  readonly hidden: readonly boolean[];
}

/** Cuts the loops of a region, also those inside loops and branches; undefined if there is none to cut. */
export function stretch(region: Region, how: Stretching): Region | undefined {
  const stretched = new Stretcher(region, how).run();
  return stretched === region ? undefined : stretched;
}

const loopOf = (instruction: Instruction): Scan => instruction.params as Scan;

function split<T>(list: readonly T[], { consts, carry }: Scan): [consts: T[], carry: T[], xs: T[]] {
  return [list.slice(0, consts), list.slice(consts, consts + carry), list.slice(consts + carry)];
}

/** Finds the pairs of scans in a list of which one goes back over stacks of the other. */
function findPairs({ inputs, outputs }: Region, list: readonly Instruction[]): Pair[] {
  const readers = new Map<Tensor, Instruction[]>(outputs.map((y) => [y, []]));
  const outside = new Set<Tensor>([...inputs, ...outputs]);
  for (const instruction of list)
    for (const x of instruction.operands) {
      const known = readers.get(x);
      if (known) known.push(instruction);
      else readers.set(x, [instruction]);
    }
  const taken = new Set<Instruction>();
  return list.flatMap((forward) => {
    if (forward.op !== scan || taken.has(forward) || loopOf(forward).length < LEAST_STEPS) return [];
    const onlyReader = (y: Tensor): Instruction | undefined => {
      const own = new Set(readers.get(y) ?? []);
      const [reader] = own;
      return own.size === 1 && !outside.has(y) && goesBack(reader!, forward, y) && !taken.has(reader!) ? reader : undefined;
    };
    const stacks = forward.results.slice(loopOf(forward).carry).map(onlyReader);
    const backward = stacks.find((reader) => reader !== undefined);
    if (!backward) return [];
    taken.add(forward).add(backward);
    return [{ forward, backward, hidden: stacks.map((reader) => reader === backward) }];
  });
}

/** Returns true if a scan goes over the stack `y` of the scan `forward` from the last step to the first. */
function goesBack(reader: Instruction, forward: Instruction, y: Tensor): boolean {
  if (reader.op !== scan) return false;
  const [own, other] = [loopOf(reader), loopOf(forward)];
  return own.length === other.length && own.reverse !== other.reverse && !reader.operands.slice(0, own.consts + own.carry).includes(y);
}

/** Rewrites a region with some pairs of loops cut. */
class Stretcher {
  readonly #region: Region;
  readonly #how: Stretching;
  readonly #image: Map<Tensor, Tensor> = new Map();

  constructor(region: Region, how: Stretching) {
    this.#region = region;
    this.#how = how;
  }

  /** Returns the rewritten region. */
  run(): Region {
    const list = tapeOfRegion(this.#region);
    const pairs = findPairs(this.#region, list);
    const begins = new Map(pairs.map((pair) => [pair.forward, pair]));
    const ends = new Map(pairs.map((pair) => [pair.backward, pair]));
    const cuts = new Map<Pair, Cut>();
    for (const instruction of list) {
      const operands = instruction.operands.map((x) => this.#now(x));
      const [begun, ended] = [begins.get(instruction), ends.get(instruction)];
      if (begun) {
        const cut = new Cut(begun, operands, this.#how);
        cuts.set(begun, cut);
        this.#put(instruction, cut.forward());
      } else if (ended) this.#put(instruction, cuts.get(ended)!.backward(operands));
      else {
        const regions = instruction.regions.map((inner) => stretch(inner, this.#how) ?? inner);
        const same = regions.every((r, i) => r === instruction.regions[i]) && operands.every((x, i) => x === instruction.operands[i]);
        if (!same) this.#put(instruction, rebind(instruction, operands, regions));
      }
    }
    if (this.#image.size === 0) return this.#region;
    return { inputs: this.#region.inputs, outputs: this.#region.outputs.map((y) => this.#now(y)) };
  }

  #now(x: Tensor): Tensor {
    return this.#image.get(x) ?? x;
  }

  #put({ results }: Instruction, images: readonly (Tensor | undefined)[]): void {
    results.forEach((y, i) => {
      const image = images[i];
      if (image) this.#image.set(y, image);
    });
  }
}

/** A pair of loops, cut into `count` stretches of `size` steps each and the remaining steps (`rest`), which keep what they stack. */
class Cut {
  readonly #pair: Pair;
  readonly #how: Stretching;
  readonly #operands: readonly Tensor[];
  readonly #size: number;
  readonly #count: number;
  readonly #rest: number;
  /** The states at the start of the stretches, and what the rest stacks. */
  #starts: readonly Tensor[] = [];
  #stacks: readonly Tensor[] = [];

  constructor(pair: Pair, operands: readonly Tensor[], how: Stretching) {
    this.#pair = pair;
    this.#how = how;
    this.#operands = operands;
    const { length } = loopOf(pair.forward);
    this.#size = Number.isFinite(how.depth) ? Math.ceil(length ** (how.depth / (how.depth + 1))) : 1;
    this.#count = Math.max(1, Math.floor((length - Math.max(1, Math.floor(how.kept * length))) / this.#size));
    this.#rest = length - this.#count * this.#size;
  }

  /** The results of the forward scan; undefined for those that only the backward scan reads. */
  forward(): (Tensor | undefined)[] {
    const { forward, hidden } = this.#pair;
    const params = loopOf(forward);
    const { carry, reverse } = params;
    const body = forward.regions[0]!;
    const seen = body.outputs.filter((_, i) => i < carry || !hidden[i - carry]);
    const [consts, state, xs] = split(this.#operands, params);
    const folded = xs.map((x) => this.#fold(x, reverse));
    const outer = closedRegion([...consts, ...state, ...folded.map(sliceOf)], (inputs) => {
      const starts = inputs.slice(consts.length, consts.length + carry);
      const results = this.#steps(params, { inputs: body.inputs, outputs: seen }, inputs);
      return [...results.slice(0, carry), ...starts, ...results.slice(carry)];
    });
    const most = loop(outer, [...consts, ...state, ...folded], { ...params, length: this.#count });
    this.#starts = most.slice(carry, 2 * carry);
    const last = loop(body, [...consts, ...most.slice(0, carry), ...xs.map((x) => this.#tail(x, reverse))], {
      ...params,
      length: this.#rest,
    });
    this.#stacks = last.slice(carry);
    const shown = most.slice(2 * carry);
    return [...last.slice(0, carry), ...this.#stacks.map((tail, i) => (hidden[i] ? undefined : this.#join(shown.shift()!, tail, reverse)))];
  }

  /** The results of the backward scan. */
  backward(operands: readonly Tensor[]): Tensor[] {
    const { forward, backward, hidden } = this.#pair;
    const [params, back] = [loopOf(forward), loopOf(backward)];
    const [body, backBody] = [forward.regions[0]!, backward.regions[0]!];
    const stacks = forward.results.slice(params.carry);
    // For each operand of the backward scan, the stack of the forward scan that it is, if that stack is made again.
    const [, , read] = split(backward.operands, back);
    const again = read.map((x) => stacks.findIndex((y, i) => hidden[i] && y === x));
    const [consts, state, all] = split(operands, back);
    const given = all.filter((_, i) => again[i]! < 0);
    const gather = (fresh: readonly Tensor[], own: readonly Tensor[]): Tensor[] => {
      const left = [...own];
      return again.map((n) => (n < 0 ? left.shift()! : fresh[n]!));
    };
    const tails = gather(
      this.#stacks,
      given.map((x) => this.#tail(x, params.reverse)),
    );
    const first = loop(backBody, [...consts, ...state, ...tails], { ...back, length: this.#rest });
    const [theirs, , xs] = split(this.#operands, params);
    const slices = [...xs, ...given].map((x) => this.#fold(x, params.reverse));
    const types = [...theirs, ...consts, ...state, ...this.#starts.map(sliceOf), ...slices.map(sliceOf)];
    const outer = closedRegion(types, (inputs) => {
      const take = (n: number): Tensor[] => inputs.splice(0, n);
      const [fc, bc, now, start] = [take(theirs.length), take(consts.length), take(state.length), take(params.carry)];
      const [fx, bx] = [take(xs.length), take(given.length)];
      const stacked = this.#steps(params, body, [...fc, ...start, ...fx]).slice(params.carry);
      return this.#steps(back, backBody, [...bc, ...now, ...gather(stacked, bx)]);
    });
    const deeper = { kept: 0, depth: Number.isFinite(this.#how.depth) ? this.#how.depth - 1 : 1 };
    const inner = deeper.depth > 0 ? (stretch(outer, deeper) ?? outer) : outer;
    const carried = first.slice(0, back.carry);
    const most = loop(inner, [...theirs, ...consts, ...carried, ...this.#starts, ...slices], {
      ...back,
      consts: theirs.length + consts.length,
      length: this.#count,
    });
    const ys = most.slice(back.carry).map((y, i) => this.#join(y, first[back.carry + i]!, params.reverse));
    return [...most.slice(0, back.carry), ...ys];
  }

  /** The steps of a stretch: a loop, or one step. */
  #steps(params: Scan, body: Region, operands: readonly Tensor[]): Tensor[] {
    return this.#size === 1 ? inlineRegion(body, operands) : loop(body, operands, { ...params, length: this.#size });
  }

  /** The steps of a stacked value that run again, reshaped to [stretches, steps]. They come first in the order of the forward scan. */
  #fold(x: Tensor, reverse: boolean): Tensor {
    const most = x.narrow(0, reverse ? this.#rest : 0, this.#count * this.#size);
    return this.#size === 1 ? most : most.reshape([this.#count, this.#size, ...x.shape.slice(1)]);
  }

  #tail(x: Tensor, reverse: boolean): Tensor {
    return x.narrow(0, reverse ? 0 : this.#count * this.#size, this.#rest);
  }

  #join(folded: Tensor, tail: Tensor, reverse: boolean): Tensor {
    const most = this.#size === 1 ? folded : folded.reshape([this.#count * this.#size, ...folded.shape.slice(2)]);
    return reverse ? tail.concat([most]) : most.concat([tail]);
  }
}

const sliceOf = ({ shape, dtype }: Type): Type => ({ shape: shape.slice(1), dtype });

function loop(body: Region, operands: readonly Tensor[], params: Scan): Tensor[] {
  const any = operands[0] ?? body.outputs[0]!;
  return any.bindAll(scan, operands, params, [body]);
}
