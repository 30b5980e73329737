/** @file CSV files as people write them: line ends, headers, number formats, encodings, and sizes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { applyPreprocessing } from "../../src/data/apply.ts";
import { type CsvOptions, readCsv } from "../../src/data/csv.ts";
import { loadDataset } from "../../src/data/registry.ts";
import { tableDataset } from "../../src/data/table.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("line ends of three systems in one file, and in quotes", async () => {
  const table = await readCsv('a,b\r\n1,2\n3,4\r5,"x\r\ny"\n\r\n7,8');
  expect(table.columns).toEqual(["a", "b"]);
  expect(table.rows).toEqual([
    ["1", "2"],
    ["3", "4"],
    ["5", "x\r\ny"],
    ["7", "8"],
  ]);
});

test.each<[string, string, boolean, CsvOptions?]>([
  ["names", "a,b\n1,2", true],
  ["a number among names", "5.1,x\n4.9,y", false],
  ["numbers of a data frame", "0,1,2,kind\n5.1,3.5,1.4,x", true],
  ["years", "country,2019,2020,2021\nFR,5,2,3", true],
  ["rows that count up", "1,2,3,x\n2,3,4,y", false],
  ["two numbers", "1,2,x\n3,4,y", false],
  ["said to be names", "5,7\n1,2", true, { header: true }],
  ["said to be data", "a,b\nc,d", false, { header: false }],
])("header: %s", async (_, text, header, options) => {
  const table = await readCsv(text, "f", options);
  expect([table.header, table.rows.length]).toEqual([header, header ? 1 : 2]);
  if (!header) expect(table.columns[0]).toBe("column 1");
});

test.each<[CsvOptions, string, string]>([
  [{ decimal: "comma" }, "1,5", "1.5"],
  [{ decimal: "comma" }, "-,5", "-0.5"],
  [{ decimal: "comma" }, "1,5e3", "1.5e3"],
  [{ decimal: "comma", thousands: "." }, "1.234.567,89", "1234567.89"],
  [{ decimal: "comma", thousands: " " }, "1 234\u00a0567,8", "1234567.8"],
  [{ thousands: "," }, "12,345.5", "12345.5"],
  [{ thousands: "," }, "1,23", "1,23"],
  [{ thousands: "'" }, "1'000", "1000"],
  [{ currency: "€", decimal: "comma" }, "3,50 €", "3.50"],
  [{ currency: "$", thousands: "," }, "-$1,200", "-1200"],
  [{ currency: "$" }, "$-5", "-5"],
  [{ currency: "USD" }, "usd 7", "7"],
  [{ na: ["missing", "-999"] }, " Missing ", ""],
  [{ na: ["missing", "-999"] }, "-999", ""],
  [{ decimal: "comma" }, "a,b", "a,b"],
  [{ decimal: "comma" }, "", ""],
])("%j: %j is %j", async (options, cell, want) => {
  const table = await readCsv(`a;b\n"${cell}";x\n`, "f", { delimiter: ";", header: true, ...options });
  expect(table.rows[0][0]).toBe(want);
});

test.each<[CsvOptions, string]>([
  [{ decimal: "comma" }, "1.5"],
  [{ decimal: "comma" }, "-.5"],
  [{ decimal: "comma" }, "1.5e3"],
  [{ decimal: "comma" }, "1.234"],
  [{ decimal: "comma", thousands: "." }, "1.5"],
  [{ decimal: "comma", thousands: " " }, "1234.5"],
  [{ decimal: "comma", currency: "€" }, "12.50"],
])("%j: %j is a number of another format, and no number here", async (options, cell) => {
  await expect(readCsv(`a;b\n"x";7\ny;${cell}\n`, "f", { delimiter: ";", ...options })).rejects.toThrow(
    new RegExp(`^f, line 3: column "b" is "${cell.replaceAll(".", "\\.")}", a number with a point, but decimals follow a comma`),
  );
});

test.each(["1.2.2024", "v1.5", "192.168.0.1"])("%s is a text where decimals follow a comma", async (cell) => {
  expect((await readCsv(`a;b\n${cell};7`, "f", { delimiter: ";", decimal: "comma" })).rows[0][0]).toBe(cell);
});

describe("where decimals follow a comma, a column of texts", () => {
  const comma: CsvOptions & { delimiter: string } = { delimiter: ";", decimal: "comma" };
  const names = ["oak", "1.5", "elm", "", "ash 2.0"];

  test("keeps what looks like a number of another format", async () => {
    const rows = names.map((name, i) => `${name};${i},5`).join("\n");
    const table = await readCsv(`tree;size\n${rows}`, "f", comma);
    expect(table.rows.map(([name]) => name)).toEqual(names);
    expect(table.rows[1][1]).toBe("1.5");
  });

  test("is one in which more than one of five values is a text", async () => {
    const texts = (n: number) => Array.from({ length: 10 }, (_, i) => `${i < n ? "x" : i === 9 ? "1.5" : `${i},5`};7`).join("\n");
    await expect(readCsv(`a;b\n${texts(2)}`, "f", comma)).rejects.toThrow(/^f, line 11: column "a" is "1\.5", a number with a point/);
    expect((await readCsv(`a;b\n${texts(3)}`, "f", comma)).rows[9][0]).toBe("1.5");
  });

  const folder = mkdtempSync(join(tmpdir(), "nabla-csv-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (content: string, name = "new"): string => {
    writeFileSync(join(folder, `${name}.csv`), content);
    return join(folder, `${name}.csv`);
  };
  const versions = file(
    `version;size;y\n${Array.from({ length: 20 }, (_, i) => `${1 + (i % 3)}.5;${i},5;${i % 2}.0`).join("\n")}`,
    "versions",
  );

  test("is one that is named categorical, left out, or the label of classes", async () => {
    const options = { ...comma, label: "y", task: "classification" as const };
    const data = await loadDataset(versions, { ...options, categorical: ["version"] });
    expect(data.preprocessing?.columns?.[0].categories).toEqual(["1.5", "2.5", "3.5"]);
    expect((await loadDataset(versions, { ...options, ignore: ["version"] })).inputShape).toEqual([1]);
    await expect(loadDataset(versions, options)).rejects.toThrow(/column "version" is "1\.5", .*--categorical, or left out \(--ignore\)$/);
  });

  test("is what the model knows as one: in a new file its columns of numbers alone are held to the format", async () => {
    const data = await loadDataset(versions, { ...comma, label: "y", task: "classification", categorical: ["version"] });
    const about = { ...data, outputs: 2 };
    const applied = await applyPreprocessing(file("note;version;size;y\n1.5;2.5;3,5;1.0\n"), about);
    expect([applied.data.test.count, applied.flagged, applied.extra]).toEqual([1, [], ["note"]]);
    await expect(applyPreprocessing(file("version;size;y\n2.5;3.5;1.0\n"), about)).rejects.toThrow('column "size" is "3.5"');
  });
});

test("decimals and thousands cannot have one sign", async () => {
  await expect(readCsv("a;b\n1;2", "f", { thousands: "." })).rejects.toThrow('"." cannot separate both thousands and decimals');
});

describe("encodings", () => {
  const latin = bytes(0x61, 0x2c, 0x62, 0x0a, 0xe9, 0x2c, 0x80, 0x0a);
  test("Latin-1 by request, with the signs of Windows-1252", async () => {
    expect((await readCsv(latin, "f", { encoding: "latin1" })).rows).toEqual([["é", "€"]]);
  });
  test("else it is named, with the remedy", async () => {
    await expect(readCsv(latin, "f")).rejects.toThrow('f: not UTF-8 text; save it as "CSV UTF-8", or read it with --encoding latin1');
    await expect(readCsv(bytes(0xff, 0xfe, 0x61, 0), "f")).rejects.toThrow("f: UTF-16 text");
  });
  test("a character that lies across two pieces, and a byte order mark", async () => {
    async function* pieces() {
      const text = new TextEncoder().encode("\ufeffa,b\né€,2\n");
      for (let at = 0; at < text.length; at++) yield text.subarray(at, at + 1);
    }
    const table = await readCsv(pieces(), "f", { delimiter: "," });
    expect([table.columns, table.rows]).toEqual([["a", "b"], [["é€", "2"]]]);
  });
});

test("a piece at a time: a file that is longer than any text", async () => {
  // The pieces of a file of 600 MB, of which all but the last are one line that has no end yet: only the budget stops it.
  async function* pieces() {
    yield new TextEncoder().encode("a,b\n");
    for (let i = 0; i < 2000; i++) yield new TextEncoder().encode("1,2\n".repeat(100));
  }
  expect((await readCsv(pieces(), "f")).rows.length).toBe(200_000);
  await expect(readCsv(pieces(), "f", { maxBytes: 1_000_000 })).rejects.toThrow(
    /^f: reading it would take at least 1 MB of memory \(its rows\)/,
  );
});

test("a hundred thousand columns", async () => {
  const n = 100_000;
  const names = Array.from({ length: n }, (_, i) => `c${i}`).join(",");
  const row = (label: string) => `${new Array(n - 1).fill("1.5").join(",")},${label}`;
  const table = await readCsv([names, row("x"), row("y"), row("x"), row("y")].join("\n"));
  expect(tableDataset("wide", table, { testShare: 0.5 }).inputShape).toEqual([n - 1]);
});

test("damage is named", async () => {
  await expect(readCsv('a,b\n"1,2\n', "f")).rejects.toThrow("f: not a CSV file: Quote Not Closed");
  await expect(readCsv("", "f")).rejects.toThrow("f: the file is empty");
  await expect(readCsv("a,b\n1,2,3\n", "f")).rejects.toThrow("f, line 2: expected 2 cells as in the first line, got 3");
});
