/** @file The entry `nabla/data`: data sets and mini-batches, as plain typed arrays. */
export type { Dataset, Example, ExampleStream, Examples, Split } from "./dataset.ts";
export { digitImages, digits } from "./digits.ts";
export {
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  Loader,
  type LoaderOptions,
  type LoadProgress,
  type Source,
} from "./loader.ts";
export { fashionMnist, mnist, moments } from "./mnist.ts";
export { fromModule, type ModuleSource } from "./prefetch.ts";
export {
  type Column,
  fitStandardization,
  type Preprocessing,
  type Standardization,
  type StandardizeOptions,
  standardize,
  standardizeValues,
  unstandardize,
} from "./preprocessing.ts";
export { datasets, type LoadOptions, loadDataset } from "./registry.ts";
export { bootstrapIndices, type Fold, kFold, type SplitOptions, splitIndices, subset, trainTestSplit } from "./split.ts";
export { xor } from "./xor.ts";
