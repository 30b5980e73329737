/** @file Formulas of the lectures. */
export interface FormulaExample {
  readonly name: string;
  readonly text: string;
  readonly values: Readonly<Record<string, number>>;
  readonly hint: string;
}

export const FORMULA_EXAMPLES: readonly FormulaExample[] = [
  {
    name: "Optimal accumulation",
    text: "v1 = x*y; v2 = sin(v1); v3 = v1*v2; v4 = cos(v3); v5 = exp(v3)",
    values: { x: 0.7, y: 1.3 },
    hint: "8 paths, 20 multiplications if each is written out, 10 forward, 10 in reverse. Can you find 7?",
  },
  {
    name: "x y + sin x",
    text: "s = x*y + sin(x)",
    values: { x: 2, y: 0.5 },
    hint: "∂s/∂x = y + cos x by two paths, ∂s/∂y = x by one.",
  },
  {
    name: "Composition",
    text: "h = x^2 + 1; g = ln(h); f = sin(g)",
    values: { x: 1.5 },
    hint: "One path: the derivative is the product along it.",
  },
  {
    name: "Two ways to C",
    text: "a = sin(x); b = exp(x); C = a*b + a^2",
    values: { x: 0.4 },
    hint: "Ways through a and through b: the derivative is the sum over all of them.",
  },
  {
    name: "A net of two layers",
    text: "h1 = tanh(w1*x + w2*y); h2 = tanh(w3*x + w4*y); p = sigmoid(u1*h1 + u2*h2); L = (p - 1)^2",
    values: { x: 0.5, y: -1, w1: 0.4, w2: -0.7, w3: 1.1, w4: 0.3, u1: 0.8, u2: -0.5 },
    hint: "One output and many inputs: reverse order is cheap, forward order is not.",
  },
  {
    name: "Values used again",
    text: "c1 = a + b; d1 = a*b + b^3; c2 = c1 + c1 + 1; c3 = c2 + 1 + c2 - a; d2 = d1 + d1*2 + relu(b + a); d3 = d2 + 3*d2 + relu(b - a); e = c3 - d3; f = e^2; g = f/2 + 10/f",
    values: { a: -4, b: 2 },
    hint: "g = 24.7041, ∂g/∂a = 138.8338, ∂g/∂b = 645.5773: what is read twice counts twice.",
  },
];
