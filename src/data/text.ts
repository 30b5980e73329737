/**
 * @file Texts as data sets for models that tell the next character. The characters are those of Unicode (code points); the first part of the text
 * trains and the rest tests; both are cut into windows, of which each character is the target of the one before it.
 */
import { aPath, type Checks, check, checkOptions, expectation, positiveInteger } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { budgetOf, type ReadLimits } from "../formats/budget.ts";
import type { DataDescription, Dataset, Split } from "./dataset.ts";
import { digestOf } from "./files.ts";

export interface TextOptions extends ReadLimits {
  /** Characters that the model sees. Default 64. */
  readonly context?: number;
  /** Share of the text, at its end, that tests. Default 0.1. */
  readonly testShare?: number;
}

const between = expectation("a number between 0 and 1", (value) => typeof value === "number" && value > 0 && value < 1);
export const TEXT_OPTIONS: Checks<TextOptions> = { context: positiveInteger, testShare: between, maxBytes: positiveInteger };

/** Bytes that a byte of the file takes as text, as numbers and as examples. */
const PER_BYTE = 20;

/** The text in a file, in UTF-8, with line ends as \n. @throws {Error} one line for what is no text, is empty, or takes too much memory. */
export async function readText(path: string, limits: ReadLimits = {}): Promise<string> {
  check("the path of a text", path, aPath);
  const { readFile, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const fail = (error: NodeJS.ErrnoException): never => {
    throw new Error(error.code === "ENOENT" || error.code === "ENOTDIR" ? `no file ${path}` : `cannot read ${path}: ${error.message}`);
  };
  const found = await stat(path).catch(fail);
  if (found.isDirectory()) throw new Error(`cannot read ${path}: it is a folder; want a text file`);
  // Ten times the file is the usual limit for formats that unpack; a text takes twice that.
  const usual = limits.maxBytes === undefined && found.size * PER_BYTE <= 2 ** 31 ? { maxBytes: 2 ** 31 } : limits;
  budgetOf(usual, path, found.size).claim(found.size * PER_BYTE, "the text as examples");
  return decodeText(new Uint8Array(await readFile(path).catch(fail)), path);
}

/** Bytes as text. @throws {Error} for what is no text in UTF-8, or empty. */
export function decodeText(bytes: Uint8Array, path: string): string {
  if (bytes.length === 0) throw new Error(`${path}: is empty; want a text to learn from`);
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw new Error(`${path}: is no text: byte ${zero} is 0; want a text file in UTF-8`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n");
  } catch {
    throw new Error(`${path}: is no text in UTF-8; save it in that encoding`);
  }
}

/** The different characters of a text, in the order of their code points. */
export function charactersOf(text: string): string[] {
  return [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
}

/** A character as errors show it. */
const shown = (character: string): string =>
  `${JSON.stringify(character)} (U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")})`;

/** The numbers of characters among those known. @throws {Error} that names those that are not. */
export function encodeText(text: string, characters: readonly string[], what: string): Int32Array {
  const index = new Map(characters.map((character, i) => [character, i]));
  const strange = new Set<string>();
  const numbers = Int32Array.from(text, (character) => {
    const found = index.get(character);
    if (found === undefined) strange.add(character);
    return found ?? 0;
  });
  if (strange.size === 0) return numbers;
  const list = [...strange].slice(0, 5).map(shown).join(", ");
  throw new Error(
    `${what}: has ${strange.size === 1 ? "a character" : `${strange.size} characters`} that the model has never seen: ${list}${strange.size > 5 ? ", ..." : ""}; replace ${strange.size === 1 ? "it" : "them"}, or train on a text that has ${strange.size === 1 ? "it" : "them"}`,
  );
}

/** Windows of `context` characters one after another, each with the character that follows as its target. What is left at the end is dropped. */
export function windowsOf(numbers: Int32Array, context: number): Split {
  const count = Math.max(0, Math.floor((numbers.length - 1) / context));
  const used = count * context;
  return { inputs: Float32Array.from(numbers.subarray(0, used)), targets: numbers.slice(1, used + 1), count };
}

/**
 * A text as a data set: inputs are the numbers of `context` characters, classes the characters of the text, targets the next ones.
 * @throws {Error} one line if the text is too short, or has one character alone.
 */
export function textDataset(name: string, text: string, options: TextOptions = {}): Dataset {
  checkOptions("textDataset", options, TEXT_OPTIONS);
  check(
    "textDataset: text",
    text,
    expectation("a text", (value) => typeof value === "string"),
  );
  const { context = 64, testShare = 0.1 } = options;
  const classes = charactersOf(text);
  const numbers = encodeText(text, classes, name);
  const last = numbers.length - Math.max(context + 1, Math.floor(numbers.length * testShare));
  const least = 2 * (context + 1);
  if (last < context + 1)
    throw new Error(`${name}: has ${numbers.length} characters; a context of ${context} wants at least ${least}: ${context + 1} to train on and as many to test; use a longer text, or a shorter --context`); // biome-ignore format: one thought
  if (classes.length < 2) throw new Error(`${name}: is ${shown(classes[0])} and nothing else; there is nothing to learn`);
  return {
    name,
    train: windowsOf(numbers.subarray(0, last), context),
    test: windowsOf(numbers.subarray(last), context),
    classes,
    inputShape: [context],
    task: "classification",
    preprocessing: { text: {} },
    notes: [`${numbers.length.toLocaleString("en-US")} characters, ${classes.length} different ones, in windows of ${context}`],
  };
}

/** The text in a file as a data set. */
export async function textFile(path: string, options: TextOptions = {}): Promise<Dataset> {
  const text = await readText(path, options);
  const name = path.split(/[/\\]/).at(-1)!.replace(/\.txt$/i, ""); // biome-ignore format: one thought
  return { ...textDataset(name, text, options), sha256: await digestOf([path]) };
}

/** The windows of a new text for a model that knows some characters. @throws {Error} one line for a text that it cannot take. */
export async function textSplit(path: string, { classes, inputShape }: DataDescription): Promise<Split> {
  const context = inputShape[0];
  const split = windowsOf(encodeText(await readText(path), classes, path), context);
  if (split.count === 0) throw new Error(`${path}: is too short: a context of ${context} wants at least ${context + 1} characters`);
  return split;
}
