/** @file Event files: the same bytes as TensorBoard's own writer makes, and every fault named. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { crc32c, eventFileHeader, histogramEvent, readEvents, scalarEvent } from "../../src/formats/tfevents.ts";

const theirs = readFileSync(new URL("../fixtures/tensorboard.tfevents", import.meta.url));
const scalars = { "loss/train": 0.25, "Genauigkeit ✓": -1e30 };

/** One record with `event`, its checksums right. */
function recordOf(event: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + event.length);
  const view = new DataView(bytes.buffer);
  const masked = (part: Uint8Array): number => {
    const crc = crc32c(part);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  view.setBigUint64(0, BigInt(event.length), true);
  view.setUint32(8, masked(bytes.subarray(0, 8)), true);
  bytes.set(event, 12);
  view.setUint32(12 + event.length, masked(event), true);
  return bytes;
}

describe("what reading may take", () => {
  const limits = { maxBytes: 2 ** 20 };
  const many = 200_000;
  test.each<[string, Uint8Array]>([
    ["numbers of two bytes each", recordOf(new Uint8Array(2 * many).fill(8))],
    ["empty fields", recordOf(Uint8Array.from({ length: 2 * many }, (_, i) => (i % 2 ? 0 : 0x2a)))],
    ["records without anything", Uint8Array.from(Array.from({ length: 20_000 }, () => [...recordOf(new Uint8Array(0))]).flat())],
    ["buckets", histogramEvent(1, "h", [1, 2], { buckets: many })],
  ])("%s are refused before they are all there", (_, file) => {
    expect(() => readEvents(file, "f", limits)).toThrow(
      /^f: reading it would take at least [\d.]+ \w+ of memory \(its events\), the limit is 1\.05 MB; .*--max-bytes \d+ \(maxBytes\)$/,
    );
    expect(readEvents(file, "f", { maxBytes: 2 ** 28 }).length).toBeGreaterThan(0);
  });
});

describe("event files", () => {
  test("CRC-32C has the values of RFC 3720, B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  test("records are TensorBoard's, byte for byte", () => {
    const ours = [
      ...eventFileHeader(1e9),
      ...scalarEvent(300, scalars, 1e9 + 0.5),
      ...histogramEvent(2 ** 40, "weights", [1, 2, 3], { buckets: 2, wallTime: 1e9 + 1 }),
    ];
    expect(ours).toEqual([...theirs]);
  });

  test("TensorBoard's records are read", () => {
    const [first, second, third, ...rest] = readEvents(theirs);
    expect(rest).toEqual([]);
    expect(first).toEqual({ wallTime: 1e9, step: 0, fileVersion: "brain.Event:2", scalars: {}, histograms: {} });
    expect(second).toEqual({
      wallTime: 1e9 + 0.5,
      step: 300,
      scalars: { ...scalars, "Genauigkeit ✓": Math.fround(-1e30) },
      histograms: {},
    });
    const weights = { min: 1, max: 3, num: 3, sum: 6, sumSquares: 14, bucketLimit: [2, 3], bucket: [1, 2] };
    expect(third).toEqual({ wallTime: 1e9 + 1, step: 2 ** 40, scalars: {}, histograms: { weights } });
  });

  test("histograms of nothing, of one value, and with not-numbers", () => {
    const of = (...values: number[]) => readEvents(histogramEvent(0, "x", values))[0].histograms.x;
    expect(of()).toMatchObject({ num: 0, min: 0, max: 0 });
    expect(of(5, 5)).toMatchObject({ num: 2, min: 5, max: 5, sum: 10 });
    expect(of(1, Number.NaN, 3, Number.POSITIVE_INFINITY)).toMatchObject({ num: 2, max: 3 });
    for (const values of [[], [5], [1, 2, 3, 100]]) expect(of(...values).bucket.reduce((a, b) => a + b)).toBe(values.length);
  });

  test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ["a changed length", (b) => b.fill(1, 3, 4), "f: record 0 at byte 0: wrong checksum of its length"],
    ["a changed value", (b) => b.fill(1, 20, 21), "f: record 0 at byte 0: wrong checksum"],
  ])("%s", (_, damage, message) => {
    expect(() => readEvents(damage(Uint8Array.from(theirs)), "f")).toThrow(message);
  });

  test("a last record that is cut off ends the reading, wherever it is cut", () => {
    for (let length = 113; length < theirs.length; length++) expect(readEvents(theirs.subarray(0, length)).length, `${length}`).toBe(2);
  });

  test("negative steps, and a curve called __proto__", () => {
    const withStep = (step: bigint): Uint8Array => {
      const bytes: number[] = [];
      for (let rest = BigInt.asUintN(64, step); ; rest >>= 7n) {
        if (rest < 128n) {
          bytes.push(Number(rest));
          break;
        }
        bytes.push(Number(rest & 127n) | 128);
      }
      return framed([0x10, ...bytes, 0x2a, 18, 0x0a, 16, 0x0a, 9, ...new TextEncoder().encode("__proto__"), 0x15, 0, 0, 0x80, 0x3f]);
    };
    for (const step of [-1, -300, -(2 ** 53), 7]) {
      const [event] = readEvents(withStep(BigInt(step)));
      expect(event.step).toBe(step);
      expect(Object.entries(event.scalars)).toEqual([["__proto__", 1]]);
    }
  });

  test("a step that is none", () => {
    expect(() => scalarEvent(-1, {})).toThrow("scalarEvent: step must be an integer of at least 0, got -1");
  });
});

/** A record with its checksums. */
function framed(event: readonly number[]): Uint8Array {
  const masked = (bytes: Uint8Array): number => {
    const crc = crc32c(bytes);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  const bytes = new Uint8Array(16 + event.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, event.length, true);
  view.setUint32(8, masked(bytes.subarray(0, 8)), true);
  bytes.set(event, 12);
  view.setUint32(12 + event.length, masked(bytes.subarray(12, 12 + event.length)), true);
  return bytes;
}
