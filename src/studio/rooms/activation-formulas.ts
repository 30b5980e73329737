/** @file The formulas of the activations. */
import type { CurveName } from "../worker/curve-names.ts";
import "../ui/tex.ts";

export const FORMULAS: Readonly<Record<CurveName, string>> = {
  sigmoid: tex`\sigma(z) = \frac{1}{1+e^{-z}}, \qquad \sigma'(z) = \sigma(z)\,(1-\sigma(z)) \le \tfrac14`,
  tanh: tex`\tanh z = 2\,\sigma(2z) - 1, \qquad \tanh' z = 1 - \tanh^2 z`,
  ReLU: tex`f(z) = \max(0, z), \qquad f'(z) = \begin{cases} 1 & z > 0 \\ 0 & z < 0 \end{cases}`,
  "leaky ReLU": tex`f(z) = \max(0, z) + \alpha \min(0, z)`,
  ELU: tex`f(z) = \begin{cases} z & z > 0 \\ \alpha\,(e^z - 1) & z \le 0 \end{cases}`,
  softplus: tex`f(z) = \tfrac1\beta \ln(1 + e^{\beta z}), \qquad f'(z) = \sigma(\beta z)`,
  "hard tanh": tex`f(z) = \max(-1, \min(1, z))`,
  "sigmoid of a z": tex`f(z) = \sigma(a z) \;\to\; \begin{cases} 1 & z > 0 \\ 0 & z < 0 \end{cases} \quad (a \to \infty)`,
  maxout: tex`f(z) = \max_{j=1}^{k} (w_j z + b_j)`,
  cosine: tex`f(z) = \cos z`,
  "radial basis": tex`f(z) = e^{-z^2/\sigma^2}`,
  linear: tex`f(z) = z`,
};
