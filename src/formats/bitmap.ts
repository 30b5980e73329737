/** @file Images without compression: Windows bitmaps (BMP) and the portable ones of Netpbm (PBM, PGM, PPM, as text or bytes). */
import type { Budget } from "./budget.ts";
import type { Image } from "./pixels.ts";
import { unsupported } from "./unsupported.ts";

function checkSize(width: number, height: number, least: number, bytes: Uint8Array): void {
  if (!(width > 0 && height > 0)) throw new Error(`its header announces ${width}x${height} pixels`);
  if (least > bytes.length) throw new Error(`${width}x${height} pixels take ${least} bytes, the file has ${bytes.length}`);
}

/** A Windows bitmap of 1, 4 or 8 bits with a palette, or of 24 or 32. */
export function readBmp(bytes: Uint8Array, budget: Budget): Image {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, header] = [view.getUint32(10, true), view.getUint32(14, true)];
  if (header < 40) throw unsupported("a bitmap with the header of OS/2 is not read; save it as PNG");
  const [width, signed] = [view.getInt32(18, true), view.getInt32(22, true)];
  const [height, bits, compression] = [Math.abs(signed), view.getUint16(28, true), view.getUint32(30, true)];
  if (![1, 4, 8, 24, 32].includes(bits) || compression !== 0)
    throw unsupported(`a bitmap of ${bits} bits with compression ${compression} is not read; save it as PNG`);
  const stride = Math.ceil((width * bits) / 32) * 4;
  checkSize(width, height, start + stride * height, bytes);
  budget.claim(3 * width * height, `${width}x${height} pixels`);
  const palette = 14 + header;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const row = start + stride * (signed > 0 ? height - 1 - y : y); // rows go up, unless the height is negative
    for (let x = 0; x < width; x++) {
      const index = bits > 8 ? 0 : (view.getUint8(row + ((x * bits) >> 3)) >> (8 - bits - ((x * bits) & 7))) & (2 ** bits - 1);
      const at = bits > 8 ? row + (x * bits) / 8 : palette + 4 * index;
      for (let c = 2; c >= 0; c--) data[to++] = view.getUint8(at + c);
    }
  }
  return { width, height, channels: 3, data };
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/** The whole numbers of a Netpbm file, one after another; comments go to the end of their line. */
class Numbers {
  readonly #bytes: Uint8Array;
  at = 2;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param most Digits that belong to it: of black and white images as text each digit is a pixel. */
  next(most = 9): number {
    const bytes = this.#bytes;
    while (isSpace(bytes[this.at]) || bytes[this.at] === 35) {
      if (bytes[this.at] === 35) while (this.at < bytes.length && bytes[this.at] !== 10) this.at++;
      else this.at++;
    }
    let [value, digits] = [0, 0];
    for (; digits < most && bytes[this.at] >= 48 && bytes[this.at] <= 57; digits++) value = 10 * value + bytes[this.at++] - 48;
    if (digits === 0) throw new Error(`no number at byte ${this.at}`);
    return value;
  }
}

/** P1 to P6: black and white, grey, colours; as text, then as bytes. */
export function readNetpbm(bytes: Uint8Array, budget: Budget): Image {
  const kind = bytes[1] - 48;
  const [isText, isBits, channels] = [kind < 4, kind % 3 === 1, kind % 3 === 0 ? 3 : 1] as const;
  const numbers = new Numbers(bytes);
  const [width, height] = [numbers.next(), numbers.next()];
  const most = isBits ? 1 : numbers.next();
  if (!(most >= 1 && most < 65536)) throw new Error(`its largest value is ${most}`);
  const start = ++numbers.at; // one space
  const stride = isBits ? Math.ceil(width / 8) : width * channels * (most > 255 ? 2 : 1);
  checkSize(width, height, start + (isText ? width * height * channels : stride * height), bytes);
  budget.claim(channels * width * height, `${width}x${height} pixels`);
  const sample = (i: number): number => {
    if (isText) return numbers.next(isBits ? 1 : 9);
    if (isBits) return (bytes[start + Math.floor(i / width) * stride + ((i % width) >> 3)] >> (7 - ((i % width) & 7))) & 1;
    return most > 255 ? bytes[start + 2 * i] * 256 + bytes[start + 2 * i + 1] : bytes[start + i];
  };
  const scaled = (value: number): number => (isBits ? 255 * (1 - value) : Math.min(255, Math.floor((value * 255) / most + 0.5)));
  return { width, height, channels, data: Uint8Array.from({ length: width * height * channels }, (_, i) => scaled(sample(i))) };
}
