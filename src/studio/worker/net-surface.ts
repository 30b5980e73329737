/** @file The loss of the page's net on a plane through its weights, and on the line between two moments of its run, by the instruments of the library. */
import { prepared } from "../../inspect/curvature.ts";
import { tensor64 } from "../../inspect/double.ts";
import { directions, type PathPlane, pathPlane } from "../../inspect/landscape.ts";
import { fromArray } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Config } from "./config.ts";
import { featuresOf } from "./features.ts";
import type { PlaneChoice } from "./landscape-choice.ts";
import { Net } from "./net.ts";
import type { RunPath } from "./session.ts";
import { Surface } from "./surfaces.ts";

/** The net of the page with its way so far, and how it is looked at. */
export interface NetQuestion {
  readonly run: RunPath;
  readonly plane: PlaneChoice;
}

export interface NetPlane {
  readonly reach: number;
  /** Of the way, where the plane is that of the way. */
  readonly path?: PathPlane;
}

/** A net, its loss as a function of all weights compiled for planes. */
export class NetSurface {
  readonly surface: Surface;
  readonly #parts: ReturnType<typeof prepared>;
  readonly #config: Config;

  constructor(run: RunPath) {
    const { config } = run;
    const net = new Net(config);
    net.model.eval();
    const [x, y] = examples(run);
    const parts = prepared("landscape", net.model, { x, y, loss: net.error });
    this.#config = config;
    this.#parts = parts;
    const part = (at: Tensor, i: number): Tensor => at.narrow(0, i, 1);
    this.surface = new Surface((at, theta, d, e, input, target) =>
      parts.loss(theta!.add(d!.mul(part(at, 0))).add(e!.mul(part(at, 1))), input!, target!),
    );
  }

  /** Whether it serves for this configuration too: the weights come with each question. */
  fits({ weights: _, ...config }: Config): boolean {
    const { weights: __, ...own } = this.#config;
    return JSON.stringify(own) === JSON.stringify(config);
  }

  #set(theta: Float64Array, d: Float64Array, e: Float64Array, run: RunPath): void {
    this.surface.args = [theta, d, e].map((each) => tensor64(each)).concat(examples(run));
  }

  /** Lays the plane through the last weights. A way of fewer than three moments has no plane of its own. */
  lay({ run, plane }: NetQuestion): NetPlane {
    const way = run.weights.map((each) => Float64Array.from(each));
    const theta = way.at(-1)!;
    if (plane.by === "path" && way.length >= 3) {
      const path = pathPlane(way);
      this.#set(theta, ...path.directions, run);
      const longest = Math.max(...path.at.flat().map(Math.abs));
      return { path, reach: 1.25 * plane.range * (longest || 1) };
    }
    const normalization = plane.filter ? "filter" : "none";
    const { x, y, vector } = this.#parts;
    const options = { x, y, loss: () => x, normalization, seed: plane.seed } as const;
    const [d, e] = directions("landscape", 2, vector, theta, options) as [Float64Array, Float64Array];
    this.#set(theta, d, e, run);
    return { reach: plane.range };
  }

  /** Losses on the straight line between two moments, at places where the first is 0 and the second 1. */
  line(run: RunPath, from: number, to: number, at: readonly number[]): number[] {
    const [start, end] = [from, to].map((i) => Float64Array.from(run.weights[i]!)) as [Float64Array, Float64Array];
    this.#set(
      start,
      end.map((value, i) => value - start[i]!),
      new Float64Array(start.length),
      run,
    );
    return this.surface.at(at.map((t) => [t, 0]));
  }
}

function examples({ config: { features }, xy, labels }: RunPath): [Tensor, Tensor] {
  const x = Float64Array.from(featuresOf(xy, features));
  return [
    fromArray(x, { shape: [labels.length, features.length], dtype: "f64" }),
    fromArray(Float64Array.from(labels), { shape: [labels.length, 1], dtype: "f64" }),
  ];
}
