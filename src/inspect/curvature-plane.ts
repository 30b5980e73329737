/** @file How sharply the loss curves on a plane through a model: the extreme eigenvalues of the Hessian at each point, by Lanczos (the maps of Li et al. 2018). */
import { type Checks, checkOptions, positiveInteger } from "../base/check.ts";
import { compile } from "../function/compile.ts";
import { hvp } from "../function/jacobian.ts";
import { checkModule, type Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import { prepared } from "./curvature.ts";
import { elements64, inEvaluation, tensor64 } from "./double.ts";
import { Draws } from "./draws.ts";
import { lanczos } from "./lanczos.ts";
import { directions, SLICE_OPTIONS, type SliceOptions, steps } from "./landscape.ts";

/** What is looked at, where, and how closely. */
export interface CurvaturePlaneOptions extends SliceOptions {
  /** Points along each axis. Default 9. */
  readonly points?: number;
  /** Products with the Hessian at each point. Default 20, at most 200. */
  readonly steps?: number;
}

const OPTIONS: Checks<CurvaturePlaneOptions> = { ...SLICE_OPTIONS, steps: positiveInteger };

/** Extreme eigenvalues on a plane; most[i][j] is at alpha[j], beta[i]. */
export interface CurvaturePlane {
  readonly alpha: readonly number[];
  readonly beta: readonly number[];
  readonly most: readonly (readonly number[])[];
  readonly least: readonly (readonly number[])[];
  /** Largest bound on the error of any of them. */
  readonly error: number;
}

/**
 * The largest and the least eigenvalue of the Hessian of the loss on the plane of two directions around the parameters of a model; points² × steps products, each of about two gradients of the batch. In f64,
 * evaluation mode. One seed gives the plane of {@link plane}.
 */
export function curvaturePlane(model: Layer, options: CurvaturePlaneOptions): CurvaturePlane {
  checkModule("curvaturePlane: model", model);
  checkOptions("curvaturePlane", options, OPTIONS, "x", "y", "loss");
  const { range = 1, points = 9, steps: most = 20, seed = 0 } = options;
  if (most > 200) throw new RangeError(`curvaturePlane: steps must be at most 200, got ${most}: more give no new values, only rounding`);
  return inEvaluation(model, () => {
    const { vector, loss, x, y } = prepared("curvaturePlane", model, options);
    const theta = vector.values();
    const [d, e] = directions("curvaturePlane", 2, vector, theta, options);
    const product = compile((t: Tensor, v: Tensor, a: Tensor, b: Tensor) =>
      hvp((p: Tensor) => loss(p, a, b), { unused: "ignore" })([t], v),
    );
    const axis = steps(-range, range, points);
    const start = new Draws(seed).signs(vector.size);
    const found = axis.map((beta) =>
      axis.map((alpha) => {
        const t = tensor64(theta.map((w, i) => w + alpha * d![i]! + beta * e![i]!));
        const { values } = lanczos((v) => elements64(product(t, tensor64(v), x, y)), start, most);
        return { least: values[0]!, most: values.at(-1)! };
      }),
    );
    return {
      alpha: axis,
      beta: axis,
      most: found.map((row) => row.map((at) => at.most.value)),
      least: found.map((row) => row.map((at) => at.least.value)),
      error: Math.max(...found.flat().flatMap((at) => [at.most.error, at.least.error])),
    };
  });
}
