/** @file The instruments of `nabla inspect` that look at the loss and at the whole function: curvature, landscape, paths; what they print, and their part of the report. */

import { isFloat } from "../base/dtype.ts";
import { heatmap } from "../figures/heatmap.ts";
import type { Section } from "../figures/report.ts";
import { lineChart } from "../figures/svg.ts";
import { type Curvature, curvature, type Objective } from "../inspect/curvature.ts";
import { eliminationOrder } from "../inspect/elimination.ts";
import { scalarGraph } from "../inspect/graph.ts";
import { type Plane, plane, type Slice, slice } from "../inspect/landscape.ts";
import type { LookBatch } from "../inspect/look.ts";
import { type NoiseScale, noiseScale } from "../inspect/noise.ts";
import { paths } from "../inspect/paths.ts";
import { crossEntropy, mseLoss } from "../nn/losses.ts";
import type { Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import { lossOf, mainOutput } from "../train/task.ts";
import { drawCurves } from "./curves.ts";
import { short } from "./inspect-format.ts";

/** Sums over the paths of one example, and what its Jacobian costs by orders of elimination, in fused multiply-adds. */
export interface PathsFound {
  readonly vertices: number;
  readonly edges: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly paths: number;
  readonly longest: number;
  /** Edges that more than one path goes through. */
  readonly shared: number;
  readonly cost: { readonly writtenOut: number; readonly forward: number; readonly reverse: number; readonly markowitz: number };
}

/** What was asked for. */
export interface LossFound {
  readonly curvature?: Curvature & { readonly noise: NoiseScale };
  readonly landscape?: { readonly slice: Slice; readonly plane: Plane };
  readonly paths?: PathsFound;
}

/** Examples at most: each instrument evaluates the batch hundreds of times. */
const MOST = 256;

function objectiveOf({ x, y, loss }: LookBatch): Objective {
  const n = Math.min(MOST, x.shape[0]!);
  const usual = isFloat(y.dtype) ? mseLoss : crossEntropy;
  const own = loss ?? usual;
  return { x: x.narrow(0, 0, n), y: y.narrow(0, 0, n), loss: (output, target) => mainOutput(lossOf(own, output, target)) };
}

function pathsOf(model: Layer, x: Tensor): PathsFound {
  const graph = scalarGraph((input: Tensor) => model.forward(input), [x.narrow(0, 0, 1)], { scalarize: true });
  const found = paths(graph, { most: 0 });
  return {
    vertices: graph.vertices,
    edges: graph.edges.length,
    inputs: graph.inputs.length,
    outputs: graph.outputs.length,
    paths: found.total,
    longest: found.longest,
    shared: found.edges.filter(({ shared }) => shared).length,
    cost: {
      writtenOut: found.multiplications,
      forward: eliminationOrder(graph, "forward").cost,
      reverse: eliminationOrder(graph, "reverse").cost,
      markowitz: eliminationOrder(graph, "markowitz").cost,
    },
  };
}

/** Runs what is wanted. `rate` is that of plain gradient descent, whose limit is 2/λ₁. */
export function lookAtLoss(
  model: Layer,
  batch: LookBatch,
  wants: (name: "curvature" | "landscape" | "paths") => boolean,
  rate?: number,
): LossFound {
  const objective = objectiveOf(batch);
  return {
    ...(wants("curvature") && {
      curvature: {
        ...curvature(model, { ...objective, steps: 40, probes: 3, ...(rate !== undefined && { rate }) }),
        noise: noiseScale(model, objective),
      },
    }),
    ...(wants("landscape") && {
      landscape: { slice: slice(model, { ...objective, points: 41 }), plane: plane(model, { ...objective, points: 17 }) },
    }),
    ...(wants("paths") && { paths: pathsOf(model.eval(), batch.x) }),
  };
}

const MATRIX = { hessian: "Hessian", "gauss-newton": "Gauss-Newton matrix" } as const;

/** Lines about curvature. */
function curvatureLines({
  matrix,
  top,
  bottom,
  sharpness,
  trace,
  frobenius,
  negative,
  condition,
  products,
  noise,
}: NonNullable<LossFound["curvature"]>): string[] {
  const limit =
    sharpness.limit === undefined
      ? ""
      : `; 2/η is ${short(sharpness.limit)}: gradient descent is ${sharpness.stable ? "stable" : "unstable"} along it`;
  const show = (all: Curvature["top"]): string => all.map(({ value, error }) => `${short(value)} ± ${short(error)}`).join(", ");
  return [
    `largest eigenvalue of the ${MATRIX[matrix]} ${short(sharpness.value)} ± ${short(sharpness.error)}${limit}`,
    `largest: ${show(top)}`,
    `least: ${show(bottom)}`,
    `trace ${short(trace.value)} ± ${short(trace.error)}, norm ${short(frobenius.value)}, λ₁ over the typical magnitude ${short(condition)}, ${(100 * negative).toFixed(1)} % of directions curve down; ${products} products`,
    `noise scale ${Number.isFinite(noise.scale) ? short(noise.scale) : "beyond what these examples can tell"}: tr Σ ${short(noise.trace)}, |G|² ${short(noise.gradient)}`,
  ];
}

const SHADES = " ░▒▓█";

/** A plane as shades, two columns to a point. */
function shaded({ loss }: Plane): string[] {
  const logs = loss.map((row) => row.map((value) => Math.log(Math.max(value, 1e-12))));
  const all = logs.flat().filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return logs
    .toReversed()
    .map((row) => row.map((value) => (SHADES[Math.min(4, Math.floor((5 * (value - low)) / (high - low || 1)))] ?? "?").repeat(2)).join(""));
}

function pathsLines(found: PathsFound): string[] {
  const { cost } = found;
  return [
    `${found.vertices.toLocaleString("en-US")} numbers, ${found.edges.toLocaleString("en-US")} partial derivatives, ${short(found.paths)} paths from ${found.inputs} inputs to ${found.outputs} outputs, the longest of ${found.longest} edges; ${found.shared} edges are shared`,
    `the Jacobian written out path by path: ${short(cost.writtenOut)} products; forward ${short(cost.forward)}, reverse ${short(cost.reverse)}, Markowitz ${short(cost.markowitz)} fused multiply-adds`,
  ];
}

/** What is printed. */
export function lossText({ curvature: curved, landscape, paths: found }: LossFound, width: number): string[] {
  const curve = (points: readonly (readonly [number, number])[], name: string): string =>
    drawCurves([{ name, points }], { width: Math.min(width, 72), height: 8 });
  return [
    ...(curved ? [["curvature", ...curvatureLines(curved), "", curve(logDensity(curved), "log10 density")].join("\n")] : []),
    ...(landscape
      ? [
          [
            "landscape: loss along a random direction of the filters' scale",
            curve(
              landscape.slice.at.map((at, i) => [at, landscape.slice.loss[i]!]),
              "loss",
            ),
            "",
            "on a plane of two, logarithmic; dark is high",
            ...shaded(landscape.plane),
          ].join("\n"),
        ]
      : []),
    ...(found ? [["paths", ...pathsLines(found)].join("\n")] : []),
  ];
}

const logDensity = ({ density }: Curvature): [number, number][] =>
  density.at.map((at, i) => [at, Math.log10(Math.max(density.value[i]!, 1e-8))]);

/** The part of the report. */
export function lossSections({ curvature: curved, landscape, paths: found }: LossFound): Section[] {
  return [
    ...(curved
      ? [
          {
            title: "Curvature",
            text: curvatureLines(curved),
            pictures: [
              lineChart([{ name: "density", points: logDensity(curved) }], {
                title: `Eigenvalues of the ${MATRIX[curved.matrix]}`,
                x: "eigenvalue",
                y: "log10 of the density",
                height: 280,
                log: false,
              }),
            ],
          },
        ]
      : []),
    ...(landscape
      ? [
          {
            title: "Landscape",
            text: ["The loss around the weights, along random directions of the scale of the filters."],
            pictures: [
              lineChart([{ name: "loss", points: landscape.slice.at.map((at, i): [number, number] => [at, landscape.slice.loss[i]!]) }], {
                title: "Along one direction",
                x: "distance",
                y: "loss",
                height: 280,
              }),
              heatmap("On a plane of two, the weights in the middle", landscape.plane.loss.toReversed()),
            ],
          },
        ]
      : []),
    ...(found ? [{ title: "Paths", text: pathsLines(found) }] : []),
  ];
}
