/**
 * @file Tensors from outside numbers: every class of typed array keeps its values, and what does not fit a dtype is refused with its position.
 */
import "../../src/runtime/evaluate.ts";
import { describe, expect, test } from "vitest";
import type { Dtype } from "../../src/base/dtype.ts";
import { typedArrayName } from "../../src/base/elements.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { batches } from "../../src/data/loader.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { histogramEvent, readEvents } from "../../src/formats/tfevents.ts";
import { Linear } from "../../src/nn/linear.ts";
import { arange, full, tensor } from "../../src/ops/create.ts";
import { batchTensors } from "../../src/train/task.ts";

/** A call that TypeScript would refuse. */
const wrong = (call: (x: never) => unknown, x: unknown) => (): unknown => call(x as never);

describe("every class of typed array keeps its values", () => {
  const CASES: readonly [ArrayLike<number | bigint>, Dtype][] = [
    [Int8Array.of(-128, 127), "i32"],
    [Int16Array.of(-32768, 32767), "i32"],
    [Uint16Array.of(0, 65535), "i32"],
    [Int32Array.of(-(2 ** 31), 2 ** 31 - 1), "i32"],
    [Uint32Array.of(0, 2 ** 32 - 1), "u32"],
    [Uint8Array.of(0, 255), "u8"],
    [Uint8ClampedArray.of(300, 7), "u8"],
    [Float32Array.of(-1.5, Number.NaN), "f32"],
    [Float64Array.of(1e300, -0), "f64"],
    [BigInt64Array.of(-(2n ** 31n), 5n), "i32"],
    [BigUint64Array.of(1n, 2n), "i32"],
  ];

  test.each(CASES)("%s", (array, dtype) => {
    const x = tensor(array as Float32Array);
    expect(x.dtype).toBe(dtype);
    expect([...x.dataSync()]).toEqual(Array.from(array, Number));
  });

  test("views and shared memory are read as they are", () => {
    const shared = new Int16Array(new SharedArrayBuffer(8), 2, 2);
    shared.set([-3, 4]);
    expect([...tensor(shared).dataSync()]).toEqual([-3, 4]);
    expect([...tensor(Int8Array.of(9, -1, 2).subarray(1)).dataSync()]).toEqual([-1, 2]);
  });

  test("the tensor is a copy", () => {
    for (const array of [Int16Array.of(1), Float32Array.of(1)]) {
      const x = tensor(array);
      array[0] = 2;
      expect(x.dataSync()[0]).toBe(1);
    }
  });

  test("a dtype may be asked for", () => {
    expect([...tensor(Int8Array.of(-1, 2), { dtype: "f64" }).dataSync()]).toEqual([-1, 2]);
    expect([...tensor(BigInt64Array.of(2n ** 40n), { dtype: "f64" }).dataSync()]).toEqual([2 ** 40]);
    expect([...tensor(Float64Array.of(3, 0), { dtype: "u8" }).dataSync()]).toEqual([3, 0]);
  });

  test("names are known for typed arrays alone", () => {
    expect(typedArrayName(new Uint16Array(1))).toBe("Uint16Array");
    for (const x of [[1], new DataView(new ArrayBuffer(1)), new ArrayBuffer(1), null, 3, { length: 1, [Symbol.toStringTag]: "Int8Array" }])
      expect(typedArrayName(x)).toBeUndefined();
  });
});

describe("numbers that do not fit the dtype are refused, with their position", () => {
  const ROWS: readonly [string, () => unknown, RegExp][] = [
    [
      "300 as u8",
      () =>
        tensor(
          [
            [1, 2],
            [3, 300],
          ],
          { dtype: "u8" },
        ),
      /300 at \[1, 1\] does not fit u8, which holds integers from 0 to 255/,
    ],
    ["a fraction as i32", () => tensor([1, 1.5], { dtype: "i32" }), /1\.5 at \[1\] does not fit i32.*round/],
    ["NaN as i32", () => tensor([Number.NaN], { dtype: "i32" }), /NaN at \[0\] does not fit i32/],
    ["an infinity as i32", () => tensor([Number.NEGATIVE_INFINITY], { dtype: "i32" }), /-Infinity at \[0\] does not fit/],
    ["-1 as u32", () => tensor(Int32Array.of(0, -1), { dtype: "u32" }), /-1 at \[1\] does not fit u32/],
    ["-1 as u8", () => tensor(Int8Array.of(-1), { dtype: "u8" }), /-1 at \[0\] does not fit u8/],
    ["2 as bool", () => tensor([0, 2], { dtype: "bool" }), /2 at \[1\] does not fit bool.*compare/],
    ["a byte as bool", () => tensor(Uint8Array.of(1, 7), { dtype: "bool" }), /7 at \[1\] does not fit bool/],
    ["2^31 as i32", () => tensor(2 ** 31, { dtype: "i32" }), /2147483648 at \[\] does not fit i32/],
    ["u32 as i32", () => tensor(Uint32Array.of(2 ** 31), { dtype: "i32" }), /does not fit i32/],
    ["1e40 as f32", () => tensor([[0], [1e40]]), /1e\+40 at \[1, 0\] does not fit f32.*f64/],
    ["an f64 as f32", () => tensor(Float64Array.of(-1e300), { dtype: "f32" }), /-1e\+300 at \[0\] does not fit f32/],
    ["64 bits", () => tensor(BigInt64Array.of(0n, 2n ** 40n)), /1099511627776 at \[1\] does not fit i32/],
    ["full, u8", () => full([2], 256, "u8"), /full: 256 does not fit u8/],
    ["full, i32", () => full([2], Number.NaN, "i32"), /full: NaN does not fit i32/],
    ["full, bool", () => full([2], 2, "bool"), /full: 2 does not fit bool/],
    ["arange", () => arange(300, "u8"), /arange: 299 does not fit u8/],
    ["a scalar beside u8", () => tensor(Uint8Array.of(1)).add(300), /300 does not fit u8/],
    ["a scalar beside u32", () => tensor(Uint32Array.of(1)).mul(-2), /-2 does not fit u32/],
    ["a scalar beside f32", () => tensor([1]).maximum(1e39), /1e\+39 does not fit f32/],
    ["a dtype that is none", wrong((dtype) => tensor([1], { dtype }), "float32"), /no dtype float32; want one of f32, f64/],
    ["full, dtype", wrong((dtype) => full([1], 1, dtype), "int"), /full: there is no dtype int/],
    ["cast, dtype", wrong((dtype) => tensor([1]).cast(dtype), "half"), /cast: there is no dtype half/],
  ];

  test.each(ROWS)("%s", (_, call, message) => expect(call).toThrow(message));

  test("but floats are rounded, and infinities are meant", () => {
    expect([...tensor([0.1, Number.POSITIVE_INFINITY, Number.NaN]).dataSync()]).toEqual([
      Math.fround(0.1),
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    expect([...tensor(Float64Array.of(Number.NEGATIVE_INFINITY), { dtype: "f32" }).dataSync()]).toEqual([Number.NEGATIVE_INFINITY]);
    expect([...tensor([-0, 3.0], { dtype: "i32" }).dataSync()]).toEqual([0, 3]);
    expect([...full([1], true).dataSync()]).toEqual([1]);
  });
});

describe("what is no number is named, with its position", () => {
  const ROWS: readonly [string, unknown, RegExp][] = [
    ["text", [[1], ["2"]], /got string "2" at \[1, 0\]; convert it with Number/],
    ["null", [1, null], /got null at \[1\]/],
    ["a hole", new Array(2), /got undefined at \[0\]; an element is missing/],
    ["undefined", [[1, undefined]], /got undefined at \[0, 1\]/],
    ["a bigint", [1n], /got bigint at \[0\]; convert/],
    ["rows of typed arrays", [Float32Array.of(1)], /got Float32Array at \[0\]; .*Array\.from/],
    ["an ArrayBuffer", new ArrayBuffer(4), /got ArrayBuffer; .*new Float32Array\(buffer\)/],
    ["a SharedArrayBuffer", new SharedArrayBuffer(4), /got SharedArrayBuffer; .*new Float32Array\(buffer\)/],
    ["a DataView", new DataView(new ArrayBuffer(4)), /got DataView;/],
    ["an object", { length: 1, 0: 1 }, /got Object/],
    ["a tensor", tensor([1]), /got a tensor f32\[1\]; it is a tensor already/],
    ["tensors", [tensor([1])], /a tensor f32\[1\] at \[0\]; .*stack or concatenate/],
    ["a date", [new Date()], /got Date at \[0\]/],
    ["nothing", undefined, /got undefined/],
    [
      "rows of two lengths",
      [
        [
          [1, 2],
          [3, 4],
        ],
        [[5, 6], [7]],
      ],
      /element \[1, 0\] has shape \[2\], element \[1, 1\] has \[1\]/,
    ],
    ["a number among rows", [[1], 2], /element 0 has shape \[1\], element 1 has \[\]/],
  ];

  test.each(ROWS)("%s", (_, values, message) => expect(wrong(tensor, values)).toThrow(message));

  test("an array that contains itself", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(wrong(tensor, circle)).toThrow(/contains itself/);
  });
});

describe("writers", () => {
  test("an npy file keeps every class", () => {
    const header = (data: ArrayLike<number | bigint>): string =>
      new TextDecoder("latin1").decode(writeNpy({ shape: [1], data: data as Int8Array }));
    expect(header(Uint8ClampedArray.of(1))).toContain("'|u1'");
    expect(header(Int8Array.of(1))).toContain("'|i1'");
    expect(wrong((data) => writeNpy({ shape: [1], data }), new DataView(new ArrayBuffer(1)))).toThrow(/npy: .*got DataView/);
    expect(wrong((data) => writeNpy({ shape: [1], data }), [1])).toThrow(/npy: .*got Array/);
    expect(() => writeNpy({ shape: [1], data: Float32Array.of(1), dtype: "b1" })).toThrow(/b1.*got a Float32Array/);
    expect(() => writeNpy({ shape: [1], data: Uint8Array.of(2), dtype: "b1" })).toThrow(/0 and 1/);
  });

  test("safetensors name the class that they want", () => {
    const write = (dtype: string, data: unknown) => () =>
      writeSafetensors(new Map([["a", { dtype, shape: [1], data: data as Int32Array }]]));
    expect(write("I32", Int16Array.of(1))).toThrow(/I32 is written from a Int32Array, got a Int16Array/);
    expect(write("F32", [1])).toThrow(/got a Array/);
    expect(write("U8", Uint8ClampedArray.of(1))).not.toThrow();
  });

  test("a histogram takes 64-bit integers, and refuses bytes without a class", () => {
    const [event] = readEvents(histogramEvent(0, "a", BigInt64Array.of(1n, 3n)));
    expect([event!.histograms.a!.min, event!.histograms.a!.max, event!.histograms.a!.num]).toEqual([1, 3, 2]);
    expect(wrong((values) => histogramEvent(0, "a", values), new DataView(new ArrayBuffer(8)))).toThrow(/got DataView/);
  });

  test("a state dict takes what a file holds, and refuses what does not fit", () => {
    const layer = new Linear(1, 2, { bias: false });
    layer.loadStateDict(new Map([["weight", { shape: [2, 1], data: Int16Array.of(-3, 300) }]]));
    expect([...layer.weight.value.dataSync()]).toEqual([-3, 300]);
    layer.loadStateDict(new Map([["weight", { shape: [2, 1], data: BigInt64Array.of(-1n, 2n ** 40n) }]]));
    expect([...layer.weight.value.dataSync()]).toEqual([-1, 2 ** 40]);
  });
});

describe("data sets in arrays of other classes", () => {
  const indices = Array.from({ length: 6 }, (_, i) => i);
  const dataset = (inputs: ArrayLike<number>, targets: ArrayLike<number | bigint>): Dataset => {
    const split = { inputs: inputs as Float32Array, targets: targets as Int32Array, count: 6 };
    return { name: "own", train: split, test: split, classes: ["a", "b"], inputShape: [1], task: "classification" };
  };

  test.each([
    Uint8Array.from(indices, (i) => i % 2),
    Int8Array.from(indices, (i) => i % 2),
    Uint16Array.from(indices, (i) => i % 2),
    BigInt64Array.from(indices, (i) => BigInt(i % 2)),
  ])("integers are class indices: %s", (targets) => {
    const data = dataset(Float64Array.from(indices), targets);
    const [batch] = [...batches(data.train, { batchSize: 4 })];
    expect([batch!.inputs, batch!.targets]).toEqual([Float32Array.of(0, 1, 2, 3), Int32Array.of(0, 1, 0, 1)]);
    const { x, y } = batchTensors(data, batch!);
    expect([x.dtype, x.shape, y.dtype, y.shape]).toEqual(["f32", [4, 1], "i32", [4]]);
  });

  test("plain lists are refused by name", () => {
    expect(() => [...batches(dataset([...indices], Int32Array.from(indices)).train, { batchSize: 4 })]).toThrow(
      /inputs must be a Float32Array, or another array of numbers, got \[0, 1/,
    );
  });
});
