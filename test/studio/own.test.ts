/** @file Data of one's own: tables, arrays and images as points, what is guessed of them, and what is said of files that are none. */
import { describe, expect, test } from "vitest";
import { writeNpy } from "../../src/formats/npy.ts";
import { writeNpz } from "../../src/formats/npz.ts";
import { writeZip } from "../../src/formats/zip.ts";
import { isArrays, tableOfArrays, tableOfImages } from "../../src/studio/own/arrays.ts";
import { cellsOf, tableOfCsv } from "../../src/studio/own/csv.ts";
import { labelOfImage } from "../../src/studio/own/images.ts";
import { REST } from "../../src/studio/own/own-choice.ts";
import { filesInZip, OwnDesk } from "../../src/studio/own/own-desk.ts";
import { principalScores } from "../../src/studio/own/principal-scores.ts";
import { firstChoice, MOST_POINTS, pointsOf } from "../../src/studio/own/table.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The points of a CSV file, as it is shown at first. */
function shown(text: string): { points: number[]; note: string } {
  const table = tableOfCsv("own.csv", text);
  return pointsOf(table, firstChoice(table));
}

describe("zip archives", () => {
  const zip = (...names: string[]) => ({ name: "pets.zip", bytes: writeZip(new Map(names.map((name) => [name, bytes(name)]))) });
  const names = async (...given: string[]): Promise<string[]> => (await filesInZip(zip(...given))).map(({ name }) => name);

  test("give their files, without a folder around all of them and without what systems add", async () => {
    const pets = ["pets/", "pets/dog/2.png", "pets/cat/1.png"];
    expect(await names(...pets, "__MACOSX/pets/cat/._1.png", "pets/.DS_Store")).toEqual(["cat/1.png", "dog/2.png"]);
    expect(await names("cat/1.png", "dog/2.png", "table.csv")).toEqual(["cat/1.png", "dog/2.png", "table.csv"]);
    expect(await names("a.csv")).toEqual(["a.csv"]);
    const [file] = await filesInZip(zip("a.csv"));
    expect(new TextDecoder().decode(file!.bytes)).toBe("a.csv");
  });

  test("that are empty or none are told", async () => {
    await expect(names("pets/")).rejects.toThrow("pets.zip: there are no files in it; want images in one folder for each class");
    await expect(filesInZip({ name: "pets.zip", bytes: bytes("no archive") })).rejects.toThrow("pets.zip: not a zip archive");
  });
});

describe("CSV files", () => {
  test("columns and classes are found", () => {
    const { points, note } = shown("age,income,class\n20,1000,no\n40,3000,yes\n30,2000,no\n");
    expect(points).toEqual([-1, -1, 0, 1, 1, 1, 0, 0, 0]);
    expect(note).toBe("age and income, class class: no is ◆, yes is ●");
  });

  test("without a head, with semicolons; with tabs, as a spreadsheet copies them", () => {
    expect(shown("1;2;0\n3;4;1\n").points).toEqual([-1, -1, 0, 1, 1, 1]);
    expect(shown("\uFEFFx\ty\tkind\r\n1\t2\ta\r\n3\t4\tb\r\n").points).toEqual([-1, -1, 0, 1, 1, 1]);
  });

  test("quotes hold separators, quotes and lines; empty cells stay", () => {
    expect(cellsOf('a,"b, c","d ""e"""\n"f\ng", h ,\n\n,"",x', ",")).toEqual([
      ["a", "b, c", 'd "e"'],
      ["f\ng", "h", ""],
      ["", "", "x"],
    ]);
    expect(() => cellsOf('a,b\nc,"d\n', ",")).toThrow("line 2: a quote that does not end");
  });

  test("rows with gaps are left out and counted, not silently taken as 0", () => {
    const rows = Array.from({ length: 20 }, (_, i) => `${i},${2 * i},${i % 2 ? "a" : "b"}`);
    rows[3] = "?,6,a";
    rows[5] = "5,10";
    const { points, note } = shown(`x,y,kind\n${rows.join("\n")}\n`);
    expect(points.length).toBe(3 * 18);
    expect(note).toBe("x and y, class kind: a is ◆, b is ●; 1 row without a number left out; 1 row with another number of cells left out");
  });

  test("of three classes one is set against the others; of many rows every nth is taken", () => {
    const table = tableOfCsv("iris.csv", `a,b,species\n${Array.from({ length: 1200 }, (_, i) => `${i},${i % 7},k${i % 3}`).join("\n")}`);
    expect(firstChoice(table)).toEqual({ x: 0, y: 1, target: 1, one: 1, other: REST });
    const { points, note } = pointsOf(table, { x: 0, y: 1, target: 1, one: 2, other: 0 });
    expect(points.length / 3).toBeLessThanOrEqual(MOST_POINTS);
    expect(note).toContain("class species: k0 is ◆, k2 is ●; one row in 2 of 800");
    expect(() => pointsOf(table, { x: 9, y: 1, target: 0, one: 0, other: 1 })).toThrow("iris.csv has no such columns and classes");
  });

  test.each([
    ["", "own.csv has 0 rows of 0 cells; want at least 2"],
    ["a,b\n1,2\n", "own.csv has 1 row of 2 cells"],
    ["a,b,c\n1.5,2,x\n3,4,x\n5,6,x\n", "class"],
    ["a,class\n1.5,x\n2,y\n", "own.csv: want two columns of numbers beside the class class; there are 1"],
    ["a,b\n1.5,2.5\n1.25,2.25\n", "no column of own.csv has classes, which are 2 to 20 different values; its columns are a, b"],
    ["\u0089PNG\0\0", "own.csv is no text; want CSV, npy"],
  ])("%j is refused with a reason", (text, reason) => expect(() => shown(text)).toThrow(reason));
});

describe("arrays", () => {
  const rows = Float32Array.from({ length: 40 }, (_, i) => i * 0.3);
  const kinds = Int32Array.from({ length: 10 }, (_, i) => i % 2);
  const x = { name: "x.npy", bytes: writeNpy({ data: rows, shape: [10, 4] }) };
  const y = { name: "labels.npy", bytes: writeNpy({ data: kinds, shape: [10] }) };

  test("an array of rows and one of classes, in two files or in one", async () => {
    const table = await tableOfArrays([y, x]);
    expect(table.columns.map(({ name }) => name)).toEqual(["column 1", "column 2", "column 3", "column 4"]);
    const { points, note } = pointsOf(table, firstChoice(table));
    expect(points.slice(0, 6)).toEqual([-1, -1, 0, -0.7778, -0.7778, 1]);
    expect(note).toBe("column 1 and column 2, class labels: 0 is ◆, 1 is ●");
    const both = writeNpz(
      new Map([
        ["x", { data: rows, shape: [10, 4] }],
        ["labels", { data: kinds, shape: [10] }],
      ]),
    );
    const same = await tableOfArrays([{ name: "both.npz", bytes: both }]);
    expect(pointsOf(same, firstChoice(same)).points).toEqual(points);
  });

  test("images of idx files are shown by their principal components", async () => {
    const images = bytes("\0\0\x08\x03\0\0\0\x04\0\0\0\x02\0\0\0\x02" + "\x01\x01\x01\x01\x09\x09\x09\x09\x02\x02\x01\x01\x08\x08\x09\x09");
    const labels = bytes("\0\0\x08\x01\0\0\0\x04\x03\x07\x03\x07");
    const table = await tableOfArrays([
      { name: "t-images-idx3-ubyte", bytes: images },
      { name: "t-labels-idx1-ubyte", bytes: labels },
    ]);
    const choice = firstChoice(table);
    expect([choice.x, choice.y, table.pixels]).toEqual([-1, -2, true]);
    const { points, note } = pointsOf(table, choice);
    expect(note).toContain("principal component 1 and principal component 2, class t-labels-idx1-ubyte: 3 is ◆, 7 is ●");
    // Dark images lie on one side, bright ones on the other.
    expect([0, 3, 6, 9].map((i) => Math.sign(points[i]!) * (points[2]! === points[i + 2]! ? 1 : -1) * Math.sign(points[0]!))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  test("what has no classes, or is damaged, is told", async () => {
    await expect(tableOfArrays([x])).rejects.toThrow(
      "x.npy [10, 4]: there are no classes; drop a file of 10 whole numbers together with it",
    );
    await expect(tableOfArrays([y])).rejects.toThrow("want an array of rows of numbers or images; there are labels.npy [10]");
    await expect(tableOfArrays([{ ...x, bytes: x.bytes.slice(0, 100) }])).rejects.toThrow(/^x.npy: /);
    await expect(new OwnDesk().ask({ do: "own", files: [x, { name: "a.csv", bytes: bytes("a,b") }] })).rejects.toThrow(
      "got x.npy, a.csv together",
    );
    expect(["a.npy", "t10k-images-idx3-ubyte.gz", "a.csv"].map(isArrays)).toEqual([true, true, false]);
  });

  test("a table that cannot be shown leaves the one before in place", async () => {
    const desk = new OwnDesk();
    await desk.ask({ do: "own", files: [x, y] });
    await expect(desk.ask({ do: "own", files: [{ name: "bad.csv", bytes: bytes("a,b\n1,2\n") }] })).rejects.toThrow("bad.csv");
    const again = (await desk.ask({ do: "own-points", choice: { x: 2, y: 3, target: 0, one: 0, other: 1 } })) as { points: number[] };
    expect(again.points.length).toBe(30);
  });
});

test("images are named by their folder, or by what their name begins with", () => {
  expect(labelOfImage("cat-12.png")).toBe("cat");
  expect(labelOfImage("3_0001.png")).toBe("3");
  expect(labelOfImage("a.png", "pets/dog/a.png")).toBe("dog");
  expect(labelOfImage("cat1.png", "pets/cat1.png")).toBe("cat");
  const pixels = Uint8Array.from({ length: 3 * 256 }, (_, i) => (i < 256 ? 0 : 255));
  const table = tableOfImages({ name: "3 images", side: 16, pixels, labels: ["cat", "dog", "dog"], note: "" });
  expect(pointsOf(table, firstChoice(table)).points.filter((_, i) => i % 3 === 2)).toEqual([0, 1, 1]);
  expect(() => tableOfImages({ name: "2 images", side: 16, pixels, labels: ["cat", "cat"], note: "" })).toThrow(
    "want images of 2 to 20 classes",
  );
});

test("principal components of a line in many dimensions: the first is the place on it, the second is 0", () => {
  const direction = Array.from({ length: 300 }, (_, j) => Math.sin(1.7 * j));
  const length = Math.hypot(...direction);
  const at = Array.from({ length: 40 }, (_, i) => (37 * i) % 40);
  const columns = direction.map((c) => Float64Array.from(at, (t) => (t * c) / length + 3));
  const [first, second] = principalScores(columns, 40);
  const mean = at.reduce((a, b) => a + b) / 40;
  const sign = Math.sign(first[0]! / (at[0]! - mean));
  for (const [i, t] of at.entries()) {
    expect(first[i]! * sign).toBeCloseTo(t - mean, 9);
    expect(Math.abs(second[i]!)).toBeLessThan(1e-6);
  }
});
