/**
 * @file What the page and its worker say to each other. Commands are JSON objects with a number; the answer has the same number. Frames are bytes: the same in a
 * message, in a stream and in a file, so that a file can be played again.
 *
 *     frame = u32 length, u32 step, f64 seconds, u16 n, n × { u16 tap, u8 dtype, u8 rank, u32 dims…, payload from the next multiple of 8 bytes }
 */

/** Arrays that frames carry, in the order of their codes. */
const ARRAYS = [Uint8Array, Float32Array, Float64Array, Uint32Array, Int32Array] as const;

export type FrameArray = Uint8Array | Float32Array | Float64Array | Uint32Array | Int32Array;

/** What can be watched; a tap's number in a frame is its position here, so that names are only added at the end. */
export const TAPS = ["stats", "loss", "boundary", "weights", "points", "warp", "collapse", "units", "flow"] as const;

export type TapId = (typeof TAPS)[number];

export interface Tap {
  readonly id: TapId;
  readonly shape: readonly number[];
  readonly data: FrameArray;
}

export interface Frame {
  readonly step: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  readonly taps: readonly Tap[];
}

const HEAD = 18;
const aligned = (offset: number): number => Math.ceil(offset / 8) * 8;

function sizeOfFrame(taps: readonly Tap[]): number {
  return taps.reduce((offset, { shape, data }) => aligned(aligned(offset + 4 + 4 * shape.length) + data.byteLength), HEAD);
}

/** A frame as bytes, little-endian. @throws {RangeError} if a tap's shape is not that of its data. */
export function encodeFrame({ step, seconds, taps }: Frame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeOfFrame(taps));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, step, true);
  view.setFloat64(8, seconds, true);
  view.setUint16(16, taps.length, true);
  let offset = HEAD;
  for (const { id, shape, data } of taps) {
    if (shape.reduce((a, b) => a * b, 1) !== data.length)
      throw new RangeError(`encodeFrame: tap ${id} has ${data.length} elements, want [${shape.join(", ")}]`);
    view.setUint16(offset, TAPS.indexOf(id), true);
    view.setUint8(
      offset + 2,
      ARRAYS.findIndex((kind) => data instanceof kind),
    );
    view.setUint8(offset + 3, shape.length);
    for (const [i, n] of shape.entries()) view.setUint32(offset + 4 + 4 * i, n, true);
    offset = aligned(offset + 4 + 4 * shape.length);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset = aligned(offset + data.byteLength);
  }
  return bytes;
}

/** The frame that bytes hold. Its arrays are views of them. @throws {RangeError} for bytes that are no whole frame. */
export function decodeFrame(bytes: Uint8Array<ArrayBuffer>): Frame {
  const bad = (what: string): RangeError => new RangeError(`decodeFrame: ${what}; want a frame of this version, whole`);
  if (bytes.length < HEAD) throw bad(`${bytes.length} bytes are too few for a frame`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== bytes.length) throw bad(`it says ${view.getUint32(0, true)} bytes, there are ${bytes.length}`);
  const taps: Tap[] = [];
  let offset = HEAD;
  for (let n = view.getUint16(16, true); n > 0; n--) {
    if (offset + 4 > bytes.length) throw bad("a tap begins after its end");
    const id = TAPS[view.getUint16(offset, true)];
    const kind = ARRAYS[view.getUint8(offset + 2)];
    const rank = view.getUint8(offset + 3);
    if (id === undefined || kind === undefined || offset + 4 + 4 * rank > bytes.length) throw bad("a tap is of no kind that is known");
    const from = offset + 4;
    const shape = Array.from({ length: rank }, (_, i) => view.getUint32(from + 4 * i, true));
    const length = shape.reduce((a, b) => a * b, 1);
    offset = aligned(from + 4 * rank);
    if (offset + length * kind.BYTES_PER_ELEMENT > bytes.length) throw bad(`tap ${id} is cut short`);
    taps.push({ id, shape, data: new kind(bytes.buffer, bytes.byteOffset + offset, length) });
    offset = aligned(offset + length * kind.BYTES_PER_ELEMENT);
  }
  return { step: view.getUint32(4, true), seconds: view.getFloat64(8, true), taps };
}
