/**
 * @file Units (ACT-3): what every unit behind an activation does over a set of examples. A unit of a convolution is a channel, over all positions.
 *
 *     saturated   |z| > 5, where σ′ = 6.65e-3 and tanh′ = 1.82e-4; and, for any activation, |g′(z)| below 1 % of its largest
 *     dead        g′(z) = 0 for every example: no gradient comes through. Of N examples without an active one the true share of active ones is below 3/N at 95 %
 *     weak        active in under 0.1 % of the cases        linear   active in over 99.9 % of them (of activations that can be off)
 *     duplicate   correlated above 0.999 with another unit: what starts equal stays equal
 *
 * Means matter to the layer behind: with inputs h of mean m the second moment E[hhᵀ] has the condition number of a long valley, in which steps zig-zag, while that of the covariance may be small
 * (LeCun, Bottou, Orr & Müller 1998, §4.3): κ = 1 + d m²/s² for d independent units of mean m and variance s².
 */
import { check, finite, positive, positiveInteger } from "../base/check.ts";
import { decomposeSymmetric } from "../base/eigen.ts";
import { matrix } from "../base/linalg.ts";
import { checkReading, type Elements, type SiteReading } from "./site-program.ts";
import type { Site } from "./sites.ts";

/** How often numbers fell into each of equal parts of a range. */
export interface Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
}

/** A unit that passes no gradient. */
export interface DeadUnit {
  readonly unit: number;
  /** "proved" for every input in the box of the data, or "measured". */
  readonly confidence: "proved" | "measured";
  /** 95 % bound of the share of active cases: 0 if proved, else 3/N. */
  readonly activityBelow: number;
}

/** What the units of one activation do. */
export interface ActivationUnits {
  readonly site: number;
  readonly name: string;
  readonly activation: string;
  readonly units: number;
  /** Examples times positions. */
  readonly cases: number;
  /** Of what goes in, z, and of what comes out, h. */
  readonly input: Moments;
  readonly output: Moments;
  readonly histogram: Histogram;
  /** Shares of cases: |z| > 5, and |g′| below 1 % of the largest. */
  readonly far: number;
  readonly flat: number;
  /** Share of outputs that are 0. */
  readonly sparsity: number;
  readonly dead: readonly DeadUnit[];
  readonly weak: readonly number[];
  readonly linear: readonly number[];
  /** Groups of units that do the same. */
  readonly duplicates: readonly (readonly number[])[];
  /** Share of examples for which all of a neuron's weight gradients behind have one sign: 1 if h ≥ 0. */
  readonly signCoherence: number;
  /** Condition numbers of E[hhᵀ] and of the covariance, over units that vary; undefined for more than 256 units or too few cases. */
  readonly condition: { readonly secondMoment: number; readonly covariance: number } | undefined;
  /** Whether units here can come back to life: those behind the input alone cannot, since it stays as it is. */
  readonly revivable: boolean;
}

/** Mean, deviation, skewness and range. */
export interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly skewness: number;
  readonly low: number;
  readonly high: number;
}

/** What all activations do, and what was to be expected at birth. */
export interface Units {
  readonly examples: number;
  readonly activations: readonly ActivationUnits[];
  /** Probability that a net with relu layers of these widths and biases of 0 gives the same for one example whatever it is: some layer is dead. */
  readonly deadAtBirth: number;
}

const BINS = 64;
/** Rows that are kept for correlations, and units for which they are computed. */
const [ROWS, MOST_UNITS] = [512, 256] as const;
const [WEAK, LINEAR, ALIKE, FLAT, FAR] = [1e-3, 0.999, 0.999, 0.01, 5] as const;

/** Sums of powers of some numbers. */
class Sums {
  #n = 0;
  #one = 0;
  #two = 0;
  #three = 0;
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;

  add(data: Elements["data"]): void {
    for (let i = 0; i < data.length; i++) {
      const x = data[i]!;
      this.#one += x;
      this.#two += x * x;
      this.#three += x * x * x;
      if (x < this.#low) this.#low = x;
      if (x > this.#high) this.#high = x;
    }
    this.#n += data.length;
  }

  get moments(): Moments {
    const mean = this.#one / this.#n;
    const variance = Math.max(0, this.#two / this.#n - mean * mean);
    const third = this.#three / this.#n - 3 * mean * (this.#two / this.#n) + 2 * mean ** 3;
    return { mean, deviation: Math.sqrt(variance), skewness: variance > 0 ? third / variance ** 1.5 : 0, low: this.#low, high: this.#high };
  }
}

/** Counts of one activation while readings come in. */
class Tally {
  readonly site: Site;
  readonly #in = new Sums();
  readonly #out = new Sums();
  readonly #active: Float64Array;
  readonly #rows: Float64Array[] = [];
  #cases = 0;
  #far = 0;
  #flat = 0;
  #zeros = 0;
  #most: number;
  #canBeOff = false;
  #coherent = 0;
  #examples = 0;
  #histogram: { low: number; high: number; counts: number[] } | undefined;

  constructor(site: Site, units: number, most: number) {
    this.site = site;
    this.#most = most;
    this.#active = new Float64Array(units);
  }

  add(z: Elements, h: Elements, slope: Elements, least: number, examples: number): void {
    this.#in.add(z.data);
    this.#out.add(h.data);
    this.#canBeOff ||= least === 0;
    this.#count(z, h, slope);
    this.#bin(h.data);
    this.#coherence(h.data, examples);
    this.#keep(h, examples);
  }

  #count({ data: z, shape }: Elements, { data: h }: Elements, { data: slope }: Elements): void {
    const axis = this.site.unitAxis;
    const units = this.#active.length;
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const threshold = FLAT * this.#most;
    for (let at = 0; at < z.length; at += inner) {
      const unit = (at / inner) % units;
      let active = 0;
      for (let i = at; i < at + inner; i++) {
        const g = Math.abs(slope[i]!);
        if (g !== 0) active++;
        if (g < threshold) this.#flat++;
        if (Math.abs(z[i]!) > FAR) this.#far++;
        if (h[i] === 0) this.#zeros++;
      }
      this.#active[unit]! += active;
    }
    this.#cases += z.length / units;
  }

  #bin(data: Elements["data"]): void {
    const { low, high } = this.#out.moments;
    this.#histogram ??= { low, high: high > low ? high : low + 1, counts: new Array<number>(BINS).fill(0) };
    const { low: from, high: to, counts } = this.#histogram;
    const scale = BINS / (to - from);
    for (let i = 0; i < data.length; i++) {
      const bin = Math.floor((data[i]! - from) * scale);
      counts[Math.min(BINS - 1, Math.max(0, bin))]!++;
    }
  }

  #coherence(data: Elements["data"], examples: number): void {
    const each = data.length / examples;
    for (let n = 0; n < examples; n++) {
      let [above, below] = [false, false];
      for (let i = n * each; i < (n + 1) * each && !(above && below); i++) {
        above ||= data[i]! > 0;
        below ||= data[i]! < 0;
      }
      if (!(above && below)) this.#coherent++;
    }
    this.#examples += examples;
  }

  /** Rows of units, from places spread over the examples. */
  #keep({ data, shape }: Elements, examples: number): void {
    const units = this.#active.length;
    if (units > MOST_UNITS) return;
    const inner = shape.slice(this.site.unitAxis + 1).reduce((a, b) => a * b, 1);
    const cases = data.length / units;
    const want = Math.min(cases, Math.max(0, ROWS - this.#rows.length), Math.max(8 * examples, 64));
    for (let k = 0; k < want; k++) {
      const at = Math.floor((k * cases) / want);
      const base = Math.floor(at / inner) * inner * units + (at % inner);
      this.#rows.push(Float64Array.from({ length: units }, (_, unit) => data[base + unit * inner]!));
    }
  }

  result(): ActivationUnits {
    const { site } = this;
    const units = this.#active.length;
    const shares = Array.from(this.#active, (count) => count / this.#cases);
    const pick = (holds: (share: number) => boolean): number[] => shares.flatMap((share, unit) => (holds(share) ? [unit] : []));
    const total = this.#cases * units;
    const alike = new Alike(this.#rows, units);
    return {
      site: site.index,
      name: site.name,
      activation: site.op,
      units,
      cases: this.#cases,
      input: this.#in.moments,
      output: this.#out.moments,
      histogram: this.#histogram ?? { low: 0, high: 1, counts: [] },
      far: this.#far / total,
      flat: this.#flat / total,
      sparsity: this.#zeros / total,
      dead: pick((share) => share === 0).map((unit) => ({ unit, confidence: "measured", activityBelow: Math.min(1, 3 / this.#cases) })),
      weak: pick((share) => share > 0 && share < WEAK),
      linear: this.#canBeOff ? pick((share) => share > LINEAR) : [],
      duplicates: alike.groups(),
      signCoherence: this.#coherent / this.#examples,
      condition: alike.condition(),
      revivable: true,
    };
  }
}

/** Correlations among units, from some rows of their values. */
class Alike {
  readonly #rows: readonly Float64Array[];
  readonly #varying: number[] = [];
  readonly #mean: Float64Array;
  readonly #deviation: Float64Array;

  constructor(rows: readonly Float64Array[], units: number) {
    this.#rows = rows;
    this.#mean = new Float64Array(units);
    this.#deviation = new Float64Array(units);
    for (let unit = 0; unit < units && rows.length > 0; unit++) {
      let [sum, squares, different] = [0, 0, 0];
      for (const row of rows) {
        sum += row[unit]! / rows.length;
        if (row[unit] !== rows[0]![unit]) different++;
      }
      for (const row of rows) squares += (row[unit]! - sum) ** 2 / rows.length;
      this.#mean[unit] = sum;
      this.#deviation[unit] = Math.sqrt(squares);
      // Units that are on in a few cases alone are alike by chance.
      if (different >= Math.max(8, rows.length / 20) && rows.length - different < 0.9 * rows.length) this.#varying.push(unit);
    }
  }

  #moment(i: number, j: number, centred: boolean): number {
    const [a, b] = centred ? [this.#mean[i]!, this.#mean[j]!] : [0, 0];
    let sum = 0;
    for (const row of this.#rows) sum += (row[i]! - a) * (row[j]! - b);
    return sum / this.#rows.length;
  }

  groups(): number[][] {
    if (this.#rows.length < 16) return [];
    const groups: number[][] = [];
    for (const unit of this.#varying) {
      const group = groups.find(
        ([first]) => Math.abs(this.#moment(first!, unit, true)) > ALIKE * this.#deviation[first!]! * this.#deviation[unit]!,
      );
      if (group) group.push(unit);
      else groups.push([unit]);
    }
    return groups.filter((group) => group.length > 1);
  }

  condition(): ActivationUnits["condition"] {
    const units = this.#varying;
    if (units.length < 2 || this.#rows.length < 2 * units.length) return undefined;
    const kappa = (centred: boolean): number => {
      const n = units.length;
      const moments = matrix(n, n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j <= i; j++) moments.data[i * n + j] = moments.data[j * n + i] = this.#moment(units[i]!, units[j]!, centred);
      const { values } = decomposeSymmetric(moments);
      const [least, most] = [Math.min(...values), Math.max(...values)];
      return least > 1e-12 * most ? most / least : Number.POSITIVE_INFINITY;
    };
    return { secondMoment: kappa(false), covariance: kappa(true) };
  }
}

/** Puts readings of several batches together. */
export class UnitsMeter {
  readonly #tallies = new Map<number, Tally>();
  #examples = 0;
  #sites: readonly Site[] = [];

  add(reading: SiteReading): void {
    checkReading("UnitsMeter", reading);
    const { list, at, examples } = reading;
    this.#examples += examples;
    this.#sites = list.sites;
    for (const site of list.sites) {
      const { inputs, output, slope, slopes } = at[site.index]!;
      if (!slope || !slopes) continue;
      const tally = this.#tallies.get(site.index) ?? new Tally(site, output.shape[site.unitAxis] ?? 1, slopes.most);
      this.#tallies.set(site.index, tally);
      tally.add(inputs[0]!, output, slope, slopes.least, examples);
    }
  }

  result(): Units {
    const activations = [...this.#tallies.values()].map((tally) => ({ ...tally.result(), revivable: this.#revivable(tally.site) }));
    const widths = activations.filter(({ activation }) => activation === "relu").map(({ units }) => units);
    return { examples: this.#examples, activations, deadAtBirth: deadAtBirthOf(widths) };
  }

  /** Whether something that is trained lies before the layer that feeds an activation. */
  #revivable(site: Site): boolean {
    const before = (index: number): number[] => (this.#sites[index]?.from.flat() ?? []).filter((each) => each >= 0);
    let near = before(site.index);
    while (near.length > 0 && near.every((index) => this.#sites[index]!.kind !== "linear")) near = near.flatMap(before);
    const seen = new Set<number>();
    const todo = near.flatMap(before);
    for (let index = todo.pop(); index !== undefined; index = todo.pop()) {
      if (seen.has(index)) continue;
      seen.add(index);
      if (this.#sites[index]!.kind === "linear") return true;
      todo.push(...before(index));
    }
    return false;
  }
}

/** Of one batch. */
export function units(reading: SiteReading): Units {
  checkReading("units", reading);
  const meter = new UnitsMeter();
  meter.add(reading);
  return meter.result();
}

// ---- closed forms -------------------------------------------------------------------------------------------------------------------------

/** For relu layers of these widths, biases of 0 and symmetric weights: P(for one example some layer is off) = 1 - Π(1 - 2^-n). */
export function deadAtBirthOf(widths: readonly number[]): number {
  return 1 - widths.reduce((product, n) => product * (1 - 2 ** -n), 1);
}

/**
 * The probability that a relu net of `depth` hidden layers of `width` units, with biases of 0, is born dead. For one example 1 - (1 - 2^-N)^L exactly. For all inputs at once this is the upper bound; the
 * lower one is for one-dimensional inputs (Lu, Shin, Su & Karniadakis 2020, "Dying ReLU and initialization", Theorem 3.3).
 */
export function deadAtBirth(
  width: number,
  depth: number,
): { readonly oneExample: number; readonly allInputs: readonly [low: number, high: number] } {
  check("deadAtBirth: width", width, positiveInteger);
  check("deadAtBirth: depth", depth, positiveInteger);
  const oneExample = 1 - (1 - 2 ** -width) ** depth;
  const [a, b] = [1 - 2 ** -width, 1 - 2 ** (1 - width) - (width - 1) * 4 ** -width];
  const k = depth - 1;
  const factor = ((1 - 2 ** (1 - width)) * (1 - 2 ** -width)) / (1 + (width - 1) * 2 ** -width);
  return { oneExample, allInputs: [1 - a ** k + factor * (b ** k - a ** k), oneExample] };
}

/** κ of E[hhᵀ] for d independent units of one mean and one variance, whose covariance has κ = 1. */
export function zigzagCondition(d: number, mean: number, variance: number): number {
  check("zigzagCondition: d", d, positiveInteger);
  check("zigzagCondition: mean", mean, finite);
  check("zigzagCondition: variance", variance, positive);
  return 1 + (d * mean * mean) / variance;
}
