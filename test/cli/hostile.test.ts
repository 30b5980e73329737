/** @file Names and files from strangers: nothing of them reaches the terminal raw, a spreadsheet or a model's size. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import { shown } from "../../src/cli/terminal.ts";
import { csvCell } from "../../src/data/csv-cell.ts";
import { clean, cleanLines } from "../../src/formats/clean.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { captureConsole } from "./console.ts";

const captured = captureConsole();
const HOSTILE = "a\u001b[31m\u009b2Jb\u202ec\u0007\u2066d\u007f";
const RAW = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/u;

test("the cleaning function", () => {
  expect(clean(HOSTILE)).toBe("a [31m 2Jb c d ");
  expect(cleanLines("x\n\ty\r\u001b")).toBe("x\n\ty\\u000d\\u001b");
  expect(JSON.parse(cleanLines(JSON.stringify({ [HOSTILE]: HOSTILE })))).toEqual({ [HOSTILE]: HOSTILE });
  const drawn = "\u001b[38;5;240;48;5;232m▀\u001b[0m";
  expect(shown(drawn, true)).toBe(drawn);
  expect(shown(drawn, false)).not.toMatch(RAW);
  expect(shown("\u001b[38;5;9;48;5;9mX\u001b[0m", true)).not.toMatch(RAW);
});

describe("names in what the command prints", () => {
  test("columns, classes and files", async () => {
    const path = join(captured.folder, "t.csv");
    const rows = Array.from({ length: 40 }, (_, i) => `${i},${i % 2 ? `"${HOSTILE}"` : "ok"}`);
    writeFileSync(path, [`x,"k${HOSTILE}"`, ...rows].join("\n"));
    expect(await run(["train", "mlp", "--data", path, "--epochs", "1", "--out", join(captured.folder, "run")])).toBe(0);
    await run(["evaluate", join(captured.folder, "run")]);
    await run(["train", "mlp", "--data", path, "--label", HOSTILE]);
    await run(["train", "mlp", "--data", `${path}${HOSTILE}.csv`]);
    await run(["train", HOSTILE]);
    await run([`--${HOSTILE}`]);
    await run(["runs", captured.folder]);
    expect(captured.out.length).toBeGreaterThan(5);
    expect([...captured.out, ...captured.err].filter((line) => RAW.test(line))).toEqual([]);
    expect(captured.out.join("\n")).toContain("missing cells: none");
  });
});

test.each<[string | number, string]>([
  ["=1+1", "'=1+1"],
  ["+A1", "'+A1"],
  ["-2+3", "'-2+3"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", '"\'\t=1"'],
  ["＝1", "'＝1"],
  ["a=b", "a=b"],
  ['a "b", c', '"a ""b"", c"'],
  [-1.5, "-1.5"],
])("%j in a CSV file is %j", (value, want) => {
  expect(csvCell(value)).toBe(want);
});

describe("models that describe themselves wrongly", () => {
  const settings = { model: "mlp", data: "xor" };
  const about = { name: "xor", classes: ["a", "b"], inputShape: [2], task: "classification" };
  const entries = new Map([["0.weight", { dtype: "F32", shape: [2, 2], data: new Float32Array(4) }]]);
  test.each<[string, object, object, string, RegExp]>([
    ["layers without number", { hidden: new Array(100_000).fill(2) }, {}, "2", /100000 hidden layers and 1 tensors/],
    ["a layer without end", { hidden: [1e9] }, {}, "2", /no tensor has the size of one of its layers, 1000000000/],
    ["no outputs", {}, {}, "NaN", /it has NaN outputs for 2 classes/],
    ["outputs without end", {}, {}, "1000000000", /it has 1000000000 outputs/],
    ["a shape of texts", {}, { inputShape: ["2"] }, "2", /inputShape is no list of sizes/],
    ["an example without end", {}, { inputShape: [1e9, 1e9] }, "2", /too large/],
    ["classes that are none", {}, { classes: 7 }, "2", /classes are no list of names/],
    ["another task", {}, { task: "x" }, "2", /its task is neither/],
  ])("%s", async (name, set, more, outputs, message) => {
    mkdirSync(captured.folder, { recursive: true });
    const path = join(captured.folder, `${name.replaceAll(" ", "-")}.safetensors`);
    const metadata = {
      model: "mlp",
      outputs,
      settings: JSON.stringify({ ...settings, ...set }),
      description: JSON.stringify({ ...about, ...more }),
    };
    writeFileSync(path, writeSafetensors(entries, metadata));
    expect(await run(["evaluate", path])).toBe(1);
    expect(captured.err.join("")).toMatch(message);
  });
});

test("folders of images: sub-folders are walked, what is left out is counted and named", async () => {
  const folder = join(captured.folder, "images");
  for (const name of ["a/1", "a/deep/2", "a/deep/er/3", "b/1", "b/2", "b/3"]) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, `${name}.png`), encode({ width: 4, height: 4, channels: 1, data: new Uint8Array(16) }));
  }
  writeFileSync(join(folder, "a/deep/x.webp"), "x");
  writeFileSync(join(folder, "b/y.jfif"), "y");
  const { loadDataset } = await import("../../src/data/registry.ts");
  const data = await loadDataset(folder);
  expect(data.train.count + data.test.count).toBe(6);
  expect(data.notes).toEqual(["2 files are no PNG or JPEG and were left out: a/deep/x.webp, b/y.jfif"]);
});
