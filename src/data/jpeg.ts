/**
 * @file JPEG (ITU T.81) through the package jpeg-js. Before it decodes anything, the segments are walked here: sizes are checked against the
 * budget, fill bytes and junk between segments are left out, and what the colours are is decided as libjpeg does.
 */
import type { Budget } from "../formats/budget.ts";
import { exifOrientation } from "../formats/exif.ts";
import type { Image } from "../formats/pixels.ts";
import { unsupported } from "../formats/unsupported.ts";

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly { readonly id: number; readonly h: number; readonly v: number }[];
}

/** What a file says before and between its scans. */
interface Walked {
  readonly frame: Frame;
  /** The segments that pixels need, in order; scans with their data. */
  readonly segments: readonly Uint8Array[];
  /** Bytes of entropy-coded data. */
  readonly coded: number;
  /** Of Adobe's marker: 0 no colour transform, 1 YCbCr, 2 YCCK; undefined without the marker. */
  readonly transform: number | undefined;
  readonly jfif: boolean;
  readonly orientation: number;
}

/** More than any encoder makes; each costs a pass over the whole picture. */
const MOST_SCANS = 100;
/** What jpeg-js takes of memory for a block of 8x8 coefficients: 64 of 32 bits in an array of their own, and 64 samples. */
const BYTES_PER_BLOCK = 700;

/** A picture with its EXIF orientation, 1 if it has none. */
export async function readJpeg(bytes: Uint8Array, budget: Budget): Promise<{ image: Image; orientation: number }> {
  const { frame, segments, coded, transform, jfif, orientation } = walk(bytes);
  const { width, height, components } = frame;
  const n = components.length;
  if (n === 4 && transform === undefined)
    throw unsupported("a JPEG of four inks (CMYK) without Adobe's marker, which would say how they are stored; save it as RGB");
  const blocks = blockCount(frame);
  if (8 * coded < blocks.least) throw new Error(`${width}x${height} pixels take more than its ${coded} bytes of data`);
  budget.claim(blocks.allocated * BYTES_PER_BLOCK + width * height * (n + 6) + bytes.length, `${width}x${height} pixels`);
  const { default: jpeg } = await import("jpeg-js");
  const { data } = jpeg.decode(joined(segments), {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    colorTransform: transform === undefined ? jfif || !isRgb(components) : transform !== 0,
    maxResolutionInMP: Number.POSITIVE_INFINITY,
    maxMemoryUsageInMB: Number.POSITIVE_INFINITY,
  });
  const pixels = n === 1 ? Uint8Array.from({ length: width * height }, (_, i) => data[3 * i]) : new Uint8Array(data.buffer);
  return { image: { width, height, channels: n === 1 ? 1 : 3, data: pixels }, orientation };
}

/** Components called R, G, B are these, without a marker that says so. */
function isRgb(components: Frame["components"]): boolean {
  return components.map(({ id }) => String.fromCharCode(id)).join("") === "RGB";
}

/** Blocks of 8x8 that the picture has, and that are allocated for whole units of several. */
function blockCount({ width, height, components }: Frame): { least: number; allocated: number } {
  const [maxH, maxV] = [Math.max(...components.map(({ h }) => h)), Math.max(...components.map(({ v }) => v))];
  const units = Math.ceil(width / 8 / maxH) * Math.ceil(height / 8 / maxV);
  const least = components.reduce((sum, { h, v }) => sum + Math.ceil((width * h) / maxH / 8) * Math.ceil((height * v) / maxV / 8), 0);
  return { least, allocated: components.reduce((sum, { h, v }) => sum + units * h * v, 0) };
}

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const FRAMES = [0xc0, 0xc1, 0xc2];
/** Quantization tables, Huffman tables, restart interval. */
const TABLES = [0xdb, 0xc4, 0xdd];

/** Restart markers and those that stand alone. */
const hasNoSegment = (marker: number): boolean => marker === SOI || marker === 0x01 || isRestart(marker);
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
/** Lossless, hierarchical or arithmetic coding. */
const isOtherFrame = (marker: number): boolean => marker >= 0xc3 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Where the segment that begins at `at` ends. */
function endOfSegment(bytes: Uint8Array, at: number): number {
  const end = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
  if (end < at + 4 || end > bytes.length) throw new Error(`a segment ends at byte ${end} of ${bytes.length}`);
  return end;
}

function walk(bytes: Uint8Array): Walked {
  const reader = new SegmentReader();
  for (let at = nextMarker(bytes, 2); at < bytes.length && bytes[at + 1] !== EOI; at = nextMarker(bytes, at)) {
    const marker = bytes[at + 1];
    if (hasNoSegment(marker)) {
      at += 2;
      continue;
    }
    if (at + 4 > bytes.length) break;
    const end = endOfSegment(bytes, at);
    if (marker === SOS) {
      const after = endOfScan(bytes, end);
      reader.scan(bytes.subarray(at, after), after - end);
      at = after;
    } else {
      reader.segment(marker, bytes.subarray(at, end));
      at = end;
    }
  }
  return reader.walked();
}

/** What the segments say, one after another, and those that the decoder gets. */
class SegmentReader {
  readonly #segments: Uint8Array[] = [Uint8Array.of(0xff, SOI)];
  #frame: Frame | undefined;
  #transform: number | undefined;
  #jfif = false;
  #orientation = 1;
  #coded = 0;
  #scans = 0;

  /** A scan with its header, of which `coded` bytes are entropy-coded. */
  scan(bytes: Uint8Array, coded: number): void {
    if (!this.#frame) throw new Error("a scan comes before the frame");
    if (++this.#scans > MOST_SCANS) throw new Error(`it has more than ${MOST_SCANS} scans`);
    this.#segments.push(bytes);
    this.#coded += coded;
  }

  segment(marker: number, bytes: Uint8Array): void {
    const body = bytes.subarray(4);
    if (FRAMES.includes(marker)) {
      if (this.#frame) throw new Error("it has two frames");
      this.#frame = frameOf(body);
      this.#segments.push(bytes);
    } else if (isOtherFrame(marker))
      throw unsupported("this JPEG's coding (lossless, hierarchical or arithmetic) is not read; save it as baseline or progressive");
    else if (TABLES.includes(marker)) this.#segments.push(bytes);
    else this.#application(marker, body, bytes);
  }

  #application(marker: number, body: Uint8Array, bytes: Uint8Array): void {
    const text = String.fromCharCode(...body.subarray(0, 6));
    if (marker === 0xe0 && text.startsWith("JFIF\0")) this.#jfif = true;
    else if (marker === 0xe1 && text === "Exif\0\0") this.#orientation = exifOrientation(body.subarray(6));
    else if (marker === 0xee && text.startsWith("Adobe") && body.length >= 12) {
      this.#transform = body[11];
      this.#segments.push(bytes);
    }
  }

  walked(): Walked {
    if (!this.#frame) throw new Error("no frame header");
    return {
      frame: this.#frame,
      segments: [...this.#segments, Uint8Array.of(0xff, EOI)],
      coded: this.#coded,
      transform: this.#transform,
      jfif: this.#jfif,
      orientation: this.#orientation,
    };
  }
}

/** The next FF that is followed by a marker: fill bytes and junk are passed over. */
function nextMarker(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1))
    if (bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff) return at;
  return bytes.length;
}

/** The next marker that is no restart, behind entropy-coded data, in which FF is followed by 00. */
function endOfScan(bytes: Uint8Array, from: number): number {
  let at = nextMarker(bytes, from);
  while (at < bytes.length && isRestart(bytes[at + 1])) at = nextMarker(bytes, at + 2);
  return at;
}

function frameOf(body: Uint8Array): Frame {
  const [precision, h1, h0, w1, w0, n] = body;
  const [width, height] = [(w1 << 8) | w0, (h1 << 8) | h0];
  if (!(width * height > 0)) throw new Error(`its header announces ${width || 0}x${height || 0} pixels`);
  if (precision !== 8) throw unsupported(`a JPEG of ${precision} bits per sample is not read; save it with 8`);
  if (![1, 3, 4].includes(n) || body.length < 6 + 3 * n) throw new Error(`${n} colour components; 1, 3 and 4 are read`);
  const components = Array.from({ length: n }, (_, i) => ({ id: body[6 + 3 * i], h: body[7 + 3 * i] >> 4, v: body[7 + 3 * i] & 15 }));
  if (components.some(({ h, v }) => h < 1 || h > 4 || v < 1 || v > 4)) throw new Error("a sampling factor is not from 1 to 4");
  if (new Set(components.map(({ id }) => id)).size < n) throw new Error("two components have one name");
  return { width, height, components };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
