/** @file Two nets against each other on points of the plane, step by step: what the room Duel shows of them. */
import { Gan } from "../../demo/generative/gan.ts";
import { compile } from "../../function/compile.ts";
import { grad } from "../../function/derivative.ts";
import { keyOf, manualSeed, normal, split, uniform } from "../../math/random.ts";
import { tensor, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { centersOf, GAN_REACH, type GanChoice } from "./duel-choice.ts";
import { LossHistory } from "./history.ts";
import { Marks } from "./marks.ts";
import { grid } from "./points.ts";

/** Real points that batches are drawn from; of samples so many are judged, and so many shown. */
const REAL = 4000;
export const SAMPLES = 1000;
const SHOWN = 300;
/** Samples whose gradients are shown. */
const ARROWS = 60;
/** Cells on a side of the critic's map. */
const CELLS = 48;
/** Numbers of units: enough for eight modes, and few enough for some hundred steps a second. */
const HIDDEN = 32;
/** Steps of a call: few sizes, so that little is compiled. */
const CALLS = [10, 1] as const;

export interface GanAnswer {
  readonly step: number;
  readonly real: Float32Array;
  readonly samples: Float32Array;
  /** x, y and the way that lowers the generator's loss most, for some of the samples. */
  readonly arrows: Float32Array;
  /** What the critic says of each place, 0 for made to 255 for real, [n, n] from the top. */
  readonly map: Uint8Array;
  readonly cells: number;
  /** Samples at each Gaussian, of {@link SAMPLES}. */
  readonly counts: readonly number[];
  readonly modes: number;
  /** Share of samples within 3σ of a Gaussian, and of real points. */
  readonly near: number;
  readonly nearReal: number;
  /** The critic's mean answers of the latest step. */
  readonly saysReal: number;
  readonly saysFake: number;
  /** [n, 3]: step, and the critic's answers on real points and on samples. */
  readonly history: Float32Array;
}

/** Samples within 3σ of each Gaussian; one that is near two counts for the nearer. */
export function countsAt(samples: ArrayLike<number>, centers: readonly number[], sigma: number): number[] {
  const counts = new Array<number>(centers.length / 2).fill(0);
  for (let i = 0; i < samples.length; i += 2) {
    let [best, found] = [3 * sigma, -1];
    for (let k = 0; k < counts.length; k++) {
      const distance = Math.hypot(samples[i]! - centers[2 * k]!, samples[i + 1]! - centers[2 * k + 1]!);
      if (distance <= best) [best, found] = [distance, k];
    }
    if (found >= 0) counts[found]!++;
  }
  return counts;
}

/** Points [N, 2] of Gaussians. */
export function gaussians(count: number, centers: readonly number[], sigma: number, seed: number): Tensor {
  const [which, noise] = split(keyOf(seed), 2) as [Tensor, Tensor];
  const n = centers.length / 2;
  const rows = uniform(which, [count], { high: n }).floor().cast("i32");
  return tensor(Float32Array.from(centers), { shape: [n, 2] })
    .take(rows, 0)
    .add(normal(noise, [count, 2]).mul(sigma));
}

export class GanRun {
  step = 0;
  readonly #choice: GanChoice;
  readonly #centers: readonly number[];
  readonly #gan: Gan;
  readonly #programs = new Map<number, ReturnType<Gan["program"]>>();
  readonly #real: Tensor;
  readonly #none = zeros([REAL], "i32");
  readonly #marks: Marks;
  readonly #history = new LossHistory();
  #end = 0;
  #says = [Number.NaN, Number.NaN];
  readonly #look: (key: Tensor, places: Tensor) => { samples: Tensor; slopes: Tensor; map: Tensor };

  constructor(choice: GanChoice) {
    const { noise, lr, criticLr, loss, sigma, seed } = choice;
    this.#choice = choice;
    this.#centers = centersOf(choice);
    manualSeed(seed);
    const gan = new Gan({ width: 2, noise, hidden: HIDDEN, lr, criticLr, loss });
    this.#gan = gan;
    this.#real = gaussians(REAL, this.#centers, sigma, seed + 1);
    this.#marks = new Marks(gan.cells);
    this.#look = compile((key: Tensor, places: Tensor) => {
      const samples = gan.sample(key, zeros([SAMPLES], "i32"));
      const some = samples.narrow(0, 0, ARROWS);
      const none = zeros([ARROWS], "i32");
      const slopes = grad((x: Tensor) => gan.generatorLoss(gan.judge(x, none)).sum())(some);
      return { samples, slopes, map: gan.judge(places, zeros([CELLS * CELLS], "i32")).sigmoid() };
    });
  }

  /** One call of a program towards a step. */
  advance(to: number): void {
    if (to < this.step) this.step = this.#marks.restoreBefore(to);
    if (to <= this.step) return;
    const until = Math.min(to, this.#marks.next(this.step));
    const n = CALLS.find((each) => each <= until - this.step) ?? 1;
    let program = this.#programs.get(n);
    if (!program) {
      program = this.#gan.program(n);
      this.#programs.set(n, program);
    }
    const [real, fake] = program(this.#real, this.#none, keyOf(this.#choice.seed), zeros([], "i32").add(this.step));
    const [yes, no] = [real.dataSync(), fake.dataSync()];
    for (let i = Math.max(0, this.#end - this.step); i < n; i++) {
      this.#history.test(no[i]!);
      this.#history.add(yes[i]!);
    }
    this.step += n;
    this.#says = [yes[n - 1]!, no[n - 1]!];
    this.#end = Math.max(this.#end, this.step);
    this.#marks.arrive(this.step);
  }

  answer(): GanAnswer {
    const { sigma, seed } = this.#choice;
    const places = tensor(grid(CELLS, GAN_REACH), { shape: [CELLS * CELLS, 2] });
    const { samples, slopes, map } = this.#look(keyOf(seed + 77), places);
    const all = samples.dataSync() as Float32Array;
    const slope = slopes.dataSync();
    const counts = countsAt(all, this.#centers, sigma);
    const real = this.#real.dataSync() as Float32Array;
    const share = (n: readonly number[], of: number): number => n.reduce((a, b) => a + b, 0) / of;
    return {
      step: this.step,
      real: real.slice(0, 2 * SHOWN),
      samples: all.slice(0, 2 * SHOWN),
      arrows: Float32Array.from({ length: 4 * ARROWS }, (_, i) =>
        i % 4 < 2 ? all[2 * (i >> 2) + (i % 4)]! : -slope[2 * (i >> 2) + (i % 4) - 2]!,
      ),
      map: Uint8Array.from(map.dataSync() as Float32Array, (p) => Math.round(255 * p)),
      cells: CELLS,
      counts,
      modes: counts.filter((n) => n >= SAMPLES / 100).length,
      near: share(counts, SAMPLES),
      nearReal: share(countsAt(real, this.#centers, sigma), REAL),
      saysReal: this.step === 0 ? Number.NaN : this.#says[0]!,
      saysFake: this.step === 0 ? Number.NaN : this.#says[1]!,
      history: this.#history.read(),
    };
  }
}
