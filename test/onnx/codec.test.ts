/** @file Files of ONNX as plain objects and back, and the elements of their tensors. */
import { expect, test } from "vitest";
import { decodeOnnx, encodeOnnx, type OnnxModel, type OnnxTensor, onnxElements } from "../../src/formats/onnx.ts";
import { ATTRIBUTE, DATA_TYPES, type MessageName, type OnnxDtype, SCHEMA } from "../../src/formats/onnx-schema.ts";

const bytes = (...list: number[]): Uint8Array => Uint8Array.from(list);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const tensor: OnnxTensor = {
  dims: [2, 3],
  type: 1,
  name: "w",
  floats: Float32Array.of(1, -2, 3.5, Number.NaN, Number.POSITIVE_INFINITY, 0),
};
const model: OnnxModel = {
  irVersion: 8,
  producerName: "a test",
  opsets: [
    { domain: "", version: 17 },
    { domain: "com.example", version: 1 },
  ],
  graph: {
    name: "g",
    nodes: [
      {
        inputs: ["x", "", "w"],
        outputs: ["y"],
        name: "n",
        op: "Clip",
        attributes: [
          { name: "i", i: 9223372036854775807n, type: ATTRIBUTE.int },
          { name: "negative", i: -3, type: ATTRIBUTE.int },
          { name: "ints", ints: [1, -1, -9223372036854775808n], type: ATTRIBUTE.ints },
          { name: "f", f: 0.25, type: ATTRIBUTE.float },
          { name: "floats", floats: [1, 2], type: ATTRIBUTE.floats },
          { name: "s", s: utf8("nearest"), type: ATTRIBUTE.string },
          { name: "t", t: tensor, type: ATTRIBUTE.tensor },
          { name: "g", g: { nodes: [{ op: "Relu", inputs: ["x"], outputs: ["z"] }] }, type: ATTRIBUTE.graph },
        ],
      },
    ],
    initializers: [tensor, { dims: [2], type: 7, name: "sizes", int64s: BigInt64Array.of(-1n, 2n ** 62n) }],
    inputs: [{ name: "x", type: { tensor: { elem: 1, shape: { dims: [{ param: "N" }, { value: 3 }] } } } }],
    outputs: [{ name: "y", type: { sequence: { elem: { tensor: { elem: 1 } } } } }],
  },
  functions: [{ name: "F", domain: "com.example", inputs: ["a"], outputs: ["b"], nodes: [{ op: "Neg", inputs: ["a"], outputs: ["b"] }] }],
};

test("what is written is read again, and written the same", () => {
  const file = encodeOnnx("Model", model);
  const again = decodeOnnx("Model", file);
  expect(again).toMatchObject(model);
  expect(encodeOnnx("Model", again)).toEqual(file);
});

test("each field of each message goes through a file", () => {
  const samples: Record<string, unknown> = { int: -(2n ** 60n), float: -0.5, string: "naïve ∇", bytes: bytes(0, 255) };
  const lists: Record<string, unknown> = {
    f32: Float32Array.of(0, -1.5),
    f64: Float64Array.of(1e300, 2),
    i32: Int32Array.of(-(2 ** 31), 7),
    i64: BigInt64Array.of(-(2n ** 63n), 5n),
    u64: BigUint64Array.of(2n ** 64n - 1n),
  };
  for (const [message, fields] of Object.entries(SCHEMA)) {
    for (const { name, kind, many } of fields.values()) {
      const one = samples[kind] ?? {};
      const value = lists[kind] ?? (many ? [one, one] : one);
      const back = decodeOnnx(message as MessageName, encodeOnnx(message as MessageName, { [name]: value } as object));
      expect((back as Record<string, unknown>)[name], `${message}.${name}`).toMatchObject(value as object);
    }
  }
});

test("elements need not be packed, and unknown fields are left out", () => {
  // dims packed; floats one by one; field 50 (bytes), field 51 (fixed64), field 3 (a message the table lacks)
  const floats = Float32Array.of(1, 2);
  const raw = [...new Uint8Array(floats.buffer)];
  const file = bytes(
    10,
    1,
    2,
    16,
    1,
    0x25,
    ...raw.slice(0, 4),
    0x92,
    3,
    1,
    9,
    0x25,
    ...raw.slice(4),
    0x99,
    3,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    26,
    2,
    8,
    1,
  );
  expect(onnxElements(decodeOnnx("Tensor", file), "t")).toEqual({ dtype: "float", shape: [2], data: floats });
});

const elements = (type: OnnxDtype, rest: OnnxTensor, dims = [4]): number[] =>
  Array.from(onnxElements({ type: DATA_TYPES.indexOf(type), dims, ...rest }, "t").data as ArrayLike<number | bigint>, Number);

test.each<[OnnxDtype, number[], number[]]>([
  ["float16", [0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c], [1, -2, 2 ** -24, Number.POSITIVE_INFINITY]],
  ["bfloat16", [0x80, 0x3f, 0x00, 0xc0, 0x80, 0xff, 0x01, 0x00], [1, -2, Number.NEGATIVE_INFINITY, 2 ** -133]],
  ["int8", [1, 255, 128, 127], [1, -1, -128, 127]],
  ["uint8", [1, 255, 128, 127], [1, 255, 128, 127]],
  ["int16", [1, 0, 255, 255, 0, 128, 255, 127], [1, -1, -32768, 32767]],
  ["uint16", [1, 0, 255, 255, 0, 128, 255, 127], [1, 65535, 32768, 32767]],
  ["float8e4m3fn", [0x38, 0xb8, 0x7e, 0x01], [1, -1, 448, 2 ** -9]],
  ["float8e4m3fnuz", [0x40, 0xc0, 0x7f, 0x01], [1, -1, 240, 2 ** -10]],
  ["float8e5m2", [0x3c, 0xbc, 0x7b, 0x7c], [1, -1, 57344, Number.POSITIVE_INFINITY]],
  ["float8e5m2fnuz", [0x40, 0xc0, 0x7f, 0x01], [1, -1, 57344, 2 ** -17]],
  ["float8e8m0", [127, 128, 0, 254], [1, 2, 2 ** -127, 2 ** 127]],
  ["uint4", [0x21, 0xf3], [1, 2, 3, 15]],
  ["int4", [0x81, 0xf7], [1, -8, 7, -1]],
  ["uint2", [0b11_10_01_00], [0, 1, 2, 3]],
  ["int2", [0b11_10_01_00], [0, 1, -2, -1]],
  ["float4e2m1", [0x21, 0xf7], [0.5, 1, 6, -6]],
])("%s from raw bytes and from a list", (type, raw, want) => {
  expect(elements(type, { raw: bytes(...raw) })).toEqual(want);
  const wide = type.endsWith("16");
  const list = wide ? Int32Array.from(new Uint16Array(bytes(...raw).buffer)) : Int32Array.from(raw);
  const isSigned = type === "int8" || type === "int16";
  expect(elements(type, { int32s: isSigned ? Int32Array.from(want) : list })).toEqual(want);
});

test("whole numbers of 64 bits are exact", () => {
  const want = BigInt64Array.of(2n ** 53n + 1n, -(2n ** 63n));
  for (const form of [{ raw: new Uint8Array(want.buffer) }, { int64s: want }])
    expect(onnxElements({ type: 7, dims: [2], ...form }, "t").data).toEqual(want);
});

test.each([
  [{ type: 1, dims: [3], raw: bytes(0, 0, 0, 0) }, "t: 4 bytes where [3] of float takes 12"],
  [{ type: 1, dims: [2 ** 31, 2 ** 20], raw: bytes(0) }, "t: 1 bytes where [2147483648, 1048576] of float takes 9007199254740992"],
  [{ type: 1, dims: [2 ** 50, 2 ** 50] }, "t: a shape of [1125899906842624, 1125899906842624]"],
  [{ type: 1, dims: [-1] }, "t: a shape of [-1]"],
  [{ type: 1, dims: [2] }, "t: 0 elements where [2] wants 2"],
  [{ type: 8, dims: [1], strings: [bytes(65)] }, "t: elements of type string are not supported"],
  [{ type: 14, dims: [1] }, "t: elements of type complex64 are not supported"],
  [{ type: 99, dims: [1] }, "t: there is no element type 99"],
  [{ dims: [1] }, "t: there is no element type 0"],
])("elements that are not there: %o", (wrong, message) => {
  expect(() => onnxElements(wrong, "t")).toThrow(message);
});

test("a tensor of nothing needs no data", () => {
  expect(onnxElements({ type: 1, dims: [0, 3] }, "t")).toEqual({ dtype: "float", shape: [0, 3], data: new Float32Array(0) });
});

test("damaged files are one clear line", () => {
  const file = encodeOnnx("Model", model);
  expect(() => decodeOnnx("Model", file.subarray(0, 100), "f")).toThrow(/^f: damaged, or no ONNX file \([^\n]+\)$/);
  expect(() => decodeOnnx("Model", utf8("<!doctype html>"), "f")).toThrow(/^f: damaged, or no ONNX file/);
  expect(() => decodeOnnx("Tensor", bytes(0x4a, 50, 1, 2, 3), "f")).toThrow("f: damaged");
  expect(() => decodeOnnx("Model", bytes(0x0b, 0x0b, 0x0b), "f")).toThrow("groups");
});

test("messages nested in circles of the schema end at 64", () => {
  let nested: object = {};
  for (let i = 0; i < 40; i++) nested = { sequence: { elem: nested } };
  expect(() => decodeOnnx("Type", encodeOnnx("Type", nested), "f")).toThrow(
    "f: damaged, or no ONNX file (messages are nested more than 64 deep)",
  );
});
