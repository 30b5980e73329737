/** @file Where the units of a network are drawn, and which weight is which. */
import { type Config, widthsOf } from "../worker/config.ts";

export interface Node {
  readonly layer: number;
  readonly unit: number;
  readonly x: number;
  readonly y: number;
}

export interface Link {
  /** Position of the weight among all weights and biases. */
  readonly index: number;
  readonly from: Node;
  readonly to: Node;
}

export interface NetworkLayout {
  readonly nodes: readonly Node[];
  readonly links: readonly Link[];
  /** Positions of the biases, by layer (from 1) and unit. */
  readonly bias: (layer: number, unit: number) => number;
  /** The side of a unit's square. */
  readonly side: number;
  readonly height: number;
}

/** Layers in columns, units in rows around the middle. */
export function layoutOf(config: Pick<Config, "features" | "layers">, width: number): NetworkLayout {
  const widths = widthsOf(config);
  const most = Math.max(...widths);
  const columns = widths.length;
  const side = Math.max(18, Math.min(40, (width / columns) * 0.52, 324 / most - 5));
  const gap = side + Math.max(5, Math.min(14, (324 - most * side) / Math.max(1, most - 1)));
  const height = Math.max(200, most * gap + 8);
  const left = side / 2 + 26;
  const right = width - side / 2 - 6;
  const nodes = widths.flatMap((n, layer) =>
    Array.from({ length: n }, (_, unit) => ({
      layer,
      unit,
      x: columns === 1 ? left : left + ((right - left) * layer) / (columns - 1),
      y: height / 2 + (unit - (n - 1) / 2) * gap,
    })),
  );
  const at = (layer: number, unit: number): Node => nodes.find((node) => node.layer === layer && node.unit === unit)!;
  const starts = [0];
  for (const [i, n] of widths.slice(1).entries()) starts.push(starts[i]! + n * (widths[i]! + 1));
  const links = widths.slice(1).flatMap((n, i) =>
    Array.from({ length: n * widths[i]! }, (_, k) => ({
      index: starts[i]! + k,
      from: at(i, k % widths[i]!),
      to: at(i + 1, Math.floor(k / widths[i]!)),
    })),
  );
  return { nodes, links, side, height, bias: (layer, unit) => starts[layer - 1]! + widths[layer]! * widths[layer - 1]! + unit };
}

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const digits = (n: number, set: string): string => [...String(n)].map((d) => set[Number(d)]).join("");

/** The name of a weight or bias: w⁽²⁾₁₃ leads from unit 3 of the layer before to unit 1 of layer 2. */
export function nameOf(config: Pick<Config, "features" | "layers">, index: number): string {
  const widths = widthsOf(config);
  let start = 0;
  for (let layer = 1; layer < widths.length; layer++) {
    const [n, inputs] = [widths[layer]!, widths[layer - 1]!];
    const upper = `⁽${digits(layer, SUPERSCRIPTS)}⁾`;
    if (index < start + n * inputs) {
      const k = index - start;
      return `w${upper}${digits(Math.floor(k / inputs) + 1, SUBSCRIPTS)}${digits((k % inputs) + 1, SUBSCRIPTS)}`;
    }
    start += n * inputs;
    if (index < start + n) return `b${upper}${digits(index - start + 1, SUBSCRIPTS)}`;
    start += n;
  }
  return "";
}
