/** @file The entry `nabla/formats`: files as bytes to typed arrays and back, without tensors. */
export { type Archive, openWeights, readWeights, type WeightsOptions } from "./archive.ts";
export { Budget, type ReadLimits, setReadLimit } from "./budget.ts";
export { clean } from "./clean.ts";
export { gunzip, isGzip, type Limit } from "./gzip.ts";
export { type IdxArray, readIdx } from "./idx.ts";
export type { KerasLayer, KerasSet } from "./keras.ts";
export { type NpyArray, type NpyData, type NpySource, readNpy, writeNpy } from "./npy.ts";
export { NpzArrays, readNpz, writeNpz } from "./npz.ts";
export { isPth, readPth } from "./pth.ts";
export { type Entry, type Metadata, readSafetensors, type SafetensorsFile, type TypedArray, writeSafetensors } from "./safetensors.ts";
export { type ShardOptions, writeSharded } from "./sharded.ts";
export { type ByteSource, fileSource, type TensorInfo, type TensorSet } from "./source.ts";
export { readTar } from "./tar.ts";
export { eventFileHeader, type Histogram, histogramEvent, readEvents, scalarEvent, type TensorboardEvent } from "./tfevents.ts";
export { openZip, readZip, writeZip, type Zip } from "./zip.ts";
