/** @file What is measured of gradients in one step. */
import type { Layered } from "./layer-matrix.ts";
import type { SiteKind } from "./sites.ts";

/** One factor of the product of gains, seen from the input: what the gradient is multiplied by on its way back. */
export interface FlowStep {
  /** Index of the site; -1 for what lies between two. */
  readonly site: number;
  readonly kind: SiteKind | "between";
  readonly name: string;
  /** Median over the examples of ‖δ in front‖ / ‖δ behind‖. */
  readonly gain: number;
  /** 5 % and 95 % quantiles of that. */
  readonly quantiles: readonly [low: number, high: number];
  /** Where it must lie in the median example; undefined where only the measured value is known. */
  readonly whiskers: Whiskers | undefined;
  /** Median ‖δ‖ behind the step, nearer to the loss. */
  readonly gradient: number;
  /** Of weights: ‖W‖_F, stable rank ‖W‖²_F/σ₁², the gain that entries of their variance give a random δ, and units in and out. */
  readonly weights?: Layered;
  /** Of activations: shares of |z| > 5 and of g′ = 0. */
  readonly slopes?: { readonly far: number; readonly zero: number };
}

/** From σ_min to σ_max, or the least and largest slope: where a gain must lie. */
export interface Whiskers {
  readonly low: number;
  readonly high: number;
}
