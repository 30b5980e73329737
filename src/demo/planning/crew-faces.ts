/** @file Faces, made up: a person is a list of proportions; each photograph has its own light, place, smile and noise. */
import { between, gaussian, type Random, randomFrom } from "./random.ts";

export const FACE = 20;
const PIXELS = FACE * FACE;

interface Person {
  readonly skin: number;
  readonly width: number;
  readonly height: number;
  readonly eyes: { readonly apart: number; readonly at: number; readonly size: number };
  readonly brows: number;
  readonly nose: number;
  readonly mouth: { readonly at: number; readonly width: number; readonly curve: number };
  readonly hair: { readonly line: number; readonly dark: number };
  readonly glasses: boolean;
  readonly beard: number;
}

function person(seed: number): Person {
  const random = randomFrom(7919 * (seed + 1));
  const draw = (low: number, high: number): number => between(random, low, high);
  return {
    skin: draw(0.35, 1),
    width: draw(5.2, 8),
    height: draw(7, 9.4),
    eyes: { apart: draw(2, 4), at: draw(-2.6, -0.6), size: draw(0.7, 1.3) },
    brows: draw(0, 0.8),
    nose: draw(0.8, 3),
    mouth: { at: draw(3, 5), width: draw(1.4, 3.6), curve: draw(-0.12, 0.12) },
    hair: { line: draw(-7, -3.5), dark: draw(0, 1) },
    glasses: random() < 0.3,
    beard: random() < 0.35 ? draw(0.2, 0.7) : 0,
  };
}

const near = (x: number, width: number): number => Math.exp(-((x / width) ** 2));

/** Brightness at a point of the face, x to the right and y down from its middle. */
function shade(p: Person, x: number, y: number, smile: number): number {
  const inside = 1 / (1 + Math.exp(4 * ((x / p.width) ** 2 + (y / p.height) ** 2 - 1)));
  let value = p.skin * inside;
  const side = Math.abs(x);
  if (y < p.hair.line) value = value * 0.3 + 0.7 * inside * (0.8 - p.hair.dark);
  value -= 0.9 * near(side - p.eyes.apart, p.eyes.size) * near(y - p.eyes.at, 0.7 * p.eyes.size);
  value -= p.brows * near(side - p.eyes.apart, 1.6) * near(y - p.eyes.at + 1.9, 0.6);
  if (p.glasses) value -= 0.5 * near(Math.hypot(side - p.eyes.apart, y - p.eyes.at) - 1.8, 0.5);
  value -= 0.35 * near(x, 0.8) * near(y - p.eyes.at - p.nose, 1);
  const lips = y - p.mouth.at - (p.mouth.curve + smile) * x * x;
  if (side < p.mouth.width) value -= 0.6 * near(lips, 0.6);
  if (y > p.mouth.at - 1) value -= p.beard * inside;
  return value;
}

function photograph(into: Float32Array, p: Person, random: Random): void {
  const [dx, dy, scale] = [0.5 * gaussian(random), 0.5 * gaussian(random), 1 + 0.03 * gaussian(random)];
  const [light, slope, smile] = [0.1 * gaussian(random), 0.015 * gaussian(random), 0.03 * gaussian(random)];
  const middle = (FACE - 1) / 2;
  for (let i = 0; i < FACE; i++)
    for (let j = 0; j < FACE; j++) {
      const [x, y] = [(j - middle - dx) / scale, (i - middle - dy) / scale];
      into[i * FACE + j] = shade(p, x, y, smile) - 0.3 + light + slope * x + 0.09 * gaussian(random);
    }
}

/** Photographs [N, 20, 20] of people by their numbers; the same for the same seed. */
export function photographs(people: readonly number[], seed: number): Float32Array {
  const random = randomFrom(seed);
  const pixels = new Float32Array(people.length * PIXELS);
  const known = new Map<number, Person>();
  for (const [n, who] of people.entries()) {
    const whom = known.get(who) ?? person(who);
    known.set(who, whom);
    photograph(pixels.subarray(n * PIXELS, (n + 1) * PIXELS), whom, random);
  }
  return pixels;
}
