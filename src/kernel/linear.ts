/**
 * @file Linear forms of integers, constant + Σ coefficient·term, and proofs that one is not negative. A term is a number with a known range. That g >= 0 follows from
 * conditions f >= 0 if g minus positive multiples of them has a range that is not negative (Farkas' lemma: Schrijver 1986, §7.3). The multiples are found by
 * eliminating one term after another.
 */
import type { Range } from "./affine.ts";

/** Σ coefficient·term + constant. */
export interface Form {
  readonly constant: number;
  /** In ascending order, with their coefficients, of which none is 0. */
  readonly terms: readonly number[];
  readonly coefficients: readonly number[];
}

/** How many combinations are tried for one access before it counts as not proved. */
const TRIES = 4000;

const NONE: readonly number[] = [];

export function constantForm(constant: number): Form {
  return { constant, terms: NONE, coefficients: NONE };
}

/** a + factor·b */
export function combined(a: Form, b: Form, factor: number): Form {
  const constant = a.constant + factor * b.constant;
  if (b.terms.length === 0) return { constant, terms: a.terms, coefficients: a.coefficients };
  if (a.terms.length === 0 && factor === 1) return { constant, terms: b.terms, coefficients: b.coefficients };
  const terms: number[] = [];
  const coefficients: number[] = [];
  const put = (term: number, c: number): void => {
    if (Math.abs(c) < 1e-9) return;
    terms.push(term);
    coefficients.push(c);
  };
  let i = 0;
  for (let j = 0; j < b.terms.length; j++) {
    const term = b.terms[j]!;
    for (; i < a.terms.length && a.terms[i]! < term; i++) put(a.terms[i]!, a.coefficients[i]!);
    const own = a.terms[i] === term ? a.coefficients[i++]! : 0;
    put(term, own + factor * b.coefficients[j]!);
  }
  for (; i < a.terms.length; i++) put(a.terms[i]!, a.coefficients[i]!);
  return { constant, terms, coefficients };
}

/** The same condition form >= 0 on integers, with coefficients divided by their gcd and the least constant: 4·j <= 63 becomes j <= 15. */
function tightened(form: Form): Form {
  const { constant, terms, coefficients } = form;
  if (coefficients.length === 0 || !coefficients.every(Number.isInteger)) return form;
  const common = coefficients.map(Math.abs).reduce(greatestCommonDivisor);
  return common === 1 ? form : { constant: Math.floor(constant / common), terms, coefficients: coefficients.map((c) => c / common) };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function coefficientOf({ terms, coefficients }: Form, term: number): number {
  const i = terms.indexOf(term);
  return i < 0 ? 0 : coefficients[i]!;
}

/** The multiples of a condition f >= 0 whose subtraction from g may help: those that eliminate a term, and of a constant itself. */
function multiplesFor(g: Form, f: Form): number[] {
  const multiples = g.terms.length === 0 ? [1] : [];
  for (let i = 0; i < f.terms.length; i++) {
    const multiple = coefficientOf(g, f.terms[i]!) / f.coefficients[i]!;
    if (multiple > 0 && !multiples.includes(multiple)) multiples.push(multiple);
  }
  return multiples;
}

/** Terms with their ranges, and what follows from these. */
export class Terms {
  readonly #low: number[] = [];
  readonly #high: number[] = [];
  #tries = 0;

  /** A new term as a form. */
  add([low, high]: Range): Form {
    this.#high.push(high);
    return { constant: 0, terms: [this.#low.push(low) - 1], coefficients: [1] };
  }

  /** The least value that a form can have. */
  least({ constant, terms, coefficients }: Form): number {
    let least = constant;
    for (let i = 0; i < terms.length; i++) {
      const c = coefficients[i]!;
      least += c * (c > 0 ? this.#low : this.#high)[terms[i]!]!;
    }
    return Number.isNaN(least) ? Number.NEGATIVE_INFINITY : least;
  }

  /** The greatest value that a form can have. */
  greatest({ constant, terms, coefficients }: Form): number {
    let greatest = constant;
    for (let i = 0; i < terms.length; i++) {
      const c = coefficients[i]!;
      greatest += c * (c > 0 ? this.#high : this.#low)[terms[i]!]!;
    }
    return Number.isNaN(greatest) ? Number.POSITIVE_INFINITY : greatest;
  }

  range(form: Form): Range {
    return [this.least(form), this.greatest(form)];
  }

  /** Returns true if g >= 0 is proved from the facts, eliminating at most `depth` terms. */
  proves(g: Form, facts: readonly Form[], depth: number): boolean {
    this.#tries = 0;
    return this.#holds(g, facts, [], depth);
  }

  /** The last facts are tried first: they come from the conditions next to the access. */
  #holds(g: Form, facts: readonly Form[], used: number[], depth: number): boolean {
    if (this.least(g) >= 0) return true;
    if (depth === 0 || this.#tries++ > TRIES) return false;
    for (let i = facts.length - 1; i >= 0; i--) {
      if (used.includes(i)) continue;
      const f = facts[i]!;
      used.push(i);
      for (const multiple of multiplesFor(g, f)) if (this.#holds(combined(g, f, -multiple), facts, used, depth - 1)) return true;
      used.pop();
    }
    return false;
  }

  /** A fact form >= 0, and the facts that follow by replacing one of its terms by a bound: 4·j + k <= 23 and k >= 0 give j <= 5. */
  implied(fact: Form): Form[] {
    const own = tightened(fact);
    const { constant, terms, coefficients } = own;
    if (terms.length < 2) return [own];
    const without = terms.flatMap((term, i) => {
      const c = coefficients[i]!;
      const most = c > 0 ? c * this.#high[term]! : c * this.#low[term]!;
      if (!Number.isFinite(most)) return [];
      return [tightened({ constant: constant + most, terms: terms.toSpliced(i, 1), coefficients: coefficients.toSpliced(i, 1) })];
    });
    return [own, ...without];
  }
}
