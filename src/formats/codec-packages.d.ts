/** What is used of the packages that decode images, which have no types of their own, under the names that package.json gives them. */
interface WasmCodec {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): { readonly width: number; readonly height: number; readonly bitsPerSample: number; readonly componentCount: number };
  /** JPEG 2000 alone. */
  getColorSpace?(): number;
  delete(): void;
}
interface WasmOutput {
  print(line: string): void;
  printErr(line: string): void;
}
declare module "#jpeg" {
  const load: ((output: WasmOutput) => Promise<{ readonly JPEGDecoder: new () => WasmCodec & { readHeader(): void } }>) | undefined;
  export default load;
}
declare module "#jpeg2000" {
  const load: ((output: WasmOutput) => Promise<{ readonly J2KDecoder: new () => WasmCodec }>) | undefined;
  export default load;
}
declare module "#webp" {
  const codec:
    | { decode(bytes: Uint8Array): { readonly width: number; readonly height: number; readonly data: ArrayLike<number> } }
    | undefined;
  export default codec;
}
