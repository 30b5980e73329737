/** @file The deep net of the room Flow: what can be chosen of it, as plain data. */
import { ACTIVATIONS, type ActivationName } from "./config.ts";

export const FLOW_INITIALIZERS = ["Glorot", "He", "He, both fans", "Glorot × 4", "uniform 1/√n", "orthogonal", "N(0, 1)"] as const;
export type FlowInitializer = (typeof FLOW_INITIALIZERS)[number];

export const NORMS = ["none", "layer norm", "batch norm"] as const;

export interface DeepNet {
  /** Hidden layers. */
  readonly depth: number;
  /** Units of each. */
  readonly width: number;
  readonly activation: ActivationName;
  readonly initializer: FlowInitializer;
  /** What all weights are multiplied by. */
  readonly scale: number;
  readonly norm: (typeof NORMS)[number];
  /** Whether each layer adds its input to its output. */
  readonly residual: boolean;
  readonly seed: number;
}

/** Ten layers of sigmoids, as the lectures have them: the gradient vanishes. */
export const FIRST_NET: DeepNet = {
  depth: 10,
  width: 16,
  activation: "sigmoid",
  initializer: "Glorot",
  scale: 1,
  norm: "none",
  residual: false,
  seed: 1,
};

export const NET_LIMITS = { depth: [1, 50], width: [1, 64], scale: [0.3, 3], seed: [0, 9999] } as const;

/** A net from what a link says: fields that cannot be are those of the first net. */
export function readNet(given: unknown): DeepNet {
  const fields = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};
  const inRange = (name: keyof typeof NET_LIMITS, whole: boolean): boolean => {
    const value = fields[name];
    const [low, high] = NET_LIMITS[name];
    return typeof value === "number" && value >= low && value <= high && (!whole || Number.isInteger(value));
  };
  const isGood: Readonly<Record<keyof DeepNet, boolean>> = {
    depth: inRange("depth", true),
    width: inRange("width", true),
    seed: inRange("seed", true),
    scale: inRange("scale", false),
    activation: (ACTIVATIONS as readonly unknown[]).includes(fields.activation),
    initializer: (FLOW_INITIALIZERS as readonly unknown[]).includes(fields.initializer),
    norm: (NORMS as readonly unknown[]).includes(fields.norm),
    residual: typeof fields.residual === "boolean",
  };
  return { ...FIRST_NET, ...Object.fromEntries(Object.entries(fields).filter(([name]) => isGood[name as keyof DeepNet])) };
}
