/** @file Functions and modules as ONNX files: the recorded list, node by node, with the batch as an open size. */
import { fn as aFunction, type Checks, check, checkOptions, either, expectation, flag, object, text } from "../../base/check.ts";
import type { TypedArray } from "../../base/dtype.ts";
import { encodeOnnx, type OnnxInfo, type OnnxTensor } from "../../formats/onnx.ts";
import { type AnyFunction, leavesOf, originalOf, withLeaves } from "../../function/capture.ts";
import { type Recording, recordFunction, withLines } from "../../function/recording.ts";
import { namesOf, unique } from "../../function/save.ts";
import { parameterNames } from "../../function/signature.ts";
import { Module } from "../../nn/module.ts";
import { zeros } from "../../ops/create.ts";
import { full } from "../../ops/indexing.ts";
import { madeBy } from "../../ops/made-by.ts";
import { broadcast } from "../../ops/movement.ts";
import type { Instruction, Region } from "../../ops/op.ts";
import { inlineRegion } from "../../ops/region.ts";
import { elementsOf, type Tensor } from "../../ops/tensor.ts";
import type { Cell } from "../../runtime/cell.ts";
import { noticing } from "../../runtime/notice.ts";
import { tidy } from "../../runtime/passes.ts";
import { dependents, tapeOfRegion } from "../../tape/tape.ts";
import { type Dim, ELEMENT, Graph, refuse, type Shared } from "./graph.ts";
import { writeInstruction } from "./ops.ts";
import { patternsFor } from "./patterns.ts";

export interface OnnxExportOptions {
  /** The version of ONNX's operators, 13 to 22. Default 18. */
  readonly opset?: number;
  /**
   * The name of the open size: axis 0 of every tensor of the arguments that has as many elements there as the first one. False: all sizes are as in the example. Default "N".
   */
  readonly batch?: string | false;
  /**
   * Whether what depends on weights alone is computed now, and batch normalization goes into the weights of the convolution before it: fewer nodes, results that differ in the last
   * bits. Default true; always false with `training`.
   */
  readonly fold?: boolean;
  /** Names of inputs and outputs. Default: of the function's parameters (or "input"), and "output" or the keys of the result. */
  readonly names?: { readonly inputs?: readonly string[]; readonly outputs?: readonly string[] };
  /** Whether the function may write cells: each is an input `w` and an output `w.next`, so that a whole training step runs in any runtime. Default false. */
  readonly training?: boolean;
  /** The name of a second file for the weights. Default: one is there, `model.onnx.data`, if they take more than 1.5 GiB, which a file of ONNX cannot hold. */
  readonly external?: string;
  /** Texts by name that the file has beside the graph (`metadata_props`), such as classes and preprocessing; a model that is read again has them as `metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const OPTIONS: Checks<OnnxExportOptions> = {
  opset: expectation("an opset from 13 to 22", (value) => Number.isInteger(value) && (value as number) >= 13 && (value as number) <= 22),
  batch: expectation("a name or false", (value) => value === false || (typeof value === "string" && value !== "")),
  fold: flag,
  names: object,
  training: flag,
  external: text,
  metadata: expectation(
    "an object of texts",
    (value) => object.holds(value) && Object.values(value as object).every((v) => typeof v === "string"),
  ),
};

/** A file, and the one beside it that has its weights. */
export interface OnnxFiles {
  readonly model: Uint8Array;
  readonly data: Uint8Array;
}

/** IR versions that came with opsets (onnx/docs/Versioning.md). */
const IR: readonly (readonly [opset: number, ir: number])[] = [
  [21, 10],
  [19, 9],
  [15, 8],
  [13, 7],
];

/**
 * A function or a module as an ONNX file. `example` is an argument, or the list of them; types count, not values. A model in evaluation mode gives a file for prediction. What is exported is the
 * list that `show` prints, with the batch as an open size: it is recorded at two sizes, and what differs otherwise than by a multiple is an error.
 * @throws {Error} with the instruction and its line for what has no counterpart in ONNX, for random numbers, and for cells that are written without `training`.
 */
export function exportModel(
  model: AnyFunction | Module,
  example: unknown,
  options?: OnnxExportOptions & { readonly external?: undefined },
): Uint8Array;
export function exportModel(
  model: AnyFunction | Module,
  example: unknown,
  options: OnnxExportOptions & { readonly external: string },
): OnnxFiles;
export function exportModel(model: AnyFunction | Module, example: unknown, options: OnnxExportOptions = {}): Uint8Array | OnnxFiles {
  check(
    "onnx.export: model",
    model,
    either(
      aFunction,
      expectation("a module", (value) => value instanceof Module),
    ),
  );
  checkOptions("onnx.export", options, OPTIONS);
  const args: readonly unknown[] = Array.isArray(example) ? example : [example];
  if (leavesOf(args).leaves.length === 0 && args.length > 0 && !args.some((x) => typeof x === "object"))
    throw new TypeError("onnx.export: example: want a tensor, or a list of the function's arguments");
  const module = model instanceof Module ? model : undefined;
  const fn: AnyFunction = module ? (...given: never[]) => module.forward(...given) : (model as AnyFunction);
  return new Exporter(fn, module, args, options).file();
}

interface Recorded {
  readonly recording: Recording;
  readonly region: Region;
  readonly noticed: ReadonlySet<object>;
}

/** Two sizes of the batch that no network has as its own. */
const SIZES = [2, 3] as const;

class Exporter {
  readonly #options: OnnxExportOptions;
  readonly #fn: AnyFunction;
  readonly #module: Module | undefined;
  readonly #args: readonly unknown[];
  readonly #one: Recorded;
  readonly #two: Recorded;
  readonly #shared: Shared;
  readonly #graph: Graph;
  readonly #names: Map<Cell, string>;

  constructor(fn: AnyFunction, module: Module | undefined, args: readonly unknown[], options: OnnxExportOptions) {
    [this.#options, this.#fn, this.#module, this.#args] = [options, fn, module, args];
    const { batch = "N", training = false, fold = !training, opset = 18 } = options;
    const { leaves } = leavesOf(args);
    const count = batch === false ? undefined : leaves.find((x) => x.rank > 0)?.shape[0];
    const at = (n: number): readonly unknown[] =>
      count === undefined
        ? args
        : (withLeaves(
            args,
            leaves.map((x) => (x.shape[0] === count ? zeros([n, ...x.shape.slice(1)], x.dtype) : x)),
          ) as unknown[]);
    this.#one = record(fn, at(SIZES[0]));
    this.#two = count === undefined ? this.#one : record(fn, at(SIZES[1]));
    this.#checkWrites(training);
    const cells = this.#one.recording.inputs.filter((role) => typeof role !== "string");
    this.#names = namesOf([...new Set(cells)], new Set(this.#one.recording.constants), this.#given(), [...this.#one.noticed]);
    const twins = twinsOf(this.#one.region, this.#two.region);
    let next = 0;
    const taken = new Set(this.#names.values());
    const fresh = (prefix: string): string => {
      let name = `${prefix}${next++}`;
      while (taken.has(name)) name = `${prefix}${next++}`;
      return name;
    };
    this.#shared = {
      opset,
      batches: count === undefined ? [1, 1] : SIZES,
      batchName: batch === false ? "N" : batch,
      initializers: new Map(),
      twins,
      ...(fold && !training ? foldedIn(this.#one, this.#two, twins) : { known: () => undefined, isFolded: () => false }),
      uses: usesOf(this.#one.region),
      next: fresh,
      patterns: training ? [] : patternsFor(fold),
      write: writeInstruction,
    };
    this.#graph = new Graph(this.#shared);
  }

  /** The names of the module's own state dict. */
  #given(): ReadonlyMap<Cell, string> {
    return new Map([...(this.#module?.stateDict() ?? [])].map(([name, cell]) => [cell, name]));
  }

  #checkWrites(training: boolean): void {
    const { outputs } = this.#one.recording;
    const written = outputs.filter((role) => typeof role !== "string");
    if (training || written.length === 0) return;
    const names = namesOf(written, new Set(), this.#given(), [...this.#one.noticed]);
    const [first] = names.values();
    throw new Error(
      `onnx.export: the function writes ${first}${names.size > 1 ? ` and ${names.size - 1} more cells` : ""}, as a model in training mode does; call model.eval() first, or give { training: true }`,
    );
  }

  file(): Uint8Array | OnnxFiles {
    const g = this.#graph;
    const { region, recording } = this.#one;
    const inputs = this.#inputs();
    const weights = this.#weights(inputs);
    g.batchFrom = inputs.find(({ isOpen }) => isOpen)?.info.name;
    g.writeList(region);
    g.at = undefined;
    const outputs = region.outputs.map((y, i): OnnxInfo => {
      const role = recording.outputs[i]!;
      const name =
        role === "result"
          ? this.#outputNames()[recording.outputs.slice(0, i).filter((r) => r === "result").length]!
          : `${this.#names.get(role)!}.next`;
      g.at = y.source;
      const dims = g.dims(y);
      g.nodes.push({ op: "Identity", inputs: [g.ref(y)], outputs: [name], name: `/${name}`, attributes: [] });
      return g.info(name, y, dims);
    });
    const read = new Set(g.nodes.flatMap((node) => namesRead(node)));
    const initializers = [...weights, ...this.#shared.initializers.values()].filter(({ name }) => read.has(name!));
    return this.#encoded(
      inputs.map(({ info }) => info),
      outputs,
      initializers,
    );
  }

  /** Arguments, and with `training` the cells that are written. */
  #inputs(): { readonly info: OnnxInfo; readonly isOpen: boolean }[] {
    const g = this.#graph;
    const { region, recording } = this.#one;
    const names = [...this.#inputNames()];
    return region.inputs.flatMap((x, i) => {
      const role = recording.inputs[i]!;
      const state = typeof role !== "string" && recording.outputs.includes(role);
      if (role !== "argument" && !state) return [];
      const name = g.name(x, role === "argument" ? names.shift()! : this.#names.get(role)!);
      g.at = x.source;
      const dims: Dim[] = g.dims(x);
      const [first] = dims;
      return [{ info: g.info(name, x, dims), isOpen: typeof first === "object" && first.times === 1 }];
    });
  }

  /** Cells that are read alone, and what else the recording holds. */
  #weights(inputs: readonly { readonly info: OnnxInfo }[]): OnnxTensor[] {
    const g = this.#graph;
    const taken = new Set(inputs.map(({ info }) => info.name));
    return this.#one.region.inputs.flatMap((x, i): OnnxTensor[] => {
      const role = this.#one.recording.inputs[i]!;
      if (typeof role === "string" || g.names.has(x)) return [];
      let name = this.#names.get(role)!;
      while (taken.has(name)) name = `${name}_`;
      g.name(x, name);
      const elements = elementsOf(role.current);
      return [
        {
          name,
          type: ELEMENT[x.dtype],
          dims: [...x.shape],
          raw: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength).slice(),
        },
      ];
    });
  }

  #inputNames(): readonly string[] {
    const { region, recording } = this.#one;
    const labels = parameterNames(originalOf(this.#module ? this.#module.forward : this.#fn));
    const { paths } = leavesOf(this.#args);
    const own = region.inputs.filter((_, i) => recording.inputs[i] === "argument").map((x, i) => x.label ?? nameOf(paths[i]!, labels));
    return this.#chosen(
      "inputs",
      own.map((name) => name ?? "input"),
    );
  }

  #outputNames(): readonly string[] {
    return this.#chosen(
      "outputs",
      leavesOf(this.#one.recording.result).paths.map((path) => (path === "" ? "output" : /^\d/.test(path) ? `output.${path}` : path)),
    );
  }

  /** Names that are given, or those found; each once. */
  #chosen(kind: "inputs" | "outputs", found: readonly string[]): readonly string[] {
    const given = this.#options.names?.[kind];
    if (given === undefined) {
      const taken = new Set(kind === "outputs" ? this.#inputNames() : []);
      return unique([...taken, ...found]).slice(taken.size);
    }
    if (given.length !== found.length || new Set(given).size !== given.length)
      throw new TypeError(
        `onnx.export: names.${kind}: want ${found.length} different names, for ${found.join(", ") || "none"}, got ${given.join(", ")}`,
      );
    return given;
  }

  #encoded(inputs: OnnxInfo[], outputs: OnnxInfo[], initializers: OnnxTensor[]): Uint8Array | OnnxFiles {
    const { opset } = this.#shared;
    const total = initializers.reduce((n, { raw }) => n + (raw?.length ?? 0), 0);
    const location = this.#options.external ?? (total > MOST_INSIDE ? "model.onnx.data" : undefined);
    const parts: Uint8Array[] = [];
    const outside = location === undefined ? initializers : movedOut(initializers, location, parts);
    const model = encodeOnnx("Model", {
      irVersion: IR.find(([from]) => opset >= from)![1],
      producerName: "nabla",
      opsets: [{ domain: "", version: opset }],
      graph: { name: "main", nodes: this.#graph.nodes, inputs, outputs, initializers: outside, infos: [] },
      metadata: Object.entries(this.#options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    });
    return location === undefined ? model : { model, data: joined(parts) };
  }
}

/** A message of Protocol Buffers ends at 2 GiB. */
const MOST_INSIDE = 1.5 * 2 ** 30;
/** Tensors of fewer bytes stay in the model. */
const LEAST_OUTSIDE = 1024;
const ALIGNMENT = 64;

function movedOut(initializers: readonly OnnxTensor[], location: string, parts: Uint8Array[]): OnnxTensor[] {
  let at = 0;
  return initializers.map((tensor) => {
    const { raw, ...rest } = tensor;
    if (!raw || raw.length < LEAST_OUTSIDE) return tensor;
    const gap = (ALIGNMENT - (at % ALIGNMENT)) % ALIGNMENT;
    parts.push(new Uint8Array(gap), raw);
    const offset = at + gap;
    at = offset + raw.length;
    const external = Object.entries({ location, offset: String(offset), length: String(raw.length) }).map(([key, value]) => ({
      key,
      value,
    }));
    return { ...rest, external, location: 1 };
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function record(fn: AnyFunction, args: readonly unknown[]): Recorded {
  const { result: recording, noticed } = noticing(() => withLines(() => recordFunction(fn, args)));
  return { recording, region: tidy(recording.region), noticed };
}

function nameOf(path: string, labels: readonly string[]): string | undefined {
  const [number, ...rest] = path.split(".");
  return rest.length > 0 ? rest.join(".") : labels[Number(number)];
}

/** The values of the second list by those of the first. @throws {Error} if the lists differ in more than numbers. */
function twinsOf(one: Region, two: Region, twins: Map<Tensor, Tensor> = new Map()): Map<Tensor, Tensor> {
  const [p, q] = [tapeOfRegion(one), tapeOfRegion(two)];
  const differ = p.findIndex((a, i) => a.op !== q[i]?.op);
  if (p.length !== q.length || differ >= 0) {
    const at = p[Math.max(0, differ)];
    throw new Error(
      `onnx.export: the function does other things for a batch of 3 than for one of 2${at ? ` (first ${at.op.name})` : ""}; give { batch: false } for a file of one batch size`,
    );
  }
  for (const [i, x] of one.inputs.entries()) twins.set(x, two.inputs[i]!);
  p.forEach((a, i) => {
    for (const [k, y] of a.results.entries()) twins.set(y, q[i]!.results[k]!);
    for (const [k, region] of a.regions.entries()) twinsOf(region, q[i]!.regions[k]!, twins);
  });
  return twins;
}

function usesOf(region: Region, uses: Map<Tensor, (Instruction | "result")[]> = new Map()): Map<Tensor, (Instruction | "result")[]> {
  const use = (x: Tensor, by: Instruction | "result"): void => void uses.set(x, [...(uses.get(x) ?? []), by]);
  for (const a of tapeOfRegion(region)) {
    for (const x of a.operands) use(x, a);
    for (const inner of a.regions) usesOf(inner, uses);
  }
  for (const y of region.outputs) use(y, "result");
  return uses;
}

/**
 * What depends on no argument, computed at once: of the list's own values those that others read. What has the batch in its shape is left to nodes.
 * @throws {Error} for a number that differs between the two recordings.
 */
function foldedIn(one: Recorded, two: Recorded, twins: ReadonlyMap<Tensor, Tensor>): Pick<Shared, "known" | "isFolded"> {
  const { region, recording } = one;
  const list = tapeOfRegion(region);
  const open = dependents(
    list,
    region.inputs.filter((_, i) => recording.inputs[i] === "argument"),
  );
  for (const a of list) {
    const grows = a.results.some((y) => y.shape.join() !== twins.get(y)?.shape.join());
    if (grows || a.operands.some((x) => open.has(x))) for (const y of a.results) open.add(y);
  }
  const isPlain = (x: Tensor): boolean => madeBy(x, full) !== undefined || madeBy(x, broadcast) !== undefined;
  const wanted = new Set<Tensor>();
  const inputs = new Set<Tensor>(region.inputs);
  const want = (x: Tensor): void => {
    const spread = madeBy(x, broadcast);
    if (spread) want(spread.operands[0]);
    else if (!open.has(x) && !inputs.has(x) && !isPlain(x)) wanted.add(x);
  };
  for (const a of list) if (a.results.some((y) => open.has(y))) a.operands.forEach(want);
  region.outputs.forEach(want);
  const elements = new Map<Tensor, TypedArray>();
  const names = [...wanted];
  const [found, again] = [
    valuesOf(one, names),
    valuesOf(
      two,
      names.map((x) => twins.get(x)!),
    ),
  ];
  names.forEach((x, i) => {
    if (one !== two && found[i]!.some((v, k) => !Object.is(v, again[i]![k])))
      refuse(x.source, "a number depends on the batch; give { batch: false }");
    elements.set(x, found[i]!);
  });
  region.inputs.forEach((x, i) => {
    const role = recording.inputs[i]!;
    if (typeof role !== "string") elements.set(x, elementsOf(role.current));
  });
  const closed = new Set(list.filter((a) => !a.results.some((y) => open.has(y))));
  return { known: (x) => elements.get(x), isFolded: (a) => closed.has(a) };
}

/** Values of a list that depend on its cells alone. */
function valuesOf({ region, recording }: Recorded, values: readonly Tensor[]): TypedArray[] {
  const given = region.inputs.map((x, i): Tensor => {
    const role = recording.inputs[i]!;
    return typeof role === "string" ? zeros([...x.shape], x.dtype) : role.current;
  });
  return inlineRegion({ inputs: region.inputs, outputs: values }, given).map(elementsOf);
}

/** Names that a node and the graphs inside it read. */
function namesRead({ inputs = [], attributes = [] }: { inputs?: string[]; attributes?: { g?: { nodes?: object[] } }[] }): string[] {
  return [...inputs, ...attributes.flatMap(({ g }) => (g?.nodes ?? []).flatMap((node) => namesRead(node)))];
}
