/**
 * @file Files damaged at random: each must give a result that is whole in itself, or one error of one line that names the file, at once and in
 * little memory. `npm test` tries some, `npm run test:nightly` 20,000 of each format.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { threefry2x32 } from "../../src/base/random.ts";
import { readIdx } from "../../src/formats/idx.ts";
import { type NpyArray, readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readNpz, writeNpz } from "../../src/formats/npz.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { readTar } from "../../src/formats/tar.ts";
import { readEvents, scalarEvent } from "../../src/formats/tfevents.ts";

interface Format {
  /** Good files to start from. */
  readonly files: readonly Uint8Array[];
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

export const formats: Readonly<Record<string, Format>> = {
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
    read: (bytes) => firstWrong(readSafetensors(bytes, "f").entries.values()),
  },
  tfevents: {
    files: [
      fixture("tensorboard.tfevents"),
      Uint8Array.from(Array.from({ length: 50 }, (_, i) => [...scalarEvent(i, { loss: 1 / i, acc: i }, i)]).flat()),
    ],
    read: (bytes) => (Array.isArray(readEvents(bytes, "f")) ? undefined : "no list"),
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

type Damage = (bytes: Uint8Array, dice: Dice) => Uint8Array;

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

/** File `seed` of a format: a good one with one to three damages. */
export function mutated({ files }: Format, seed: number): Uint8Array {
  const dice = new Dice(seed);
  let bytes = dice.pick(files);
  for (let n = 1 + dice.below(3); n > 0 && bytes.length > 0; n--) bytes = dice.pick(damages)(bytes, dice);
  return bytes;
}

const SECONDS = 2;
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
  if (allocated > 10 * bytes.length + SLACK) return { fault: `allocated ${allocated} bytes for a file of ${bytes.length}` };
  return outcome;
}

/** One line that names the file, and no slip of the reader's own. */
function isClear(error: unknown): boolean {
  return error instanceof Error && error.constructor === Error && /^f[:,] [^\n]{5,400}$/.test(error.message);
}
