/** @file A net that knows how sure it is, on points of a curve: trained by probabilistic backpropagation, and looked at after each pass. */
import { tensor } from "../../ops/create.ts";
import { Mark } from "../../train/divergence.ts";
import { type PbpNetwork, pbp } from "../../train/pbp.ts";
import { DOUBT_LIMITS, DOUBT_PLACES, type DoubtChoice, PASSES } from "./duel-choice.ts";

export interface DoubtAnswer {
  /** Passes over the points. */
  readonly step: number;
  readonly x: readonly number[];
  readonly mean: readonly number[];
  /** What the net does not know, as a deviation; and with the noise of the points. */
  readonly model: readonly number[];
  readonly all: readonly number[];
  readonly noise: number;
  readonly rmse: number;
  readonly logLikelihood: number;
}

/** The places at which the net is asked. */
export const doubtPlaces = (): number[] => {
  const [low, high] = DOUBT_LIMITS.x;
  return Array.from({ length: DOUBT_PLACES }, (_, i) => low + ((high - low) * i) / (DOUBT_PLACES - 1));
};

const column = (values: readonly number[]) => tensor(Float64Array.from(values), { shape: [values.length, 1] });

export class DoubtRun {
  step = 1;
  readonly #network: PbpNetwork;
  readonly #marks: Mark[] = [];
  readonly #x: readonly number[];
  readonly #y: readonly number[];

  constructor({ points, hidden, seed }: DoubtChoice) {
    this.#x = points.filter((_, i) => i % 2 === 0);
    this.#y = points.filter((_, i) => i % 2 === 1);
    this.#network = pbp(column(this.#x), tensor(Float64Array.from(this.#y)), {
      hidden: [hidden],
      epochs: PASSES,
      seed,
      onEpoch: (_epoch, _epochs, network) => {
        this.#marks.push(new Mark(network.stateDict().values()));
      },
    });
  }

  /** Goes to a pass, from 1. */
  advance(to: number): void {
    this.step = Math.max(1, Math.min(PASSES, to));
    this.#marks[this.step - 1]!.restore();
  }

  answer(): DoubtAnswer {
    const x = doubtPlaces();
    const { mean, modelDeviation, deviation } = this.#network.predict(column(x));
    const { rmse, logLikelihood } = this.#network.measure(column(this.#x), tensor(Float64Array.from(this.#y)));
    return {
      step: this.step,
      x,
      mean: [...mean],
      model: [...modelDeviation],
      all: [...deviation],
      noise: this.#network.noise,
      rmse,
      logLikelihood,
    };
  }
}
