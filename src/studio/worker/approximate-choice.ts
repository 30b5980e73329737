/** @file What can be chosen of the room Approximate, as plain data. */

export const CURVES_1D = ["sine", "waves", "hill", "kink", "step", "drawn"] as const;
export type Curve1dName = (typeof CURVES_1D)[number];

export const METHODS = ["ReLU", "bumps", "trained"] as const;
export type Method = (typeof METHODS)[number];

export interface ApproximateChoice {
  readonly curve: Curve1dName;
  /** Heights of a curve that was drawn, at even places from 0 to 1. */
  readonly heights: readonly number[];
  readonly method: Method;
  readonly units: number;
  readonly seed: number;
}

/** Places at which a drawn curve is known. */
export const PLACES = 17;

export const APPROXIMATE_LIMITS = { units: [1, 64], height: [-1.5, 1.5], depth: [1, 10], seed: [0, 9999] } as const;

export const FIRST_APPROXIMATION: ApproximateChoice = { curve: "waves", heights: [], method: "ReLU", units: 8, seed: 1 };

const isHeight = (value: unknown): boolean => typeof value === "number" && Math.abs(value) <= APPROXIMATE_LIMITS.height[1];

/** A choice from what a link says: fields that cannot be are those of the first one. */
export function readApproximation(given: unknown): ApproximateChoice {
  const fields = typeof given === "object" && given !== null ? (given as Partial<Record<keyof ApproximateChoice, unknown>>) : {};
  const whole = (name: "units" | "seed"): boolean => {
    const [low, high] = APPROXIMATE_LIMITS[name];
    return Number.isInteger(fields[name]) && (fields[name] as number) >= low && (fields[name] as number) <= high;
  };
  const hasHeights = Array.isArray(fields.heights) && fields.heights.length === PLACES && fields.heights.every(isHeight);
  const isGood: Readonly<Record<keyof ApproximateChoice, boolean>> = {
    heights: hasHeights,
    curve: (CURVES_1D as readonly unknown[]).includes(fields.curve) && (fields.curve !== "drawn" || hasHeights),
    method: (METHODS as readonly unknown[]).includes(fields.method),
    units: whole("units"),
    seed: whole("seed"),
  };
  return {
    ...FIRST_APPROXIMATION,
    ...Object.fromEntries(Object.entries(fields).filter(([name]) => isGood[name as keyof ApproximateChoice])),
  };
}

const NAMED: Readonly<Record<Exclude<Curve1dName, "drawn">, (x: number) => number>> = {
  sine: (x) => Math.sin(2 * Math.PI * x),
  waves: (x) => 0.8 * Math.sin(2 * Math.PI * x) + 0.4 * Math.sin(6 * Math.PI * x),
  hill: (x) => 1.6 * Math.exp(-(((x - 0.5) / 0.15) ** 2)) - 0.8,
  kink: (x) => Math.abs(3 * x - 1.6) - 1,
  step: (x) => (x < 0.52 ? -0.7 : 0.7),
};

/** The curve through drawn heights: cubic between two of them, with the slope of its neighbours (Catmull & Rom 1974). */
function through(heights: readonly number[]): (x: number) => number {
  const at = (i: number): number => heights[Math.max(0, Math.min(PLACES - 1, i))]!;
  return (x) => {
    const place = Math.max(0, Math.min(1, x)) * (PLACES - 1);
    const i = Math.min(PLACES - 2, Math.floor(place));
    const t = place - i;
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  };
}

/** The curve over [0, 1]. */
export const curveOfChoice = ({ curve, heights }: Pick<ApproximateChoice, "curve" | "heights">): ((x: number) => number) =>
  curve === "drawn" ? through(heights) : NAMED[curve];

/** Heights of a curve, to draw on from. */
export const heightsOf = (choice: Pick<ApproximateChoice, "curve" | "heights">): number[] => {
  const [low, high] = APPROXIMATE_LIMITS.height;
  const f = curveOfChoice(choice);
  return Array.from({ length: PLACES }, (_, i) => Number(Math.max(low, Math.min(high, f(i / (PLACES - 1)))).toFixed(2)));
};
