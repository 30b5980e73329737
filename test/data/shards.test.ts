/** @file Data sets in shards: WebDataset's tar files as GNU tar writes them, the order of an epoch, what each rank reads, and what is wrong with files. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyFromSeed } from "../../src/base/random.ts";
import type { Dataset, Split } from "../../src/data/dataset.ts";
import { fetchBatches, Loader } from "../../src/data/loader.ts";
import { readParquet } from "../../src/data/parquet.ts";
import { loadDataset } from "../../src/data/registry.ts";
import { shardOrder } from "../../src/data/shard-order.ts";
import { webDataset } from "../../src/data/web-dataset.ts";
import { readTar } from "../../src/formats/tar.ts";
import { png } from "./make-images.ts";
import { tar } from "./make-tar.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-shards-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A picture of 4 by 3 of one grey, which says which it is. */
const picture = (i: number): Uint8Array => png({ width: 4, height: 3, sample: () => i });
const sample = (i: number, name = `s${i}`): [string, Uint8Array | string][] => [
  [`${name}.png`, picture(i)],
  [`${name}.cls`, `${i % 3}\n`],
];
const greyOf = (values: Float32Array): number => Math.round(255 * values[0]!);

/** Shards of so many pictures each, numbered through. */
function shards(place: string, counts: readonly number[], nameOf = (s: number) => `train-${String(s).padStart(4, "0")}.tar`): string {
  const path = join(folder, place);
  mkdirSync(path, { recursive: true });
  let i = 0;
  for (const [s, count] of counts.entries()) {
    tar(join(path, nameOf(s)), Array.from({ length: count }, () => sample(i++)).flat());
  }
  return path;
}

/** The greys of an epoch's batches. */
async function epochOf(
  split: Split,
  options: { batchSize: number; epoch?: number; part?: (n: number) => { from: number; to: number } },
  from = 0,
) {
  const found: number[][] = [];
  for await (const { inputs, count } of fetchBatches(split, { shuffle: true, ...options }, from))
    found.push(Array.from({ length: count }, (_, i) => greyOf(inputs.subarray(12 * i) as Float32Array)));
  return found;
}

describe("WebDataset", () => {
  let data: Dataset;
  beforeAll(async () => {
    data = await webDataset(shards("even", [7, 5, 9]), { testShare: 0.2 });
  });

  test("is found by its folder, with classes and a part for tests", async () => {
    const same = await loadDataset(join(folder, "even"));
    expect([same.train.count, same.test.count, same.classes, same.inputShape]).toEqual([18, 3, ["0", "1", "2"], [1, 3, 4]]);
    expect(same.notes).toEqual(["3 shards of 5 to 9 images train"]);
    const greys = await Promise.all(
      [same.train, same.test].map(async ({ read, count }) => read!(Int32Array.from({ length: count }, (_, i) => i))),
    );
    const all = greys.flatMap((values) => Array.from({ length: values.length / 12 }, (_, i) => greyOf(values.subarray(12 * i))));
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, i) => i));
  });

  test("targets belong to their pictures", async () => {
    const { train } = data;
    const values = await train.read!(Int32Array.from({ length: train.count }, (_, i) => i));
    for (const [i, target] of train.targets.entries()) expect(greyOf(values.subarray(12 * i)) % 3).toBe(target);
  });

  test("an epoch has each example once, in another order each time; from any batch on it is the same", async () => {
    const first = await epochOf(data.train, { batchSize: 4, epoch: 1 });
    expect(first.map((batch) => batch.length)).toEqual([4, 4, 4, 4, 2]);
    expect(new Set(first.flat()).size).toBe(18);
    expect(await epochOf(data.train, { batchSize: 4, epoch: 2 })).not.toEqual(first);
    for (const from of [1, 3, 5]) expect(await epochOf(data.train, { batchSize: 4, epoch: 1 }, from)).toEqual(first.slice(from));
  });

  test("parts of ranks make the batch, and threads read the same", async () => {
    const whole = await epochOf(data.train, { batchSize: 8 });
    const parts = await Promise.all(
      [0, 1].map((rank) => epochOf(data.train, { batchSize: 8, part: (n) => ({ from: (rank * n) >> 1, to: ((rank + 1) * n) >> 1 }) })),
    );
    expect(parts[0]!.map((batch, b) => [...batch, ...parts[1]![b]!])).toEqual(whole);
    const loader = new Loader(data.train, { batchSize: 8, shuffle: true });
    const loaded: number[][] = [];
    for await (const { inputs, count } of loader.epoch(0))
      loaded.push(Array.from({ length: count }, (_, i) => greyOf(inputs.subarray(12 * i) as Float32Array)));
    expect(loaded).toEqual(whole);
  });

  test("parts are told by names and by folders", async () => {
    const path = shards("named", [4, 4, 6], (s) => ["a-train-0.tar", "a-train-1.tar", "a-val-0.tar"][s]!);
    const { train, test: tests } = await webDataset(path);
    expect([train.count, tests.count, train.shards]).toEqual([8, 6, Int32Array.of(4, 4)]);
    const parent = join(folder, "folders");
    mkdirSync(join(parent, "test"), { recursive: true });
    mkdirSync(join(parent, "train"));
    copyFileSync(join(path, "a-val-0.tar"), join(parent, "test", "x.tar"));
    copyFileSync(join(path, "a-train-0.tar"), join(parent, "train", "x.tar"));
    const other = await loadDataset(parent);
    expect([other.train.count, other.test.count]).toEqual([4, 6]);
  });

  test.each(["ustar", "gnu", "pax"])("archives of the format %s, with long names", async (format) => {
    const path = join(folder, `${format}.tar`);
    const long = `${"deep/".repeat(format === "ustar" ? 20 : 60)}picture`;
    tar(path, [0, 1, 2, 3, 4, 5].flatMap((i) => sample(i, i === 2 ? long : `s${i}`)), format); // biome-ignore format: one thought
    expect([...(await readTar(readFileSync(path), "it")).keys()]).toContain(`${long}.png`);
    const { train, test: tests } = await webDataset(path, { testShare: 0.5 });
    expect(train.count + tests.count).toBe(6);
  });

  test("classes may have names, and an ending of their own", async () => {
    const path = join(folder, "names.tar");
    const animals = ["cat", "dog", "cat", "dog"];
    tar(path, animals.flatMap((name, i): [string, string | Uint8Array][] => [[`${i}.seg.txt`, "no"], [`${i}.jpg`, picture(i)], [`${i}.animal`, name]])); // biome-ignore format: one thought
    const { classes } = await webDataset(path, { label: "animal", testShare: 0.5 });
    expect(classes).toEqual(["cat", "dog"]);
  });
});

describe("Parquet", () => {
  // Written by pyarrow 22: 23, 17 and 30 rows in groups of 10; b is about 100 a, kind says whether a is above 0.
  const path = join(import.meta.dirname, "../fixtures/shards");
  let rows: Map<number, readonly [a: number, b: number, kind: string]>;
  beforeAll(async () => {
    rows = new Map();
    for (const s of [0, 1, 2]) {
      const name = join(path, `train-0000${s}-of-00003.parquet`);
      for (const [id, a, b, kind] of (await readParquet(readFileSync(name))).rows)
        rows.set(Number(id), [Number(a), Number(b), String(kind)]);
    }
  });
  const everything = (split: Split): Promise<Float32Array> => split.read!(Int32Array.from({ length: split.count }, (_, i) => i));

  test("rows, classes and standardization are those of the files read whole", async () => {
    const {
      train,
      test: tests,
      classes,
      inputShape,
      preprocessing,
      notes,
    } = await loadDataset(path, { label: "kind", standardize: false });
    expect([train.count, tests.count, classes, inputShape]).toEqual([56, 14, ["high", "low"], [3]]);
    expect(notes).toEqual(["3 shards, 8 row groups of 3 to 10 rows train", "label: kind, 2 classes; 3 inputs"]);
    const seen = new Set<number>();
    for (const split of [train, tests]) {
      const values = await everything(split);
      for (const [i, target] of split.targets.entries()) {
        const [id, a, b] = values.subarray(3 * i);
        seen.add(id!);
        const row = rows.get(id!)!;
        expect([a, b, classes[target]]).toEqual([row[0], Math.fround(row[1]), row[2]]);
      }
    }
    expect(seen.size).toBe(70);
    expect(preprocessing?.columns?.map(({ name }) => name)).toEqual(["id", "a", "b"]);
    const scaled = await loadDataset(path, { label: "kind", ignore: ["id"] });
    const values = await everything(scaled.train);
    for (const c of [0, 1]) {
      const column = values.filter((_, i) => i % 2 === c);
      const mean = column.reduce((sum, x) => sum + x, 0) / column.length;
      expect(mean).toBeCloseTo(0, 5);
      expect(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / column.length).toBeCloseTo(1, 5);
    }
  });

  test("a number to predict, in its own units once more", async () => {
    const { train, task, preprocessing } = await loadDataset(path, { label: "b", ignore: ["id", "kind"] });
    expect(task).toBe("regression");
    const { mean, std } = preprocessing!.targets!;
    const values = await everything(train);
    const { mean: means, std: deviations } = preprocessing!.inputs!;
    for (const [i, target] of train.targets.entries()) {
      const [a, b] = [values[i]! * deviations[0]! + means[0]!, target * std[0]! + mean[0]!];
      expect(Math.abs(b - 100 * a)).toBeLessThan(5);
    }
  });

  test("an epoch has each row once, and a run goes on from any batch", async () => {
    const { train } = await loadDataset(path, { label: "kind", standardize: false });
    const epoch = async (from = 0): Promise<number[][]> => {
      const found: number[][] = [];
      for await (const { inputs, count } of fetchBatches(train, { shuffle: true, batchSize: 8, epoch: 3 }, from))
        found.push(Array.from({ length: count }, (_, i) => inputs[3 * i]!));
      return found;
    };
    const whole = await epoch();
    expect(new Set(whole.flat()).size).toBe(56);
    expect(await epoch(4)).toEqual(whole.slice(4));
  });

  test("what is wrong with a shard is said", async () => {
    const copy = join(folder, "parquet");
    mkdirSync(copy);
    const name = (s: number): string => `train-0000${s}-of-00003.parquet`;
    for (const s of [0, 1]) copyFileSync(join(path, name(s)), join(copy, name(s)));
    const error = async (options = {}): Promise<string> => loadDataset(copy, options).then(() => "nothing", ({ message }: Error) => message); // biome-ignore format: one thought
    expect(await error()).toMatch(/shard train-00002-of-00003\.parquet is missing, there are 2 of 3/);
    const last = join(copy, name(2));
    copyFileSync(join(path, "../fruit-none.parquet"), last);
    expect(await error()).toMatch(
      /train-00002-of-00003\.parquet: has the columns .*, .*train-00000-of-00003\.parquet has id, a, b, kind; want the same in all shards$/,
    );
    copyFileSync(join(path, name(2)), last);
    truncateSync(last, 900);
    expect(await error()).toMatch(/train-00002-of-00003\.parquet: not a Parquet file, or a damaged one/);
    copyFileSync(join(path, name(2)), last);
    expect(await error({ label: "b", ignore: ["id"] })).toMatch(
      /row 1: column "kind" is "(high|low)", no number; correct it, or leave the column out \(--ignore\)$/,
    );
    expect(await error({ label: "c" })).toMatch(/no column "c" for the label; it has id, a, b, kind/);
    expect(await error({ missing: "mean" })).toMatch(/missing: is for tables in one file/);
  });
});

describe("the order of an epoch in shards", () => {
  test.each([
    { sizes: [3], batch: 2 },
    { sizes: [10, 1, 0, 7], batch: 8 },
    { sizes: Array.from({ length: 40 }, (_, i) => 5 + (i % 7)), batch: 24 },
    { sizes: [100, 3], batch: 7 },
  ])("has each example once: $sizes.length shards, batches of $batch", ({ sizes, batch }) => {
    const count = sizes.reduce((a, b) => a + b, 0);
    const order = shardOrder(sizes, batch, keyFromSeed(1));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(shardOrder(sizes, batch, keyFromSeed(1))).toEqual(order);
    if (count > 10) expect(shardOrder(sizes, batch, keyFromSeed(2))).not.toEqual(order);
  });

  test.each([2, 4, 8])("each of %i ranks reads shards of its own, and few at a time", (ranks) => {
    const [each, count, batch] = [50, 64, 16];
    const order = shardOrder(new Int32Array(count).fill(each), batch, keyFromSeed(3));
    const reads = Array.from({ length: ranks }, (_, rank) => {
      const batches = Array.from({ length: (each * count) / batch }, (__, b) =>
        order.slice(b * batch + (rank * batch) / ranks, b * batch + ((rank + 1) * batch) / ranks),
      );
      const shardsOf = (positions: readonly Int32Array[]): number =>
        new Set(positions.flatMap((x) => [...x].map((i) => Math.floor(i / each)))).size;
      return { all: shardsOf(batches), tenSteps: shardsOf(batches.slice(20, 30)) };
    });
    // Four shards are shuffled at a time, so a rank may share four with the next.
    for (const { all } of reads) expect(all).toBeLessThanOrEqual(count / ranks + 8);
    for (const { tenSteps } of reads) expect(tenSteps).toBeLessThanOrEqual((8 / ranks) * 8);
  });
});

describe("what is wrong", () => {
  const error = async (path: string, options = {}): Promise<string> =>
    webDataset(path, options).then(() => "nothing", ({ message }: Error) => message); // biome-ignore format: one thought

  test("a missing shard is named", async () => {
    const path = shards("gap", [2, 2, 2]);
    rmSync(join(path, "train-0001.tar"));
    expect(await error(path)).toMatch(/gap: shard train-0001\.tar is missing, there are 2 of 3; bring it, or name those that there are$/);
    expect(await error(join(path, "train-{0000..0002}.tar"))).toMatch(/^shard .*train-0001\.tar is missing$/);
    const counted = shards("counted", [2, 2], (s) => `x-0000${s}-of-00003.tar`);
    expect(await error(counted)).toMatch(/shard x-00002-of-00003\.tar is missing, there are 2 of 3/);
  });

  test("a damaged one is named with the place", async () => {
    const path = shards("damaged", [3, 3]);
    const file = join(path, "train-0001.tar");
    const bytes = readFileSync(file);
    truncateSync(file, 1200);
    expect(await error(path)).toMatch(/train-0001\.tar: truncated archive/);
    const broken = Uint8Array.from(bytes);
    broken[3] ^= 1;
    writeFileSync(file, broken);
    expect(await error(path)).toMatch(/train-0001\.tar: not a tar archive, or damaged: wrong checksum in the header at byte 0$/);
    const noise = Uint8Array.from(bytes);
    noise.fill(7, 520, 560);
    writeFileSync(file, noise);
    const { train, test: tests } = await webDataset(path, { testShare: 0.34 });
    const both = async (): Promise<unknown> => [await epochOf(train, { batchSize: 2 }), await epochOf(tests, { batchSize: 2 })];
    await expect(both()).rejects.toThrow(/train-0001\.tar: s3\.png: (damaged|want a PNG)/);
  });

  test("examples want an image and a class", async () => {
    const path = join(folder, "bad.tar");
    tar(path, [...sample(0), ["s1.png", picture(1)], ...sample(2)]);
    expect(await error(path)).toMatch(/bad\.tar: example s1 has no class \(\.cls\); name the ending of such files with --label$/);
    tar(path, [...sample(0), ["s1.cls", "1"]]);
    expect(await error(path)).toMatch(/bad\.tar: example s1 has no image/);
    tar(path, [...sample(0), ["s0.jpg", picture(1)]]);
    expect(await error(path)).toMatch(/example s0 has two images, s0\.png and s0\.jpg/);
    tar(path, [["readme", "x"]]);
    expect(await error(path)).toMatch(/example readme has no image/);
    expect(await error(join(folder, "nowhere"))).toMatch(/nowhere: has no shards \(\.tar\) to train on$/);
  });

  test("a class that does not train", async () => {
    const path = shards("strange", [6], () => "train-0.tar");
    tar(join(path, "val-0.tar"), [["a.png", picture(1)], ["a.cls", "9"]]); // biome-ignore format: one thought
    expect(await error(path)).toMatch(/val-0\.tar: a\.png is of class "9", of which there are no examples to train on$/);
  });
});
