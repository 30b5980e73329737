/**
 * @file Saves compiled functions as a file: one WebAssembly module with their programs, memory and cell values, which runs without this library. A bundle that does not
 * import `saveAll` does not contain this.
 */
import { fn as aFunction, aPath, type Checks, check, checkOptions, flag, object, text } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { formatType } from "../base/shape.ts";
import type { Region } from "../ops/op.ts";
import { Cell } from "../runtime/cell.ts";
import { cellsOf } from "../runtime/executable.ts";
import { noticing } from "../runtime/notice.ts";
import { fileOf, type Saved } from "../runtime/wasm/file.ts";
import { userLine } from "../tape/origin.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type AnyFunction, leavesOf, originalOf } from "./capture.ts";
import { type Recording, recordFunction, withLines } from "./recording.ts";
import { registerSaver } from "./save-step.ts";
import { parameterNames } from "./signature.ts";

/** Options of saving. */
export interface SaveOptions {
  /** Where it is written (Node). Default: nowhere. */
  readonly path?: string;
  /**
   * True to use the instruction for fused multiply-adds: the file is as fast as this library and gives the same bits, but engines without relaxed SIMD (Safari 18,
   * Node 20 without its flag) refuse it.
   * Default false.
   */
  readonly relaxed?: boolean;
  /** Names of cells. Default: the names in the state dicts of the modules and optimizers that the functions use, or else labels; a repeated name becomes `name#2`. */
  readonly names?: ReadonlyMap<Cell, string>;
  /** A licence text to put in the file. */
  readonly license?: string;
}

const SAVE_OPTIONS: Checks<SaveOptions> = { path: aPath, relaxed: flag, names: object, license: text };

/**
 * Saves several functions in one file, in which they share cells: `saveAll({ train, predict }, { train: [x, y], predict: [x] })`. The arguments are examples; only
 * their types and names matter. In the file, names of arguments and results begin with that of the function: `train.x`. Returns the bytes of the file; `load` of
 * `nabla/step` runs them.
 * @throws {Error} for ops that a file cannot contain: sorts, decompositions, special functions that no host has.
 */
export async function saveAll(
  compiled: Readonly<Record<string, AnyFunction>>,
  examples: Readonly<Record<string, readonly unknown[]>>,
  options: SaveOptions = {},
): Promise<Uint8Array> {
  check("saveAll: functions", compiled, object);
  check("saveAll: examples", examples, object);
  checkOptions("saveAll", options, SAVE_OPTIONS);
  const names = Object.keys(compiled);
  if (names.length === 0) throw new TypeError("saveAll: want at least one function, got none");
  for (const name of names) {
    if (!/^[A-Za-z_]\w*$/.test(name) || RESERVED.has(name))
      throw new TypeError(`saveAll: want names of letters and digits other than ${[...RESERVED].join(", ")}, got ${JSON.stringify(name)}`);
    check(`saveAll: ${name}`, compiled[name], aFunction);
    if (!Array.isArray(examples[name])) throw new TypeError(`saveAll: want example arguments for ${name}: { ${name}: [x, ...] }`);
  }
  const missing = Object.keys(examples).find((name) => !names.includes(name));
  if (missing !== undefined) throw new TypeError(`saveAll: examples for ${missing}, which is none of the functions ${names.join(", ")}`);
  return save(
    names.map((name) => [name, compiled[name]!, examples[name]!]),
    options,
  );
}

/** Names that the properties of a loaded step have already. */
const RESERVED: ReadonlySet<string> = new Set(["inputs", "outputs", "cells", "memory"]);

/** Saves one function under the name `run`. */
export function saveStep(fn: AnyFunction, args: readonly unknown[], path: string | undefined): Promise<Uint8Array> {
  if (path !== undefined) check("save: path", path, aPath);
  return save([["run", fn, args]], { ...(path !== undefined && { path }) });
}

/** Records the functions, compiles them to one file, and writes it if a path is given. */
async function save(
  list: readonly (readonly [name: string, fn: AnyFunction, args: readonly unknown[]])[],
  { path, relaxed = false, names, license }: SaveOptions,
): Promise<Uint8Array> {
  const recorded = list.map(([name, fn, args]) => {
    const { result: recording, noticed } = noticing(() => withLines(() => recordFunction(fn, args, parameterNames(originalOf(fn)))));
    return { name, fn, args, recording, noticed };
  });
  const prefix = (name: string): string => (list.length > 1 ? `${name}.` : "");
  const saved = recorded.map(({ name, args, recording }) => described(name, prefix(name), args, recording));
  const cells = [...new Set(recorded.flatMap(({ recording }) => cellsOf(recording)))];
  const constants = new Set(recorded.flatMap(({ recording }) => recording.constants));
  const cellNames = namesOf(
    cells,
    constants,
    names,
    recorded.flatMap(({ noticed }) => [...noticed]),
  );
  const about = {
    version: 1,
    functions: saved.map(({ name, region, roles, inputs, outputs }) => ({
      name,
      inputs: typed(
        inputs,
        region.inputs.filter((_, i) => roles.inputs[i] === "argument"),
      ),
      outputs: typed(
        outputs,
        region.outputs.filter((_, i) => roles.outputs[i] === "result"),
      ),
    })),
    cells: typed([...cellNames.values()], cells),
    relaxed,
    objects: [...new Set(recorded.flatMap(({ noticed }) => [...noticed].map((object) => String(object).split("\n")[0])))].slice(0, 100),
    ...(license !== undefined && { license }),
  };
  const bytes = fileOf(saved, { relaxed, nameOf: (cell) => cellNames.get(cell)!, notes: [["nabla", JSON.stringify(about)]], refuse });
  if (path !== undefined) {
    const { writeFile } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
    await writeFile(path, bytes);
  }
  return bytes;
}

const typed = (names: readonly string[], types: readonly Parameters<typeof formatType>[0][]): Record<string, string> =>
  Object.fromEntries(names.map((name, i) => [name, formatType(types[i]!)]));

/** Names arguments as `show` prints them, and results by their path in the result: `loss`, `0`. */
function described(name: string, prefix: string, args: readonly unknown[], recording: Recording): Saved {
  const { region, result } = recording;
  const { paths } = leavesOf(args);
  const labels = region.inputs.filter((_, i) => recording.inputs[i] === "argument").map((x, i) => x.label ?? paths[i] ?? String(i));
  const results = leavesOf(result).paths.map((path) => path || "result");
  return { name, region, roles: recording, inputs: unique(labels).map((x) => prefix + x), outputs: unique(results).map((y) => prefix + y) };
}

/** Makes names unique: `m`, `m#2`, `m#3`. */
export function unique(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; used.has(free); n++) free = `${name}#${n}`;
    used.add(free);
    return free;
  });
}

/** The part of modules and optimizers that is used here. */
interface Owner {
  stateDict(): ReadonlyMap<string, unknown>;
}

const isOwner = (object: object): object is Owner => "stateDict" in object && typeof object.stateDict === "function";

/** @throws {TypeError} for two cells that were given one name. */
export function namesOf(
  cells: readonly Cell[],
  constants: ReadonlySet<Cell>,
  given: ReadonlyMap<Cell, string> | undefined,
  noticed: readonly object[],
): Map<Cell, string> {
  const own = new Map<Cell, string>();
  for (const owner of noticed) {
    if (!isOwner(owner)) continue;
    for (const [name, cell] of owner.stateDict()) {
      // The outermost module that has a cell gives its longest name.
      if (cell instanceof Cell && (own.get(cell)?.length ?? 0) < name.length) own.set(cell, name);
    }
  }
  const chosen = cells.map((cell) => given?.get(cell));
  const twice = chosen.find((name, i) => name !== undefined && chosen.indexOf(name) !== i);
  if (twice !== undefined) throw new TypeError(`save: names: two cells are called "${twice}"; a file tells cells apart by their names`);
  const named = cells.map((cell, i) => chosen[i] ?? own.get(cell) ?? cell.label ?? (constants.has(cell) ? "constant" : "cell"));
  return new Map(unique(named).map((name, i) => [cells[i]!, name]));
}

/** Descriptions of host instructions for error messages. */
const DOES: Readonly<Record<string, string>> = { argsort: "sorts" };

function refuse({ name, region }: Saved, host: string): never {
  const line = lineOf(region, host);
  const what = DOES[host] ?? `computes ${host}`;
  throw new Error(
    `save: ${name === "run" ? "the function" : name} ${what} (${host}${line ? `, at ${line}` : ""}), which a file cannot bring along; leave it out of what is saved`,
  );
}

/** The line of the first instruction of an op. */
function lineOf(region: Region, op: string): string | undefined {
  for (const instruction of tapeOfRegion(region)) {
    const line = instruction.op.name === op ? userLine(instruction.origin) : undefined;
    if (line !== undefined) return line;
    for (const inner of instruction.regions) {
      const found = lineOf(inner, op);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

registerSaver(saveStep);
