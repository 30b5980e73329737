/** @file Damaged checkpoints: none is taken for whole. More of them, on the command line, in `test/nightly`. */
import { describe, expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { xxh32 } from "../../src/formats/xxhash.ts";
import { tensor } from "../../src/ops/create.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";
import { latestCheckpoint, loadCheckpoint, memoryStore, saveCheckpoint } from "../../src/train/index.ts";
import { checkRunState } from "../../src/train/run-state.ts";

const cells = (fill = 0): Map<string, Cell> =>
  new Map([["model.w", new Cell(tensor(Float32Array.from({ length: 300 }, (_, i) => fill * i)), "w")]]);
const record = { trainLoss: 1, trainAccuracy: null, testLoss: 1, testAccuracy: null, seconds: 1 };
/** The state after some steps of a run of four steps an epoch. */
const state = (total: number, more: object = {}): object => ({
  position: { epoch: 1 + Math.floor(total / 4), step: total % 4, examples: 0, seconds: 0 },
  steps: 4,
  records: Array.from({ length: Math.floor(total / 4) }, () => record),
  rateFactor: 1,
  callbacks: { checkpoints: { run: "r", kept: [{ step: total, value: null }] } },
  ...more,
});
const name = (step: number): string => `step-${String(step).padStart(8, "0")}.safetensors`;

/** Numbers in [0, 1) that a seed decides (Marsaglia 2003). */
function randomFrom(seed: number): () => number {
  let x = (seed * 2654435761) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

test("XXH32 is that of its specification", () => {
  const of = (text: string, seed = 0): string => xxh32(new TextEncoder().encode(text), seed).toString(16);
  expect([of(""), of("a"), of("abc"), of("Nobody inspects the spammish repetition")]).toEqual([
    "2cc5d05",
    "550d7456",
    "32d153ff",
    "e2293b2f",
  ]);
  expect(of("", 0x9e3779b1)).toBe("36b78ae7");
  const odd = new Uint8Array(100).fill(3).subarray(1, 60);
  expect(xxh32(odd)).toBe(xxh32(odd.slice()));
});

describe("a damaged checkpoint", () => {
  const kinds: Record<string, (bytes: Uint8Array, random: () => number) => Uint8Array> = {
    "a flipped bit": (bytes, random) => {
      const at = Math.floor(random() * bytes.length);
      bytes[at] ^= 1 << Math.floor(random() * 8);
      return bytes;
    },
    "a zeroed range": (bytes, random) => {
      const [from, length] = [Math.floor(random() * bytes.length), 1 + Math.floor(random() * 600)];
      if (bytes.subarray(from, from + length).every((byte) => byte === 0)) bytes[0] ^= 1;
      return bytes.fill(0, from, from + length);
    },
    "a cut end": (bytes, random) => bytes.slice(0, Math.floor(random() * bytes.length)),
    "two ranges exchanged": (bytes, random) => {
      const half = Math.floor(bytes.length / 2);
      const [a, b] = [Math.floor(random() * (half - 64)), half + Math.floor(random() * (half - 64))];
      const first = bytes.slice(a, a + 64);
      if (first.every((byte, i) => bytes[b + i] === byte)) bytes[0] ^= 1;
      bytes.copyWithin(a, b, b + 64);
      bytes.set(first, b);
      return bytes;
    },
  };

  test.each(Object.keys(kinds))("%s: passed over a hundred times, and the one before is taken", async (kind) => {
    const whole = await saveCheckpoint(cells(1), state(8), { note: 'ä note with "checksum":"xxh32:00000000" in it' });
    const before = await saveCheckpoint(cells(2), state(5));
    const random = randomFrom(1);
    for (let i = 0; i < 100; i++) {
      const store = memoryStore();
      await store.write(name(5), before);
      await store.write(name(8), kinds[kind](whole.slice(), random));
      const told: string[] = [];
      const found = await latestCheckpoint(store, { onDamaged: ({ message }) => told.push(message) });
      expect([found?.step, found?.checked, told.length], `${kind}, number ${i}`).toEqual([5, true, 1]);
    }
  });

  test("is refused as a whole: no cell changes", async () => {
    const bytes = await saveCheckpoint(cells(1), state(8));
    bytes[bytes.length - 5] ^= 4;
    const mine = cells(7);
    expect(() => loadCheckpoint(mine, bytes, "x.safetensors")).toThrow("x.safetensors: damaged: its bytes do not have its checksum");
    expect([...mine.values()].map((cell) => cell.value.dataSync()[2])).toEqual([14]);
  });

  test("that has lost its checksum is not taken for one of the first version, which had none", async () => {
    const { entries, metadata } = readSafetensors(await saveCheckpoint(cells(1), state(8)));
    const { checksum: _, ...rest } = metadata;
    expect(() => loadCheckpoint(cells(), writeSafetensors(entries, rest))).toThrow("damaged: its checksum is missing");
    const { steps: __, ...old } = JSON.parse(metadata.nabla);
    const store = memoryStore();
    await store.write(name(8), writeSafetensors(entries, { ...rest, nabla: JSON.stringify(old) }));
    expect(await latestCheckpoint(store)).toMatchObject({ step: 8, checked: false });
  });

  test("under another step's name is passed over", async () => {
    const store = memoryStore();
    await store.write(name(12), await saveCheckpoint(cells(1), state(8)));
    const told: string[] = [];
    expect(await latestCheckpoint(store, { onDamaged: ({ message }) => told.push(message) })).toBeUndefined();
    expect(told).toEqual([`${name(12)}: is the checkpoint of step 8 under another name`]);
  });
});

test.each([
  ["a step beyond its epoch", { position: { epoch: 3, step: 1e9, examples: 0, seconds: 0 } }, "step 1000000000 of an epoch of 4 steps"],
  [
    "an epoch that it cannot have reached",
    { position: { epoch: 1e9, step: 0, examples: 0, seconds: 0 } },
    "epoch 1000000000, but records of 2 epochs",
  ],
  ["half a step", { position: { epoch: 3, step: 0.5, examples: 0, seconds: 0 } }, "step 0.5 is no integer from 0"],
  ["a step that is no number", { position: { epoch: 3, step: null, examples: 0, seconds: 0 } }, "step null is no integer from 0"],
  ["negative seconds", { position: { epoch: 3, step: 0, examples: 0, seconds: -1 } }, "0 examples in -1 seconds"],
  ["no position", { position: undefined }, "it has no position"],
  ["records that are none", { records: [1, 2] }, "its records are no epochs"],
  ["a factor that is no number", { rateFactor: null }, "the factor null of learning rates is no number from 0"],
  ["no callbacks", { callbacks: null }, "it has no states of callbacks"],
  ["another number of steps", { steps: 5 }, "its epochs have 5 steps, those of this run 4; want the same data set and batch size"],
])("a state with %s is refused", (_, change, message) => {
  expect(() => checkRunState(state(8, change), "x", 4)).toThrow(`x: its state cannot be that of a run: ${message}`);
  expect(checkRunState(state(8), "x", 4)).toBeDefined();
});
