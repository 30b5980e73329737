/** @file Activations of the room Units, and their parameter: its name, range and the value at first. */
export const CURVES = {
  sigmoid: undefined,
  tanh: undefined,
  ReLU: undefined,
  "leaky ReLU": { name: "slope α", min: -1, max: 1, step: 0.01, first: 0.1 },
  ELU: { name: "α", min: 0, max: 3, step: 0.05, first: 1 },
  softplus: { name: "sharpness β", min: 0.2, max: 10, step: 0.1, first: 1 },
  "hard tanh": undefined,
  "sigmoid of a z": { name: "weight a", min: 1, max: 50, step: 1, first: 8 },
  maxout: { name: "pieces k", min: 1, max: 9, step: 1, first: 3 },
  cosine: undefined,
  "radial basis": { name: "width σ", min: 0.2, max: 3, step: 0.05, first: 1 },
  linear: undefined,
} as const;

export type CurveName = keyof typeof CURVES;

export const CURVE_NAMES = Object.keys(CURVES) as CurveName[];

/** The parameter's value at first; 1 for functions that have none. */
export const firstOf = (name: CurveName): number => CURVES[name]?.first ?? 1;
