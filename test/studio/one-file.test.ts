/** @file The one file's decoder: what an encoder of LZMA has packed comes out as it was; what is damaged is refused, or is no longer than its header says. */
import fc from "fast-check";
import { compress } from "lzma1";
import { expect, test } from "vitest";
import { unpack } from "../../src/studio/one/lzma.ts";

const text = (string: string): Uint8Array => new TextEncoder().encode(string);
const HEAD = 13;

test("texts, noise and nothing come out as they went in", () => {
  const noise = Uint8Array.from({ length: 9000 }, (_, i) => (Math.imul(i ^ (i >> 5), 2654435761) >>> 13) & 255);
  const far = new Uint8Array([...noise.subarray(0, 600), ...new Uint8Array(100_000), ...noise.subarray(0, 600)]);
  for (const data of [text(""), text("a"), text("abcabcabc".repeat(999)), text(compress.toString().repeat(9)), noise, far])
    for (const mode of [1, 9] as const) expect(unpack(compress(data, mode))).toEqual(data);
});

test("random data with repetitions come out as they went in", () => {
  const parts = fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 20 })), { maxLength: 20 });
  fc.assert(
    fc.property(parts, (all) => {
      const data = Uint8Array.from(all.flatMap(([bytes, times]) => Array.from({ length: times }, () => [...bytes]).flat()));
      expect(unpack(compress(data, 9))).toEqual(data);
    }),
    { numRuns: 25 },
  );
});

test("what is cut short, damaged or something else is refused, or gives data of the size that was said", () => {
  const data = text("the same words, and the same words again: ".repeat(40));
  const packed = compress(data, 9);
  for (const length of [0, 5, HEAD, HEAD + 4, HEAD + 10, packed.length - 8])
    expect(() => unpack(packed.slice(0, length))).toThrow(/^unpack: /);
  expect(() => unpack(text("<!doctype html><title>no</title>"))).toThrow("unpack: want a .lzma file");
  fc.assert(
    fc.property(fc.integer({ min: HEAD + 1, max: packed.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = packed.slice();
      damaged[at]! ^= change;
      try {
        expect(unpack(damaged).length).toBe(data.length);
      } catch (error) {
        expect((error as Error).message).toMatch(/^unpack: /);
      }
    }),
  );
});
