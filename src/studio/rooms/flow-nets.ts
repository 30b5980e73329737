/** @file Nets of the room Flow that are worth a look, and what the findings' remedies change of a net. */
import { type DeepNet, FIRST_NET } from "../worker/deep-net.ts";

export const FLOW_EXAMPLES: readonly { readonly name: string; readonly net: DeepNet; readonly hint: string }[] = [
  {
    name: "Ten layers of sigmoids",
    net: FIRST_NET,
    hint: "Each sigmoid multiplies the gradient by at most ¼: ten of them by at most 9.54e−7. Apply a remedy, and watch the line.",
  },
  {
    name: "Weights too small",
    net: { ...FIRST_NET, depth: 20, activation: "tanh", scale: 0.5 },
    hint: "tanh is nearly 1 to 1 around 0; the weights shrink the gradient.",
  },
  {
    name: "Weights too large",
    net: { ...FIRST_NET, depth: 15, width: 32, activation: "linear", initializer: "N(0, 1)" },
    hint: "A random matrix of variance 1 multiplies by √n. The lower bound holds too: no layer widens.",
  },
  {
    name: "Thirty layers of ReLU, He",
    net: { ...FIRST_NET, depth: 30, width: 32, activation: "ReLU", initializer: "He" },
    hint: "√2 from the weights, √½ from the units: together 1. Slopes of 0 make the lower bound 0.",
  },
  {
    name: "Orthogonal layers",
    net: { ...FIRST_NET, depth: 30, width: 32, activation: "linear", initializer: "orthogonal" },
    hint: "All singular values are 1: upper bound, gradient and lower bound are one line.",
  },
  {
    name: "Sigmoids, mended",
    net: { ...FIRST_NET, depth: 20, norm: "layer norm", residual: true },
    hint: "A way of gain 1 runs past each layer.",
  },
];

/** What applying a remedy changes; undefined for one that is not of this net. */
export function patchFor(remedy: string): Partial<DeepNet> | undefined {
  if (/heNormal/.test(remedy)) return { initializer: "He", scale: 1 };
  if (/scale: 16/.test(remedy)) return { initializer: "Glorot × 4", scale: 1 };
  if (/glorotNormal/.test(remedy)) return { initializer: "Glorot", scale: 1 };
  if (/orthogonal/.test(remedy)) return { initializer: "orthogonal", scale: 1 };
  if (/^relu, gelu/.test(remedy)) return { activation: "ReLU" };
  if (/^a normalisation/.test(remedy)) return { norm: "layer norm" };
  return /^residual/.test(remedy) ? { residual: true } : undefined;
}
