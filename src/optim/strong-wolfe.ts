/**
 * @file A line search for the strong Wolfe conditions: Nocedal & Wright (2006), Algorithms 3.5 and 3.6, with cubic steps and safeguards as in
 * Schmidt's minFunc and PyTorch, whose every decision it repeats.
 *
 * With φ(t) = f(x + t·d) a step t will do if φ(t) <= φ(0) + c₁tφ'(0) (it falls enough) and |φ'(t)| <= c₂|φ'(0)| (it is flat enough).
 */

/** A point on the line: the step, the value there, the gradient, and its product with the direction. */
export interface LinePoint {
  readonly t: number;
  readonly f: number;
  readonly g: Float64Array;
  readonly slope: number;
}

/** Evaluates the function at a step. */
export type Probe = (t: number) => LinePoint;

const C1 = 1e-4;
const C2 = 0.9;
const MAX_EVALUATIONS = 25;
/** A bracket is done when no coordinate can move by more. */
const TOLERANCE_CHANGE = 1e-9;

/** Goes from `start` (at t = 0) along a direction whose largest component is `size`, first to t; gives a point and how many were tried. */
export function strongWolfe(probe: Probe, start: LinePoint, t: number, size: number): { point: LinePoint; evaluations: number } {
  const search = new Search(probe, start);
  const bracket = search.bracket(t);
  return { point: search.zoom(bracket, size), evaluations: search.evaluations };
}

/** Two points with a good one between them, or one that is good itself. */
type Bracket = { readonly points: [LinePoint, LinePoint] } | { readonly good: LinePoint };

class Search {
  evaluations = 0;
  readonly #probe: Probe;
  readonly #start: LinePoint;
  /** Steps taken in either phase; the first evaluation is none. */
  #steps = 0;

  constructor(probe: Probe, start: LinePoint) {
    this.#probe = probe;
    this.#start = start;
  }

  #at(t: number): LinePoint {
    this.evaluations++;
    return this.#probe(t);
  }

  #tooHigh({ t, f }: LinePoint): boolean {
    return !(f <= this.#start.f + C1 * t * this.#start.slope); // NaN is too high
  }

  #flat({ slope }: LinePoint): boolean {
    return Math.abs(slope) <= -C2 * this.#start.slope;
  }

  /** Longer and longer steps until a good point is found or passed. */
  bracket(t: number): Bracket {
    let before = this.#start;
    let now = this.#at(t);
    while (this.#steps < MAX_EVALUATIONS) {
      if (this.#tooHigh(now) || (this.#steps > 1 && now.f >= before.f)) return { points: [before, now] };
      if (this.#flat(now)) return { good: now };
      if (now.slope >= 0) return { points: [before, now] };
      const next = cubicMinimum(before, now, [now.t + 0.01 * (now.t - before.t), now.t * 10]);
      before = now;
      now = this.#at(next);
      this.#steps++;
    }
    return { points: [this.#start, now] };
  }

  /** Smaller and smaller brackets, until a point is good or nothing moves. */
  zoom(bracket: Bracket, size: number): LinePoint {
    if ("good" in bracket) return bracket.good;
    let points = bracket.points;
    let stuck = false;
    for (;;) {
      const [low, high] = ordered(points);
      if (this.#steps >= MAX_EVALUATIONS || Math.abs(high.t - low.t) * size < TOLERANCE_CHANGE) return low;
      const next = safeguarded(cubicMinimum(low, high), low, high, stuck);
      stuck = next.stuck;
      const now = this.#at(next.t);
      this.#steps++;
      const better = !this.#tooHigh(now) && now.f < low.f;
      if (better && this.#flat(now)) return now;
      const turns = now.slope * (high.t - low.t) >= 0;
      const other = better && turns ? low : better ? high : low;
      // The order of the two decides ties.
      points = better === (low === points[0]) ? [now, other] : [other, now];
    }
  }
}

/** The lower point first; of equals the first, and NaN last. */
function ordered([a, b]: [LinePoint, LinePoint]): [LinePoint, LinePoint] {
  return b.f < a.f || Number.isNaN(a.f) ? [b, a] : [a, b];
}

/** A step that comes too near an end for the second time, or lies outside, is moved a tenth of the way inside. */
function safeguarded(t: number, a: LinePoint, b: LinePoint, stuck: boolean): { t: number; stuck: boolean } {
  const [left, right] = [Math.min(a.t, b.t), Math.max(a.t, b.t)];
  const margin = 0.1 * (right - left);
  if (Math.min(right - t, t - left) >= margin) return { t, stuck: false };
  if (!stuck && t < right && t > left) return { t, stuck: true };
  return { t: Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin, stuck: false };
}

/** Where the cubic through two values and slopes is lowest within bounds; their middle if it has no minimum. */
function cubicMinimum(a: LinePoint, b: LinePoint, bounds: readonly [number, number] = [a.t, b.t]): number {
  const [left, right] = [Math.min(...bounds), Math.max(...bounds)];
  const d1 = a.slope + b.slope - (3 * (a.f - b.f)) / (a.t - b.t);
  const square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (left + right) / 2;
  const d2 = Math.sqrt(square);
  const [p, q] = a.t <= b.t ? [a, b] : [b, a];
  const lowest = q.t - (q.t - p.t) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2 * d2));
  return Math.min(Math.max(lowest, left), right);
}
