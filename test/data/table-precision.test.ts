/** @file What tables must not lose on the way to f32: timestamps, dates and large numbers; gaps that are filled; spaces; and new files. */
import { describe, expect, test } from "vitest";
import { readCsv } from "../../src/data/csv.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { encodeRecord, encodeTable } from "../../src/data/encode.ts";
import { fitStandardization } from "../../src/data/preprocessing.ts";
import { type TableOptions, tableDataset } from "../../src/data/table.ts";

const fromCsv = async (text: string, options?: TableOptions) => tableDataset("t", await readCsv(text, "t.csv"), options);
const lines = (n: number, head: string, row: (i: number) => string): string =>
  [head, ...Array.from({ length: n }, (_, i) => row(i))].join("\n");
const distinct = ({ train, test: rest }: Dataset): number => new Set([...train.inputs, ...rest.inputs]).size;

describe("values of little spread beside a large mean stay apart", () => {
  const day = (i: number): string => new Date(Date.UTC(2024, 0, 1 + i)).toISOString();
  test.each<[string, (i: number) => string]>([
    ["seconds since 1970", (i) => String(1.7e9 + i)],
    ["milliseconds since 1970", (i) => String(1.7e12 + i)],
    ["account numbers", (i) => String(9_007_199_254_000_000 + 2 * i)],
    ["dates", (i) => day(i).slice(0, 10)],
    ["dates and times", (i) => day(i).replace(".000Z", "")],
    ["dates and times with a zone", (i) => day(i).replace("Z", "+02:00")],
    ["a small spread around 1", (i) => String(1 + i * 1e-9)],
  ])("%s", async (_, cell) => {
    const data = await fromCsv(lines(200, "t,y", (i) => `${cell(i)},${2 * i}.5`));
    expect(data.task).toBe("regression");
    expect(distinct(data)).toBe(200);
    const { train, preprocessing } = data;
    const square = (train.inputs as Float32Array).reduce((sum, x) => sum + x * x, 0) / train.count;
    expect(square).toBeCloseTo(1, 4);
    // A new row goes the same way.
    const both = [10, 11].map((i) => encodeRecord({ t: cell(i) }, JSON.parse(JSON.stringify(preprocessing)))[0]);
    expect(both[1] - both[0]).toBeCloseTo(both[1] - both[0] > 0 ? 1 / spread(200) : -1, 2);
  });
  // Of 160 of the numbers from 0 to 199, drawn at random.
  const spread = (n: number): number => n / Math.sqrt(12);

  test("targets too", async () => {
    const data = await fromCsv(lines(200, "x,when", (i) => `${i},${1.7e9 + i}.5`));
    expect(new Set([...data.train.targets, ...data.test.targets]).size).toBe(200);
  });

  test("a constant stays 0, whatever its digits", () => {
    expect(fitStandardization(new Float64Array(77).fill(0.1), 77, 1)).toEqual({ mean: [0.1], std: [1] });
  });
});

describe("gaps", () => {
  const gaps = lines(
    40,
    "size,colour,y",
    (i) => `${i % 8 === 3 ? "" : i},${i % 8 === 5 ? "NA" : i % 4 ? "red" : "blue"},${i % 2 ? "a" : "b"}`,
  );
  test.each(["mean", "median"] as const)("%s of the training rows fills them, in new rows too", async (missing) => {
    const data = await fromCsv(gaps, { missing });
    expect(data.train.count + data.test.count).toBe(40);
    const [size, colour] = data.preprocessing!.columns!;
    expect(colour).toEqual({ name: "colour", categories: ["blue", "red"], fill: "red" });
    expect(encodeRecord({ size: null, colour: "?" }, data.preprocessing!)).toEqual(
      encodeRecord({ size: size.fill!, colour: "red" }, data.preprocessing!),
    );
    if (missing === "mean") expect(encodeRecord({ size: "", colour: "red" }, data.preprocessing!)[0]).toBeCloseTo(0, 1);
  });

  test("a row without a label is dropped, not filled", async () => {
    const data = await fromCsv(`${gaps}\n1,red,`, { missing: "mean" });
    expect(data.train.count + data.test.count).toBe(40);
    await expect(fromCsv(`${gaps}\n1,red,`)).rejects.toThrow("is empty");
  });
});

test("spaces around cells, labels and names of columns name nothing new", async () => {
  const data = await fromCsv(lines(20, "size ; shape;kind", (i) => `${i}; ${i % 3 ? "round" : "square "};${i % 2 ? " a" : "b "}`));
  expect(data.classes).toEqual(["a", "b"]);
  expect(data.preprocessing?.columns).toEqual([{ name: "size" }, { name: "shape", categories: ["round", "square"] }]);
  expect(encodeRecord({ size: 3, shape: " square" }, data.preprocessing!)).toEqual(
    encodeRecord({ size: 3, shape: "square" }, data.preprocessing!),
  );
});

describe("a new file, by what training fitted", () => {
  const trained = fromCsv(lines(60, "size,shape,kind", (i) => `${i},${i % 3 ? "round" : "square"},${"cab"[i % 3]}`));

  test("has the statistics, categories and classes of training", async () => {
    const about = await trained;
    const { split, flagged } = encodeTable(await readCsv("kind,extra,shape,size\nb,1,round,1000\nb,2,round,1001"), about);
    expect(flagged).toEqual([]);
    expect([...split.targets]).toEqual([1, 1]);
    expect(split.inputs.subarray(0, 3)).toEqual(encodeRecord({ size: 1000, shape: "round" }, about.preprocessing!));
    expect(split.inputs[0]).toBeGreaterThan(10);
  });

  test("rows that the model cannot take are flagged, with line and reason", async () => {
    const file = "size,shape,kind\n1,round,a\n2,oval,a\n,round,b\nwide,round,b\n5,square,\n6,square,c";
    const { split, flagged } = encodeTable(await readCsv(file), await trained);
    expect(split.count).toBe(2);
    expect(flagged.map(({ index, name }) => [index, name])).toEqual([
      [1, "line 3"],
      [2, "line 4"],
      [3, "line 5"],
      [4, "line 6"],
    ]);
    expect(flagged[0].reason).toBe('column "shape" is "oval", which training never saw; it knew round, square');
    expect(flagged[3].reason).toBe('label "kind" is empty');
  });

  test.each<[string, string, string]>([
    ["a column that is not there", "size,kind\n1,a", 'n: has no column "shape", which the model wants; it has size, kind'],
    ["no label", "size,shape\n1,round", 'n: has no column "kind", which the model wants; it has size, shape'],
    [
      "another class",
      "size,shape,kind\n1,round,z",
      'n, line 2: label "kind" is "z", a class that the model does not know; it knows a, b, c',
    ],
    ["nothing to measure", "size,shape,kind\n1,oval,a", "n: no row can be measured: line 2: column"],
  ])("%s is an error", async (_, file, message) => {
    const [table, about] = [await readCsv(file, "n"), await trained];
    expect(() => encodeTable(table, about)).toThrow(message);
  });
});
