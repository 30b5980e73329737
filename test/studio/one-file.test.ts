/** @file The one file's decoders: words that were shortened are spelled out; what an encoder of LZMA has packed comes out as it was; what is damaged is refused, or is no longer than its header says. */
import fc from "fast-check";
import { compress } from "lzma1";
import { expect, test } from "vitest";
import { shorten } from "../../scripts/studio-words.mjs";
import { unpack } from "../../src/studio/one/lzma.ts";
import { spell } from "../../src/studio/one/words.ts";

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

test("words are shortened, and spelled out again: more of them than there are codes, other letters, zero bytes and lines", () => {
  const names = Array.from({ length: 3000 }, (_, i) => `name${i} = ∂${String.fromCodePoint(0x3b1 + (i % 25))}😀;\n`).join("");
  const source = `${names.repeat(6)}\0\tlet $x_1 = "‖é‖";\0${names}`;
  const short = shorten(source);
  expect(spell(short)).toBe(source);
  expect(short.length).toBeLessThan(0.6 * text(source).length);
  for (const string of ["", "a", "\0\0", "∂", "ab ab ab ab ab ab"]) expect(spell(shorten(string))).toBe(string);
});

test("random texts come out as they went in, and control characters are refused", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("return", "length", "∂L", "é", "(", ",", "\n", "\0", "😀", "a1")), (parts) => {
      const source = parts.join("");
      expect(spell(shorten(source))).toBe(source);
    }),
  );
  expect(() => shorten("ab\x03")).toThrow("want a text without control characters, got code 3 at 2");
});
