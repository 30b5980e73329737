/** @file The entry `nabla/formats`: files as bytes to typed arrays and back, without tensors. */
export { gunzip, isGzip } from "./gzip.ts";
export { type IdxArray, readIdx } from "./idx.ts";
export { isPth, readPth } from "./pth.ts";
export { type Entry, type Metadata, readSafetensors, type SafetensorsFile, type TypedArray, writeSafetensors } from "./safetensors.ts";
export { isZip, Zip } from "./zip.ts";
