/** @file Nets of one hidden layer on exclusive or, a thousand at once: where gradient descent ends depends on where it starts. As the lecture's demonstration trains them. */
import { XOR } from "../../demo/xor.ts";
import { compile } from "../../function/compile.ts";
import { scan } from "../../function/control.ts";
import { grad } from "../../function/derivative.ts";
import { keyOf, normal, split } from "../../math/random.ts";
import { tensor, zeros } from "../../ops/create.ts";
import { elementsOf, type Tensor } from "../../ops/tensor.ts";
import { LAND_LIMITS, LOOKS_AT, STARTS } from "./landscape-choice.ts";

type Nets = readonly [w: Tensor, c: Tensor, v: Tensor, b: Tensor];

const RATE = 0.1;

const SHAPES: readonly string[] = ["shi,ni->snh", "snh,sh->sn"];

/** Losses [starts] of 2-h-1 ReLU nets. */
function losses([w, c, v, b]: Nets): Tensor {
  const [x, y] = [tensor(XOR.inputs), tensor(XOR.targets)];
  const hidden = w.dot(x, SHAPES[0]!).add(c.unsqueeze(1)).relu();
  return hidden.dot(v, SHAPES[1]!).add(b.unsqueeze(1)).sub(y.unsqueeze(0)).square().mean(1);
}

const measure = compile(losses);
const slope = grad((nets: Nets) => losses(nets).sum());
const programs = new Map<number, (nets: Nets) => Nets>();

/** Takes as many steps of gradient descent in one call. */
function descend(length: number): (nets: Nets) => Nets {
  const made =
    programs.get(length) ??
    compile((nets: Nets) => {
      const step = (now: Nets): [Nets, null] => {
        const g = slope(now);
        return [now.map((each, i) => each.sub(g[i]!.mul(RATE))) as unknown as Nets, null];
      };
      return scan(step, nets, null, { length })[0];
    });
  programs.set(length, made);
  return made;
}

export interface StartsAnswer {
  readonly step: number;
  readonly losses: Float32Array;
  /** Of each start, in degrees: where the unit with the largest weight in the output looks, and where that with the least does. */
  readonly places: Float32Array;
}

/** Weights N(0, 1), biases 0. */
function drawn(hidden: number, seed: number): Nets {
  const [first, second] = split(keyOf(seed), 2) as [Tensor, Tensor];
  const shape = [STARTS, hidden];
  return [normal(first, [...shape, 2]), zeros(shape), normal(second, shape), zeros([STARTS])];
}

function placesOf([w, , v]: Nets, hidden: number): Float32Array {
  const [weights, shares] = [elementsOf(w), elementsOf(v)];
  const units = Array.from({ length: hidden }, (_, i) => i);
  return Float32Array.from({ length: 2 * STARTS }, (_, k) => {
    const net = (k >> 1) * hidden;
    const sorted = units.toSorted((i, j) => shares[net + j]! - shares[net + i]!);
    const unit = 2 * (net + (k % 2 === 0 ? sorted[0]! : sorted.at(-1)!));
    return (Math.atan2(weights[unit + 1]!, weights[unit]!) * 180) / Math.PI;
  });
}

/** Descends step by step as it is asked; another number of units or another seed begins anew. */
export class Starts {
  #key = "";
  #nets: Nets | undefined;
  #look = 0;
  #places: Float32Array = new Float32Array();

  /** @param look How far: the place in the list of steps. */
  at({ hidden, seed, look }: { readonly hidden: number; readonly seed: number; readonly look: number }): StartsAnswer {
    const key = `${hidden} ${seed}`;
    if (!(hidden >= LAND_LIMITS.hidden[0] && hidden <= LAND_LIMITS.hidden[1] && look in LOOKS_AT))
      throw new RangeError(`starts: want 2 to 8 units and a look from 0 to ${LOOKS_AT.length - 1}, got ${key} and ${look}`);
    if (key !== this.#key || look < this.#look || !this.#nets) {
      this.#nets = drawn(hidden, seed);
      this.#places = placesOf(this.#nets, hidden);
      this.#key = key;
      this.#look = 0;
    }
    let left = LOOKS_AT[look]! - LOOKS_AT[this.#look]!;
    this.#look = look;
    for (const length of [100, 10, 1]) for (; left >= length; left -= length) this.#nets = descend(length)(this.#nets);
    return { step: LOOKS_AT[look]!, losses: Float32Array.from(elementsOf(measure(this.#nets))), places: this.#places.slice() };
  }
}
