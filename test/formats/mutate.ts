/**
 * @file Files damaged at random: each must give a result that is whole in itself, or one error of one line that names the file, at once and in
 * little memory. `npm test` tries some, `npm run test:nightly` 20,000 of each format.
 */
import { readFileSync } from "node:fs";
import { deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { threefry2x32 } from "../../src/base/random.ts";
import { readCsv } from "../../src/data/csv.ts";
import { readImage } from "../../src/data/image.ts";
import { readParquet } from "../../src/data/parquet.ts";
import { readWeights } from "../../src/formats/archive.ts";
import { gunzip } from "../../src/formats/gzip.ts";
import { readIdx } from "../../src/formats/idx.ts";
import { type NpyArray, readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readNpz, writeNpz } from "../../src/formats/npz.ts";
import { decodeOnnx, encodeOnnx, type OnnxModel, type OnnxTensor, onnxElements } from "../../src/formats/onnx.ts";
import { readPth } from "../../src/formats/pth.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { readTar } from "../../src/formats/tar.ts";
import { crc32c, readEvents, scalarEvent } from "../../src/formats/tfevents.ts";
import { readZip, writeZip } from "../../src/formats/zip.ts";
import { chunk, jpeg, png, segments } from "../data/make-images.ts";

interface Format {
  /** Good files to start from. */
  readonly files: readonly Uint8Array[];
  /** Damages of the format's own: lengths and checksums fit, so that what lies behind them is reached. */
  readonly damages?: readonly Damage[];
  /** Bytes that a call may take; the limit that `read` gives. Default: ten times the file. */
  readonly budget?: number;
  /** Reads bytes, and says what is wrong with the result, if anything is. */
  read(bytes: Uint8Array): Promise<string | undefined> | string | undefined;
}

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const noise = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => threefry2x32([1, 2], [i, 0])[0] & 0xff);
const floats = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i));

const wrongCount = ({ shape, data }: { readonly shape: readonly number[]; readonly data: ArrayLike<unknown> }): string | undefined =>
  shape.reduce((a, b) => a * b, 1) === data.length ? undefined : `shape [${shape.join(", ")}] with ${data.length} elements`;
const firstWrong = (arrays: Iterable<{ readonly shape: readonly number[]; readonly data: ArrayLike<unknown> }>): string | undefined =>
  [...arrays].map(wrongCount).find((fault) => fault !== undefined);

/** 30000 bytes as 30 images of 20x50. */
const idx = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 30, 0, 0, 0, 20, 0, 0, 0, 50, ...noise(30_000)]);
const arrays = new Map<string, NpyArray>([
  ["weights", { dtype: "f4", shape: [100, 50], data: floats(5000) }],
  ["bias", { dtype: "f8", shape: [50], data: Float64Array.from(floats(50)) }],
  ["steps", { dtype: "i4", shape: [], data: Int32Array.of(7) }],
]);

/** What readers of large formats are allowed here. */
const BUDGET = 2 ** 26;
const limits = { maxBytes: BUDGET };
const wrongPicture = ({ width, height, channels, data }: Awaited<ReturnType<typeof readImage>>): string | undefined =>
  data.length === width * height * channels ? undefined : `${data.length} bytes of ${width}x${height}x${channels}`;
const wrongTable = ({ columns, rows }: Awaited<ReturnType<typeof readCsv>>): string | undefined =>
  rows.every((row) => row.length === columns.length) ? undefined : "a row of another length";

const table = [
  'id;name;"weight; in kg";when',
  ...Array.from({ length: 40 }, (_, i) => `${i};"n ""${i}""";${i / 4},5;2024-01-${10 + (i % 20)}`),
].join("\r\n");

/** A file with one of its entries damaged. */
function inZip(bytes: Map<string, Uint8Array>, dice: Dice): Uint8Array {
  const entries = new Map(bytes);
  const name = dice.pick([...entries.keys()]);
  entries.set(name, dice.pick(damages)(entries.get(name)!, dice));
  return writeZip(entries);
}

const npzEntries = await readZip(writeNpz(arrays), "npz");
const pth = fixture("legacy-protocol2.pth");
const zipped = new Map<string, Uint8Array>([
  ["m/data.pkl", statePickle()],
  ["m/data/94", new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer)],
  ["m/data/95", new Uint8Array(Float32Array.of(7, 8).buffer)],
]);

/** The pickle of the state dict in the older form: the fourth of that file. */
function statePickle(): Uint8Array {
  const opcodes = [...pth];
  const start = String.fromCharCode(...opcodes).indexOf("\x80\x02ccollections");
  return pth.slice(start, String.fromCharCode(...opcodes).indexOf(".\x80\x02]", start) + 1);
}

/** The parts of a PNG file: type and data of its chunks. */
function chunksOf(file: Uint8Array): { type: string; data: Uint8Array }[] {
  const found: { type: string; data: Uint8Array }[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 8; at + 12 <= file.length; ) {
    const length = view.getUint32(at);
    if (at + 12 + length > file.length) break;
    found.push({ type: String.fromCharCode(...file.subarray(at + 4, at + 8)), data: file.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return found;
}

/** One part doubled, left out, moved or damaged. */
function shuffled<T>(parts: readonly T[], dice: Dice, damage: (part: T) => T): T[] {
  if (parts.length === 0) return [];
  const at = dice.below(parts.length);
  const to = dice.below(parts.length);
  return [
    () => parts.map((part, i) => (i === at ? damage(part) : part)),
    () => parts.map((part, i) => (i === at ? damage(part) : part)),
    () => [...parts.slice(0, at), ...parts.slice(at + 1)],
    () => [...parts.slice(0, to), parts[at], ...parts.slice(to)],
  ][dice.below(4)]();
}

const pngDamage: Damage = (bytes, dice) => {
  const parts = shuffled(chunksOf(bytes), dice, ({ type, data }) => {
    if (type !== "IHDR" && dice.below(3) === 0)
      return { type, data: new Uint8Array(deflateSync(noise(dice.below(500)).fill(dice.below(256)))) };
    return { type, data: data.length === 0 ? data : dice.pick(damages)(data, dice) };
  });
  return Uint8Array.from([...bytes.subarray(0, 8), ...parts.flatMap(({ type, data }) => [...chunk(type, data)])]);
};

/** Segments keep lengths that fit. */
const jpegDamage: Damage = (bytes, dice) => {
  let parts: Uint8Array[];
  try {
    parts = segments(bytes);
  } catch {
    return bytes;
  }
  return jpeg(
    shuffled(parts, dice, (part) => {
      const body = part.length > 4 ? dice.pick(damages)(part.slice(4), dice) : part.slice(4);
      return Uint8Array.from([part[0], part[1], (body.length + 2) >> 8, (body.length + 2) & 255, ...body]);
    }),
  );
};

/** Records whose checksums fit. */
const eventDamage: Damage = (bytes, dice) => {
  if (bytes.length < 16) return bytes;
  const length = Math.min(bytes.length - 16, Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)));
  if (!(length > 0)) return bytes;
  const event = dice.pick(damages)(bytes.slice(12, 12 + length), dice);
  const record = new Uint8Array(16 + event.length);
  const view = new DataView(record.buffer);
  const masked = (part: Uint8Array): number => {
    const crc = crc32c(part);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  view.setUint32(0, event.length, true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(event, 12);
  view.setUint32(12 + event.length, masked(event), true);
  return Uint8Array.from([...record, ...bytes.subarray(16 + length)]);
};

/** Numbers of HDF5 are little-endian and aligned to four bytes: sizes, counts and addresses. */
const hdf5Damage: Damage = (bytes, dice) => {
  if (bytes.length < 8) return bytes;
  const at = dice.below(Math.floor(bytes.length / 4) - 1) * 4;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const values = [...EXTREMES, dice.below(bytes.length), view.getUint32(at, true) + 1, view.getUint32(at, true) * 2];
  view.setUint32(at, dice.pick(values), true);
  return copy;
};

const TFJS_FILES = ["group1-shard1of2.bin", "group1-shard2of2.bin", "group2-shard1of1.bin"];
/** A name that is not there is one of those that are, so that what lies behind it is reached. */
const tfjsFile = (name: string): string => (TFJS_FILES.includes(name) ? name : TFJS_FILES[0]);

const KNOWN = "F64 F32 F16 BF16 F8_E4M3 F8_E5M2 F8_E8M0 I64 U64 I32 U32 I16 U16 I8 U8 BOOL".split(" ");

/** A header of JSON with its length. */
const safetensorsDamage: Damage = (bytes, dice) => {
  if (bytes.length < 8) return bytes;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.slice(8, 8 + Math.min(length, bytes.length)));
  const number = dice.pick([...EXTREMES, -1, 1.5, 2 ** 53]);
  const numbers = [...header.matchAll(/\d+/g)];
  if (numbers.length === 0) return bytes;
  const { index, 0: old } = dice.pick(numbers);
  const text = new TextEncoder().encode(header.slice(0, index) + String(number) + header.slice(index + old.length));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setUint32(0, text.length, true);
  return Uint8Array.from([...size, ...text, ...bytes.subarray(8 + length)]);
};

/** Quotes, delimiters, line ends and bytes of other encodings anywhere. */
const csvDamage: Damage = (bytes, dice) => {
  const at = dice.below(bytes.length + 1);
  const piece = dice.pick(['"', ";", ",", "\r", "\n", "\r\n", "\0", "\ufeff", '""', ";;;;;;;;", "x".repeat(500), "1e999", "\u202e"]);
  return Uint8Array.from([...bytes.subarray(0, at), ...new TextEncoder().encode(piece), ...bytes.subarray(at)]);
};

/** A small network with a branch, with elements in each form. */
const onnxTensors: OnnxTensor[] = [
  { name: "w", dims: [100, 50], type: 1, raw: new Uint8Array(floats(5000).buffer) },
  { name: "list", dims: [30], type: 1, floats: floats(30) },
  { name: "sizes", dims: [3], type: 7, int64s: BigInt64Array.of(1n, -1n, 2n ** 62n) },
  { name: "bytes", dims: [4], type: 2, int32s: Int32Array.of(1, 2, 3, 255) },
  { name: "nibbles", dims: [5], type: 22, int32s: Int32Array.of(0x21, 0x43, 5) },
  { name: "half", dims: [2], type: 10, raw: Uint8Array.of(0, 60, 1, 0) },
];
const onnxModel: OnnxModel = {
  irVersion: 9,
  opsets: [{ version: 18 }],
  graph: {
    inputs: [{ name: "x", type: { tensor: { elem: 1, shape: { dims: [{ param: "N" }, { value: 100 }] } } } }],
    outputs: [{ name: "y" }],
    initializers: onnxTensors,
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["h"] },
      {
        op: "If",
        inputs: ["c"],
        outputs: ["y"],
        attributes: [
          { name: "then_branch", type: 5, g: { nodes: [{ op: "Relu", inputs: ["h"], outputs: ["z"] }], initializers: onnxTensors } },
        ],
      },
    ],
  },
};

/** Tensors of a model, of its branches too, that lie in the file. */
const tensorsIn = (graph: OnnxModel["graph"] = {}): OnnxTensor[] => [
  ...(graph.initializers ?? []),
  ...(graph.nodes ?? []).flatMap((node) => (node.attributes ?? []).flatMap(({ g, t }) => [...tensorsIn(g), ...(t ? [t] : [])])),
];

/** One field of a tensor of the model changed, so that lengths of messages fit. */
const onnxDamage: Damage = (_, dice) => {
  const number = dice.pick([...EXTREMES, -1, 2 ** 52, 2 ** 40]);
  const damaged = onnxTensors.map((tensor): OnnxTensor => {
    if (dice.below(3) > 0) return tensor;
    return dice.pick<() => OnnxTensor>([
      () => ({ ...tensor, dims: (tensor.dims ?? []).with(0, number) }),
      () => ({ ...tensor, dims: [...(tensor.dims ?? []), number, number] }),
      () => ({ ...tensor, type: dice.below(30) }),
      () => ({ ...tensor, raw: noise(dice.below(100)) }),
    ])();
  });
  return encodeOnnx("Model", { ...onnxModel, graph: { ...onnxModel.graph, initializers: damaged } });
};

/** A number of Thrift in the footer or in a page's header made long. */
const parquetDamage: Damage = (bytes, dice) => {
  const footer = bytes.length < 8 ? 0 : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(bytes.length - 8, true);
  const start = Math.max(0, bytes.length - 8 - footer);
  const at = dice.below(2) ? start + dice.below(Math.max(1, Math.min(footer, 300))) : 4 + dice.below(40);
  const varint = dice.pick([[0xfe, 0xff, 0xff, 0xff, 0x0f], [0x80, 0x80, 0x80, 0x08], [0xff, 0x7f], [0], [1]]);
  const changed = Uint8Array.from([...bytes.subarray(0, at), ...varint, ...bytes.subarray(at + 1)]);
  const added = varint.length - 1;
  if (at >= start && changed.length >= 8) new DataView(changed.buffer).setUint32(changed.length - 8, footer + added, true);
  return changed;
};

export const formats: Readonly<Record<string, Format>> = {
  gzip: {
    files: [new Uint8Array(gzipSync(noise(3000))), Uint8Array.from([...gzipSync("a"), ...gzipSync(new Uint8Array(5000)), 0, 0, 0])],
    budget: BUDGET,
    read: async (bytes) => ((await gunzip(bytes, "f", undefined, limits)).length <= BUDGET ? undefined : "too long"),
  },
  pth: {
    files: [writeZip(zipped)],
    damages: [(_, dice) => inZip(zipped, dice)],
    budget: BUDGET,
    read: async (bytes) => firstWrong((await readPth(bytes, "f", limits)).values()),
  },
  "legacy-pth": {
    files: [2, 3, 4, 5].map((protocol) => fixture(`legacy-protocol${protocol}.pth`)),
    budget: BUDGET,
    read: async (bytes) => firstWrong((await readPth(bytes, "f", limits)).values()),
  },
  png: {
    files: [0, 2, 3, 4, 6]
      .flatMap((colour) => [false, true].map((interlaced) => png({ colour, interlaced, depth: 8 })))
      .concat([png({ depth: 1, interlaced: true }), png({ depth: 16, colour: 2 }), fixture("palette.png")]),
    damages: [pngDamage],
    budget: BUDGET,
    read: async (bytes) => wrongPicture(await readImage(bytes, "f", limits)),
  },
  jpeg: {
    files: ["rgb.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "restart.jpg", "exif6.jpg", "rgb-components.jpg"].map(fixture),
    damages: [jpegDamage],
    budget: BUDGET,
    read: async (bytes) => wrongPicture(await readImage(bytes, "f", limits)),
  },
  csv: {
    files: [new TextEncoder().encode(table)],
    damages: [csvDamage],
    budget: BUDGET,
    read: async (bytes) => wrongTable(await readCsv(bytes, "f", limits)),
  },
  parquet: {
    files: ["none", "snappy", "gzip", "brotli", "zstd", "lz4", "v2"]
      .map((name) => fixture(`fruit-${name}.parquet`))
      .concat([fixture("names.parquet"), fixture("pandas-index.parquet")]),
    damages: [parquetDamage],
    budget: BUDGET,
    read: async (bytes) => wrongTable(await readParquet(bytes, "f", limits)),
  },
  idx: { files: [idx, new Uint8Array(gzipSync(idx))], read: async (bytes) => wrongCount(await readIdx(bytes, "f")) },
  npy: {
    files: [
      writeNpy(arrays.get("weights")!),
      fixture("fortran.npy"),
      fixture("big-i4.npy"),
      fixture("version2.npy"),
      fixture("little-f2.npy"),
    ],
    read: (bytes) => wrongCount(readNpy(bytes, "f")),
  },
  npz: {
    files: [writeNpz(arrays), fixture("deflated.npz"), fixture("stored.npz")],
    damages: [(_, dice) => inZip(npzEntries, dice)],
    read: async (bytes) => firstWrong((await readNpz(bytes, "f")).values()),
  },
  safetensors: {
    files: [
      fixture("numpy.safetensors"),
      writeSafetensors(
        new Map([
          ["weights", { dtype: "F32", shape: [100, 50], data: floats(5000) }],
          ["half", { dtype: "F16", shape: [30], data: floats(30) }],
          ["mask", { dtype: "BOOL", shape: [4], data: Uint8Array.of(0, 1, 1, 0) }],
        ]),
        { model: "mlp", step: "100" },
      ),
    ],
    damages: [safetensorsDamage],
    // Elements of a dtype that is not known come as their bytes.
    read: (bytes) => firstWrong([...readSafetensors(bytes, "f").entries.values()].filter(({ dtype }) => KNOWN.includes(dtype))),
  },
  onnx: {
    files: [encodeOnnx("Model", onnxModel)],
    damages: [onnxDamage],
    // A list of numbers of one byte is an array of eight each.
    budget: BUDGET,
    read: (bytes) => firstWrong(tensorsIn(decodeOnnx("Model", bytes, "f").graph).map((tensor) => onnxElements(tensor, "f"))),
  },
  hdf5: {
    files: ["keras-unnamed-model.h5.gz", "keras-unnamed-model.weights.h5.gz", "keras-lstm-model.weights.h5.gz"].map(
      (name) => new Uint8Array(gunzipSync(fixture(`weights/${name}`))),
    ),
    damages: [hdf5Damage],
    budget: BUDGET,
    read: async (bytes) => firstWrong((await readWeights(bytes, { what: "f", ...limits })).values()),
  },
  tfjs: {
    files: [fixture("weights/tfjs/model.json")],
    damages: [csvDamage],
    budget: BUDGET,
    read: async (bytes) =>
      firstWrong(
        (await readWeights(bytes, { what: "f", ...limits, files: async (name) => fixture(`weights/tfjs/${tfjsFile(name)}`) })).values(),
      ),
  },
  tfevents: {
    files: [
      fixture("tensorboard.tfevents"),
      Uint8Array.from(Array.from({ length: 50 }, (_, i) => [...scalarEvent(i, { loss: 1 / i, acc: i }, i)]).flat()),
    ],
    damages: [eventDamage],
    budget: BUDGET,
    read: (bytes) => (Array.isArray(readEvents(bytes, "f", limits)) ? undefined : "no list"),
  },
  tar: {
    files: [tar("a/b.bin", noise(1500))],
    read: async (bytes) => ([...(await readTar(bytes, "f")).values()].every((x) => x.length <= bytes.length) ? undefined : "too long"),
  },
};

/** An archive of one file. */
function tar(name: string, data: Uint8Array): Uint8Array {
  const archive = new Uint8Array(512 * (3 + Math.ceil(data.length / 512)));
  const put = (at: number, text: string) => archive.set(new TextEncoder().encode(text), at);
  put(0, name);
  put(124, data.length.toString(8).padStart(11, "0"));
  put(148, "        ");
  put(156, "0");
  put(
    148,
    `${archive
      .subarray(0, 512)
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, "0")}\0`,
  );
  archive.set(data, 512);
  return archive;
}

/** Whole numbers one after another, from a seed. */
class Dice {
  readonly #seed: number;
  #next = 0;
  constructor(seed: number) {
    this.#seed = seed;
  }
  /** 0 to n - 1. */
  below(n: number): number {
    return Math.floor((threefry2x32([this.#seed, 0], [this.#next++, 0])[0] / 2 ** 32) * n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

const EXTREMES = [0, 1, 7, 127, 255, 65_535, 65_536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** A place in the file; most of what can go wrong is said in its first and last bytes. */
function place(bytes: Uint8Array, dice: Dice): number {
  const near = Math.min(bytes.length, 200);
  return [() => dice.below(near), () => bytes.length - 1 - dice.below(near), () => dice.below(bytes.length)][
    dice.pick([0, 0, 0, 1, 1, 2])
  ]();
}

export type Damage = (bytes: Uint8Array, dice: Dice) => Uint8Array;

const damages: readonly Damage[] = [
  (bytes, dice) => bytes.with(place(bytes, dice), dice.below(256)),
  (bytes, dice) => {
    const at = place(bytes, dice);
    return bytes.with(at, bytes[at] ^ (1 << dice.below(8)));
  },
  // A digit for a digit, a bracket for a bracket: headers that still read well.
  (bytes, dice) => {
    const at = place(bytes, dice);
    const [from, to] = bytes[at] >= 0x30 && bytes[at] <= 0x39 ? [0x30, 10] : [0x20, 95];
    return bytes.with(at, from + dice.below(to));
  },
  (bytes, dice) => {
    const at = place(bytes, dice) & ~1;
    const view = new DataView(bytes.slice().buffer);
    if (at + 4 <= bytes.length) view.setUint32(at, dice.pick(EXTREMES), dice.below(2) === 0);
    return new Uint8Array(view.buffer);
  },
  (bytes, dice) => bytes.slice(0, place(bytes, dice)),
  (bytes, dice) => Uint8Array.from([...bytes, ...noise(1 + dice.below(40))]),
  (bytes, dice) => {
    const at = place(bytes, dice);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + dice.below(20))]);
  },
  (bytes, dice) => {
    const at = place(bytes, dice);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at, at + 1 + dice.below(40)), ...bytes.subarray(at)]);
  },
  (bytes, dice) => bytes.slice().copyWithin(place(bytes, dice), place(bytes, dice), place(bytes, dice)),
];

/** File `seed` of a format: a good one with one to three damages, of which about half are the format's own. */
export function mutated({ files, damages: own = [] }: Format, seed: number): Uint8Array {
  const dice = new Dice(seed);
  let bytes = dice.pick(files);
  for (let n = 1 + dice.below(3); n > 0 && bytes.length > 0; n--)
    bytes = dice.pick(own.length > 0 && dice.below(2) ? own : damages)(bytes, dice);
  return bytes;
}

const SECONDS = 10;
/** What a reader may allocate beside ten times its file: buffers of streams, and the test itself. */
const SLACK = 2 ** 20;

const memory = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
};

/** What is wrong with how a reader took these bytes; undefined if nothing is. */
export async function failureOf(format: Format, bytes: Uint8Array): Promise<"read" | "refused" | { readonly fault: string }> {
  const [before, started] = [memory(), performance.now()];
  let outcome: "read" | "refused" | { fault: string };
  try {
    const fault = await format.read(bytes);
    outcome = fault === undefined ? "read" : { fault };
  } catch (error) {
    outcome = isClear(error) ? "refused" : { fault: `not one clear error: ${error instanceof Error ? error.stack : String(error)}` };
  }
  const [allocated, seconds] = [memory() - before, (performance.now() - started) / 1000];
  if (seconds > SECONDS) return { fault: `took ${seconds.toFixed(1)} s` };
  if (allocated > (format.budget ?? 10 * bytes.length) + SLACK)
    return { fault: `allocated ${allocated} bytes for a file of ${bytes.length}` };
  return outcome;
}

/** One line that names the file, and no slip of the reader's own. */
function isClear(error: unknown): boolean {
  return error instanceof Error && error.constructor === Error && /^f[:,] [^\n]{5,400}$/.test(error.message);
}

/** What became of `count` damaged files of a format, from a seed on. */
export async function tried(name: string, first: number, count: number): Promise<{ faults: string[]; read: number; refused: number }> {
  const result = { faults: [] as string[], read: 0, refused: 0 };
  for (let seed = first; seed < first + count; seed++) {
    const outcome = await failureOf(formats[name], mutated(formats[name], seed));
    if (typeof outcome === "string") result[outcome]++;
    else result.faults.push(`seed ${seed}: ${outcome.fault}`);
  }
  return result;
}
