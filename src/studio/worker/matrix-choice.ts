/** @file What can be chosen of the matrix of the room Spectra, as plain data. */
import { FLOW_INITIALIZERS, type FlowInitializer } from "./deep-net.ts";

export interface MatrixChoice {
  readonly rows: number;
  readonly columns: number;
  readonly initializer: FlowInitializer;
  /** What all entries are multiplied by. */
  readonly scale: number;
  /** Strength of a signal of rank one that is added. */
  readonly signal: number;
  /** Square matrices that are multiplied. */
  readonly factors: number;
  readonly seed: number;
}

export const FIRST_MATRIX: MatrixChoice = { rows: 128, columns: 128, initializer: "Glorot", scale: 1, signal: 0, factors: 1, seed: 1 };

export const MATRIX_LIMITS = {
  rows: [2, 200],
  columns: [2, 200],
  scale: [0.2, 3],
  signal: [0, 6],
  factors: [1, 10],
  seed: [0, 9999],
} as const;

/** A matrix from what a link says: fields that cannot be are those of the first one. */
export function readMatrix(given: unknown): MatrixChoice {
  const fields = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};
  const isGood = (name: string, value: unknown): boolean => {
    if (name === "initializer") return (FLOW_INITIALIZERS as readonly unknown[]).includes(value);
    const range = MATRIX_LIMITS[name as keyof typeof MATRIX_LIMITS] as readonly [number, number] | undefined;
    const whole = name !== "scale" && name !== "signal";
    return (
      range !== undefined && typeof value === "number" && value >= range[0] && value <= range[1] && (!whole || Number.isInteger(value))
    );
  };
  return { ...FIRST_MATRIX, ...Object.fromEntries(Object.entries(fields).filter(([name, value]) => isGood(name, value))) };
}
