/** @file All demonstrations, in the order of the lectures. */
import { didYouMean } from "../base/check.ts";
import { manualSeed } from "../math/random.ts";
import { activations } from "./activations.ts";
import { backpropagation } from "./backpropagation.ts";
import { convolution } from "./convolution.ts";
import { syntheticGradients } from "./decoupled.ts";
import type { Demo, Outcome } from "./demo.ts";
import { derivatives } from "./derivatives.ts";
import { famousNetworks } from "./famous-networks.ts";
import { generatedDigits } from "./generative/digits.ts";
import { gan } from "./generative/ring.ts";
import { networks } from "./networks.ts";
import { notes } from "./notes.ts";
import { optimizers } from "./optimizers.ts";
import { crew } from "./planning/crew.ts";
import { rail } from "./planning/rail.ts";
import { regularization } from "./regularization.ts";
import { units } from "./units.ts";

export { type Chart, type Demo, DOCUMENTS, type DocumentId, type Fact, holds, type Outcome } from "./demo.ts";

export const demos: readonly Demo[] = [
  ...networks,
  ...derivatives,
  ...backpropagation,
  syntheticGradients,
  rail,
  crew,
  ...convolution,
  ...famousNetworks,
  ...notes,
  ...units,
  ...regularization,
  gan,
  ...generatedDigits,
  ...activations,
  ...optimizers,
];

/** The demonstration of that name. @throws {Error} if there is none. */
export function findDemo(name: string): Demo {
  const found = demos.find((demo) => demo.name === name);
  if (found) return found;
  const names = demos.map((demo) => demo.name);
  throw new Error(`no demonstration "${name}"${didYouMean(name, names)}; nabla demo lists all ${names.length}`);
}

/** What a demonstration shows. Each starts from the same seed, so the numbers are the same at every call. */
export async function runDemo(demo: Demo): Promise<Outcome> {
  manualSeed(0);
  return await demo.run();
}
