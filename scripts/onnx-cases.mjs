/**
 * @file Runs cases in the layout of ONNX's backend tests: `test_x/model.onnx` beside `test_data_set_0/input_0.pb, output_0.pb`. Used by `npm run onnx` on the built package and by the
 * tests on the sources, so what it needs of Nabla is given to it.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";

const RTOL = 1e-3;
const ATOL = 1e-7;

/** Names of the folders in a folder, through links too. */
const foldersIn = (folder) => readdirSync(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());

/** Folders that hold a `model.onnx`, this one included, in the order of their names. */
export function findCases(folder, depth = 0) {
  if (existsSync(join(folder, "model.onnx"))) return [folder];
  if (depth > 6) return [];
  return foldersIn(folder)
    .sort()
    .flatMap((name) => findCases(join(folder, name), depth + 1));
}

const dataSets = (folder) =>
  foldersIn(folder)
    .filter((name) => /^test_data_set_\d+$/.test(name))
    .sort()
    .map((name) => join(folder, name));

/** input_0.pb, input_1.pb, … by number. */
function filesOf(folder, kind) {
  const found = readdirSync(folder).flatMap((name) => {
    const match = name.match(new RegExp(`^${kind}_(\\d+)\\.pb$`));
    return match ? [{ at: Number(match[1]), bytes: new Uint8Array(readFileSync(join(folder, name))) }] : [];
  });
  return found.sort((a, b) => a.at - b.at);
}

/** The operator that a case is about: of its only node, or the one that its name starts with (function bodies written out), or of its first node. */
export function opOfCase(name, graph, known) {
  const ops = (graph?.nodes ?? []).map(({ op }) => op).filter((op) => op !== "Constant");
  if (ops.length === 1) return ops[0];
  const plain = name
    .replace(/^test_/, "")
    .replaceAll("_", "")
    .toLowerCase();
  const fits = known.filter((op) => plain.startsWith(op.split(".").at(-1).toLowerCase()));
  return fits.sort((a, b) => b.length - a.length)[0] ?? ops[0] ?? "Constant";
}

class Unsupported extends Error {}

/** A value of a data set as Nabla takes it: a tensor, a list of them, or nothing. */
function readValue({ onnx, tensor }, info, bytes, what) {
  const type = info?.type ?? {};
  if (type.optional) {
    const { tensor: one, sequence } = onnx.decodeOnnx("Optional", bytes, what);
    if (sequence) return (sequence.tensors ?? []).map((t) => toTensor({ onnx, tensor }, t, what));
    return one ? toTensor({ onnx, tensor }, one, what) : undefined;
  }
  if (type.sequence) {
    const { tensors, sequences } = onnx.decodeOnnx("Sequence", bytes, what);
    if (sequences?.length) throw new Unsupported(`${what}: a sequence of sequences`);
    return tensors.map((t) => toTensor({ onnx, tensor }, t, what));
  }
  if (type.map || type.sparse || type.opaque) throw new Unsupported(`${what}: maps, sparse and opaque values`);
  return toTensor({ onnx, tensor }, onnx.decodeOnnx("Tensor", bytes, what), what);
}

const HELD = { float: "f32", double: "f64", float16: "f32", bfloat16: "f32", uint32: "u32", uint8: "u8", bool: "bool" };

function toTensor({ onnx, tensor }, message, what) {
  let array;
  try {
    array = onnx.onnxElements(message, what);
  } catch (error) {
    if (/not supported/.test(error.message)) throw new Unsupported(error.message);
    throw error;
  }
  const held = HELD[array.dtype] ?? (array.dtype.startsWith("float") ? "f32" : "i32");
  const numbers = Array.from(array.data, Number);
  if (held === "i32" && numbers.some((n) => n < -(2 ** 31) || n >= 2 ** 31)) throw new Unsupported(`${what}: whole numbers beyond 32 bits`);
  const kinds = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array, bool: Uint8Array };
  return tensor(kinds[held].from(numbers), { shape: array.shape, dtype: held });
}

/** What is wrong with a result, or undefined. */
function difference(got, want, name) {
  if (Array.isArray(want) || Array.isArray(got)) {
    if (!Array.isArray(want) || !Array.isArray(got) || want.length !== got.length) return `${name}: a sequence of another length`;
    return want.map((each, i) => difference(got[i], each, `${name}[${i}]`)).find(Boolean);
  }
  if (want === undefined) return got === undefined ? undefined : `${name}: a value where none is wanted`;
  if (String(got.shape) !== String(want.shape)) return `${name}: shape [${got.shape}], wanted [${want.shape}]`;
  if (got.dtype !== want.dtype) return `${name}: ${got.dtype}, wanted ${want.dtype}`;
  const [a, b] = [got.dataSync(), want.dataSync()];
  let wrong = 0;
  let first = -1;
  for (let i = 0; i < b.length; i++) {
    const same = a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i])) || Math.abs(a[i] - b[i]) <= ATOL + RTOL * Math.abs(b[i]);
    if (same) continue;
    if (first < 0) first = i;
    wrong++;
  }
  return wrong === 0 ? undefined : `${name}: ${wrong} of ${b.length} differ, at ${first} ${a[first]} where ${b[first]} is wanted`;
}

/** Inputs of a data set by name: named as the files say, if the model has that name, else by place. */
function feedsOf(api, model, folder) {
  const graph = model.graph ?? {};
  const initial = new Set((graph.initializers ?? []).map(({ name }) => name));
  const infos = graph.inputs ?? [];
  const open = infos.filter(({ name }) => !initial.has(name));
  const files = filesOf(folder, "input");
  const list = files.length > open.length ? infos : open;
  const feeds = {};
  for (const { at, bytes } of files) {
    const info = list[at];
    if (!info) continue;
    const value = readValue(api, info, bytes, `${basename(folder)}/input_${at}.pb`);
    if (value !== undefined) feeds[info.name] = value;
  }
  return feeds;
}

/** Runs the model on values: as it is, or compiled with the inputs that decide shapes as numbers. */
function outputsOf({ compile }, module, feeds, compiled) {
  if (!compiled) return module.forward(feeds);
  const numbers = {};
  const tensors = {};
  for (const [name, value] of Object.entries(feeds)) {
    if (!module.numberInputs.includes(name) || Array.isArray(value)) tensors[name] = value;
    else numbers[name] = value;
  }
  // A tensor that the function closes over is a constant of it.
  return compile((xs) => module.forward({ ...numbers, ...xs }))(tensors);
}

/** Runs one case; resolves to { name, op, outcome: "passed" | "failed" | "unsupported", why }. */
export async function runCase(api, folder, { compiled = false } = {}) {
  const { onnx, manualSeed } = api;
  const name = basename(folder);
  let op = name.replace(/^test_/, "");
  try {
    const path = join(folder, "model.onnx");
    const model = onnx.decodeOnnx("Model", new Uint8Array(readFileSync(path)), "model.onnx");
    op = opOfCase(name, model.graph, api.ops);
    const sets = dataSets(folder);
    if (sets.length === 0) throw new Unsupported("no data set");
    const module = (await onnx.load(path)).eval();
    manualSeed?.(0);
    for (const set of sets) {
      const feeds = feedsOf(api, model, set);
      const want = filesOf(set, "output").map(({ at, bytes }) =>
        readValue(api, model.graph?.outputs?.[at], bytes, `${basename(set)}/output_${at}.pb`),
      );
      const result = outputsOf(api, module, feeds, compiled);
      const got = module.outputs.length === 1 ? [result] : module.outputs.map((port) => result[port.name]);
      const wrong = want.map((each, i) => difference(got[i], each, module.outputs[i]?.name ?? `output ${i}`)).find(Boolean);
      if (wrong) return { name, op, outcome: "failed", why: wrong };
    }
    return { name, op, outcome: "passed" };
  } catch (error) {
    const isUnsupported = error instanceof Unsupported || error?.name === "OnnxUnsupportedError";
    const why = String(error?.message ?? error).split("\n")[0];
    return { name, op, outcome: isUnsupported ? "unsupported" : "failed", why };
  }
}

/** Counts by operator. */
export function tally(results) {
  const ops = {};
  for (const { op, outcome } of results) {
    ops[op] ??= { cases: 0, passed: 0, failed: 0, unsupported: 0 };
    ops[op].cases++;
    ops[op][outcome]++;
  }
  return Object.fromEntries(Object.entries(ops).sort(([a], [b]) => (a < b ? -1 : 1)));
}
