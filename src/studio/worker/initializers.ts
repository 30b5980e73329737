/** @file The initializers of the rooms Flow and Spectra. */
import {
  fanInUniform,
  glorotUniform,
  heMean,
  heNormal,
  type Initializer,
  normal,
  orthogonal,
  varianceScaling,
} from "../../nn/initializers.ts";
import type { FlowInitializer } from "./deep-net.ts";

export const INITIALIZER: Readonly<Record<FlowInitializer, Initializer>> = {
  Glorot: glorotUniform,
  He: heNormal,
  "He, both fans": heMean,
  "Glorot × 4": varianceScaling({ scale: 16, mode: "fanAvg", distribution: "normal" }),
  "uniform 1/√n": fanInUniform,
  orthogonal: orthogonal(),
  "N(0, 1)": normal(),
};
