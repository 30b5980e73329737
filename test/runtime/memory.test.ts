/** @file The memory of WebAssembly and of machine code: few elements and many go in and come out alike, before and after it has grown. */
import { expect, test } from "vitest";
import { allocate, type Dtype } from "../../src/base/dtype.ts";
import { LinearMemory } from "../../src/runtime/wasm/memory.ts";

const memory = new LinearMemory();
const DTYPES: readonly Dtype[] = ["f32", "f64", "i32", "u32", "u8", "bool"];
const SIZES: readonly number[] = [0, 1, 31, 32, 33, 100];
/** As far as a byte and a word of any kind go. */
const numbersOf = (dtype: Dtype): readonly number[] => {
  if (dtype === "f32" || dtype === "f64") return [0.5, -0, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** -149];
  return dtype === "i32" ? [-(2 ** 31), -1, 2 ** 31 - 1] : dtype === "u32" ? [2 ** 32 - 1, 1] : [1, 0, 1];
};

function goesThrough(at: number): void {
  for (const dtype of DTYPES)
    for (const n of SIZES) {
      const numbers = numbersOf(dtype);
      const given = allocate(dtype, n).map((_, i) => numbers[i % numbers.length]!);
      memory.write(at, given);
      const read = allocate(dtype, n);
      memory.readSync(at, read);
      expect(read, `${n} of ${dtype}`).toEqual(given);
      expect(memory.view(dtype, at, n)).toEqual(given);
    }
}

test("elements go in and come out, few and many, of all dtypes", () => goesThrough(4096));

test("also where the memory has grown", () => {
  const end = memory.size;
  expect(memory.grow(2 ** 20)).toBe(true);
  goesThrough(end - 16);
  goesThrough(memory.size - 1024);
});

test("an address behind its end is an error, however few the elements", () => {
  for (const n of [1, 100]) {
    expect(() => memory.write(memory.size, new Float32Array(n))).toThrow(RangeError);
    expect(() => memory.readSync(memory.size - 4, new Float32Array(n + 1))).toThrow(RangeError);
  }
});
