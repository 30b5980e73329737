/** @file A net that is too large for its few points, with noise. */
import { type Config, DEFAULT } from "../worker/config.ts";

export const TOO_LARGE: Config = { ...DEFAULT, data: "moons", count: 24, noise: 0.3, lr: 0.03 };
