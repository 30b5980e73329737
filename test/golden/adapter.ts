/**
 * @file How a golden group says what its operations are in this library. An adapter is a function from named inputs to named outputs, written
 * with what a user can import; the runner gives it the stored inputs, compares its outputs, pulls the stored cotangents back through it and
 * compares the gradients.
 */
import { Tensor } from "nabla";

/** Tensors by role. Stored F32 comes as f32, I32 as i32, U8 (masks) as bool. */
export type Values = Readonly<Record<string, Tensor>>;

// biome-ignore lint/suspicious/noExplicitAny: attributes differ from op to op.
export type Attributes = Readonly<Record<string, any>>;

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

export type Names = Readonly<Record<string, string>>;

/** A case of a manifest. Keys as in the README of the data; `attrs` with "inf" and the like already as numbers. */
export interface Case {
  readonly id: string;
  readonly op: string;
  readonly attrs: Attributes;
  readonly inputs?: Names;
  readonly params?: Names;
  readonly buffers?: Names;
  readonly outputs?: Names;
  readonly cotangents?: Names;
  readonly grads?: Names;
  readonly buffers_after?: Names;
  readonly mode?: "train" | "eval";
  readonly tol?: Readonly<Record<string, Readonly<Record<string, Tolerance>>>>;
  readonly tags?: readonly string[];
  /** What only some groups have. */
  readonly [key: string]: unknown;
}

/**
 * Outputs by role from inputs, parameters and buffers by role; a lone tensor is the role `out`. Of a module the result also holds the buffers
 * after the pass, by their names. It must be a pure function: the runner differentiates it.
 */
export type Adapter = (x: Values, attrs: Attributes, c: Case) => Tensor | Values;

/** How far a case is off, as a multiple of the tolerance, and where; at most 1 is a pass. */
export interface Outcome {
  readonly worst: number;
  readonly where: string;
}

/** What a case can read beside its own text. */
export interface CaseData {
  /** A stored tensor under its name. */
  tensor(name: string): Tensor;
  /** How far numbers are from a stored tensor. */
  compare(got: ArrayLike<number>, name: string, tolerance: Tolerance, what: string): Outcome;
}

/** The adapters of a group by op. `run` replaces the usual treatment, for groups with a format of their own. */
export interface Group {
  readonly adapters: Readonly<Record<string, Adapter>>;
  readonly run?: (adapter: Adapter, c: Case, data: CaseData) => Outcome;
  /** Attributes that tell of a case and change nothing, such as a description. Any other that nobody reads makes a case uncovered. */
  readonly remarks?: readonly string[];
  /** Whole networks: the fast suite tries the case of this id, the slow one every third on wasm, `npm run test:zoo` all. */
  readonly lightest?: string;
}

/** Thrown by an adapter for a variant of an op that the library lacks; the case then counts as uncovered. */
export class Uncovered extends Error {}

/** Outputs by role. */
export function byRole(result: Tensor | Values): Values {
  return result instanceof Tensor ? { out: result } : result;
}

export const PERFECT: Outcome = { worst: 0, where: "" };

/** The worse of two outcomes. */
export function worse(a: Outcome, b: Outcome): Outcome {
  return b.worst > a.worst ? b : a;
}
