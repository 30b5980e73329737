/** @file PyTorch's files: what Python's own pickle and zipfile write is read; everything that is not a tensor is refused in one line. */
import { describe, expect, test } from "vitest";
import { isPth, readPth } from "../../src/formats/pth.ts";
import { writeZip } from "../../src/formats/zip.ts";

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/**
 * A state dict as Python writes it, with torch's names for tensors and storages: w f32[2,3] = 1..6, its transpose wt, tail = its last two elements,
 * h f16[2] = 0.5, -2 and n i64[] = 7. Once stored (pickle protocol 2), once deflated (protocol 4), once in the form before 1.6.
 */
const FILES = {
  stored:
    "UEsDBBQAAAAAAAAAIQDIITAQ2QEAANkBAAAKAAAAbS9kYXRhLnBrbIACY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnEAKVJxAShYAQAAAHdxAmN0b3JjaC5fdXRpbHMKX3" +
    "JlYnVpbGRfdGVuc29yX3YyCnEDKChYBwAAAHN0b3JhZ2VxBGN0b3JjaApGbG9hdFN0b3JhZ2UKcQVYAQAAADBxBlgDAAAAY3B1cQdLBnRxCFFLAEsCSwOGcQlLA0sBhnEK" +
    "iWgAKVJxC3RxDFJxDVgCAAAAd3RxDmgDKChoBGgFaAZoB0sGdHEPUUsASwNLAoZxEEsBSwOGcRGJaAApUnESdHETUnEUWAQAAAB0YWlscRVoAygoaARoBWgGaAdLBnRxFl" +
    "FLBEsChXEXSwGFcRiJaAApUnEZdHEaUnEbWAEAAABocRxoAygoaARjdG9yY2gKSGFsZlN0b3JhZ2UKcR1YAQAAADFxHmgHSwJ0cR9RSwBoF2gYiWgAKVJxIHRxIVJxIlgB" +
    "AAAAbnEjaAMoKGgEY3RvcmNoCkxvbmdTdG9yYWdlCnEkWAEAAAAycSVoB0sBdHEmUUsAKSmJaAApUnEndHEoUnEpdX1xKlgJAAAAX21ldGFkYXRhcStoAClScSxYAAAAAH" +
    "EtfXEuWAcAAAB2ZXJzaW9ucS9LAXNzc2IuUEsDBBQAAAAAAAAAIQAk5TkZGAAAABgAAAAIAAAAbS9kYXRhLzAAAIA/AAAAQAAAQEAAAIBAAACgQAAAwEBQSwMEFAAAAAAA" +
    "AAAhAISpWJAEAAAABAAAAAgAAABtL2RhdGEvMQA4AMBQSwMEFAAAAAAAAAAhAHDW528IAAAACAAAAAgAAABtL2RhdGEvMgcAAAAAAAAAUEsDBBQAAAAAAAAAIQDRnmdVAg" +
    "AAAAIAAAAJAAAAbS92ZXJzaW9uMwpQSwECFAMUAAAAAAAAACEAyCEwENkBAADZAQAACgAAAAAAAAAAAAAAgAEAAAAAbS9kYXRhLnBrbFBLAQIUAxQAAAAAAAAAIQAk5TkZ" +
    "GAAAABgAAAAIAAAAAAAAAAAAAACAAQECAABtL2RhdGEvMFBLAQIUAxQAAAAAAAAAIQCEqViQBAAAAAQAAAAIAAAAAAAAAAAAAACAAT8CAABtL2RhdGEvMVBLAQIUAxQAAA" +
    "AAAAAAIQBw1udvCAAAAAgAAAAIAAAAAAAAAAAAAACAAWkCAABtL2RhdGEvMlBLAQIUAxQAAAAAAAAAIQDRnmdVAgAAAAIAAAAJAAAAAAAAAAAAAACAAZcCAABtL3ZlcnNp" +
    "b25QSwUGAAAAAAUABQARAQAAwAIAAAAA",
  deflated:
    "UEsDBBQAAAAIAAAAIQA0yBxc/QAAAJMBAAAKAAAAbS9kYXRhLnBrbG3QQUvDMBTA8Sat1tF58a7n9jJ0n0FEiCDOD1CyNi6F2Ejyup0ELxsK77bn9zUrDnMwx8fvz3vkI/" +
    "v+ZMn4sGisMaqBzvaesHh0rXKqve0aoD1VCyqRbQinYF2jZ/UAnQnsonZqOXSmrUH13rp6PQ+6LDH3AcqVIjwZi1DeGSvh+Xe8J2TXhGnzNpA4BXoSieAi3ZFIBdvRl+Zh" +
    "JdCCkG+AdF6W+kwXeqrPjzoVPGh2aCKdgezMPz4TfBv0NrZMH+EEi3tpXuLjbiikfFylL/VVnPVR9mD7VZzNDxkbs6r6i4Z3wkn9qkC2EiSNc0woTPO1cj78eTjOe7+c/Q" +
    "BQSwMEFAAAAAgAAAAhACTlORkUAAAAGAAAAAgAAABtL2RhdGEvMGNgaLBnYGBwACIgbgDiBUB8wAEAUEsDBBQAAAAIAAAAIQCEqViQBgAAAAQAAAAIAAAAbS9kYXRhLzFj" +
    "sGA4AABQSwMEFAAAAAgAAAAhAHDW528FAAAACAAAAAgAAABtL2RhdGEvMmNngAAAUEsDBBQAAAAAAAAAIQDRnmdVAgAAAAIAAAAJAAAAbS92ZXJzaW9uMwpQSwECFAMUAA" +
    "AACAAAACEANMgcXP0AAACTAQAACgAAAAAAAAAAAAAAgAEAAAAAbS9kYXRhLnBrbFBLAQIUAxQAAAAIAAAAIQAk5TkZFAAAABgAAAAIAAAAAAAAAAAAAACAASUBAABtL2Rh" +
    "dGEvMFBLAQIUAxQAAAAIAAAAIQCEqViQBgAAAAQAAAAIAAAAAAAAAAAAAACAAV8BAABtL2RhdGEvMVBLAQIUAxQAAAAIAAAAIQBw1udvBQAAAAgAAAAIAAAAAAAAAAAAAA" +
    "CAAYsBAABtL2RhdGEvMlBLAQIUAxQAAAAAAAAAIQDRnmdVAgAAAAIAAAAJAAAAAAAAAAAAAACAAbYBAABtL3ZlcnNpb25QSwUGAAAAAAUABQARAQAA3wEAAAAA",
  legacy:
    "gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5cGVfc2l6ZXNxA31xBChYBQ" +
    "AAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAmNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxAClScQEoWAEAAAB3cQJjdG9yY2guX3V0aWxzCl9y" +
    "ZWJ1aWxkX3RlbnNvcl92MgpxAygoWAcAAABzdG9yYWdlcQRjdG9yY2gKRmxvYXRTdG9yYWdlCnEFWAEAAAAwcQZYAwAAAGNwdXEHSwZ0cQhRSwBLAksDhnEJSwNLAYZxCo" +
    "loAClScQt0cQxScQ1YAgAAAHd0cQ5oAygoaARoBWgGaAdLBnRxD1FLAEsDSwKGcRBLAUsDhnERiWgAKVJxEnRxE1JxFFgEAAAAdGFpbHEVaAMoKGgEaAVoBmgHSwZ0cRZR" +
    "SwRLAoVxF0sBhXEYiWgAKVJxGXRxGlJxG1gBAAAAaHEcaAMoKGgEY3RvcmNoCkhhbGZTdG9yYWdlCnEdWAEAAAAxcR5oB0sCdHEfUUsAaBdoGIloAClScSB0cSFScSJYAQ" +
    "AAAG5xI2gDKChoBGN0b3JjaApMb25nU3RvcmFnZQpxJFgBAAAAMnElaAdLAXRxJlFLACkpiWgAKVJxJ3RxKFJxKXV9cSpYCQAAAF9tZXRhZGF0YXEraAApUnEsWAAAAABx" +
    "LX1xLlgHAAAAdmVyc2lvbnEvSwFzc3NiLoACXXEAKFgBAAAAMHEBWAEAAAAxcQJYAQAAADJxA2UuBgAAAAAAAAAAAIA/AAAAQAAAQEAAAIBAAACgQAAAwEACAAAAAAAAAA" +
    "A4AMABAAAAAAAAAAcAAAAAAAAA",
};

describe("files of Python", () => {
  test.each(Object.entries(FILES))("%s", async (_, base64) => {
    expect(isPth(bytesOf(base64))).toBe(true);
    const entries = await readPth(bytesOf(base64), "m.pth");
    expect([...entries].map(([name, { dtype, shape, data }]) => [name, dtype, shape, Array.from(data, Number)])).toEqual([
      ["w", "F32", [2, 3], [1, 2, 3, 4, 5, 6]],
      ["wt", "F32", [3, 2], [1, 4, 2, 5, 3, 6]],
      ["tail", "F32", [2], [5, 6]],
      ["h", "F16", [2], [0.5, -2]],
      ["n", "I64", [], [7]],
    ]);
  });

  test.each(Object.entries(FILES))("%s, cut anywhere, is one line that names the file", async (_, base64) => {
    const whole = bytesOf(base64);
    for (let length = 0; length < whole.length; length += 7) {
      const error = await readPth(whole.slice(0, length), "m.pth").catch((e: Error) => e);
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).toMatch(/^m\.pth: [^\n]+$/);
    }
  });
});

const zipOf = (files: Readonly<Record<string, Uint8Array>>): Uint8Array => writeZip(new Map(Object.entries(files)));

// ---- by hand ------------------------------------------------------------------------------------------------------------------------

type Code = number | string | readonly Code[];
/** Bytes of a pickle: numbers are bytes, texts are ASCII. */
const assemble = (code: Code): number[] =>
  typeof code === "number" ? [code] : typeof code === "string" ? [...code].map((c) => c.charCodeAt(0)) : code.flatMap(assemble);
const u32 = (n: number): Code => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
const text = (s: string): Code => ["X", u32(s.length), s];
const global = (module: string, name: string): Code => ["c", module, "\n", name, "\n"];
const int = (n: number): Code => ["J", u32(n)];
const tuple = (...items: Code[]): Code => ["(", items, "t"];
const dict = (...pairs: [Code, Code][]): Code => ["}", "(", pairs.flat(), "u"];
const storage = (type: string, count: number, key = "0"): Code => [
  tuple(text("storage"), global("torch", type), text(key), text("cpu"), int(count)),
  "Q",
];
const tensor = (from: Code, offset: number, shape: number[], strides: number[]): Code => [
  global("torch._utils", "_rebuild_tensor_v2"),
  tuple(from, int(offset), tuple(...shape.map(int)), tuple(...strides.map(int))),
  "R",
];
const pickle = (value: Code): Uint8Array => Uint8Array.from(assemble([0x80, 2, value, "."]));
const file = (value: Code, data: Record<string, Uint8Array> = { "0": new Uint8Array(16) }): Uint8Array =>
  zipOf({ "m/data.pkl": pickle(value), ...Object.fromEntries(Object.entries(data).map(([key, bytes]) => [`m/data/${key}`, bytes])) });
const good = tensor(storage("FloatStorage", 4), 0, [4], [1]);

describe("what is refused", () => {
  const inside = (value: Code) => file(dict([text("x"), value]));
  test.each([
    [
      "a class of somebody's",
      file(["c", "os\nsystem\n", tuple(text("echo")), "R"]),
      "it holds os.system, which is no tensor; only state dicts are read: save with torch.save(model.state_dict(), path)",
    ],
    ["a number", inside(int(3)), '"x" is a number, not a tensor; want a state dict, as torch.save(model.state_dict(), path) writes it'],
    [
      "a checkpoint",
      file(dict([text("epoch"), int(3)], [text("model"), dict([text("w"), good])])),
      '"epoch" is a number, not a tensor; its "model" seems to be one: save that alone',
    ],
    ["a lone tensor", file(good), "holds a tensor; want a state dict, as torch.save(model.state_dict(), path) writes it"],
    [
      "an object's state",
      file([global("torch", "Size"), tuple(tuple()), "R", dict(), "b"]),
      "its pickle sets the state of an object; only state dicts are read",
    ],
    ["a call of a name", file([global("torch", "FloatStorage"), tuple(), "R"]), "its pickle calls something that is no function; refused"],
    ["a new object", file([global("torch", "FloatStorage"), ")", 0x81]), "its pickle calls something that is no function; refused"],
    ["a strange storage", inside(tensor(storage("ComplexFloatStorage", 4), 0, [4], [1])), "unsupported elements, ComplexFloatStorage"],
    [
      "a view beyond its storage",
      inside(tensor(storage("FloatStorage", 4), 1, [4], [1])),
      "damaged file: a tensor reaches beyond storage 0",
    ],
    ["a view that repeats", inside(tensor(storage("FloatStorage", 4), 0, [1000], [0])), "a tensor has more elements than its storage 0"],
    [
      "a negative size",
      inside(tensor(storage("FloatStorage", 4), 0, [-1], [1])),
      "damaged file: a tensor is not described as PyTorch does it",
    ],
    ["a storage of another size", file(dict([text("x"), good]), { "0": new Uint8Array(12) }), "storage 0 should have 16 bytes and has 12"],
    ["a missing storage", file(dict([text("x"), good]), {}), "damaged file: storage 0 is missing"],
    ["another zip", zipOf({ "a.txt": new Uint8Array(3) }), "a zip archive without data.pkl, so not a file of torch.save"],
    ["TorchScript", zipOf({ "m/data.pkl": pickle(int(1)), "m/constants.pkl": pickle(int(1)) }), "a TorchScript program, not a state dict"],
    [
      "big-endian",
      zipOf({ "m/data.pkl": pickle(dict()), "m/byteorder": new TextEncoder().encode("big") }),
      "written on a big-endian machine; only little-endian files are read",
    ],
    ["noise", Uint8Array.of(1, 2, 3, 4), "neither a zip archive nor a pickle, so not a file of torch.save; is it a .safetensors file?"],
  ])("%s", async (_, bytes, message) => {
    await expect(readPth(bytes, "m.pth")).rejects.toThrow(`m.pth: ${message}`);
  });

  test("a tar archive is named", async () => {
    const tar = new Uint8Array(1024);
    tar.set(new TextEncoder().encode("ustar"), 257);
    expect(isPth(tar)).toBe(true);
    await expect(readPth(tar, "m.pth")).rejects.toThrow("m.pth: the tar format of PyTorch before 0.1.10 is not read");
  });
});
