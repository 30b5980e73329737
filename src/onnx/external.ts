/**
 * @file Where a model and the elements that it keeps in other files come from. A model is a stranger's text: it may name files only inside its own folder, through no link that
 * leads out of it, and only bytes that are there (CVE-2022-25882, CVE-2024-27318, CVE-2025-51480).
 */
import { describe } from "../base/describe.ts";
import { brief } from "../formats/clean.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "../formats/onnx.ts";

/** A model: a path in Node, a URL in a page, or the bytes of the file. */
export type OnnxSource = string | URL | Uint8Array | ArrayBuffer;

/** Something that bytes are read from by their place. */
export interface Readable {
  /** Number of bytes, if it is known. */
  readonly size?: number;
  read(offset: number, length: number): Promise<Uint8Array> | Uint8Array;
}

/** Bytes by the location that a model names. */
export type External =
  | ((location: string) => Promise<Uint8Array | Readable> | Uint8Array | Readable)
  | Readonly<Record<string, Uint8Array>>;

interface Read {
  readonly bytes: Uint8Array;
  /** Names the file in errors. */
  readonly what: string;
  /** The folder that the model lies in, if it is a file of this machine. */
  readonly folder: string | undefined;
}

const isNode = (): boolean => typeof process !== "undefined" && process.versions?.node !== undefined;

export async function readSource(call: string, source: OnnxSource): Promise<Read> {
  if (source instanceof Uint8Array) return { bytes: source, what: "onnx file", folder: undefined };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), what: "onnx file", folder: undefined };
  if ((typeof source === "string" && source !== "") || source instanceof URL) {
    const text = String(source);
    if (/^https?:/.test(text) || !isNode()) return { bytes: await fetched(text), what: brief(text), folder: undefined };
    return readFile(source);
  }
  throw new TypeError(`${call}: source must be a path, a URL or the bytes of an ONNX file, got ${describe(source)}`);
}

async function fetched(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${brief(url)}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function readFile(source: string | URL): Promise<Read> {
  const fs = await import("node:fs/promises");
  const { dirname, basename } = await import("node:path");
  const { fileURLToPath } = await import("node:url");
  const path = source instanceof URL ? fileURLToPath(source) : source;
  const bytes = await fs.readFile(path).catch((error: NodeJS.ErrnoException) => {
    const why = { ENOENT: "there is no such file", EISDIR: "it is a folder; give the .onnx file in it", EACCES: "it may not be read" };
    throw new Error(`${brief(path)}: ${why[error.code as keyof typeof why] ?? brief(error.message)}`);
  });
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), what: brief(basename(path)), folder: dirname(path) };
}

// ---- which tensors ----------------------------------------------------------------------------------------------------------------------

/** Tensors whose elements are in other files: initializers, those of inner graphs too, and attributes. */
export function externalTensors(model: OnnxModel): OnnxTensor[] {
  const ofNodes = (nodes: readonly OnnxNode[] | undefined): OnnxTensor[] =>
    (nodes ?? []).flatMap((node) => (node.attributes ?? []).flatMap(({ g, t }) => [...ofGraph(g), ...(t ? [t] : [])]));
  const ofGraph = (graph: OnnxGraph | undefined): OnnxTensor[] => [...(graph?.initializers ?? []), ...ofNodes(graph?.nodes)];
  const all = [...ofGraph(model.graph), ...(model.functions ?? []).flatMap(({ nodes }) => ofNodes(nodes))];
  return all.filter(({ location }) => Number(location ?? 0) === 1);
}

interface Place {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

/** What `external_data` may say (CVE-2026-34445: any other key is refused). */
const KEYS: ReadonlySet<string> = new Set(["location", "offset", "length", "checksum", "basepath"]);

/** Some exporters write "./" before the name. */
const plainly = (path: string): string => path.replace(/^(\.[/\\])+/, "");

function placeOf(tensor: OnnxTensor, what: string): Place {
  const name = `${what}: initializer "${brief(tensor.name ?? "")}"`;
  const entries = new Map((tensor.external ?? []).map(({ key = "", value = "" }) => [key, value]));
  for (const key of entries.keys()) if (!KEYS.has(key)) throw new Error(`${name}: its external data has the key "${brief(key)}"`);
  const location = plainly(entries.get("location") ?? "");
  const count = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n)) throw new Error(`${name}: the ${key} of its external data is "${brief(text)}"`);
    return n;
  };
  const parts = location.split(/[/\\]/);
  if (location === "" || location.includes("\0") || /^([a-z]:|[/\\])/i.test(location) || parts.includes(".."))
    throw new Error(`${name}: its elements are in "${brief(location)}", which must be a relative path inside the model's folder`);
  return { location, offset: count("offset") ?? 0, length: count("length") };
}

/** The bytes of tensors whose elements are in other files. */
export async function externalData(
  tensors: readonly OnnxTensor[],
  what: string,
  folder: string | undefined,
  given: External | undefined,
): Promise<Map<OnnxTensor, Uint8Array>> {
  const found = new Map<OnnxTensor, Uint8Array>();
  const files = new Map<string, Readable & { close?(): Promise<void> }>();
  try {
    for (const tensor of tensors) {
      const place = placeOf(tensor, what);
      const name = `${what}: initializer "${brief(tensor.name ?? "")}"`;
      let file = files.get(place.location);
      if (!file) {
        file = await opened(place.location, name, folder, given);
        files.set(place.location, file);
      }
      const length = place.length ?? (file.size === undefined ? undefined : file.size - place.offset);
      if (length === undefined) throw new Error(`${name}: its external data has no length`);
      if (length < 0 || (file.size !== undefined && place.offset + length > file.size))
        throw new Error(`${name}: bytes ${place.offset} to ${place.offset + length} of "${brief(place.location)}", which has ${file.size}`);
      found.set(tensor, await file.read(place.offset, length));
    }
  } finally {
    for (const file of files.values()) await file.close?.();
  }
  return found;
}

async function opened(
  location: string,
  name: string,
  folder: string | undefined,
  given: External | undefined,
): Promise<Readable & { close?(): Promise<void> }> {
  if (given) {
    const key = Object.keys(given).find((each) => plainly(each) === location) ?? "";
    const source = typeof given === "function" ? await given(location) : Object.hasOwn(given, key) ? given[key] : undefined;
    if (source instanceof Uint8Array) return { size: source.length, read: (offset, length) => source.subarray(offset, offset + length) };
    if (source && typeof source.read === "function") return source;
    throw new Error(`${name}: its elements are in "${brief(location)}", which external does not give`);
  }
  if (folder === undefined)
    throw new Error(
      `${name}: its elements are in another file, "${brief(location)}"; give it as external: { "${brief(location)}": bytes }`,
    );
  return openedBeside(location, name, folder);
}

async function openedBeside(location: string, name: string, folder: string): Promise<Readable & { close(): Promise<void> }> {
  const fs = await import("node:fs/promises");
  const { constants } = await import("node:fs");
  const { join, sep } = await import("node:path");
  const file = `its elements are in "${brief(location)}"`;
  const base = await fs.realpath(folder);
  const path = join(base, location);
  const real = await fs.realpath(path).catch(() => {
    throw new Error(`${name}: ${file}, and there is no such file beside the model`);
  });
  if (!real.startsWith(base.endsWith(sep) ? base : base + sep)) throw new Error(`${name}: ${file}, which leads out of the model's folder`);
  const handle = await fs.open(real, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new Error(`${name}: ${file}, which is no file`);
  }
  return {
    size: stat.size,
    close: () => handle.close(),
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw new Error(`${name}: ${file}, which ended early`);
        at += bytesRead;
      }
      return bytes;
    },
  };
}
