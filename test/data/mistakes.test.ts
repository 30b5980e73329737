/** @file What users do wrong with data, and the one line that each of them gets. `DIR` is the folder of the test. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { encode } from "fast-png";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/dataset.ts";
import { readImage } from "../../src/data/image.ts";
import { batches, Loader } from "../../src/data/loader.ts";
import { standardize, unstandardize } from "../../src/data/preprocessing.ts";
import { type LoadOptions, loadDataset } from "../../src/data/registry.ts";
import { kFold, subset, trainTestSplit } from "../../src/data/split.ts";
import { encodeRecord } from "../../src/data/table.ts";
import { readIdx } from "../../src/formats/idx.ts";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readNpz, writeNpz } from "../../src/formats/npz.ts";
import { checkData } from "../../src/train/task.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nabla-mistakes-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const png = (width: number, height: number): Uint8Array => encode({ width, height, channels: 1, data: new Uint8Array(width * height) });
const split = (targets: Int32Array | Float32Array) => ({ inputs: new Float32Array(targets.length), targets, count: targets.length });

/** Writes files below the folder; a name that ends in a slash is an empty folder. */
function write(files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(name.endsWith("/") ? join(folder, name) : dirname(join(folder, name)), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(join(folder, name), content);
  }
}

/** Tries something and gives its one line. */
async function messageOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    return (error as Error).message.replaceAll(folder, "DIR");
  }
  return "(no error)";
}

/** [what is wrong, the files, the line] */
type Row = [string, Record<string, string | Uint8Array>, string, LoadOptions?];

const rows = (n: number, row: (i: number) => string): string => Array.from({ length: n }, (_, i) => row(i)).join("\n");
const ab = (n: number): string => rows(n, (i) => `${i},${"ab"[i % 2]}`);

describe("CSV", () => {
  const table: Row[] = [
    ["no such file", {}, "no file DIR/t.csv"],
    ["an empty file", { "t.csv": "" }, "DIR/t.csv: the file is empty"],
    ["a header alone", { "t.csv": "x,y\n" }, "DIR/t.csv: there is a header, but no row of data"],
    [
      "numbers in another format",
      { "t.csv": `x,y\n${Array.from({ length: 30 }, (_, i) => `"1,${100 + i}.50 USD",${i % 2}`).join("\n")}` },
      'DIR/t.csv: column "x" has 30 different texts in 30 rows; if they are numbers, such as "1,100.50 USD", say how they are written (--decimal, --thousands, --currency), else leave it out (--ignore), or bring it to fewer',
    ],
    [
      "a label that is not there, among names with commas",
      { "t.csv": '"total, USD",y\n1,2\n3,4' },
      'DIR/t.csv: no column "z" for the label; it has "total, USD", y',
      { label: "z" },
    ],
    ["one row", { "t.csv": "x,y\n1,2" }, "DIR/t.csv: want at least 2 rows of data, got 1"],
    ["one column", { "t.csv": "x\n1\n2" }, "DIR/t.csv: want at least 2 columns, inputs and a label, got 1"],
    [
      "a missing cell",
      { "t.csv": "x,y\n1,2\n,4\n5,6" },
      'DIR/t.csv, line 3: column "x" is empty; give it a value, drop such rows (--missing drop), or fill them (--missing mean, median)',
    ],
    [
      "NaN in a column",
      { "t.csv": "x,y\n1,2\nNaN,4\n5,6" },
      'DIR/t.csv, line 3: column "x" is "NaN", not a value; give it a value, drop such rows (--missing drop), or fill them (--missing mean, median)',
    ],
    [
      "a missing label",
      { "t.csv": `x,y\n${ab(6)}\n7,?` },
      'DIR/t.csv, line 8: column "y" is "?", not a value; give it a value, drop such rows (--missing drop), or fill them (--missing mean, median)',
    ],
    [
      "a row too short",
      { "t.csv": "x,y\n1,2\n3" },
      "DIR/t.csv, line 3: expected 2 cells as in the first line, got 1; is there a delimiter too many, or a quote missing?",
    ],
    [
      "a quote that does not end",
      { "t.csv": 'x,y\n"1,2\n3,4' },
      "DIR/t.csv: not a CSV file: Quote Not Closed: the parsing is finished with an opening quote at line 3",
    ],
    [
      "another encoding",
      { "t.csv": Uint8Array.from(Buffer.from("x,größe\n1,2\n", "latin1")) },
      'DIR/t.csv: not UTF-8 text; save it as "CSV UTF-8", or read it with --encoding latin1',
    ],
    ["an unknown label", { "t.csv": `x,y\n${ab(6)}` }, 'DIR/t.csv: no column "z" for the label; it has x, y', { label: "z" }],
    ["an unknown column to ignore", { "t.csv": `x,y\n${ab(6)}` }, 'DIR/t.csv: no column "id"; it has x, y', { ignore: ["id"] }],
    [
      "nothing but the label",
      { "t.csv": `x,y\n${ab(6)}` },
      'DIR/t.csv: no column is left for inputs beside the label "y"',
      { ignore: ["x"] },
    ],
    [
      "two columns of one name",
      { "t.csv": `x,x,y\n${rows(6, (i) => `${i},${i},${"ab"[i % 2]}`)}` },
      'DIR/t.csv: two columns are called "x"; rename one',
    ],
    [
      "a slip among numbers",
      { "t.csv": `x,y\n${ab(9)}\n1O,a` },
      'DIR/t.csv, line 11: column "x" is "1O", where most are numbers; correct it, or name the column categorical (--categorical)',
    ],
    [
      "a number that no f32 holds",
      { "t.csv": `x,y\n${ab(9)}\n1e300,a` },
      'DIR/t.csv, line 11: column "x" is 1e300, beyond the range of f32; correct it, or leave the column out (--ignore)',
    ],
    [
      "names of rows for a category",
      { "t.csv": `id,x,y\n${rows(40, (i) => `item${i},${i},${"ab"[i % 2]}`)}` },
      'DIR/t.csv: column "id" has 40 different texts in 40 rows; leave it out (--ignore), or bring it to fewer',
    ],
    [
      "a class with one example",
      { "t.csv": `x,y\n${ab(6)}\n7,c` },
      'DIR/t.csv: class "c" of "y" has one example (line 8), which cannot be in both parts; add some, or remove it',
    ],
    [
      "one class",
      { "t.csv": `x,y\n${rows(6, (i) => `${i},a`)}` },
      'DIR/t.csv: the label "y" is "a" in every row; want at least two classes',
    ],
    [
      "a text for a regression target",
      { "t.csv": `x,y\n${ab(6)}` },
      'DIR/t.csv, line 2: column "y" is "a"; a regression target must be a number',
      { task: "regression" },
    ],
    [
      "a test share of everything",
      { "t.csv": `x,y\n${ab(6)}` },
      "split: want a share between 0 and 1 for the second part, got 1",
      { testShare: 1 },
    ],
    [
      "a Parquet file without the label",
      { "t.parquet": fixture("fruit-none.parquet") },
      'DIR/t.parquet: no column "price" for the label; it has size, weight, shape, fresh, kind',
      { label: "price" },
    ],
    [
      "a Parquet file with lists",
      { "t.parquet": fixture("gaps.parquet") },
      'DIR/t.parquet, row 1: column "list" holds lists or bytes; want numbers or texts',
    ],
    [
      "a truncated Parquet file",
      { "t.parquet": fixture("fruit-none.parquet").slice(0, -30) },
      "DIR/t.parquet: not a Parquet file, or a damaged one: parquet file invalid (footer != PAR1)",
    ],
    [
      "a CSV file called Parquet",
      { "t.parquet": `x,y\n${ab(6)}` },
      "DIR/t.parquet: not a Parquet file, or a damaged one: parquet file invalid (footer != PAR1)",
    ],
  ];
  test.each(table)("%s", async (_, files, message, options = {}) => {
    write(files);
    const path = Object.keys(files)[0] ?? "t.csv";
    expect(await messageOf(() => loadDataset(join(folder, path), options))).toBe(message);
  });

  test("values for a prediction that training never saw", async () => {
    write({ "t.csv": `size,shape,y\n${rows(12, (i) => `${i},${i % 3 ? "round" : "flat"},${"ab"[i % 2]}`)}` });
    const { preprocessing } = await loadDataset(join(folder, "t.csv"));
    const encode = (record: Record<string, string>) => messageOf(() => encodeRecord(record, preprocessing!));
    expect(await encode({ size: "1" })).toBe('column "shape" is empty; the model wants size, shape');
    expect(await encode({ size: "big", shape: "flat" })).toBe('column "size" is "big"; the model wants a number');
    expect(await encode({ size: "1", shape: "oval" })).toBe('column "shape" is "oval", which training never saw; it knew flat, round');
  });
});

describe("folders of images", () => {
  const two = { "a/1.png": png(4, 4), "a/2.png": png(4, 4), "b/1.png": png(4, 4), "b/2.png": png(4, 4) };
  const table: Row[] = [
    ["no such folder", {}, "imagefolder: no folder DIR/images"],
    ["a file for a folder", { images: "x" }, "imagefolder: DIR/images is not a folder"],
    ["an empty folder", { "images/": "" }, "imagefolder: DIR/images has no sub-folders; want one for each class, with its images in it"],
    [
      "images without classes",
      { "images/1.png": png(4, 4) },
      "imagefolder: DIR/images has no sub-folders; want one for each class, with its images in it",
    ],
    [
      "a class without images",
      { "images/a/1.png": png(4, 4), "images/b/": "" },
      "imagefolder: DIR/images/b has no images (.png, .jpg, .jpeg); put some there, or remove the folder",
    ],
    [
      "one class",
      { "images/a/1.png": png(4, 4), "images/a/2.png": png(4, 4) },
      "imagefolder: DIR/images has one class, a; want a sub-folder for each of at least two",
    ],
    [
      "a class with one image",
      { ...nested(two), "images/c/1.png": png(4, 4) },
      "imagefolder: DIR/images/c has one image, which cannot be in both parts; add some, or remove the folder",
    ],
    [
      "images of different sizes",
      { ...nested(two), "images/b/2.png": png(6, 5) },
      "imagefolder: DIR/images/b/2.png is 6x5, DIR/images/a/1.png is 4x4; give a size for all (size: 32, --image-size 32)",
    ],
    [
      "a text called PNG",
      { ...nested(two), "images/b/2.png": "hello" },
      "DIR/images/b/2.png: want a PNG or JPEG image, got a file that begins with 68 65 6c 6c",
    ],
    [
      "a class of the test part that does not train",
      { "images/train/a/1.png": png(4, 4), "images/train/b/1.png": png(4, 4), "images/test/c/1.png": png(4, 4) },
      "imagefolder: DIR/images/test/c is of no class that trains (a, b)",
    ],
    ["half a pixel", nested(two), "loadDataset: size must be a positive integer, or [height, width], got 0.5", { size: 0.5 }],
  ];
  function nested(files: Record<string, Uint8Array>): Record<string, Uint8Array> {
    return Object.fromEntries(Object.entries(files).map(([name, content]) => [`images/${name}`, content]));
  }
  test.each(table)("%s", async (_, files, message, options = {}) => {
    write(files);
    expect(await messageOf(() => loadDataset(join(folder, "images"), options))).toBe(message);
  });

  test("no path at all", async () => {
    expect(await messageOf(() => loadDataset("imagefolder"))).toBe(
      'imagefolder: want the path of a folder with a sub-folder of images for each class (--data-dir PATH, or --data PATH in the place of "imagefolder")',
    );
  });
});

describe("images", () => {
  const claims = (width: number, height: number) => {
    const bytes = Uint8Array.from(fixture("rgb.png"));
    new DataView(bytes.buffer).setUint32(16, width);
    new DataView(bytes.buffer).setUint32(20, height);
    return bytes;
  };
  test.each<[string, Uint8Array, RegExp]>([
    ["empty", new Uint8Array(), /^i\.png: want a PNG or JPEG image, got an empty file$/],
    ["a GIF", new TextEncoder().encode("GIF89a..."), /^i\.png: want a PNG or JPEG image, got a GIF image; convert it to one of them$/],
    ["a truncated PNG", fixture("rgb.png").slice(0, -20), /^i\.png: damaged or truncated PNG \([^\n]+\)$/],
    ["a PNG cut in its header", fixture("rgb.png").slice(0, 20), /^i\.png: damaged or truncated PNG \([^\n]+20\)$/],
    ["a PNG with a changed byte", fixture("rgb.png").with(60, 1), /^i\.png: damaged or truncated PNG \([^\n]+\)$/],
    [
      "a PNG that claims to be huge",
      claims(60_000, 60_000),
      /^i\.png: damaged or truncated PNG \(60000x60000 pixels take 10800060000 bytes, its \d+ compressed ones cannot hold them\)$/,
    ],
    ["a PNG of no width", claims(0, 5), /^i\.png: damaged or truncated PNG \(its header announces 0x5 pixels\)$/],
    ["a truncated JPEG", fixture("rgb.jpg").slice(0, -150), /^i\.png: damaged or truncated JPEG \([^\n]+\)$/],
    [
      "a JPEG cut in its header",
      fixture("rgb.jpg").slice(0, 30),
      /^i\.png: damaged or truncated JPEG \(a segment ends at byte \d+ of 30\)$/,
    ],
  ])("%s", async (_, bytes, message) => {
    expect(await messageOf(() => readImage(bytes, "i.png"))).toMatch(message);
  });
});

describe("arrays", () => {
  const array = writeNpy({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
  const idx = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3);
  test.each<[string, () => unknown, string]>([
    [
      "a truncated idx file",
      () => readIdx(idx.slice(0, -1), "f"),
      "f: short file: its header announces [3] = 3 bytes of data, there are 2",
    ],
    [
      "garbage for idx",
      () => readIdx(array, "f"),
      "f: wrong magic number: expected 0x000008NN (unsigned bytes, NN dimensions), got 2471384397 (0x934e554d)",
    ],
    [
      "labels for images",
      () => readIdx(idx, "f", 3),
      "f: wrong magic number: expected 2051 (unsigned bytes, 3 dimensions), got 2049 (0x00000801)",
    ],
    ["a truncated npy file", () => readNpy(array.slice(0, -3), "f"), "f: truncated file: <f4 [2, 2] takes 16 bytes, 13 follow the header"],
    ["garbage for npy", () => readNpy(idx, "f"), 'f: not an npy file: it does not begin with 93 "NUMPY"'],
    ["npy for npz", () => readNpz(array, "f"), "f: not a zip archive, or truncated: no end record"],
    [
      "a truncated npz file",
      () => readNpz(writeNpz(new Map([["x", readNpy(array)]])).slice(0, -9), "f"),
      "f: not a zip archive, or truncated: no end record",
    ],
    [
      "a gzip file that is cut",
      () => readIdx(gzipSync(idx).subarray(0, 15), "f"),
      "f: damaged or incomplete gzip data (unexpected end of file)",
    ],
  ])("%s", async (_, attempt, message) => {
    expect(await messageOf(attempt)).toBe(message);
  });
});

describe("data in memory", () => {
  const data = (targets: Int32Array, count = targets.length): Dataset => ({
    name: "mine",
    train: { ...split(targets), count },
    test: split(Int32Array.of(0)),
    classes: ["a", "b"],
    inputShape: [1],
    task: "classification",
  });
  test.each<[string, () => unknown, string]>([
    [
      "a label out of range",
      () => checkData(data(Int32Array.of(0, 2))),
      "mine: training example 1 has class 2, want 0 to 1; classes names 2: number them from 0, or name them all",
    ],
    ["no example", () => checkData(data(new Int32Array())), "mine: the training split is empty"],
    [
      "a batch of nothing",
      () => batches(split(Int32Array.of(1)), { batchSize: 0 }),
      "batches: batchSize must be a positive integer, got 0",
    ],
    [
      "threads for a function",
      () => new Loader(() => [], { batchSize: 1, workers: 2 }),
      "Loader: workers want a source named by its module, fromModule(url, options): functions and arrays cannot cross threads",
    ],
    [
      "a class too small to split",
      () => trainTestSplit(split(Int32Array.of(0, 0, 1)), 0.5),
      "split: class 1 has one example, which cannot be in both parts; add some, or split with stratified: false",
    ],
    [
      "more folds than examples",
      () => kFold(split(Int32Array.of(0, 0)), 3),
      "kFold: want an integer number of folds from 2 to the number of examples, 2, got 3",
    ],
    [
      "a class smaller than the folds",
      () => kFold(split(Int32Array.of(0, 0, 0, 1, 1)), 3),
      "kFold: class 1 has 2 examples, fewer than 3 folds; use fewer folds, or stratified: false",
    ],
    [
      "an example that is not there",
      () => subset(split(Int32Array.of(0, 1)), [2]),
      "subset: there is no example 2; want integers from 0 to 1",
    ],
    ["standardizing twice", () => standardize(standardize(data(Int32Array.of(0, 1)))), "standardize: mine is standardized already"],
    [
      "another data set's standardization",
      () => unstandardize(Float32Array.of(1, 2, 3), { mean: [0, 0], std: [1, 1] }, 1),
      "standardization of 2 parts: 1 examples of 3 values do not have them; is it another data set's?",
    ],
  ])("%s", async (_, attempt, message) => {
    expect(await messageOf(attempt)).toBe(message);
  });
});

describe("names", () => {
  const known =
    "digits, mnist, fashion-mnist, cifar10, imagefolder, webdataset, csv, parquet, text, xor, spirals, moons, circles, blobs, checkerboard, sine, step, sinc, polynomial";
  test.each([
    [
      "minst",
      `unknown data set "minst"; did you mean "mnist"? (known: ${known}; or the path of a .csv, .tsv or .parquet file, or of a folder of images: ./minst)`,
    ],
    [
      "photographs",
      `unknown data set "photographs" (known: ${known}; or the path of a .csv, .tsv or .parquet file, or of a folder of images: ./photographs)`,
    ],
    ["csv", 'csv: want the path of a CSV file (--data-dir PATH, or --data PATH in the place of "csv")'],
    ["text", 'text: want the path of a text file (--data-dir PATH, or --data PATH in the place of "text")'],
  ])("%s", async (name, message) => {
    expect(await messageOf(() => loadDataset(name))).toBe(message);
  });

  test("the wrong folder for a data set by name", async () => {
    expect(await messageOf(() => loadDataset("mnist", { dataDir: folder }))).toBe(
      "mnist: neither train-images-idx3-ubyte.gz nor train-images-idx3-ubyte is in DIR",
    );
    expect(await messageOf(() => loadDataset("cifar10", { dataDir: fileURLToPath(new URL("../nowhere", import.meta.url)) }))).toMatch(
      /^cifar10: no folder /,
    );
  });
});
