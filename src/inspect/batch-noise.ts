/** @file The rule of the batch's size: what gradients of batches and their mean say of the noise (McCandlish et al. 2018), beside the examples that a step takes. */
import type { Finding } from "../train/finding.ts";
import { type NormPair, noiseScaleFromNorms } from "./noise.ts";
import type { SiteReading } from "./site-program.ts";

/** A step of the run, and what the loss is where nothing is learned. */
export interface NoiseContext {
  /** Examples of a step. */
  readonly batch: number;
  readonly loss: number;
  readonly baseline: number | undefined;
  readonly step: number | null;
}

/**
 * How many times the batch the noise scale is, or the batch the noise scale, before it is said. Not 8 both ways: fresh nets on digits have scales of 12 to over 256 examples, and learn with batches of 32.
 */
const [NOISY, ALIKE] = [32, 8] as const;

/** Looks that are averaged, at most: the noise changes while a run learns. */
const LOOKS = 32;

/** Gradients of batches of one size: squared norms of each, and of the mean of those of one look. */
export class NoiseMeter {
  #sums: Float64Array[] = [];
  #small = 0;
  #batches = 0;
  /** Of a batch, and of a look. */
  #sizes: readonly [small: number, large: number] = [0, 0];
  readonly #pairs: NormPair[] = [];

  add({ vectors, examples }: SiteReading): void {
    for (const [k, { data }] of vectors.entries()) {
      this.#sums[k] ??= new Float64Array(data.length);
      const sum = this.#sums[k];
      for (let i = 0; i < data.length; i++) {
        sum[i]! += data[i]!;
        this.#small += data[i]! ** 2;
      }
    }
    this.#batches++;
    this.#sizes = [examples, examples * this.#batches];
  }

  /** The look is over: the next one has weights of its own. */
  #close(): void {
    const k = this.#batches;
    const large = this.#sums.reduce((sum, each) => sum + each.reduce((s, x) => s + (x / k) ** 2, 0), 0);
    if (k > 1 && this.#small > 0 && Number.isFinite(this.#small + large)) this.#pairs.push({ small: this.#small / k, large });
    if (this.#pairs.length > LOOKS) this.#pairs.shift();
    [this.#sums, this.#small, this.#batches] = [[], 0, 0];
  }

  /** What is said of a run at the end of a look; nothing of batches that have no spread. */
  findings({ batch, loss, baseline, step }: NoiseContext): Finding[] {
    this.#close();
    if (this.#pairs.length === 0 || baseline === undefined) return [];
    const { scale } = noiseScaleFromNorms(this.#pairs, ...this.#sizes);
    const all = this.#pairs.length * this.#sizes[1];
    const learned = loss < 0.5 * baseline;
    // Where noise hides the gradient of all these examples, the scale is at least their number.
    const least = Math.min(scale, all);
    const evidence = { "noise scale": least, batch, examples: all };
    const say = (severity: Finding["severity"], cause: string, remedies: readonly string[]): Finding[] => [
      { rule: "batch-noise", where: "gradients", step, severity, evidence, cause, remedies, confidence: "measured" },
    ];
    // What has learned has little gradient left, and what is fresh the same for all: neither is a fault.
    if (!learned && least > NOISY * batch)
      return say(
        "warning",
        `a step of ${batch} example${batch === 1 ? "" : "s"} is mostly noise: its direction has little to do with the gradient`,
        [
          `larger batches, up to about ${Math.round(least)} examples, or accumulate in fit`,
          "labels that are right: noise in them is noise in the gradient",
          "a smaller learning rate, and an average of weights (optim.EMA)",
        ],
      );
    if (learned && batch > ALIKE * scale)
      return say(
        "note",
        `the examples of a step say nearly the same: a batch of ${Math.max(1, Math.round(scale))} would learn as much in a step`,
        ["smaller batches, and more steps"],
      );
    return [];
  }
}
