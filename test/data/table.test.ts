/** @file Tables as data sets: what is inferred, and that nothing of the test part leaks into the training part. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readCsv } from "../../src/data/csv.ts";
import { readParquet } from "../../src/data/parquet.ts";
import { loadDataset } from "../../src/data/registry.ts";
import { encodeRecord, type TableOptions, tableDataset } from "../../src/data/table.ts";

const fromCsv = async (text: string, options?: TableOptions) => tableDataset("t", await readCsv(text, "t.csv"), options);

/** Twenty fruits: size 0 to 19, round or square, and apple if the size is even. */
const fruits = [
  "size,shape,kind",
  ...Array.from({ length: 20 }, (_, i) => `${i},${i % 3 ? "round" : "square"},${i % 2 ? "pear" : "apple"}`),
].join("\n");

describe("a table as a data set", () => {
  test("numbers standardized as the training part has them, categories as ones and zeros, text labels as classes", async () => {
    const { train, test: rest, classes, inputShape, task, preprocessing } = await fromCsv(fruits);
    expect([train.count, rest.count, classes, inputShape, task]).toEqual([16, 4, ["apple", "pear"], [3], "classification"]);
    expect(preprocessing?.columns).toEqual([{ name: "size" }, { name: "shape", categories: ["round", "square"] }]);
    const { mean, std } = preprocessing!.inputs!;
    expect([mean.slice(1), std.slice(1)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    const sizes = (split: typeof train) =>
      Array.from({ length: split.count }, (_, i) => Math.round(split.inputs[3 * i] * std[0] + mean[0]));
    expect([...sizes(train), ...sizes(rest)].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(sizes(train).reduce((a, b) => a + b) / 16).toBeCloseTo(mean[0], 5);
    for (const split of [train, rest]) {
      sizes(split).forEach((size, i) => {
        expect(split.targets[i]).toBe(size % 2);
        expect([...split.inputs.subarray(3 * i + 1, 3 * i + 3)]).toEqual(size % 3 ? [1, 0] : [0, 1]);
      });
    }
    // The classes' shares are kept.
    expect([...rest.targets].sort()).toEqual([0, 0, 1, 1]);
  });

  test("a record of new values is encoded as training encoded it, through JSON", async () => {
    const { train, preprocessing } = await fromCsv(fruits);
    const kept = JSON.parse(JSON.stringify(preprocessing));
    const { mean, std } = kept.inputs;
    const size = Math.round(train.inputs[0] * std[0] + mean[0]);
    expect([...encodeRecord({ shape: size % 3 ? "round" : "square", size: String(size) }, kept)]).toEqual([...train.inputs.subarray(0, 3)]);
  });

  test("regression: targets standardized, and back", async () => {
    const lines = ["x,y", ...Array.from({ length: 30 }, (_, i) => `${i},${100 + 3 * i + 0.5}`)].join("\n");
    const { task, train, preprocessing } = await fromCsv(lines);
    expect(task).toBe("regression");
    const { mean, std } = preprocessing!.targets!;
    const x = (i: number) => train.inputs[i] * preprocessing!.inputs!.std[0] + preprocessing!.inputs!.mean[0];
    for (let i = 0; i < train.count; i++) expect(train.targets[i] * std[0] + mean[0]).toBeCloseTo(100.5 + 3 * x(i), 3);
    const raw = await fromCsv(lines, { standardize: false });
    expect(raw.preprocessing?.inputs).toBeUndefined();
    expect(raw.train.targets[0]).toBeCloseTo(100.5 + 3 * raw.train.inputs[0], 4);
  });

  test.each<[string, TableOptions, string, number]>([
    ["a,b,c\n1,2,x\n3,4,y\n1,2,x\n3,4,y", {}, "classification", 2],
    ["a,target,c\n1,0,7\n3,1,8\n1,0,9\n3,1,5", {}, "classification", 2],
    ["a,b\n1,10\n2,20\n3,30\n4,40", {}, "regression", 1],
    ["a,b\n1,1\n2,2\n3,1\n4,2", { task: "regression" }, "regression", 1],
    ["a,b,c\n1,2,x\n3,4,y\n1,2,x\n3,4,y", { label: "b", ignore: ["a"] }, "classification", 2],
    ["a,b\n1,x\n2,x\n1,y\n2,y", { categorical: ["a"] }, "classification", 2],
    ["a,b,c\n1,,x\n3,4,y\n1,2,x\n3,4,y\n5,5,x", { missing: "drop" }, "classification", 2],
  ])("%#: %j %j", async (text, options, task, width) => {
    const data = await fromCsv(text, { testShare: 0.5, ...options });
    expect([data.task, data.inputShape]).toEqual([task, [width]]);
    expect(data.train.count + data.test.count).toBe(4);
  });
});

describe("CSV", () => {
  test.each<[string, string, string[], string[][]]>([
    ["quotes, commas and line ends in cells", '"a ""b""","c\nd",e\r\n"1,5",2,3\r\n', ['a "b"', "c\nd", "e"], [["1,5", "2", "3"]]],
    ["semicolons", "a;b\n1,5;2\n", ["a", "b"], [["1,5", "2"]]],
    ["tabs and a byte order mark", "\ufeffa\tb\n1\t2\n\n", ["a", "b"], [["1", "2"]]],
    [
      "no header",
      "5.1,x\n4.9,y\n",
      ["column 1", "column 2"],
      [
        ["5.1", "x"],
        ["4.9", "y"],
      ],
    ],
  ])("%s", async (_, text, columns, rows) => {
    const table = await readCsv(text);
    expect(table.columns).toEqual(columns);
    expect(table.rows).toEqual(rows);
  });

  test("rows know their lines", async () => {
    const table = await readCsv('a,b\n"x\ny",1\n\nz,2\n');
    expect([table.rowName(0), table.rowName(1)]).toEqual(["line 3", "line 5"]);
  });
});

describe("Parquet files of pyarrow", () => {
  const read = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  test.each(["none", "snappy", "gzip", "brotli", "zstd", "lz4", "v2"])("compressed by %s", async (codec) => {
    const table = await readParquet(read(`fruit-${codec}.parquet`));
    expect(table.columns).toEqual(["size", "weight", "shape", "fresh", "kind"]);
    expect(table.rows.length).toBe(40);
    expect(table.rows[6]).toEqual([6, 1.5, "round", false, "apple"]);
    expect(tableDataset("fruit", table)).toMatchObject({ classes: ["apple", "pear"], inputShape: [5], task: "classification" });
  });

  test("columns go by their positions: names like numbers keep their order, none is lost", async () => {
    const table = await readParquet(read("names.parquet"));
    expect(table.columns).toEqual(["2", "1", "0", "__proto__", "a", "a"]);
    expect(table.rows).toEqual([
      [0, 1, 2, 3, 4, 5],
      [null, null, null, null, null, null],
      [10, 11, 12, 13, 14, 15],
    ]);
  });

  test.each(["pandas-index", "pandas-named-index"])("%s: the index of a data frame is no column", async (name) => {
    const table = await readParquet(read(`${name}.parquet`));
    expect(table.columns).toEqual(["x", "when", "kind"]);
    expect(table.rows).toEqual([
      [1.5, Date.UTC(2024, 0, 1), "a"],
      [2.5, Date.UTC(2024, 0, 2), "b"],
      [3.5, null, "a"],
    ]);
  });

  test("a budget is kept, and damage ends in one error", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    await expect(readParquet(read("fruit-brotli.parquet"), "f", { maxBytes: 1000 })).rejects.toThrow(
      /^f: reading it would take at least .*--max-bytes/,
    );
    const file = Uint8Array.from(read("fruit-none.parquet"));
    for (let at = 0; at < file.length; at += 97)
      await readParquet(file.with(at, file[at] ^ 0x55), "f").catch((error: Error) => expect(error.message).toMatch(/^f[:,] [^\n]+$/));
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("gaps and lists are named", async () => {
    await expect(readParquet(read("gaps.parquet"), "gaps")).rejects.toThrow(
      'gaps, row 1: column "list" holds lists or bytes; want numbers or texts',
    );
  });
});

const sklearn = new URL("../../../shared/data/sklearn/", import.meta.url);
describe.skipIf(!existsSync(sklearn))("the classics (skipped where ../shared/data is absent)", () => {
  test.each([
    ["iris", 4, 3, 150],
    ["wine", 13, 3, 178],
    ["breast_cancer", 30, 2, 569],
    ["digits", 64, 10, 1797],
    ["diabetes", 10, 0, 442],
  ])("%s by its path alone", async (name, features, classes, count) => {
    const data = await loadDataset(new URL(`${name}.csv`, sklearn).pathname);
    expect([data.name, data.inputShape, data.classes.length, data.train.count + data.test.count]).toEqual([
      name,
      [features],
      classes,
      count,
    ]);
    expect(data.inputShape[0]).toBe(data.preprocessing?.inputs?.mean.length);
    expect(data.task).toBe(classes ? "classification" : "regression");
  });
});
