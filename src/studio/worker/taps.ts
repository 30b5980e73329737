/** @file What can be watched of a session, as arrays. To look changes nothing: the functions here read cells and write none. */

import { type Compiled, compile } from "../../function/compile.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { MOST_UNITS } from "./config.ts";
import { featuresOf } from "./features.ts";
import { LATTICE, UNIT_BINS, UNIT_REACH } from "./lattice.ts";
import { grid, lattice, type Points } from "./points.ts";
import { principalAxes } from "./principal.ts";
import type { Tap, TapId } from "./protocol.ts";
import type { Session } from "./session.ts";

/** What the page asks for. */
export interface Wanted {
  readonly id: TapId;
  /** Of `boundary`: cells on a side. */
  readonly n?: number;
}

type Maps = Compiled<(x: Tensor) => Tensor[]>;

export class Views {
  readonly #session: Session;
  readonly #grids = new Map<number, Tensor>();
  readonly #maps: Maps;
  readonly #stages: Compiled<(x: Tensor) => Tensor[]>;
  /** The axes that each stage was shown along, so that they do not jump. */
  readonly #axes: number[][][] = [];
  /** The points that the page has. */
  #sent: Points | undefined;
  #lattice: Tensor | undefined;
  #latticeOf: Points | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#maps = compile((x: Tensor) => session.net.maps(x));
    this.#stages = compile((x: Tensor) => session.net.stages(x).flatMap(({ products, sums, outputs }) => [products, sums, outputs]));
  }

  /** The taps that are wanted, as they are now. */
  read(wanted: readonly Wanted[]): Tap[] {
    const taps: Tap[] = [];
    for (const each of wanted) {
      const tap = this.#read(each);
      if (tap) taps.push(tap);
    }
    return taps;
  }

  #read({ id, n = 100 }: Wanted): Tap | undefined {
    const { history, net } = this.#session;
    if (id === "loss") {
      const data = history.read();
      return { id, shape: [data.length / 3, 3], data };
    }
    if (id === "weights") {
      const data = net.weights();
      return { id, shape: [data.length], data };
    }
    if (id === "boundary") return this.#boundary(n);
    if (id === "points") return this.#points();
    if (id === "warp") return this.#warp();
    if (id === "units") return this.#units();
    return id === "collapse" ? this.#collapse() : undefined;
  }

  /** Forgets what the page has: it gets all of it again. */
  reset(): void {
    this.#sent = undefined;
  }

  /** Outputs of all hidden units (-1 to 1) and the share of class 1 (0 to 1), as bytes: [units + 1, n, n]. */
  #boundary(n: number): Tap {
    const { features, layers } = this.#session.config;
    let x = this.#grids.get(n);
    if (!x) {
      x = tensor(featuresOf(grid(n), features)).reshape([n * n, features.length]);
      this.#grids.set(n, x);
    }
    const maps = this.#maps(x);
    const units = layers.reduce((sum, layer) => sum + layer.units, 0);
    const data = new Uint8Array((units + 1) * n * n);
    let at = 0;
    for (const [k, map] of maps.entries()) {
      const values = map.dataSync() as Float32Array;
      const width = values.length / (n * n);
      const last = k === maps.length - 1;
      for (let u = 0; u < width; u++, at += n * n) {
        for (let i = 0; i < n * n; i++) {
          const value = values[i * width + u]!;
          // Bytes of this array are rounded and cut by hand: a Uint8Array would wrap around.
          const shade = last ? value * 255 : value * 127.5 + 127.5;
          data[at + i] = shade <= 0 ? 0 : shade >= 255 ? 255 : shade + 0.5;
        }
      }
    }
    return { id: "boundary", shape: [units + 1, n, n], data };
  }

  /** [n, 4]: x, y, label, and 1 for points of the test. Only when they have changed. */
  #points(): Tap | undefined {
    const { train, test } = this.#session;
    if (this.#sent === train) return undefined;
    this.#sent = train;
    const own = test === train || this.#session.config.data === "own" || this.#session.config.points !== undefined;
    const all = own ? [train] : [train, test];
    const data = new Float32Array(4 * all.reduce((sum, { labels }) => sum + labels.length, 0));
    let i = 0;
    for (const [part, { xy, labels }] of all.entries()) {
      for (let k = 0; k < labels.length; k++) data.set([xy[2 * k]!, xy[2 * k + 1]!, labels[k]!, part], 4 * i++);
    }
    return { id: "points", shape: [i, 4], data };
  }

  /**
   * Of each hidden layer over the training points: [layers, 3 + units + bins]. The share of |z| > 5, the least and the largest z, then of each unit the share of points
   * at which its slope is 0 (a unit that is there at 1 is dead; -1 where there is no such unit), then the shares of z in bins over [-6, 6], what is outside in the last ones.
   */
  #units(): Tap {
    const { config, train } = this.#session;
    const n = train.labels.length;
    const x = tensor(featuresOf(train.xy, config.features)).reshape([n, config.features.length]);
    const stages = this.#stages(x);
    const width = 3 + MOST_UNITS + UNIT_BINS;
    const data = new Float32Array(config.layers.length * width);
    for (const [layer, { units, activation }] of config.layers.entries()) {
      const z = stages[3 * layer + 1]!.dataSync() as Float32Array;
      const row = data.subarray(layer * width, (layer + 1) * width);
      row.set([0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
      for (let u = 0; u < MOST_UNITS; u++) row[3 + u] = u < units ? 0 : -1;
      for (const [i, value] of z.entries()) {
        if (Math.abs(value) > 5) row[0]! += 1 / z.length;
        row[1] = Math.min(row[1]!, value);
        row[2] = Math.max(row[2]!, value);
        if (activation === "ReLU" && value <= 0) row[3 + (i % units)]! += 1 / n;
        const bin = Math.floor(((value + UNIT_REACH) / (2 * UNIT_REACH)) * UNIT_BINS);
        row[3 + MOST_UNITS + Math.max(0, Math.min(UNIT_BINS - 1, bin))]! += 1 / z.length;
      }
    }
    return { id: "units", shape: [config.layers.length, width], data };
  }

  /** The lattice and the points after each stage (the features; then W x, + b and σ of each layer), in three coordinates: [stages, points, 3]. */
  #warp(): Tap {
    const session = this.#session;
    const { features } = session.config;
    if (!this.#lattice || this.#latticeOf !== session.train) {
      const [a, b] = [lattice(LATTICE), session.train.xy];
      const xy = new Float32Array(a.length + b.length);
      xy.set(a);
      xy.set(b, a.length);
      this.#lattice = tensor(featuresOf(xy, features)).reshape([xy.length / 2, features.length]);
      this.#latticeOf = session.train;
    }
    const stages = [this.#lattice, ...this.#stages(this.#lattice)];
    const n = this.#lattice.shape[0]!;
    const data = new Float32Array(stages.length * n * 3);
    for (const [s, stage] of stages.entries()) data.set(this.#projected(stage, s), s * n * 3);
    return { id: "warp", shape: [stages.length, n, 3], data };
  }

  /** Up to three coordinates as they are; of more, the three principal ones. */
  #projected(stage: Tensor, s: number): Float32Array {
    const [n, d] = stage.shape as [number, number];
    const values = stage.dataSync() as Float32Array;
    const placed = new Float32Array(3 * n);
    if (d <= 3) {
      for (let i = 0; i < n; i++) for (let k = 0; k < d; k++) placed[3 * i + k] = values[i * d + k]!;
      return placed;
    }
    const { mean, axes } = principalAxes(values, n, d, this.#axes[s]);
    this.#axes[s] = axes;
    for (let i = 0; i < n; i++) {
      for (const [k, axis] of axes.entries()) {
        let sum = 0;
        for (let j = 0; j < d; j++) sum += axis[j]! * (values[i * d + j]! - mean[j]!);
        placed[3 * i + k] = sum;
      }
    }
    return placed;
  }

  /** Of a net whose activations are all linear: the largest difference from W′x + b′ over the lattice, then W′ and b′, in f64. */
  #collapse(): Tap | undefined {
    const { config, net } = this.#session;
    if (config.layers.some(({ activation }) => activation !== "linear")) return undefined;
    const wide = (x: Tensor): Tensor => x.cast("f64");
    const x = wide(tensor(featuresOf(lattice(LATTICE), config.features)).reshape([LATTICE ** 2, config.features.length]));
    let layered = x;
    let [w, b]: [Tensor | undefined, Tensor | undefined] = [undefined, undefined];
    for (const { weight, bias } of net.linears) {
      const [wl, bl] = [wide(weight.value), wide(bias!.value)];
      layered = layered.matmul(wl.transpose()).add(bl);
      b = b ? wl.matmul(b).add(bl) : bl;
      w = w ? wl.matmul(w) : wl;
    }
    const difference = layered.sub(x.matmul(w!.transpose()).add(b!)).abs().max().itemSync();
    const data = Float64Array.of(difference, ...w!.dataSync(), ...b!.dataSync());
    return { id: "collapse", shape: [data.length], data };
  }

  dispose(): void {
    this.#maps.dispose();
    this.#stages.dispose();
  }
}
