/** @file A text on the command line: training, going on to the same bits, replaying, measuring, generating, and what is refused. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { captureConsole } from "./console.ts";

const { out, err, folder } = captureConsole();
const at = (...names: string[]): string => join(folder, ...names);
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content);
  return at(name);
};
const tiny = [
  "--layers",
  "1",
  "--features",
  "8",
  "--heads",
  "2",
  "--context",
  "8",
  "--batch-size",
  "16",
  "--threads",
  "1",
  "--schedule",
  "constant",
];
const saved = (name: string): Buffer => readFileSync(at(name, "model.safetensors"));

test("train, go on to the same bits, replay, evaluate, generate", async () => {
  const text = write("poem.txt", "the cat sat on the mat.\n".repeat(40));
  const train = ["train", "gpt", "--data", text, ...tiny];
  expect(await nabla([...train, "--epochs", "2", "--out", at("whole")])).toBe(0);
  expect(out[1]).toBe("960 characters, 12 different ones, in windows of 8");
  expect(out.filter((line) => line.startsWith("  it writes: "))).toHaveLength(2);
  expect(out.join("\n")).toMatch(/test loss [\d.]+, [\d.]+ bits per character, accuracy [\d.]+ %\nit writes: "/);
  expect(await nabla([...train, "--epochs", "1", "--out", at("parts")])).toBe(0);
  expect(await nabla(["train", "--resume", at("parts"), "--epochs", "2"])).toBe(0);
  expect(saved("parts").equals(saved("whole"))).toBe(true);
  expect(await nabla(["replay", at("whole"), "--step", "9"])).toBe(0);
  expect(out.join("\n")).toContain("the recorded bits");

  expect(await nabla(["evaluate", at("whole"), "--json", at("numbers.json")])).toBe(0);
  const numbers = JSON.parse(readFileSync(at("numbers.json"), "utf8"));
  expect(numbers.bitsPerCharacter).toBeCloseTo(numbers.loss / Math.LN2, 12);
  expect(out.join("\n")).toMatch(/bits {7}[\d.]+ per character/);
  expect(await nabla(["evaluate", at("whole"), "--data", write("other.txt", "a cat on a mat sat.\n".repeat(3))])).toBe(0);
  expect(out.join("\n")).toContain("on the 7 examples of other.txt, the whole file");

  out.length = 0;
  const again = [
    "generate",
    at("whole"),
    "--prompt",
    "the ",
    "--tokens",
    "30",
    "--temperature",
    "0.8",
    "--top-k",
    "4",
    "--seed",
    "7",
    "--json",
  ];
  expect([await nabla(again), await nabla(again)]).toEqual([0, 0]);
  expect(out[0]).toBe(out[1]);
  expect([...JSON.parse(out[0]).text]).toHaveLength(30);
  out.length = 0;
  expect(await nabla(["generate", at("whole"), "--prompt", "the ", "--tokens", "3"])).toBe(0);
  expect(out[0]).toBe("the");

  for (const [args, message] of [
    [["generate", at("whole"), "--prompt", "Ähm"], '--prompt: has a character that the model has never seen: "Ä" (U+00C4); replace it'],
    [["generate", at("whole"), "--prompt", ""], "--prompt is empty"],
    [["generate", at("whole"), "--temperature", "-1"], "Want a number of at least 0."],
    [
      ["evaluate", at("whole"), "--data", write("new.txt", "Quite other characters: 123")],
      /new.txt: has \d+ characters that the model has never seen/,
    ],
    [
      ["evaluate", at("whole"), "--data", write("short.txt", "a cat")],
      "short.txt: is too short: a context of 8 wants at least 9 characters",
    ],
  ] as const) {
    err.length = 0;
    expect(await nabla([...args])).toBe(1);
    const said = err.join("\n");
    if (typeof message === "string") expect(said).toContain(message);
    else expect(said).toMatch(message);
  }
}, 60_000);

test.each([
  ["empty.txt", "", "is empty"],
  ["tiny.txt", "hello", "tiny: has 5 characters; a context of 8 wants at least 18"],
  ["binary.txt", Uint8Array.of(1, 0, 2), "is no text: byte 1 is 0"],
  ["latin.txt", Uint8Array.of(0xe9, 0x20, 0x20), "is no text in UTF-8"],
])("%s is refused in a line", async (name, content, message) => {
  expect(await nabla(["train", "gpt", "--data", write(name, content), ...tiny, "--out", at("none")])).toBe(1);
  expect(err.join("\n")).toContain(message);
});

test.each([
  [["gpt", "--data", "digits"], "gpt: learns from a text, which digits is not"],
  [["gpt"], "text: want the path of a text file"],
  [["gpt", "--data", "nowhere.txt"], "no file nowhere.txt"],
  [["mlp", "--layers", "2"], "layers: is for gpt"],
  [["mlp", "--hidden", "4", "--data", "moons", "--context", "2"], "context: is for gpt"],
])("%j", async (args, message) => {
  expect(await nabla(["train", ...args, "--out", at("none")])).toBe(1);
  expect(err.join("\n")).toContain(message);
});

test("a text is refused by other models, and a limit on memory holds", async () => {
  const text = write("long.txt", "ab".repeat(200));
  expect(await nabla(["train", "mlp", "--data", "text", "--data-dir", text, "--out", at("none")])).toBe(1);
  expect(await nabla(["train", "gpt", "--data", text, "--max-bytes", "1000", "--out", at("none")])).toBe(1);
  expect(err.join("\n")).toMatch(/mlp: takes no text; for long: nabla train gpt[\s\S]*the limit is 1 kB/);
});
