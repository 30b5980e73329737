/**
 * @file How gradients flow through a network (TRN-1, TRN-2). Between two places the derivative of the loss is multiplied by a Jacobian; per example its length changes by a gain,
 *
 *     weights      a = ‖Wᵀδ‖ / ‖δ‖       σ_min(W) ≤ a ≤ σ_max(W)
 *     activation   b = ‖g′(z)·δ‖ / ‖δ‖    min |g′(z)| ≤ b ≤ max |g′(z)|
 *
 * and ‖∂L/∂W₁‖ = ‖x‖ · Π a b · ‖∂L/∂ŷ‖ exactly for a chain of dense layers: no bound, so that the factor that is small names the cause. With the largest and the least of
 * each factor the same product is an upper and a lower bound. The lower one needs the matrices (not one row of them, as it is often printed): it is 0 where a layer widens, since
 * Wᵀ then has a null space, and where any g′ is 0. Lengths are computed in f64.
 */

import { type Diagnosis, diagnosisOf, type Trend, trendOf } from "./flow-diagnosis.ts";
import type { FlowStep } from "./flow-step.ts";
import { type Layered, layeredOf } from "./layer-matrix.ts";
import { median, quantile } from "./quantiles.ts";
import { checkReading, type Elements, type SiteReading } from "./site-program.ts";
import type { Site } from "./sites.ts";

export type { FlowStep, Whiskers } from "./flow-step.ts";

/** A place where ways meet: how the gradient behind it divides. */
export interface Fork {
  /** What the ways come from. */
  readonly name: string;
  /** Share of Σ‖δ‖² that comes back through each way. */
  readonly ways: readonly { readonly name: string; readonly share: number }[];
}

/** The bounds of S0 beside the truth: medians over the examples. */
export interface FlowBounds {
  /** What is bounded: `‖∂L/∂W‖ of NAME` for a dense first layer, else `‖∂L/∂z‖ of NAME`. */
  readonly of: string;
  readonly truth: number;
  readonly upper: number;
  readonly lower: number;
  /** log₁₀(upper / truth): 0 is tight. */
  readonly tightness: number;
  /** Why the lower bound says nothing, if it is 0. */
  readonly vacuous: string | undefined;
  /** Steps for which nothing but their measured gain is known. */
  readonly measured: readonly string[];
}

/** What the gradient does on its way from the loss to the input. */
export interface Flow extends Trend, Diagnosis {
  readonly examples: number;
  /** Along the longest way, from the input to the output. */
  readonly steps: readonly FlowStep[];
  /** Median ‖δ‖ behind each linear site of that way. */
  readonly gradients: readonly { readonly name: string; readonly norm: number }[];
  readonly bounds: FlowBounds;
  readonly forks: readonly Fork[];
  /** Per example, in order: ‖∂L/∂ŷ‖, the product of gains down to what leaves the first linear site, ‖x‖ of that site, both bounds. */
  readonly perExample: {
    readonly output: Float64Array;
    readonly product: Float64Array;
    readonly input: Float64Array;
    readonly upper: Float64Array;
    readonly lower: Float64Array;
  };
}

/** What lies between sites without changing a length. */
const ISOMETRIES: ReadonlySet<string> = new Set(["reshape", "transpose", "identity", "cast"]);

function squaresOf(data: Elements["data"]): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!;
  return sum;
}

/** Norms of the rows that belong to each example; one row of all where the first axis is none of examples. */
export function normsOf({ data }: Elements, examples: number): Float64Array {
  const each = data.length / examples;
  const norms = new Float64Array(examples);
  if (!Number.isInteger(each)) return norms.fill(Math.sqrt(squaresOf(data) / examples));
  for (let i = 0; i < examples; i++) {
    let sum = 0;
    for (let k = i * each; k < (i + 1) * each; k++) sum += data[k]! * data[k]!;
    norms[i] = Math.sqrt(sum);
  }
  return norms;
}

/** One factor while readings come in. */
interface Factor {
  readonly site: number;
  readonly kind: FlowStep["kind"];
  readonly name: string;
  readonly gains: number[];
  readonly behind: number[];
  readonly lows: number[];
  readonly highs: number[];
  readonly isBounded: boolean;
  far: number;
  zero: number;
  count: number;
}

/** Puts readings of several batches together; weights are those of the first. */
export class FlowMeter {
  #examples = 0;
  readonly #factors = new Map<string, Factor>();
  readonly #output: number[] = [];
  readonly #input: number[] = [];
  readonly #forks = new Map<string, Map<string, number>>();
  readonly #linear = new Map<number, number[]>();
  #path: readonly Link[] = [];
  #sites: readonly Site[] = [];
  #weights: ReadonlyMap<number, Layered> = new Map();

  add(reading: SiteReading): void {
    checkReading("FlowMeter", reading);
    const { list, examples, at } = reading;
    if (this.#examples === 0) {
      this.#sites = list.sites;
      this.#path = longestPath(list.sites, list.last);
      this.#weights = new Map(
        this.#path
          .filter(({ site }) => list.sites[site]!.kind === "linear")
          .map(({ site }) => [site, layeredOf(list.sites[site]!, at[site]!.weight!)]),
      );
    }
    this.#examples += examples;
    this.#addPath(reading);
    this.#addForks(reading);
  }

  #addPath({ list, examples, at, outputCotangent }: SiteReading): void {
    let behind = normsOf(outputCotangent, examples);
    this.#output.push(...behind);
    let between = list.between;
    for (const [k, { site, entry }] of this.#path.entries()) {
      const place = at[site]!;
      const { kind, name } = list.sites[site]!;
      const out = normsOf(place.cotangent, examples);
      const plain = between.every((op) => ISOMETRIES.has(op));
      if (between.length > 0 || !same(behind, out))
        this.#note(`between ${k}`, { site: -1, kind: "between", name: wordsOf(between) }, out, behind, plain ? 1 : undefined);
      if (kind === "linear") this.#linear.set(site, [...(this.#linear.get(site) ?? []), ...out]);
      const last = k === this.#path.length - 1;
      if (last && kind === "linear") {
        this.#input.push(...normsOf(place.inputs[entry]!, examples));
        return;
      }
      const front = normsOf(place.inputCotangents[entry]!, examples);
      const factor = this.#note(`${site}`, { site, kind, name }, front, out, this.#weights.get(site) ?? place.slope);
      if (place.slope) noteSlopes(factor, place.slope, place.inputs[0]!);
      behind = front;
      between = list.sites[site]!.between[entry]!;
    }
    this.#input.push(...new Float64Array(examples).fill(1));
  }

  /** A factor's gains, and where they must lie: by singular values, by slopes, or (1) not at all. */
  #note(
    key: string,
    head: Pick<Factor, "site" | "kind" | "name">,
    front: Float64Array,
    behind: Float64Array,
    by: Layered | Elements | 1 | undefined,
  ): Factor {
    const isBounded = by !== undefined;
    const factor = this.#factors.get(key) ?? { ...head, gains: [], behind: [], lows: [], highs: [], isBounded, far: 0, zero: 0, count: 0 };
    this.#factors.set(key, factor);
    const slopes = by && by !== 1 && "data" in by ? extremesOf(by, front.length) : undefined;
    front.forEach((norm, i) => {
      const gain = behind[i] === 0 ? 0 : norm / behind[i]!;
      factor.gains.push(gain);
      factor.behind.push(behind[i]!);
      const [low, high] = slopes
        ? [slopes.least[i]!, slopes.most[i]!]
        : by && by !== 1
          ? [(by as Layered).least, (by as Layered).most]
          : [gain, gain];
      factor.lows.push(low);
      factor.highs.push(high);
    });
    return factor;
  }

  /** Where a value goes several ways, what comes back through each. */
  #addForks({ list, at }: SiteReading): void {
    const users = new Map<number, { readonly to: number; readonly entry: number }[]>();
    for (const { index, from } of list.sites)
      for (const [entry, origins] of from.entries())
        if (origins.length === 1) users.set(origins[0]!, [...(users.get(origins[0]!) ?? []), { to: index, entry }]);
    for (const [origin, ways] of users) {
      if (ways.length < 2) continue;
      const name = list.sites[origin]?.name ?? "input";
      const shares = this.#forks.get(name) ?? new Map<string, number>();
      this.#forks.set(name, shares);
      for (const { to, entry } of ways) {
        const square = squaresOf(at[to]!.inputCotangents[entry]!.data);
        shares.set(list.sites[to]!.name, (shares.get(list.sites[to]!.name) ?? 0) + square);
      }
    }
  }

  result(): Flow {
    const factors = [...this.#factors.values()];
    const steps = factors.map((factor): FlowStep => this.#stepOf(factor)).toReversed();
    const linear = this.#path.filter(({ site }) => this.#linear.has(site)).toReversed();
    const gradients = linear.map(({ site }) => ({ name: this.#sites[site]!.name, norm: median(this.#linear.get(site)!) }));
    const perExample = this.#products(factors);
    const trend = trendOf(gradients.map(({ norm }) => norm));
    const forks = [...this.#forks].map(([name, ways]): Fork => {
      const total = [...ways.values()].reduce((a, b) => a + b, 0);
      return { name, ways: [...ways].map(([way, square]) => ({ name: way, share: total === 0 ? 0 : square / total })) };
    });
    const bounds = this.#bounds(factors, perExample, gradients[0]?.name ?? "input");
    return { examples: this.#examples, steps, gradients, ...trend, bounds, forks, ...diagnosisOf(trend, steps), perExample };
  }

  #stepOf({ site, kind, name, gains, behind, lows, highs, isBounded, far, zero, count }: Factor): FlowStep {
    const weights = this.#weights.get(site);
    return {
      site,
      kind,
      name,
      gain: median(gains),
      quantiles: [quantile(gains, 0.05), quantile(gains, 0.95)],
      whiskers: isBounded ? { low: median(lows), high: median(highs) } : undefined,
      gradient: median(behind),
      ...(weights && { weights }),
      ...(count > 0 && { slopes: { far: far / count, zero: zero / count } }),
    };
  }

  #products(factors: readonly Factor[]): Flow["perExample"] {
    const n = this.#examples;
    const [product, upper, lower] = [1, 2, 3].map(() => new Float64Array(n).fill(1)) as [Float64Array, Float64Array, Float64Array];
    for (const { gains, lows, highs } of factors)
      for (let i = 0; i < n; i++) {
        product[i]! *= gains[i]!;
        upper[i]! *= highs[i]!;
        lower[i]! *= lows[i]!;
      }
    return { output: Float64Array.from(this.#output), product, input: Float64Array.from(this.#input), upper, lower };
  }

  #bounds(factors: readonly Factor[], { output, product, input, upper, lower }: Flow["perExample"], first: string): FlowBounds {
    const dense = this.#isDense();
    const times = (factor: Float64Array): Float64Array => factor.map((f, i) => f * output[i]! * (dense ? input[i]! : 1));
    const [truth, most, least] = [median(times(product)), median(times(upper)), median(times(lower))];
    return {
      of: `${dense ? "‖∂L/∂W‖" : "‖∂L/∂z‖"} of ${first}`,
      truth,
      upper: most,
      lower: least,
      tightness: truth > 0 ? Math.log10(most / truth) : Number.POSITIVE_INFINITY,
      vacuous: least > 0 ? undefined : this.#vacuous(factors),
      measured: [...new Set(factors.filter(({ isBounded }) => !isBounded).map(({ name }) => name))],
    };
  }

  /** Whether the first linear site multiplies one vector per example: then its weight's gradient is δ xᵀ, of the norm ‖δ‖‖x‖. */
  #isDense(): boolean {
    const first = this.#sites[this.#path.at(-1)?.site ?? -1];
    return first?.kind === "linear" && first.spec !== undefined && first.shape.length === 2;
  }

  #vacuous(factors: readonly Factor[]): string {
    for (const { site, name, lows, kind, gains, zero, count } of factors.toReversed()) {
      if (median(lows) > 0) continue;
      const weights = this.#weights.get(site);
      if (weights && weights.out > weights.in) return `${name} widens (${weights.in} to ${weights.out}): Wᵀ has a null space, σ_min is 0`;
      if (weights?.least === 0)
        return `${name} is ${weights.exact ? "singular" : "too large for its least singular value to be computed, or a convolution"}: σ_min counts as 0`;
      if (kind === "activation") return `${(100 * (zero / Math.max(1, count))).toPrecision(3)} % of the slopes g′ of ${name} are 0`;
      if (median(gains) === 0) return `no gradient passes ${name}`;
    }
    return "the factors' product is below the smallest number";
  }
}

/** Of one batch. */
export function flow(reading: SiteReading): Flow {
  checkReading("flow", reading);
  const meter = new FlowMeter();
  meter.add(reading);
  return meter.result();
}

/** What some instructions between two sites are known as. */
function wordsOf(ops: readonly string[]): string {
  const has = (...names: readonly string[]): boolean => names.every((name) => ops.includes(name));
  const known = [
    ...(has("maxWithIndex") || has("max") ? ["max pooling"] : []),
    ...(has("sum") ? ["mean or sum"] : []),
    ...(has("select", "mul") ? ["dropout"] : []),
  ];
  const rest = ops.filter((op) => !ISOMETRIES.has(op) && op !== "windows" && op !== "broadcast");
  return known.join(" and ") || [...new Set(rest)].join(", ") || "branches";
}

const same = (a: Float64Array, b: Float64Array): boolean => a.every((x, i) => Math.abs(x - b[i]!) <= 1e-12 * Math.abs(x));

function noteSlopes(factor: Factor, slope: Elements, z: Elements): void {
  for (let i = 0; i < slope.data.length; i++) {
    if (slope.data[i] === 0) factor.zero++;
    if (Math.abs(z.data[i]!) > 5) factor.far++;
  }
  factor.count += slope.data.length;
}

/** Least and largest |element| of each example. */
function extremesOf({ data }: Elements, examples: number): { least: Float64Array; most: Float64Array } {
  const each = data.length / examples;
  const [least, most] = [new Float64Array(examples).fill(Number.POSITIVE_INFINITY), new Float64Array(examples)];
  for (let i = 0; i < examples; i++)
    for (let k = Math.floor(i * each); k < (i + 1) * each; k++) {
      const size = Math.abs(data[k]!);
      least[i] = Math.min(least[i]!, size);
      most[i] = Math.max(most[i]!, size);
    }
  return { least, most };
}

// ---- the way ------------------------------------------------------------------------------------------------------------------------------

interface Link {
  readonly site: number;
  /** Through which of its inputs the way goes on. */
  readonly entry: number;
}

/** The way back from a site that passes most linear sites. */
export function longestPath(sites: readonly Site[], last: number): Link[] {
  const best = new Map<number, { readonly length: number; readonly entry: number; readonly next: number }>();
  for (const { index, kind, from } of sites) {
    let found = { length: -1, entry: 0, next: -1 };
    for (const [entry, origins] of from.entries())
      for (const origin of origins) {
        const length = best.get(origin)?.length ?? 0;
        if (length > found.length) found = { length, entry, next: origin };
      }
    best.set(index, { ...found, length: Math.max(0, found.length) + (kind === "linear" ? 1 : 0) });
  }
  const path: Link[] = [];
  for (let site = last; site >= 0; site = best.get(site)!.next) path.push({ site, entry: best.get(site)!.entry });
  // What lies before the first linear site changes no gradient of a weight.
  const end = path.findLastIndex(({ site }) => sites[site]!.kind === "linear");
  return end < 0 ? path : path.slice(0, end + 1);
}
