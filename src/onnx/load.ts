/** @file Reading ONNX files: as a module that runs and trains, or as a summary of what is in them. */
import { type Checks, checkOptions, expectation, object } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { brief } from "../formats/clean.ts";
import { decodeOnnx, type OnnxGraph, type OnnxInfo, type OnnxModel, type OnnxNode, onnxDtype } from "../formats/onnx.ts";
import { Parameter, State } from "../nn/parameter.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { type External, externalData, externalTensors, type OnnxSource, readSource } from "./external.ts";
import { type Held, opKey, opOf, type Plan, planModel } from "./graph.ts";
import { type OnnxInput, OnnxModule, type OnnxPort } from "./module.ts";
import { OPS } from "./ops/index.ts";
import { allPlans, allSteps, isCandidate, makersOf, Readers, roleOf } from "./parameters.ts";
import { Known, Live, OnnxUnsupportedError, type Value } from "./value.ts";

export interface OnnxLoadOptions {
  /** Where elements lie that are in other files, by the location that the model names. Default in Node: files beside the model, none outside of its folder. */
  readonly external?: External;
  /**
   * Which tensors of floats are trained, by name and value. Default: what their readers make of them (see docs/onnx.md). `true`: that, and batch normalization and dropout follow
   * `train()` and `eval()` instead of what the file says.
   */
  readonly trainable?: boolean | ((name: string, tensor: Tensor) => boolean);
  /** Inputs given once for all, by name; `forward` then needs them no more. */
  readonly fixed?: Readonly<Record<string, OnnxInput>>;
}

const LOAD_OPTIONS: Checks<OnnxLoadOptions> = {
  external: expectation("a function of a location, or an object of bytes by location", (v) => typeof v === "function" || object.holds(v)),
  trainable: expectation("true, false or a function of name and tensor", (v) => typeof v === "boolean" || typeof v === "function"),
  fixed: object,
};

/**
 * A model of an ONNX file (a path, a URL in a page, or its bytes) as a module: weights are its parameters under the names in the file, `forward` runs the graph.
 * Opsets 7 to 28; docs/onnx.md lists the operators.
 * @throws {Error} of one line if the file is damaged; {@link OnnxUnsupportedError} that lists the operators that are not supported.
 */
export async function load(source: OnnxSource, options: OnnxLoadOptions = {}): Promise<OnnxModule> {
  checkOptions("onnx.load", options, LOAD_OPTIONS);
  const { bytes, what, folder } = await readSource("onnx.load", source);
  const model = decodeOnnx("Model", bytes, what);
  if (!model.graph) throw new Error(`${what}: no ONNX model, there is no graph in it`);
  refuseMissing(model, what);
  const external = await externalData(externalTensors(model), what, folder, options.external);
  const plan = planModel(model, what, external);
  await Promise.all([...new Set(allSteps(plan).map(opOf))].map((op) => op.prepare?.()));
  const ports = portsOf(model.graph, plan);
  const cells = makeCells(plan, options.trainable);
  const opset = standardOpset(model);
  const producer = brief(`${model.producerName ?? ""} ${model.producerVersion ?? ""}`.trim());
  return new OnnxModule({
    plan,
    ...ports,
    defaults: defaultsOf(plan, ports.inputs, options.fixed),
    cells,
    follow: options.trainable === true,
    metadata: metadataOf(model),
    title: `${producer ? `${producer}, ` : ""}opset ${opset}, ${plan.steps.length} nodes`,
  });
}

const metadataOf = ({ metadata = [] }: OnnxModel): Record<string, string> =>
  Object.fromEntries(metadata.map(({ key = "", value = "" }) => [key, value]));

const standardOpset = (model: OnnxModel): number =>
  Number(model.opsets?.find(({ domain }) => !domain || domain === "ai.onnx")?.version ?? 0);

/** Initializers may be listed as inputs too (before IR 4): then they need not be given. */
function defaultsOf(_plan: Plan, inputs: readonly OnnxPort[], fixed: OnnxLoadOptions["fixed"]): Map<string, Value> {
  const defaults = new Map<string, Value>();
  const names = new Set(inputs.map(({ name }) => name));
  for (const [name, given] of Object.entries(fixed ?? {})) {
    const port = inputs.find((each) => each.name === name);
    if (!names.has(name) || !port)
      throw new TypeError(`onnx.load: fixed names the input "${brief(name)}", which is none of ${[...names].map(brief).join(", ")}`);
    defaults.set(name, fixedValue(port, given));
  }
  return defaults;
}

function fixedValue(port: OnnxPort, given: OnnxInput): Value {
  if (typeof given === "number" || typeof given === "boolean") return new Known(port.dtype, [], [Number(given)]);
  if (Array.isArray(given) && given.every((n) => typeof n === "number")) return new Known(port.dtype, [given.length], given);
  if (ArrayBuffer.isView(given)) {
    const list = Array.from(given as unknown as ArrayLike<number | bigint>, Number);
    return new Known(port.dtype, [list.length], list);
  }
  const tensor = (given as { value?: Tensor }).value ?? (given as Tensor);
  if (typeof (tensor as { rank?: unknown }).rank !== "number")
    throw new TypeError(`onnx.load: fixed.${port.name} must be a tensor or numbers, got ${describe(given)}`);
  return new Live(tensor, port.dtype);
}

/** Inputs (less the initializers) and outputs. */
function portsOf(graph: OnnxGraph, plan: Plan): { inputs: OnnxPort[]; outputs: OnnxPort[] } {
  const inputs = (graph.inputs ?? []).filter(({ name }) => !plan.constants.has(name ?? "")).map(portOf);
  return { inputs, outputs: (graph.outputs ?? []).map(portOf) };
}

export function portOf({ name = "", type }: OnnxInfo): OnnxPort {
  const inner = type?.optional?.elem ?? type;
  const isSequence = inner?.sequence !== undefined;
  const tensor = inner?.tensor ?? inner?.sequence?.elem?.tensor;
  const dims = tensor?.shape?.dims;
  return {
    name,
    dtype: tensor?.elem ? onnxDtype(tensor.elem, `the type of "${brief(name)}"`) : "float",
    shape: dims?.map(({ value, param }) => (value === undefined || Number(value) < 0 ? (param ?? "") : Number(value))),
    isSequence,
    isOptional: type?.optional !== undefined,
  };
}

const MOST_BYTES = 2 ** 32;

/** Makes cells of weights and statistics, and puts them into the plans. */
function makeCells(plan: Plan, trainable: OnnxLoadOptions["trainable"]): Map<string, Cell> {
  const readers = new Readers(plan);
  const makers = makersOf(plan);
  const cells = new Map<string, Cell>();
  let bytes = 0;
  for (const each of allPlans(plan)) {
    for (const [name, constant] of each.constants) {
      if (!(constant instanceof Known)) continue;
      const role = wanted(name, constant, each.literals.has(name), readers, makers, trainable);
      if (role === "constant") continue;
      bytes += constant.data.length * (constant.dtype === "double" ? 8 : 4);
      if (bytes > MOST_BYTES)
        throw new OnnxUnsupportedError(`onnx.load: the weights take more than ${MOST_BYTES} bytes, which a program can address`);
      const cell = role === "parameter" ? new Parameter(constant.tensor, name) : new State(constant.tensor, { label: name });
      const held: Held = { cell, dtype: constant.dtype };
      each.constants.set(name, held);
      let own = name;
      while (cells.has(own)) own += "'";
      cells.set(own, cell);
    }
  }
  return cells;
}

function wanted(
  name: string,
  constant: Known,
  isLiteral: boolean,
  readers: Readers,
  makers: ReturnType<typeof makersOf>,
  trainable: OnnxLoadOptions["trainable"],
): ReturnType<typeof roleOf> {
  const usual = roleOf(name, constant, isLiteral, readers, makers);
  if (usual === "state" || typeof trainable === "boolean" || trainable === undefined) {
    return trainable === false && usual === "parameter" ? "constant" : usual;
  }
  if (usual === "constant" && !isCandidate(constant)) return usual;
  return trainable(name, constant.tensor) ? "parameter" : "constant";
}

// ---- what a file holds ----------------------------------------------------------------------------------------------------------------

/** An operator of a file. */
export interface OnnxOpCount {
  /** With its domain before it, except for the standard set. */
  readonly op: string;
  readonly nodes: number;
  readonly isSupported: boolean;
}

/** What {@link inspect} finds. */
export interface OnnxSummary {
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** Operators by how often they occur; the model's own functions are counted by what they are made of. */
  readonly ops: readonly OnnxOpCount[];
  /** Operators that are not supported. */
  readonly missing: readonly string[];
  /** Functions that the file brings along. */
  readonly functions: readonly string[];
  readonly initializers: readonly {
    readonly name: string;
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly isExternal: boolean;
  }[];
  /** What the file says beside the graph, by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * What an ONNX file holds, without making tensors or reading other files: operators with their counts and whether they are supported, inputs, outputs, initializers.
 * @throws {Error} of one line if the file is damaged.
 */
export async function inspect(source: OnnxSource): Promise<OnnxSummary> {
  const { bytes, what } = await readSource("onnx.inspect", source);
  const model = decodeOnnx("Model", bytes, what);
  const graph = model.graph ?? {};
  const initializers = graph.initializers ?? [];
  const named = new Set(initializers.map(({ name }) => name));
  const ops = countOps(model);
  return {
    producer: brief(`${model.producerName ?? ""} ${model.producerVersion ?? ""}`.trim()),
    irVersion: Number(model.irVersion ?? 0),
    opsets: Object.fromEntries((model.opsets ?? []).map(({ domain, version }) => [domain || "ai.onnx", Number(version ?? 0)])),
    inputs: (graph.inputs ?? []).filter(({ name }) => !named.has(name)).map(portOf),
    outputs: (graph.outputs ?? []).map(portOf),
    ops,
    missing: ops.filter(({ isSupported }) => !isSupported).map(({ op }) => op),
    functions: (model.functions ?? []).map(({ domain, name }) => brief(`${domain ? `${domain}.` : ""}${name ?? ""}`)),
    initializers: initializers.map((t) => ({
      name: brief(t.name ?? ""),
      dtype: onnxDtype(t.type, what),
      shape: (t.dims ?? []).map(Number),
      isExternal: Number(t.location ?? 0) === 1,
    })),
    metadata: metadataOf(model),
  };
}

const graphsIn = (node: OnnxNode): OnnxGraph[] =>
  (node.attributes ?? []).flatMap(({ g, graphs }) => [...(g ? [g] : []), ...(graphs ?? [])]);

const nodesIn = (nodes: readonly OnnxNode[]): OnnxNode[] =>
  nodes.flatMap((node) => [node, ...graphsIn(node).flatMap((graph) => nodesIn(graph.nodes ?? []))]);

/** The nodes of the graph and of the functions that the model defines, by op. */
function countOps(model: OnnxModel): OnnxOpCount[] {
  const own = new Set((model.functions ?? []).map(({ domain, name }) => keyOf(domain, name)));
  const all = [...(model.graph?.nodes ?? []), ...(model.functions ?? []).flatMap(({ nodes }) => nodes ?? [])];
  const counts = new Map<string, number>();
  for (const node of nodesIn(all)) {
    const key = keyOf(node.domain, node.op);
    if (!own.has(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts]
    .map(([op, nodes]) => ({ op: brief(op), nodes, isSupported: Object.hasOwn(OPS, op) }))
    .sort((a, b) => b.nodes - a.nodes || (a.op < b.op ? -1 : 1));
}

const keyOf = (domain: string | undefined, op: string | undefined): string =>
  opKey({ domain: domain === "ai.onnx" ? "" : (domain ?? ""), op: op ?? "" });

/** @throws {OnnxUnsupportedError} that lists all operators that are missing, before anything else is done. */
function refuseMissing(model: OnnxModel, what: string): void {
  const missing = countOps(model).filter(({ isSupported }) => !isSupported);
  if (missing.length === 0) return;
  const list = missing.slice(0, 8).map(({ op, nodes }) => `${op} (${nodes})`);
  throw new OnnxUnsupportedError(
    `${what}: ${missing.length === 1 ? "an operator is" : `${missing.length} operators are`} not supported: ${list.join(", ")}${missing.length > 8 ? ", …" : ""}`,
  );
}
