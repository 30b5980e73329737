/**
 * @file Which of a model's layers the layers of a Keras file are, and their weights in this library's layout. Layers are matched by order: that of the network, or where a
 * file does not tell it, that of each class. All shapes must fit, and a match that is not the only one is refused.
 */
import { type Checks, expectation, object } from "../base/check.ts";
import { formatShape, type Shape, sameShape } from "../base/shape.ts";
import { brief } from "../formats/clean.ts";
import type { KerasLayer, KerasSet } from "../formats/keras.ts";
import type { Entry, TypedArray } from "../formats/safetensors.ts";
import { readAll } from "../formats/source.ts";
import { BatchNorm } from "../nn/batch-norm.ts";
import { ConvNd } from "../nn/conv.ts";
import { ConvTransposeNd } from "../nn/conv-transpose.ts";
import { Embedding } from "../nn/embedding.ts";
import { PReLU } from "../nn/learnt-activation.ts";
import { Linear } from "../nn/linear.ts";
import type { Module } from "../nn/module.ts";
import { GroupNorm, LayerNorm } from "../nn/norm.ts";
import { GRU, LSTM, RNN } from "../nn/recurrent.ts";
import type { Cell } from "../runtime/cell.ts";

export interface KerasOptions {
  /** Which layer of the file a module of the model is, by the module's path: `{ "0": "conv2d", "head.fc": "dense_1" }`. Modules that are not named are matched by order. */
  readonly map?: Readonly<Record<string, string>>;
  /**
   * Sizes, channels last, of what Keras flattened before a dense layer: `[7, 7, 64]`. The layer's inputs are put in the order of channels first. False leaves them as they are.
   * Default: what the file says.
   */
  readonly flatten?: readonly number[] | false;
}

const sizesOrFalse = expectation(
  "a list of sizes, channels last, or false",
  (value) => value === false || (Array.isArray(value) && value.every(Number.isSafeInteger)),
);

export const KERAS_OPTIONS: Checks<KerasOptions> = { map: object, flatten: sizesOrFalse };

/** A module with cells of its own. */
interface Slot {
  readonly path: string;
  readonly module: Module;
  readonly cells: ReadonlyMap<string, Cell>;
}

/** A layer of the file with what it holds. */
interface Loaded {
  readonly layer: KerasLayer;
  readonly weights: readonly Entry[];
}

type Cells = Readonly<Record<string, Entry | undefined>>;

/** Weights as cells of one module, or why they cannot be. */
type Converted = Cells | string;

interface Row {
  /** Keras's classes. */
  readonly kinds: RegExp;
  readonly module: abstract new (...args: never[]) => Module;
  readonly convert: (weights: readonly Entry[], slot: Slot, layer: KerasLayer) => Converted;
}

// ---- layouts ------------------------------------------------------------------------------------------------------------------------

/** With its axes in another order. */
function permuted({ dtype, shape, data }: Entry, axes: readonly number[]): Entry {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = axes.map((axis) => shape[axis]);
  const result = new (data.constructor as new (n: number) => TypedArray)(data.length);
  const index = axes.map(() => 0);
  for (let i = 0, at = 0; i < result.length; i++) {
    result[i] = data[at];
    for (let k = axes.length - 1; k >= 0; k--) {
      at += strides[axes[k]];
      if (++index[k] < sizes[k]) break;
      at -= strides[axes[k]] * sizes[k];
      index[k] = 0;
    }
  }
  return { dtype, shape: sizes, data: result };
}

const reshaped = (entry: Entry, shape: readonly number[]): Entry => ({ ...entry, shape: [...shape] });
const transposed = (entry: Entry): Entry | undefined => (entry?.shape.length === 2 ? permuted(entry, [1, 0]) : undefined);
const zerosLike = ({ dtype, data }: Entry, shape: readonly number[]): Entry => ({
  dtype,
  shape: [...shape],
  data: new (data.constructor as new (n: number) => TypedArray)(shape.reduce((a, b) => a * b, 1)),
});

/** [...kernel, in, out] as [out, in, ...kernel]; a depthwise [...kernel, channels, m] as [channels·m, 1, ...kernel]. */
function convWeight(kernel: Entry, { module }: Slot): Entry {
  const rank = kernel.shape.length;
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i);
  const [channels, multiplier] = kernel.shape.slice(-2);
  const depthwise = module instanceof ConvNd && module.groups === channels && channels > 1 && module.weight.shape[1] === 1;
  if (!depthwise) return permuted(kernel, [rank - 1, rank - 2, ...spatial]);
  return reshaped(permuted(kernel, [rank - 2, rank - 1, ...spatial]), [channels * multiplier, 1, ...kernel.shape.slice(0, -2)]);
}

const conv: Row["convert"] = ([kernel, bias], slot) => ({ weight: convWeight(kernel, slot), bias });

/** Rows in blocks, the blocks in another order. */
function blocks(entry: Entry, order: readonly number[]): Entry {
  const size = entry.data.length / order.length;
  const data = entry.data.slice() as TypedArray;
  for (const [to, from] of order.entries()) data.set(entry.data.subarray(from * size, (from + 1) * size) as never, to * size);
  return { ...entry, data };
}

/** The last row of a bias [2, n], or both. */
const row = ({ dtype, shape: [, n], data }: Entry, i: number): Entry => ({
  dtype,
  shape: [n],
  data: data.subarray(i * n, (i + 1) * n) as TypedArray,
});

/** One direction of a recurrent layer: kernel [in, G·h], recurrent kernel [h, G·h], bias [G·h], or [2, G·h] with one for each product. */
function recurrent(gates: readonly number[], [kernel, inner, bias]: readonly Entry[], suffix: string): Cells | undefined {
  const [ih, hh] = [transposed(kernel), transposed(inner)];
  if (!ih || !hh) return undefined;
  const both = bias?.shape.length === 2;
  const biases = bias && {
    [`bias_ih_l0${suffix}`]: blocks(both ? row(bias, 0) : bias, gates),
    [`bias_hh_l0${suffix}`]: both ? blocks(row(bias, 1), gates) : zerosLike(bias, bias.shape),
  };
  return { [`weight_ih_l0${suffix}`]: blocks(ih, gates), [`weight_hh_l0${suffix}`]: blocks(hh, gates), ...biases };
}

/** Both directions, if there are two. Gates: PyTorch's order as places in Keras's. */
const recurrentOf =
  (gates: readonly number[]): Row["convert"] =>
  (weights, { module }) => {
    const { bidirectional } = module as LSTM;
    const each = weights.length / (bidirectional ? 2 : 1);
    if (each !== 2 && each !== 3) return `has ${weights.length} tensors`;
    const fault = module instanceof GRU && each === 3 && resetFault(module, weights[2]);
    if (fault) return fault;
    const forward = recurrent(gates, weights.slice(0, each), "");
    const backward = bidirectional ? recurrent(gates, weights.slice(each), "_reverse") : {};
    return forward && backward ? { ...forward, ...backward } : "its kernels are no matrices";
  };

/** Of two biases one is for a recurrent product that is reset behind it; without biases nobody can tell. */
function resetFault({ resetAfter }: GRU, { shape }: Entry): string | undefined {
  const after = shape.length === 2;
  if (after === resetAfter) return undefined;
  return `its reset_after is ${after ? "True" : "False"}: make the module with { resetAfter: ${after} }`;
}

/** gamma, beta, mean, variance; the first two may be missing, which the settings or the names tell. */
const batchNorm: Row["convert"] = (weights, _, { weights: names, config }) => {
  const statistics = weights.slice(-2);
  const affine = weights.slice(0, -2);
  if (statistics.length < 2 || affine.length > 2) return `has ${weights.length} tensors`;
  if (affine.length === 2) return { weight: affine[0], bias: affine[1], running_mean: statistics[0], running_var: statistics[1] };
  const onlyBias = config?.get("scale") === false || /beta$/.test(names[0]);
  return { ...(affine[0] && { [onlyBias ? "bias" : "weight"]: affine[0] }), running_mean: statistics[0], running_var: statistics[1] };
};

const ROWS: readonly Row[] = [
  {
    kinds: /^dense$/,
    module: Linear,
    convert: ([kernel, bias]) => ({ weight: transposed(kernel), bias }),
  },
  { kinds: /^(depthwise_)?conv[123]d$/, module: ConvNd, convert: conv },
  { kinds: /^conv[123]d_transpose$/, module: ConvTransposeNd, convert: conv },
  { kinds: /^batch_normalization(_v[12])?$/, module: BatchNorm, convert: batchNorm },
  { kinds: /^layer_normalization$/, module: LayerNorm, convert: ([weight, bias]) => ({ weight, bias }) },
  { kinds: /^group_normalization$/, module: GroupNorm, convert: ([weight, bias]) => ({ weight, bias }) },
  { kinds: /^embedding$/, module: Embedding, convert: ([weight]) => ({ weight }) },
  { kinds: /^p_re_lu$/, module: PReLU, convert: ([weight]) => ({ weight: reshaped(weight, [weight.data.length]) }) },
  { kinds: /^(cu_dnn)?lstm$/, module: LSTM, convert: recurrentOf([0, 1, 2, 3]) },
  { kinds: /^(cu_dnn)?gru$/, module: GRU, convert: recurrentOf([1, 0, 2]) },
  { kinds: /^simple_rnn$/, module: RNN, convert: recurrentOf([0]) },
];

/** Layers around one other, whose kind is that of the inner one. */
const WRAPPERS = /^(bidirectional|time_distributed)$/;
const SEPARABLE = /^separable_conv[12]d$/;

// ---- matching -----------------------------------------------------------------------------------------------------------------------

/** What a layer of the file gives the module at a place; texts say why it cannot. */
function convert(slot: Slot, { layer, weights }: Loaded): Converted {
  const known = ROWS.some(({ kinds }) => kinds.test(layer.kind));
  const row = ROWS.find(({ module, kinds }) => slot.module instanceof module && (!known || kinds.test(layer.kind)));
  if (!row) return `a ${layer.kind} is no ${slot.module.constructor.name}`;
  if (weights.length === 0) return "has no tensors";
  const cells = row.convert(weights, slot, layer);
  return typeof cells === "string" ? cells : (misfit(slot, cells) ?? cells);
}

/** Why cells do not fit a module. */
function misfit({ cells: own }: Slot, cells: Cells): string | undefined {
  for (const [name, entry] of Object.entries(cells)) {
    const want = own.get(name)?.shape;
    if (entry && !want) return `the module has no ${name}`;
    if (entry && want && !sameShape(want, entry.shape))
      return `its ${name} is ${formatShape(entry.shape)}, the module's ${formatShape(want)}`;
  }
  const missing = [...own.keys()].find((name) => !cells[name] && name !== "num_batches_tracked");
  return missing === undefined ? undefined : `it has no ${missing}`;
}

/** A separable convolution as the two layers that it is. */
function parts({ layer, weights }: Loaded): readonly Loaded[] {
  if (!SEPARABLE.test(layer.kind) || weights.length < 2) return [{ layer, weights }];
  const kind = layer.kind.replace("separable_", "");
  return [
    { layer: { ...layer, name: `${layer.name} (depthwise)`, kind: `depthwise_${kind}` }, weights: weights.slice(0, 1) },
    { layer: { ...layer, name: `${layer.name} (pointwise)`, kind }, weights: weights.slice(1) },
  ];
}

interface Pair {
  readonly slot: Slot;
  readonly name: string;
  readonly cells: Cells;
}

/** More steps than matching a network takes, unless very much is alike. */
const MOST_STEPS = 100_000;

/** Ways to take the slots in order from the fronts of some queues, until two are found: the second shows that the first is not the only one. */
function ways(slots: readonly Slot[], queues: readonly (readonly Loaded[])[]): { found: Pair[][]; stuck?: string } {
  const found: Pair[][] = [];
  let stuck: string | undefined;
  let deepest = -1;
  let steps = 0;
  const visit = (at: readonly number[], pairs: readonly Pair[]): void => {
    if (found.length > 1 || ++steps > MOST_STEPS) return;
    const slot = slots[pairs.length];
    if (!slot) {
      if (at.every((n, q) => n === queues[q].length)) found.push([...pairs]);
      return;
    }
    queues.forEach((queue, q) => {
      const next = queue[at[q]];
      if (!next) return;
      const cells = convert(slot, next);
      // What went furthest tells most, and of two layers that of the right class.
      const depth = 2 * pairs.length + (typeof cells === "string" && !/ is no /.test(cells) ? 1 : 0);
      if (typeof cells === "string" && depth > deepest)
        [deepest, stuck] = [depth, `${place(slot)} and the file's "${brief(next.layer.name)}": ${cells}`];
      if (typeof cells !== "string") visit(at.with(q, at[q] + 1), [...pairs, { slot, name: next.layer.name, cells }]);
    });
  };
  visit(
    queues.map(() => 0),
    [],
  );
  return { found, stuck };
}

const place = ({ path, module }: Slot): string => `${path === "" ? "the model" : path} (${module.constructor.name})`;

/** The queues of layers whose order among each other is not known. */
function byKind(loaded: readonly Loaded[]): Loaded[][] {
  const queues = new Map<string, Loaded[]>();
  for (const one of loaded) queues.set(one.layer.kind, [...(queues.get(one.layer.kind) ?? []), one]);
  return [...queues.values()].map((queue) => queue.flatMap(parts));
}

function slotsOf(model: Module): Slot[] {
  const slots: Slot[] = [];
  const names = new Map<Cell, string>([...model.stateDict()].map(([name, cell]) => [cell, name]));
  for (const [path, module] of model.namedModules()) {
    const inner = new Set([...module.namedModules()].flatMap(([name, child]) => (name === "" ? [] : [...child.stateDict().values()])));
    const cells = [...module.stateDict()].filter(
      ([name, cell]) => !inner.has(cell) && names.get(cell) === (path ? `${path}.${name}` : name),
    );
    if (cells.length > 0) slots.push({ path, module, cells: new Map(cells) });
  }
  return slots;
}

/** A tensor of a layer behind a Flatten of `sizes`, its flattened axis in the order of channels first. A bias of a linear layer has none. */
function flattenedChannelsFirst({ module }: Slot, cell: string, entry: Entry, sizes: Shape): Entry {
  if (!(module instanceof Linear)) return channelsFirst(entry, 0, sizes);
  return cell === "weight" ? channelsFirst(entry, 1, sizes) : entry;
}

/** The file's tensors under the names of the model's cells, and what was matched with what, in words. */
export async function kerasEntries(
  model: Module,
  set: KerasSet,
  what: string,
  options: KerasOptions,
): Promise<{ entries: Map<string, Entry>; notes: string[] }> {
  const entries = await readAll(set);
  const loaded = set.layers.map((layer) => ({ layer: innerKind(layer), weights: layer.weights.map((name) => entries.get(name)!) }));
  const slots = slotsOf(model);
  const fault = (text: string): Error =>
    new Error(`${what}: ${text}; the file has ${tableOf(loaded)}; say which is which with { map: { "path of the module": "layer" } }`);
  const { pairs, restSlots, rest } = mapped(slots, loaded, options.map ?? {}, fault);
  const { found, stuck } = order(restSlots, rest, set.ordered);
  if (found.length > 1) throw fault("its layers fit the model in more ways than one");
  if (found.length === 0)
    throw fault(
      `its layers do not fit ${model.constructor.name}: ${stuck ?? `it has ${rest.flatMap(parts).length} layers with weights, the model ${restSlots.length}`}`,
    );
  const all = [...pairs, ...found[0]];
  const notes = [
    `layers were matched by ${set.ordered ? "order" : "the order of each class"}: ${all.map(({ slot, name }) => `${name} → ${slot.path || "the model"}`).join(", ")}`,
  ];
  const flat = flattening(slots, loaded, set, options, what);
  const result = new Map<string, Entry>();
  for (const { slot, name, cells } of all) {
    const sizes = flat(slot, name);
    if (sizes) notes.push(`the inputs of ${name} were put from the order ${formatShape(sizes)} into that of channels first`);
    for (const [cell, entry] of Object.entries(cells)) {
      const moved = sizes && entry ? flattenedChannelsFirst(slot, cell, entry, sizes) : entry;
      if (moved) result.set(slot.path ? `${slot.path}.${cell}` : cell, moved);
    }
  }
  return { entries: result, notes };
}

function order(slots: readonly Slot[], loaded: readonly Loaded[], ordered: boolean): { found: Pair[][]; stuck?: string } {
  const straight = ordered ? ways(slots, [loaded.flatMap(parts)]) : { found: [] };
  if (straight.found.length > 0) return straight;
  const free = ways(slots, byKind(loaded));
  return { found: free.found, stuck: straight.stuck ?? free.stuck };
}

/** A bidirectional layer is matched as what it holds. */
function innerKind(layer: KerasLayer): KerasLayer {
  if (!WRAPPERS.test(layer.kind)) return layer;
  const inner = layer.config?.get("layer");
  const name = inner instanceof Map ? inner.get("class_name") : undefined;
  return { ...layer, kind: typeof name === "string" ? name.toLowerCase().replace("simplernn", "simple_rnn") : layer.kind };
}

function mapped(
  slots: readonly Slot[],
  loaded: readonly Loaded[],
  map: Readonly<Record<string, string>>,
  fault: (text: string) => Error,
): { pairs: Pair[]; restSlots: Slot[]; rest: Loaded[] } {
  const pairs = Object.entries(map).map(([path, name]): Pair => {
    const slot = slots.find((one) => one.path === path);
    const one = loaded.flatMap(parts).find(({ layer }) => layer.name === name);
    if (!slot) throw fault(`map: the model has no module "${brief(path)}" with cells; it has ${slots.map(place).join(", ")}`);
    if (!one) throw fault(`map: the file has no layer "${brief(name)}"`);
    const cells = convert(slot, one);
    if (typeof cells === "string") throw fault(`map: ${place(slot)} and the file's "${brief(name)}": ${cells}`);
    return { slot, name, cells };
  });
  const taken = new Set(pairs.map(({ name }) => name));
  return {
    pairs,
    restSlots: slots.filter(({ path }) => !Object.hasOwn(map, path)),
    rest: loaded.filter((one) => !parts(one).some(({ layer }) => taken.has(layer.name))),
  };
}

const MOST_SHOWN = 30;

function tableOf(loaded: readonly Loaded[]): string {
  const rows = loaded.map(
    ({ layer, weights }) => `${brief(layer.name)} (${brief(layer.kind)}: ${weights.map(({ shape }) => formatShape(shape)).join(" ")})`,
  );
  return rows.slice(0, MOST_SHOWN).join(", ") + (rows.length > MOST_SHOWN ? ` and ${rows.length - MOST_SHOWN} more` : "");
}

// ---- behind a Flatten ---------------------------------------------------------------------------------------------------------------

/** The last axis, h·w·c, as c·h·w; there are `before` axes before it. */
function channelsFirst(entry: Entry, before: number, sizes: Shape): Entry {
  const rank = sizes.length;
  const axes = [
    ...Array.from({ length: before }, (_, i) => i),
    before + rank - 1,
    ...Array.from({ length: rank - 1 }, (_, i) => before + i),
  ];
  return reshaped(permuted(reshaped(entry, [...entry.shape.slice(0, before), ...sizes]), axes), entry.shape);
}

/** For a module and its layer: the sizes that Keras flattened before it, if its inputs must be put in another order. */
function flattening(
  slots: readonly Slot[],
  loaded: readonly Loaded[],
  set: KerasSet,
  { flatten }: KerasOptions,
  what: string,
): (slot: Slot, name: string) => Shape | undefined {
  const behind = behindConvolutions(slots);
  return (slot, name) => {
    const features = featuresOf(slot);
    if (flatten === false || features === undefined) return undefined;
    const size = (sizes: Shape): number => sizes.reduce((a, b) => a * b, 1);
    const said = loaded.find(({ layer }) => layer.name === name)?.layer.flattened;
    if (said && said.length > 1 && size(said) === features) return said;
    const channels = behind.get(slot);
    if (set.flat || channels === undefined || features === channels || features % channels !== 0) return undefined;
    if (flatten && size(flatten) === features) return flatten;
    throw new Error(
      `${what}: "${brief(name)}" seems to be behind a Flatten, and the file does not say of which sizes: give them as Keras has them, { flatten: [height, width, ${channels}] }, or { flatten: false } if the model flattens with its channels last`,
    );
  };
}

/** How many inputs a layer has that can stand behind a Flatten. */
function featuresOf({ module, cells }: Slot): number | undefined {
  if (module instanceof Linear) return module.weight.shape[1];
  if (!(module instanceof BatchNorm || module instanceof LayerNorm)) return undefined;
  return cells.values().next().value?.shape[0] ?? 0;
}

/** The first linear layer behind a convolution, with the channels of the convolution. */
function behindConvolutions(slots: readonly Slot[]): Map<Slot, number> {
  const found = new Map<Slot, number>();
  let channels: number | undefined;
  for (const slot of slots) {
    const { module } = slot;
    if (module instanceof ConvNd) channels = module.weight.shape[0];
    else if (module instanceof ConvTransposeNd) channels = module.weight.shape[1] * module.groups;
    else if (module instanceof Linear && channels !== undefined) {
      found.set(slot, channels);
      channels = undefined;
    }
  }
  return found;
}
