/** @file Event files: the same bytes as TensorBoard's own writer makes, and every fault named. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { crc32c, eventFileHeader, histogramEvent, readEvents, scalarEvent } from "../../src/formats/tfevents.ts";

const theirs = readFileSync(new URL("../fixtures/tensorboard.tfevents", import.meta.url));
const scalars = { "loss/train": 0.25, "Genauigkeit ✓": -1e30 };

describe("event files", () => {
  test("CRC-32C has the values of RFC 3720, B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  test("records are TensorBoard's, byte for byte", () => {
    const ours = Buffer.concat([
      eventFileHeader(1e9),
      scalarEvent(300, scalars, 1e9 + 0.5),
      histogramEvent(2 ** 40, "weights", [1, 2, 3], { buckets: 2, wallTime: 1e9 + 1 }),
    ]);
    expect(Buffer.compare(ours, theirs)).toBe(0);
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
    ["cut off", (b) => b.slice(0, -1), "f: record 2 at byte 113 is cut off"],
    ["cut in a length", (b) => b.slice(0, 160), "f: record 2 at byte 113 is cut off"],
    ["a changed length", (b) => b.fill(1, 3, 4), "f: record 0 at byte 0: wrong checksum of its length"],
    ["a changed value", (b) => b.fill(1, 20, 21), "f: record 0 at byte 0: wrong checksum"],
  ])("%s", (_, damage, message) => {
    expect(() => readEvents(damage(Uint8Array.from(theirs)), "f")).toThrow(message);
  });

  test("a step that is none", () => {
    expect(() => scalarEvent(-1, {})).toThrow("event: want a step that is an integer of at least 0, got -1");
  });
});
