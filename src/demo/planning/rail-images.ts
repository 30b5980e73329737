/**
 * @file Pictures of rail heads, made up: a bright running band between darker edges, grain, dirt and shadows, and on some of them a defect. A defect may be faint, and dirt
 * may look like one, so nobody can always tell.
 */
import { between, gaussian, type Random, randomFrom } from "./random.ts";

export const SIDE = 32;
const PIXELS = SIDE * SIDE;

/** Pictures [N, 32, 32] of values around 0, and whether each shows a defect. */
export interface RailImages {
  readonly pixels: Float32Array;
  readonly defective: Uint8Array;
  readonly count: number;
}

type Canvas = Float32Array;

/** Darkens a round spot. */
function spot(canvas: Canvas, [x, y]: readonly [number, number], [rx, ry]: readonly [number, number], by: number): void {
  for (let i = 0; i < SIDE; i++)
    for (let j = 0; j < SIDE; j++) canvas[i * SIDE + j]! -= by * Math.exp(-(((j - x) / rx) ** 2) - ((i - y) / ry) ** 2);
}

/** A crack: a dark line that wanders across the running band. */
function crack(canvas: Canvas, random: Random, contrast: number): void {
  let [x, y] = [between(random, 9, 14), between(random, 6, 26)];
  const slope = between(random, -0.9, 0.9);
  const length = 8 + Math.floor(10 * random());
  for (let step = 0; step < length; step++) {
    spot(canvas, [x, y], [0.8, 0.8], contrast);
    x += 1;
    y += slope + 0.5 * gaussian(random);
  }
}

/** A squat: two dark lobes beside each other on the running band. */
function squat(canvas: Canvas, random: Random, contrast: number): void {
  const [x, y] = [between(random, 12, 20), between(random, 7, 25)];
  spot(canvas, [x - 2.2, y], [2, 3], contrast);
  spot(canvas, [x + 2.2, y], [2, 3], contrast);
}

/** Corrugation: waves along the rail. */
function waves(canvas: Canvas, random: Random, contrast: number): void {
  const [period, phase] = [between(random, 3.5, 6), between(random, 0, 2 * Math.PI)];
  for (let i = 0; i < SIDE; i++)
    for (let j = 9; j < 23; j++) canvas[i * SIDE + j]! -= 0.5 * contrast * Math.sin((2 * Math.PI * i) / period + phase);
}

const DEFECTS = [crack, squat, waves] as const;

/** Spots of oil, which are single, and a shadow across the rail. */
function dirt(canvas: Canvas, random: Random): void {
  if (random() < 0.5) spot(canvas, [between(random, 4, 28), between(random, 4, 28)], [between(random, 1, 3.5), between(random, 1, 3.5)], between(random, 0.3, 1.4)); // biome-ignore format: one spot
  if (random() < 0.3) spot(canvas, [16, between(random, 0, SIDE)], [60, between(random, 1.5, 4)], between(random, 0.3, 1));
}

function image(canvas: Canvas, random: Random, defective: boolean): void {
  const middle = between(random, 14, 18);
  const light = 0.3 * gaussian(random);
  const grain = Array.from({ length: SIDE }, () => 0.15 * gaussian(random));
  for (let i = 0; i < SIDE; i++)
    for (let j = 0; j < SIDE; j++)
      canvas[i * SIDE + j] = light + (Math.abs(j - middle) < 7.5 ? 0.8 : -0.5) + grain[j]! + 0.25 * gaussian(random);
  dirt(canvas, random);
  if (defective) DEFECTS[Math.floor(DEFECTS.length * random())]!(canvas, random, between(random, 0.2, 1.4));
}

/** Pictures of segments that are defective, or not. */
export function railImages(defective: ArrayLike<number>, seed: number): RailImages {
  const random = randomFrom(seed);
  const count = defective.length;
  const pixels = new Float32Array(count * PIXELS);
  for (let n = 0; n < count; n++) image(pixels.subarray(n * PIXELS, (n + 1) * PIXELS), random, defective[n] === 1);
  return { pixels, defective: Uint8Array.from(defective), count };
}

/** Pictures of which a share shows a defect. */
export function railSet(count: number, share: number, seed: number): RailImages {
  const random = randomFrom(seed ^ 0x5eed);
  return railImages(
    Uint8Array.from({ length: count }, () => (random() < share ? 1 : 0)),
    seed,
  );
}
