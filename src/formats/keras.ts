/**
 * @file Weights of Keras: `.h5` of Keras 2 and 3, `.weights.h5` and `.keras` of Keras 3, and the layers of TensorFlow.js's `model.json`. A file gives its tensors as
 * Keras lays them out, and the layers that they belong to, in the order of the network where the file tells it.
 */
import type { Budget } from "./budget.ts";
import { brief } from "./clean.ts";
import { type Hdf5, openHdf5, texts } from "./hdf5.ts";
import { parseJsonMaps } from "./json.ts";
import type { TensorInfo, TensorSet } from "./source.ts";
import type { Zip } from "./zip.ts";

/** A layer with weights. */
export interface KerasLayer {
  /** Its name, such as `conv2d_1`. */
  readonly name: string;
  /** Its class in Keras's spelling of names: `conv2d`, `batch_normalization`. */
  readonly kind: string;
  /** Names of its tensors in Keras's order. */
  readonly weights: readonly string[];
  /** Settings, where the file has them. */
  readonly config?: ReadonlyMap<string, unknown>;
  /** Sizes (channels last) of what a Flatten took, up to the first dense layer behind it, where the file tells. */
  readonly flattened?: readonly number[];
}

/** Tensors, and whose they are. */
export interface KerasSet extends TensorSet {
  readonly layers: readonly KerasLayer[];
  /** Whether the layers stand in the network's order; else they are in order for each class alone. */
  readonly ordered: boolean;
  /** Whether the file's settings say that nothing is flattened. */
  readonly flat: boolean;
}

/** A layer of the settings. */
interface Described {
  readonly name: string;
  readonly kind: string;
  readonly config: ReadonlyMap<string, unknown>;
  readonly flattened?: readonly number[];
  /** Where its weights are in a `.weights.h5`. */
  readonly path: string;
}

type Json = ReadonlyMap<string, unknown>;
const isMap = (value: unknown): value is Json => value instanceof Map;

/** A class's name as Keras makes a layer's from it (`keras.src.utils.naming.to_snake_case`). */
export function snakeCase(name: string): string {
  return name
    .replaceAll(/\W+/g, "")
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

/** The class in an automatic name: `conv2d_12` is a `conv2d`. */
const kindOf = (name: string): string => name.replace(/_\d+$/, "");

/** Names with numbers, in the order of the numbers: `dense_2` before `dense_10`, `dense` before both. */
const natural = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });

/** An HDF5 file of Keras. `config` is that of a `.keras` archive. */
export async function openKerasH5(bytes: Uint8Array, what: string, budget: Budget, config?: unknown): Promise<KerasSet> {
  const file = await openHdf5(bytes, what, budget);
  const root = file.attributes.has("model_weights") ? "model_weights" : "";
  const names = texts(file.attributes.get(root)?.layer_names);
  return names.length > 0 ? legacy(file, root, names, what) : modern(file, describedIn(config), what);
}

/** A `.keras` archive: config.json and model.weights.h5. */
export async function openKerasZip(zip: Zip, what: string, budget: Budget): Promise<KerasSet> {
  const config = parsed(new TextDecoder().decode(await zip.read("config.json")));
  return openKerasH5(await zip.read("model.weights.h5"), `${what}: model.weights.h5`, budget, config);
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === "string" ? parseJsonMaps(text.replace(/\0+$/, "")) : undefined;
  } catch {
    return undefined; // settings help to match layers; weights are there without them
  }
}

/** Layers by name, each with the names of its weights. */
function legacy(file: Hdf5, root: string, names: readonly string[], what: string): KerasSet {
  const described = new Map(describedIn(parsed(file.attributes.get("")?.model_config)).map((layer) => [layer.name, layer]));
  const tensors = new Map<string, string>();
  const layers = names.flatMap((name): KerasLayer[] => {
    const group = root ? `${root}/${name}` : name;
    const weights = texts(file.attributes.get(group)?.weight_names).map((weight) => {
      const short = weight.replace(/:\d+$/, "");
      tensors.set(short, `${group}/${weight}`);
      return short;
    });
    const { kind = kindOf(name), config, flattened } = described.get(name) ?? {};
    return weights.length > 0 ? [{ name, kind, weights, config, flattened }] : [];
  });
  return { ...renamed(file, tensors, what), layers, ordered: true, flat: isFlat([...described.values()]) };
}

/** Layers by path; their weights have numbers. */
function modern(file: Hdf5, described: readonly Described[], what: string): KerasSet {
  const groups = new Map<string, string[]>();
  const tensors = new Map<string, string>();
  for (const path of file.tensors.keys()) {
    const found = /^((?:.*\/)?(?:layers|_layer_checkpoint_dependencies)\/[^/]+)\/(?:.*\/)?vars\/\d+$/.exec(path);
    if (!found || /^optimizer\//.test(path)) continue;
    tensors.set(path, path);
    groups.set(found[1], [...(groups.get(found[1]) ?? []), path]);
  }
  const byPath = new Map(described.map((layer) => [layer.path, layer]));
  const byName = new Map(described.map((layer) => [layer.name, layer]));
  const layers = [...groups].map(([group, paths]) => {
    const own = group.slice(group.lastIndexOf("/") + 1);
    const given = file.attributes.get(`${group}/vars`)?.name ?? file.attributes.get(group)?.name;
    const layer = byPath.get(group) ?? byName.get(String(given));
    const name = layer?.name ?? (typeof given === "string" ? given.replace(/\0+$/, "") : own);
    const weights = paths.sort((a, b) => directionOf(a) - directionOf(b) || natural(a, b));
    return {
      at: layer ? described.indexOf(layer) : -1,
      group,
      layer: { name, kind: layer?.kind ?? kindOf(own), weights, config: layer?.config, flattened: layer?.flattened },
    };
  });
  const ordered = layers.every(({ at }) => at >= 0);
  layers.sort((a, b) => (ordered ? a.at - b.at : natural(a.group, b.group)));
  return { ...renamed(file, tensors, what), layers: layers.map(({ layer }) => layer), ordered, flat: isFlat(described) };
}

const isFlat = (described: readonly Described[]): boolean =>
  described.length > 0 && !described.some(({ kind }) => /^(flatten|reshape)$/.test(kind));

/** Of a bidirectional layer the forward half comes first, which is not the order of the alphabet. */
const directionOf = (path: string): number => (path.includes("/backward_layer/") ? 1 : 0);

/** The tensors of a file under other names. */
function renamed(file: Hdf5, paths: ReadonlyMap<string, string>, what: string): TensorSet {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, path] of paths) {
    const info = file.tensors.get(path);
    if (!info) throw new Error(`${what}: damaged file: "${brief(path)}" is listed and not there`);
    tensors.set(name, info);
  }
  return { tensors, read: (name) => file.read(paths.get(name)!) };
}

/** The layers of TensorFlow.js's tensors: of its topology where there is one, else by the names. */
export function withLayers(set: TensorSet, topology: unknown): KerasSet {
  const described = describedIn(isMap(topology) && isMap(topology.get("model_config")) ? topology.get("model_config") : topology);
  const byName = new Map(described.map((layer) => [layer.name, layer]));
  const groups = new Map<string, string[]>();
  for (const name of set.tensors.keys()) {
    const parts = name.split("/");
    const layer = parts.slice(0, -1).find((part) => byName.has(part)) ?? parts.slice(0, -1).join("/");
    groups.set(layer, [...(groups.get(layer) ?? []), name]);
  }
  const layers = [...groups].map(([name, weights]) => {
    const layer = byName.get(name);
    const own = name.split("/").find((part) => !/_cell(?:_\d+)?$/.test(part)) ?? name;
    return { name, kind: layer?.kind ?? kindOf(own), weights, config: layer?.config, flattened: layer?.flattened };
  });
  return { ...set, layers: layers.filter(({ name }) => name !== ""), ordered: true, flat: isFlat(described) };
}

/** The list of layers in a model's settings: the settings themselves in the first version of a Sequential. */
function layersIn(config: unknown): readonly unknown[] {
  const inner = isMap(config) ? config.get("config") : undefined;
  const layers = isMap(inner) ? inner.get("layers") : inner;
  return Array.isArray(layers) ? layers : [];
}

/** The layers of a model's settings, in order, also those of models inside. */
function describedIn(config: unknown, container = "layers", found: Described[] = []): Described[] {
  const layers = layersIn(config);
  const used = new Map<string, number>();
  let sizes: Sizes;
  let flattened: Sizes;
  for (const layer of layers) {
    const settings = isMap(layer) ? layer.get("config") : undefined;
    if (!isMap(layer) || !isMap(settings)) continue;
    const kind = snakeCase(String(layer.get("class_name")));
    const turn = used.get(kind) ?? 0;
    used.set(kind, turn + 1);
    const path = `${container}/${turn === 0 ? kind : `${kind}_${turn}`}`;
    sizes = builtFor(layer) ?? sizes;
    if (kind === "flatten") flattened = sizes;
    if (Array.isArray(settings.get("layers"))) describedIn(layer, `${path}/layers`, found);
    else found.push({ name: String(settings.get("name")), kind, config: settings, path, ...(flattened && { flattened }) });
    if (kind === "dense") flattened = undefined;
    sizes = sizesBehind(kind, settings, sizes);
  }
  return found;
}

/** Sizes of one example, channels last; undefined if they are not known. */
type Sizes = readonly number[] | undefined;

const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n > 0);

/** The sizes that a layer says it was built for. */
function builtFor(layer: Json): Sizes {
  const build = layer.get("build_config");
  const shape = isMap(build) ? build.get("input_shape") : undefined;
  return Array.isArray(shape) && isSizes(shape.slice(1)) ? shape.slice(1) : undefined;
}

/** What leaves the sizes as they are. */
const SAME = /^(dropout|spatial_dropout[123]d|gaussian_\w+|activation|\w*re_lu|elu|softmax|\w*_?normalization)$/;

/** The sizes behind a layer, of one network after another; a network that is no chain says what its layers were built for, or it is asked for. */
function sizesBehind(kind: string, config: Json, sizes: Sizes): Sizes {
  const given = config.get("batch_shape") ?? config.get("batch_input_shape");
  if (kind === "input_layer") return Array.isArray(given) && isSizes(given.slice(1)) ? given.slice(1) : undefined;
  const start = sizes ?? (Array.isArray(given) && isSizes(given.slice(1)) ? given.slice(1) : undefined);
  if (!start || SAME.test(kind)) return start;
  if (config.get("data_format") === "channels_first") return undefined;
  if (/^(depthwise_|separable_)?conv[123]d(_transpose)?$/.test(kind)) return behindWindows(kind, config, start, "kernel_size");
  if (/^(max|average)_pooling[123]d$/.test(kind)) return behindWindows(kind, config, start, "pool_size");
  return undefined;
}

function behindWindows(kind: string, config: Json, sizes: readonly number[], window: string): Sizes {
  const spatial = sizes.slice(0, -1);
  const perAxis = (field: string, other: unknown): number[] | undefined => {
    const value = config.get(field) ?? other;
    const list = typeof value === "number" ? spatial.map(() => value) : value;
    return isSizes(list) && list.length === spatial.length ? list : undefined;
  };
  const kernel = perAxis(window, undefined);
  const strides = perAxis("strides", kernel);
  const dilation = perAxis("dilation_rate", 1);
  const channels = kind.startsWith("depthwise")
    ? sizes[sizes.length - 1] * Number(config.get("depth_multiplier") ?? 1)
    : (config.get("filters") ?? sizes.at(-1));
  const padding = config.get("padding");
  if (!kernel || !strides || !dilation || (padding !== "same" && padding !== "valid") || config.get("output_padding")) return undefined;
  const behind = spatial.map((n, i) => {
    const reach = (kernel[i] - 1) * dilation[i] + 1;
    if (kind.endsWith("_transpose")) return n * strides[i] + (padding === "valid" ? Math.max(reach - strides[i], 0) : 0);
    return padding === "same" ? Math.ceil(n / strides[i]) : Math.floor((n - reach) / strides[i]) + 1;
  });
  const all = [...behind, Number(channels)];
  return isSizes(all) ? all : undefined;
}
