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

/** What a header announces. */
type Announced = Pick<ReturnType<WasmCodec["getFrameInfo"]>, "width" | "height" | "componentCount">;

/** What a codec in WebAssembly makes of bytes. A small file may announce many pixels, so that its header is read first. */
function withCodec<C extends WasmCodec>(codec: C, bytes: Uint8Array, budget: Budget, announced: (codec: C) => Announced): Image {
  try {
    codec.getEncodedBuffer(bytes.length).set(bytes);
    const { width, height, componentCount } = announced(codec);
    if (!(width * height > 0)) throw new Error("there are no pixels in it");
    budget.claim(width * height * componentCount, `${width}x${height} pixels`);
    codec.decode();
    const found = codec.getFrameInfo();
    if (found.bitsPerSample !== 8) throw unsupported(`samples of ${found.bitsPerSample} bits are not read; save it with 8`);
    if ((codec.getColorSpace?.() ?? 0) >= FIRST_OTHER_COLOURS) throw unsupported("colours other than RGB and grey are not read");
    return withoutAlpha(found.width, found.height, found.componentCount, codec.getDecodedBuffer());
  } catch (error) {
    throw typeof error === "number" ? new Error("its data end early or are wrong") : error; // an exception of C++ is its address
  } finally {
    codec.delete();
  }
}

/** What the marker SIZ of JPEG 2000 says (ISO/IEC 15444-1, A.5.1), which follows the start of the code stream; the codec tells it only after decoding. */
function announcedByJpeg2000(bytes: Uint8Array): Announced {
  let at = 0;
  while (at < bytes.length && !SIZ.every((byte, i) => bytes[at + i] === byte)) at++;
  if (at + 42 > bytes.length) throw new Error("its data end early or are wrong");
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 42);
  const [width, height] = [view.getUint32(8) - view.getUint32(16), view.getUint32(12) - view.getUint32(20)];
  return { width, height, componentCount: view.getUint16(40) };
}

const SIZ = [0xff, 0x4f, 0xff, 0x51] as const;

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
    const announced = (codec: WasmCodec & { readHeader(): void }): Announced => {
      codec.readHeader();
      return codec.getFrameInfo();
    };
    return codecs && ((bytes, budget) => withCodec(new codecs.JPEGDecoder(), bytes, budget, announced));
  },
  "JPEG 2000": async () => {
    const codecs = await (await import("#jpeg2000")).default?.(SILENT);
    return codecs && ((bytes, budget) => withCodec(new codecs.J2KDecoder(), bytes, budget, () => announcedByJpeg2000(bytes)));
  },
  WebP: async () => {
    const codec = (await import("#webp")).default;
    return codec && ((bytes) => toImage(codec.decode(bytes)));
  },
  TIFF: async () => {
    const { decode } = (await import("#tiff")) as Partial<typeof import("tiff")>;
    if (!decode) return undefined;
    const first = (bytes: Uint8Array, ignoreImageData: boolean): import("tiff").TiffIfd =>
      decode(bytes, { pages: [0], ignoreImageData })[0];
    return (bytes, budget) => {
      const { width, height, samplesPerPixel, bitsPerSample } = first(bytes, true);
      budget.claim((width * height * samplesPerPixel * bitsPerSample) / 8, `${width}x${height} pixels`);
      return ofTiff(first(bytes, false));
    };
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
