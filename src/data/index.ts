/** @file The entry `nabla/data`: data sets and mini-batches, as plain typed arrays. */

export { type Applied, type ApplyOptions, applyPreprocessing } from "./apply.ts";
export { type ArrayOptions, arrayDataset } from "./arrays.ts";
export { splitOf } from "./batch.ts";
export type { Cell } from "./cells.ts";
export { cifar10 } from "./cifar10.ts";
export { type CsvOptions, readCsv } from "./csv.ts";
export type { DataDescription, Dataset, Example, ExampleStream, Examples, Split, Values } from "./dataset.ts";
export { digitImages, digits } from "./digits.ts";
export { cacheFolder, type DownloadOptions, type DownloadProgress, download, type RemoteFile } from "./download.ts";
export { encodeRecord, encodeTable, type Flagged } from "./encode.ts";
export type { FileOptions } from "./files.ts";
export {
  centreCrop,
  coverCrop,
  cropImage,
  type Image,
  type ImageFilter,
  imageInput,
  mirrorImage,
  readImage,
  resizeImage,
  resizeShorterSide,
  withChannels,
} from "./image.ts";
export {
  type ImageExamples,
  type ImageFolderOptions,
  imageFolder,
  imageFolderSource,
  openImageFolder,
  type ReadProgress,
} from "./image-folder.ts";
export { type ImageOptions, prepareImage } from "./image-source.ts";
export { type ClassNames, classNames, IMAGENET, tenCrops } from "./imagenet.ts";
export {
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  fetchBatches,
  inputsAt,
  Loader,
  type LoaderOptions,
  type LoadProgress,
  type Source,
} from "./loader.ts";
export { type MixOptions, mix } from "./mix.ts";
export { fashionMnist, type MnistName, type MnistOptions, mnist, moments } from "./mnist.ts";
export type { NumberFormat } from "./number-format.ts";
export { readParquet } from "./parquet.ts";
export { parquetShards } from "./parquet-shards.ts";
export { fromModule, type ModuleSource } from "./prefetch.ts";
export {
  type Column,
  fitStandardization,
  type ImagePreparation,
  type Preprocessing,
  type RawArray,
  type Standardization,
  type StandardizeOptions,
  standardize,
  standardizeValues,
  unstandardize,
} from "./preprocessing.ts";
export { type PrincipalColours, principalColours } from "./principal-colours.ts";
export { type DatasetLoader, datasets, type LoadOptions, loadDataset, readTable } from "./registry.ts";
export { balancedSampler, type Sampler, type SamplerOptions, weightedSampler } from "./sampler.ts";
export { type Along, bootstrapIndices, type Fold, kFold, type SplitOptions, splitIndices, subset, trainTestSplit } from "./split.ts";
export { blobs, checkerboard, circles, curve, curves, moons, type SpiralsOptions, type SyntheticOptions, spirals } from "./synthetic.ts";
export { type Table, type TableOptions, tableDataset } from "./table.ts";
export { type TextOptions, textDataset, textFile } from "./text.ts";
export { type WebDatasetOptions, webDataset } from "./web-dataset.ts";
export { xor } from "./xor.ts";
