/**
 * @file An ONNX graph as it runs: functions of the model put in place, attributes read once, steps that no output needs left out; and the loop over the steps.
 */
import { brief } from "../formats/clean.ts";
import {
  ATTRIBUTE,
  type OnnxAttribute,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxOpset,
  onnxDtype,
  onnxElements,
  onnxFilled,
} from "../formats/onnx.ts";
import { withPath } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import {
  type Attribute,
  Call,
  type Held,
  type Op,
  type Plan,
  type Run,
  readAttribute,
  type Scope,
  type Step,
  unsupported,
} from "./call.ts";
import { folded } from "./known.ts";
import { OPS } from "./ops/index.ts";
import { asValue, isSequence, type Known, knownOf, Live, OnnxUnsupportedError, type Value } from "./value.ts";

export type { Held, Plan };

// ---- preparing ------------------------------------------------------------------------------------------------------------------------

type Versions = ReadonlyMap<string, number>;

interface Source {
  readonly functions: ReadonlyMap<string, OnnxFunction>;
  /** Elements of initializers in other files. */
  readonly external: ReadonlyMap<unknown, Uint8Array>;
  readonly what: string;
  /** Nodes that were put in place of functions so far: a file of a kilobyte can ask for any number. */
  inlined: number;
}

const MOST_INLINED = 1_000_000;
const DEEPEST_CALL = 64;

const domainOf = (domain: string | undefined): string => (domain === "ai.onnx" ? "" : (domain ?? ""));
const keyOf = (domain: string | undefined, op: string | undefined, overload = ""): string => `${domainOf(domain)}:${op ?? ""}:${overload}`;

const versionsOf = (opsets: readonly OnnxOpset[] | undefined): Versions =>
  new Map((opsets ?? []).map(({ domain, version }) => [domainOf(domain), Number(version ?? 1)]));

/** A model's graph as a plan. */
export function planModel(model: OnnxModel, what: string, external: Source["external"]): Plan {
  const functions = new Map((model.functions ?? []).map((f) => [keyOf(f.domain, f.name, f.overload), f]));
  return planGraph(model.graph ?? {}, versionsOf(model.opsets), { functions, external, what, inlined: 0 });
}

function planGraph(graph: OnnxGraph, versions: Versions, source: Source): Plan {
  const { constants, texts } = initializersOf(graph, source);
  const literals = new Set<string>();
  const steps: Step[] = [];
  for (const { node, versions: own } of inPlace(graph.nodes ?? [], versions, source, 0)) {
    const step = stepOf(node, own, source);
    const literal = step.op === "Constant" && step.domain === "" ? literalOf(step) : undefined;
    if (!literal) steps.push(step);
    else {
      constants.set(step.outputs[0], literal);
      literals.add(step.outputs[0]);
    }
  }
  const outputs = (graph.outputs ?? []).map(({ name }) => name ?? "");
  const kept = needed(steps, outputs);
  const text = [...outputs, ...kept.flatMap(readsOf)].find((name) => texts.has(name));
  if (text !== undefined) throw unsupported(`${source.what}: initializer "${brief(text)}": texts are not held in tensors`);
  return { steps: kept, inputs: (graph.inputs ?? []).map(({ name }) => name ?? ""), outputs, constants, literals };
}

/** The initializers of a graph, and the names of those that are texts: these are refused if something reads them. */
function initializersOf(graph: OnnxGraph, source: Source): { constants: Plan["constants"]; texts: ReadonlySet<string> } {
  const constants: Plan["constants"] = new Map();
  const texts = new Set<string>();
  const whatOf = (name: string): string => `${source.what}: initializer "${brief(name)}"`;
  for (const each of graph.initializers ?? []) {
    const name = each.name ?? "";
    if (onnxDtype(each.type, whatOf(name)) === "string") texts.add(name);
    else constants.set(name, knownOf(onnxElements(each, whatOf(name), source.external.get(each)), name));
  }
  for (const each of graph.sparse ?? []) {
    const name = each.values?.name ?? "";
    constants.set(name, knownOf(onnxFilled(each, whatOf(name)), name));
  }
  return { constants, texts };
}

function literalOf(step: Step): Known | undefined {
  try {
    return OPS.Constant.run(new Call(step, [], NOWHERE)) as Known;
  } catch {
    return undefined; // strings and sparse tensors: refused if it ever runs
  }
}

const NOWHERE: Scope = { get: () => undefined } as unknown as Scope;

/** A node with the versions of the operator sets that hold where it stands. */
interface Placed {
  readonly node: OnnxNode;
  readonly versions: Versions;
}

/** Nodes with those that call a function of the model replaced by its nodes. */
function inPlace(nodes: readonly OnnxNode[], versions: Versions, source: Source, depth: number): Placed[] {
  return nodes.flatMap((node) => {
    const found = source.functions.get(keyOf(node.domain, node.op, node.overload));
    if (!found) return [{ node, versions }];
    if (depth > DEEPEST_CALL) throw new Error(`${source.what}: functions call each other more than ${DEEPEST_CALL} deep`);
    const body = bodyOf(found, node, `${source.inlined}:`);
    source.inlined += body.length;
    if (source.inlined > MOST_INLINED) throw new Error(`${source.what}: functions make more than ${MOST_INLINED} nodes`);
    const own = new Map([...versions, ...versionsOf(found.opsets)]);
    return inPlace(body, own, source, depth + 1);
  });
}

/** The nodes of a function for one call: names made unlike all others, attributes filled in. */
function bodyOf(f: OnnxFunction, call: OnnxNode, prefix: string): OnnxNode[] {
  const names = new Map<string, string>();
  (f.inputs ?? []).forEach((name, i) => {
    names.set(name, call.inputs?.[i] ?? "");
  });
  (f.outputs ?? []).forEach((name, i) => {
    // A result that the caller leaves out is computed all the same, if another needs it.
    names.set(name, call.outputs?.[i] || `${prefix}${call.name ?? ""}/${name}`);
  });
  const rename = (name: string): string => (name === "" ? "" : (names.get(name) ?? `${prefix}${call.name ?? ""}/${name}`));
  const given = new Map((f.defaults ?? []).map((a) => [a.name ?? "", a]));
  for (const a of call.attributes ?? []) given.set(a.name ?? "", a);
  return (f.nodes ?? []).map((node) => renamed(node, rename, given));
}

function renamed(node: OnnxNode, rename: (name: string) => string, given: ReadonlyMap<string, OnnxAttribute>): OnnxNode {
  const attributes = (node.attributes ?? []).flatMap((a): OnnxAttribute[] => {
    if (a.ref) {
      const value = given.get(a.ref);
      return value ? [{ ...value, name: a.name }] : [];
    }
    return [a.g ? { ...a, g: renamedGraph(a.g, rename, given) } : a];
  });
  return { ...node, inputs: node.inputs?.map(rename), outputs: node.outputs?.map(rename), attributes };
}

function renamedGraph(graph: OnnxGraph, rename: (name: string) => string, given: ReadonlyMap<string, OnnxAttribute>): OnnxGraph {
  const infos = (list: OnnxGraph["inputs"]) => list?.map((info) => ({ ...info, name: rename(info.name ?? "") }));
  return {
    ...graph,
    nodes: graph.nodes?.map((node) => renamed(node, rename, given)),
    inputs: infos(graph.inputs),
    outputs: infos(graph.outputs),
    initializers: graph.initializers?.map((t) => ({ ...t, name: rename(t.name ?? "") })),
  };
}

function stepOf(node: OnnxNode, versions: Versions, source: Source): Step {
  const domain = domainOf(node.domain);
  const op = node.op ?? "";
  const attributes = new Map<string, Attribute>();
  for (const a of node.attributes ?? []) {
    if (a.ref) continue; // outside of a function there is nothing to refer to
    attributes.set(a.name ?? "", lazily(a, versions, source));
  }
  const outputs = node.outputs ?? [];
  return {
    op,
    domain,
    label: `${domain ? `${domain}.` : ""}${op} "${brief(node.name || outputs.find(Boolean) || "")}"`,
    inputs: node.inputs ?? [],
    outputs,
    attributes,
    opset: versions.get(domain) ?? (domain === "" ? 1 : 0),
  };
}

/** Attributes that cannot be read (strings in tensors, say) are missing: whether the op can do without them it knows itself. */
function lazily(a: OnnxAttribute, versions: Versions, source: Source): Attribute {
  if (a.type === ATTRIBUTE.graph || a.g) return readAttribute(a, (graph) => planGraph(graph, versions, source));
  try {
    return readAttribute(a, () => {
      throw new Error("no graph");
    });
  } catch (error) {
    if (error instanceof OnnxUnsupportedError || a.name === "value") return undefined;
    throw error;
  }
}

/** The graphs that a step runs. */
export const graphsOf = (step: Step): Plan[] =>
  [...step.attributes.values()].filter((a): a is Plan => typeof a === "object" && a !== null && "steps" in a);

/** Everything that a step reads: its inputs, and what its graphs read from around them. */
export function readsOf(step: Step): string[] {
  const outside = graphsOf(step).flatMap((plan) => {
    const own = new Set([...plan.inputs, ...plan.constants.keys(), ...plan.steps.flatMap(({ outputs }) => outputs)]);
    return [...plan.outputs, ...plan.steps.flatMap(readsOf)].filter((name) => !own.has(name));
  });
  return [...step.inputs, ...outside].filter((name) => name !== "");
}

/** The steps that some output needs. */
function needed(steps: readonly Step[], outputs: readonly string[]): Step[] {
  const wanted = new Set(outputs);
  const kept: Step[] = [];
  for (const step of steps.toReversed()) {
    if (!step.outputs.some((name) => name !== "" && wanted.has(name))) continue;
    kept.push(step);
    for (const name of readsOf(step)) wanted.add(name);
  }
  return kept.reverse();
}

// ---- running --------------------------------------------------------------------------------------------------------------------------

export const opKey = (step: Pick<Step, "op" | "domain">): string => (step.domain === "" ? step.op : `${step.domain}.${step.op}`);

/** The op of a step. @throws {OnnxUnsupportedError} if there is none. */
export function opOf(step: Step): Op {
  const key = opKey(step);
  if (!Object.hasOwn(OPS, key)) throw unsupported(`${step.label}: this operator is not supported`);
  return OPS[key];
}

class Frame implements Scope {
  readonly run: Run;
  readonly #plan: Plan;
  readonly #outer: Scope | undefined;
  readonly #values = new Map<string, Value | undefined>();

  constructor(plan: Plan, outer: Scope | undefined, run: Run) {
    this.#plan = plan;
    this.#outer = outer;
    this.run = run;
  }

  get(name: string): Value | undefined {
    if (this.#values.has(name)) return this.#values.get(name);
    const constant = this.#plan.constants.get(name);
    if (!constant) return this.#outer?.get(name);
    return "cell" in constant ? new Live(constant.cell.value, constant.dtype) : constant;
  }

  /** The cell of a name, here or around. */
  cellOf(name: string): Cell | undefined {
    const constant = this.#plan.constants.get(name);
    if (constant) return "cell" in constant ? constant.cell : undefined;
    return this.#outer instanceof Frame ? this.#outer.cellOf(name) : undefined;
  }

  set(name: string, value: Value | undefined): void {
    if (name !== "") this.#values.set(name, value);
  }
}

/** What the scope of a step knows of a name's cell. */
export const cellOf = (scope: Scope, name: string): Cell | undefined => (scope instanceof Frame ? scope.cellOf(name) : undefined);

/** Runs a plan on values of its inputs; those that it does not name it takes from around. */
export function runPlan(
  plan: Plan,
  inputs: ReadonlyMap<string, Value | undefined>,
  outer: Scope | undefined,
  run: Run,
): (Value | undefined)[] {
  const frame = new Frame(plan, outer, run);
  for (const [name, value] of inputs) frame.set(name, value);
  for (const step of plan.steps) {
    const results = runStep(step, frame);
    step.outputs.forEach((name, i) => {
      frame.set(name, results[i]);
    });
  }
  return plan.outputs.map((name) => frame.get(name));
}

function runStep(step: Step, frame: Frame): (Value | undefined)[] {
  const inputs = step.inputs.map((name) => (name === "" ? undefined : frame.get(name)));
  const call = new Call(step, inputs, frame);
  try {
    const known = folded(call);
    if (known) return known;
    const op = opOf(step);
    const first = inputs.find((value) => value !== undefined);
    const like = first === undefined || isSequence(first) ? undefined : first.dtype;
    const given = withPath(step.outputs.find(Boolean) ?? step.op, () => op.run(call));
    const all = Array.isArray(given) && !isListResult(step) ? given : [given];
    return all.map((each) => asValue(each, like));
  } catch (error) {
    throw named(error, step);
  }
}

/** Ops of which a list is one result. */
const LISTS: ReadonlySet<string> = new Set(["SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SplitToSequence"]);
const isListResult = (step: Step): boolean => LISTS.has(step.op) && step.domain === "";

/** The error with the step's name before it, once. */
function named(error: unknown, step: Step): unknown {
  if (!(error instanceof Error)) return error;
  const line = error.message.split("\n")[0];
  if (line.startsWith("onnx: ")) return error;
  const message = `onnx: ${line.startsWith(step.label) ? line : `${step.label}: ${line}`}`;
  return error instanceof OnnxUnsupportedError ? new OnnxUnsupportedError(message) : new Error(message, { cause: error });
}
