/** @file The entry `nabla/data`: data sets and mini-batches, as plain typed arrays. */
export type { Dataset, Split } from "./dataset.ts";
export { digitImages, digits } from "./digits.ts";
export { type Batch, type BatchOptions, batchCount, batches } from "./loader.ts";
export { fashionMnist, mnist, moments } from "./mnist.ts";
export { datasets, type LoadOptions, loadDataset } from "./registry.ts";
export { xor } from "./xor.ts";
