/** @file Functions of two variables, as the library computes them: their values, slopes, and the ways of optimizers down. What the room Landscape shows. */
import { compile } from "../../function/compile.ts";
import { backward, jvp, valueAndGrad } from "../../function/derivative.ts";
import { vmap } from "../../function/vmap.ts";
import { elements64, tensor64 } from "../../inspect/double.ts";
import { steps } from "../../inspect/landscape.ts";
import { Parameter } from "../../nn/parameter.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adagrad } from "../../optim/adagrad.ts";
import { Adam } from "../../optim/adam.ts";
import { oneCycle } from "../../optim/cyclic.ts";
import type { Optimizer } from "../../optim/optimizer.ts";
import { RMSProp } from "../../optim/rmsprop.ts";
import { cosineAnnealing, type Schedule, stepDecay, warmUp } from "../../optim/schedules.ts";
import { SGD } from "../../optim/sgd.ts";
import { Mark } from "../../train/divergence.ts";
import type { RaceChoice, RacerName, ScheduleName, SurfaceName } from "./landscape-choice.ts";

/** A function of a place [2], and of what else it needs. */
export type Field = (at: Tensor, ...args: Tensor[]) => Tensor;

const of =
  (f: (x: Tensor, y: Tensor) => Tensor): Field =>
  (at) =>
    f(at.narrow(0, 0, 1).reshape([]), at.narrow(0, 1, 1).reshape([]));

export const FIELDS: Readonly<Record<Exclude<SurfaceName, "net">, Field>> = {
  valley: of((x, y) => x.square().mul(0.5).add(y.square().mul(10))),
  "flat end": of((x, y) => x.square().mul(10).add(y.square().mul(0.1)).mul(0.5)),
  "two minima": of((x, y) => x.square().square().sub(x.square().mul(2)).add(x.mul(0.3)).add(y.square())),
  banana: of((x, y) => x.neg().add(1).square().add(y.sub(x.square()).square().mul(10))),
  saddle: of((x, y) => x.square().sub(y.square()).add(y.square().square().mul(0.5))),
  "four minima": of((x, y) => x.square().add(y).sub(11).square().add(y.square().add(x).sub(7).square())),
};

/** Points on a side of the map. */
export const SIDE = 51;

const OPTIMIZER: Readonly<Record<RacerName, (w: Parameter, momentum: number) => Optimizer>> = {
  SGD: (w) => new SGD([w], { lr: 1 }),
  momentum: (w, momentum) => new SGD([w], { lr: 1, momentum }),
  Nesterov: (w, momentum) => new SGD([w], { lr: 1, momentum, nesterov: true }),
  AdaGrad: (w) => new Adagrad([w], { lr: 1 }),
  RMSProp: (w) => new RMSProp([w], { lr: 1 }),
  Adam: (w) => new Adam([w], { lr: 1 }),
};

const SCHEDULE: Readonly<Record<ScheduleName, (rate: number, steps: number) => Schedule>> = {
  constant: (rate) => () => rate,
  "step decay": (rate, steps) => stepDecay(rate, { size: Math.ceil(0.3 * steps), gamma: 0.5 }),
  cosine: (rate) => cosineAnnealing(rate),
  "one cycle": (rate) => oneCycle(rate),
  "warm-up, cosine": (rate, steps) => warmUp(cosineAnnealing(rate), { steps: Math.ceil(0.1 * steps) }),
};

/** The rate in each step. */
export function ratesOf(schedule: ScheduleName, rate: number, count: number): number[] {
  const at = SCHEDULE[schedule](rate, count);
  return Array.from({ length: count }, (_, t) => at(t, count));
}

export interface Way {
  readonly name: RacerName;
  /** x and y of each place, the first before any step. It ends where a number is no longer finite. */
  readonly at: readonly (readonly [x: number, y: number])[];
  readonly values: readonly number[];
}

/** An optimizer on a surface, compiled once; other rates, momenta and starts compile nothing. */
class Racer {
  readonly #w = new Parameter(tensor64(new Float64Array(2)), "w");
  readonly #optimizer: Optimizer;
  readonly #fresh: Mark;
  readonly #step: (...args: Tensor[]) => Tensor;

  constructor(field: Field, name: RacerName) {
    this.#optimizer = OPTIMIZER[name](this.#w, 0.8);
    this.#fresh = new Mark(this.#optimizer.stateDict().values());
    this.#step = compile((...args: Tensor[]) => {
      const { value, grads } = backward(() => field(this.#w.value, ...args), [this.#w]);
      this.#optimizer.step(grads);
      return value;
    });
  }

  run(name: RacerName, start: readonly number[], { rates, momentum, schedule, steps: count }: RaceChoice, args: readonly Tensor[]): Way {
    this.#fresh.restore();
    // Adam’s momentum is its β₁, which stays.
    if (name === "momentum" || name === "Nesterov") this.#optimizer.momentum = momentum;
    this.#w.set(tensor64(Float64Array.from(start)));
    const at: [number, number][] = [];
    const values: number[] = [];
    // One more step than asked for: a value is known when the step after it is taken.
    for (const rate of [...ratesOf(schedule, rates[name], count), 0]) {
      const [x, y] = elements64(this.#w.value) as unknown as [number, number];
      this.#optimizer.lr = rate;
      const value = this.#step(...args).itemSync();
      if (!Number.isFinite(value + x + y)) break;
      at.push([x, y]);
      values.push(value);
    }
    return { name, at, values };
  }
}

export interface Slope {
  readonly value: number;
  readonly gradient: readonly [number, number];
  /** df_a(u) by a forward sweep. */
  readonly along: number;
  /** (f(a + αu) − f(a) − α df_a(u))/α for falling α. */
  readonly errors: readonly (readonly [alpha: number, error: number])[];
  /** f(a + tu) at even places t from −α to α. */
  readonly line: readonly number[];
}

/** α at which the error of the tangent is told. Below, rounding of f64 takes over: its share is about 1e-16/α. */
export const ALPHAS: readonly number[] = [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5];

/** Places of the line. */
const PLACES = 81;

/** All that is compiled of one function. */
export class Surface {
  readonly #field: Field;
  readonly #racers = new Map<RacerName, Racer>();
  readonly #values: (places: Tensor, ...args: Tensor[]) => Tensor;
  readonly #slope: (at: Tensor, ...args: Tensor[]) => { value: Tensor; grad: Tensor };
  readonly #along: (at: Tensor, u: Tensor, ...args: Tensor[]) => Tensor;
  /** What the function needs beside the place. */
  args: readonly Tensor[] = [];

  constructor(field: Field) {
    this.#field = field;
    this.#values = compile((places: Tensor, ...args: Tensor[]) => vmap((at: Tensor) => field(at, ...args))(places));
    this.#slope = compile((at: Tensor, ...args: Tensor[]) => valueAndGrad((p: Tensor) => field(p, ...args))(at));
    this.#along = compile((at: Tensor, u: Tensor, ...args: Tensor[]) => jvp((p: Tensor) => field(p, ...args))([at], [u]).tangent as Tensor);
  }

  /** Values at places. */
  at(places: readonly (readonly [number, number])[]): number[] {
    return Array.from(elements64(this.#values(tensor64(Float64Array.from(places.flat()), [places.length, 2]), ...this.args)));
  }

  /** Values on the map, row by row from the top. */
  values(reach: number): number[] {
    const axis = steps(-reach, reach, SIDE);
    // A row at a time: all at once would be memory for thousands of nets.
    return axis.toReversed().flatMap((y) => this.at(axis.map((x) => [x, y])));
  }

  race(start: readonly number[], choice: RaceChoice): Way[] {
    return choice.on.map((name) => {
      const racer = this.#racers.get(name) ?? new Racer(this.#field, name);
      this.#racers.set(name, racer);
      return racer.run(name, start, choice, this.args);
    });
  }

  slope([x, y]: readonly [number, number], degrees: number, alpha: number): Slope {
    const angle = (degrees * Math.PI) / 180;
    const [u, v] = [Math.cos(angle), Math.sin(angle)];
    const at = tensor64(Float64Array.of(x, y));
    const found = this.#slope(at, ...this.args);
    const value = found.value.itemSync();
    const along = this.#along(at, tensor64(Float64Array.of(u, v)), ...this.args).itemSync();
    const f = (ts: readonly number[]): number[] => this.at(ts.map((t) => [x + t * u, y + t * v]));
    return {
      value,
      gradient: Array.from(elements64(found.grad)) as unknown as [number, number],
      along,
      errors: f(ALPHAS).map((there, i) => [ALPHAS[i]!, (there - value - ALPHAS[i]! * along) / ALPHAS[i]!]),
      line: f(steps(-alpha, alpha, PLACES)),
    };
  }
}
