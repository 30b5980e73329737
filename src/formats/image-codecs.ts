/**
 * @file Encoded images of the formats that ONNX's ImageDecoder names: PNG, BMP and PNM; and by optional packages JPEG (libjpeg-turbo, whose way of smoothing
 * colours the operator demands), JPEG 2000 (OpenJPEG), WebP (libwebp) and TIFF. Packages are loaded first, since graphs cannot wait.
 */
import { messageOf } from "../base/message.ts";
import { readBmp, readNetpbm } from "./bitmap.ts";
import { type Budget, budgetFor } from "./budget.ts";
import { brief } from "./clean.ts";
import type { Image } from "./pixels.ts";
import { pngReader } from "./png.ts";
import { isUnsupported, unsupported } from "./unsupported.ts";

type Decode = (bytes: Uint8Array, budget: Budget) => Image;

/** A format by its first bytes: an offset, then Latin-1. */
const FORMATS: readonly (readonly [format: string, at: number, begins: string])[] = [
  ["PNG", 1, "PNG\r\n"],
  ["JPEG", 0, "\u00ff\u00d8\u00ff"],
  ["BMP", 0, "BM"],
  ...[1, 2, 3, 4, 5, 6].map((kind) => ["PNM", 0, `P${kind}`] as const),
  ["WebP", 8, "WEBP"],
  ["TIFF", 0, "II*\0"],
  ["TIFF", 0, "MM\0*"],
  ["JPEG 2000", 4, "jP  "],
  ["JPEG 2000", 0, "\u00ff\u004f\u00ff\u0051"],
];

/** Elements of each pixel, of which the last (how much it covers) may be left out. */
function withoutAlpha(width: number, height: number, n: number, data: ArrayLike<number>): Image {
  if (n < 1 || n > 4) throw unsupported(`an image of ${n} components is not read`);
  const channels = n < 3 ? 1 : 3;
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => data[Math.floor(i / channels) * n + (i % channels)]);
  return { width, height, channels, data: pixels };
}

/** What a codec in WebAssembly makes of bytes. */
function withCodec<C extends WasmCodec>(codec: C, bytes: Uint8Array, budget: Budget, check?: (codec: C) => void): Image {
  try {
    codec.getEncodedBuffer(bytes.length).set(bytes);
    codec.decode();
    const { width, height, bitsPerSample, componentCount } = codec.getFrameInfo();
    if (!(width * height > 0)) throw new Error("there are no pixels in it");
    if (bitsPerSample !== 8) throw unsupported(`samples of ${bitsPerSample} bits are not read; save it with 8`);
    check?.(codec);
    budget.claim(width * height * componentCount, `${width}x${height} pixels`);
    return withoutAlpha(width, height, componentCount, codec.getDecodedBuffer());
  } catch (error) {
    throw typeof error === "number" ? new Error("its data end early or are wrong") : error; // an exception of C++ is its address
  } finally {
    codec.delete();
  }
}

const SILENT: WasmOutput = { print() {}, printErr() {} };
const FIRST_OTHER_COLOURS = 3; // YCC and inks; before them are unknown, RGB and grey

const LOADERS: Readonly<Record<string, () => Promise<Decode | undefined>>> = {
  PNG: async () => {
    const read = await pngReader();
    return (bytes, budget) => read(bytes, budget).image;
  },
  BMP: async () => readBmp,
  PNM: async () => readNetpbm,
  JPEG: async () => {
    const codecs = await (await import("#jpeg")).default?.(SILENT);
    return codecs && ((bytes, budget) => withCodec(new codecs.JPEGDecoder(), bytes, budget));
  },
  "JPEG 2000": async () => {
    const codecs = await (await import("#jpeg2000")).default?.(SILENT);
    const check = (codec: { getColorSpace(): number }): void => {
      if (codec.getColorSpace() >= FIRST_OTHER_COLOURS) throw unsupported("colours other than RGB and grey are not read");
    };
    return codecs && ((bytes, budget) => withCodec(new codecs.J2KDecoder(), bytes, budget, check));
  },
  WebP: async () => {
    const codec = (await import("#webp")).default;
    return codec && ((bytes) => toImage(codec.decode(bytes)));
  },
  TIFF: async () => {
    const { decode } = (await import("#tiff")) as Partial<typeof import("tiff")>;
    return decode && ((bytes) => ofTiff(decode(bytes, { pages: [0] })[0]));
  },
};

const toImage = ({ width, height, data }: { width: number; height: number; data: ArrayLike<number> }): Image =>
  withoutAlpha(width, height, 4, data);

const WHITE_IS_ZERO = 0;
const RGB = 2;

function ofTiff({ width, height, samplesPerPixel, bitsPerSample, type, data }: import("tiff").TiffIfd): Image {
  if (bitsPerSample !== 8 || type > RGB)
    throw unsupported(`colours of kind ${type} with ${bitsPerSample} bits are not read; save it as PNG`);
  const image = withoutAlpha(width, height, samplesPerPixel, data);
  return type === WHITE_IS_ZERO ? { ...image, data: image.data.map((v) => 255 - v) } : image;
}

const PACKAGES: Readonly<Record<string, string>> = {
  JPEG: "@cornerstonejs/codec-libjpeg-turbo-8bit",
  "JPEG 2000": "@cornerstonejs/codec-openjpeg",
  WebP: "@cwasm/webp",
  TIFF: "tiff",
};

let loading: Promise<ReadonlyMap<string, Decode>> | undefined;
let decoders: ReadonlyMap<string, Decode> = new Map();

/** Loads what {@link decodeImage} needs; a package that is not installed is missed when an image wants it. */
export async function loadImageCodecs(): Promise<void> {
  loading ??= Promise.all(
    Object.entries(LOADERS).map(async ([format, load]) => [format, await load().catch(() => undefined)] as const),
  ).then((all) => new Map(all.flatMap(([format, decode]) => (decode ? [[format, decode] as const] : []))));
  decoders = await loading;
}

/**
 * An encoded image as pixels, as it is stored (not turned); undefined for what is damaged or of no format that ImageDecoder names.
 * @throws {Error} if it cannot be read here: for want of a package, or of a kind that is not supported.
 */
export function decodeImage(bytes: Uint8Array, what: string): Image | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const format = FORMATS.find(([, at, begins]) => start.startsWith(begins, at))?.[0];
  if (format === undefined) return undefined;
  const decode = decoders.get(format);
  if (!decode)
    throw new Error(
      `${what}: a ${format} image, which the package ${PACKAGES[format] ?? "pngjs"} decodes in Node; install it, or give the model pixels`,
    );
  const budget = budgetFor("decodeImage", bytes, what, {});
  try {
    return decode(bytes, budget);
  } catch (error) {
    if (budget.left < 0) throw error;
    if (isUnsupported(error)) throw new Error(`${what}: ${format}: ${brief(messageOf(error))}`);
    return undefined;
  }
}
