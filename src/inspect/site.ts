/** @file What a site is: a place of a network that instruments look at. */
import type { Shape } from "../base/shape.ts";

/** What a site is. */
export type SiteKind = "linear" | "activation" | "norm" | "join";

/** A place of a network. */
export interface Site {
  /** Its place in the list of sites, which is the order of computation. */
  readonly index: number;
  readonly kind: SiteKind;
  /** Unlike that of every other site: the layer's path, or what is computed and behind which site. */
  readonly name: string;
  /** The operation: `dot`, `conv`, `relu`, `add`; of several instructions the last that is no arithmetic. */
  readonly op: string;
  /** Path of the innermost module, empty at the top. */
  readonly path: string;
  /** `file:line:column` of the user's code. */
  readonly line: string | undefined;
  /** Name of the weights of a linear site. */
  readonly weights: string | undefined;
  /** How the operands of a product lie, such as `ai,oi->ao`; of linear sites that are no convolution. */
  readonly spec: string | undefined;
  /** Which operand of a linear site the weights are. */
  readonly weightSide: number;
  /** For each value that goes in, the sites that it comes from, nearest first; -1 is the input of the network. */
  readonly from: readonly (readonly number[])[];
  /** Instructions between those sites and this one, for each value that goes in: `reshape`, `max`. */
  readonly between: readonly (readonly string[])[];
  /** Of what comes out. */
  readonly shape: Shape;
  /** The axis of the units: channels of a convolution, else the last. */
  readonly unitAxis: number;
  /** Terms of which a convolution's weight is used for one position: the product of the kernel's sizes; 1 for a product. */
  readonly taps: number;
}

/** A loop or branch, into which is not looked. */
export interface Hidden {
  readonly op: string;
  readonly path: string;
  readonly line: string | undefined;
  /** Instructions in its body. */
  readonly instructions: number;
}
