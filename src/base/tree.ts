/**
 * @file Trees: values with some leaves picked out, held in arrays, plain objects, maps, sets or class instances. What is not a container and
 * not a leaf (numbers, strings, functions, dates) is static: part of the structure.
 */
import { typedArrayName } from "./elements.ts";
import { builtinText, identityOf, staticText } from "./statics.ts";

export { identityOf } from "./statics.ts";

export interface Flat<L> {
  readonly leaves: L[];
  /** Where each leaf sits, such as `layers.0.w`; empty for a tree that is one leaf. */
  readonly paths: string[];
  /** Text that trees of one structure share; statics by value, functions and opaque objects by identity. */
  readonly structure: string;
}

/** A child of a container. */
interface Entry {
  /** For paths. */
  readonly name: string;
  /** The key in the structure's text. */
  readonly mark: string;
  readonly child: unknown;
}

const isContainer = (x: unknown): x is object =>
  typeof x === "object" && x !== null && !(x instanceof Promise) && typedArrayName(x) === undefined;

/** Returns true for own properties that are no children: the elements of a list, which come first, and the stack of an error. */
function isNoChild(node: object, key: PropertyKey): boolean {
  if (Array.isArray(node)) return key === "length" || (typeof key === "string" && isIndex(key, node.length));
  return node instanceof Error && key === "stack";
}

/** Children of a container in their order: elements, entries or members first, then properties, hidden and symbolic ones too. */
function entriesOf(node: object): Entry[] {
  const inside = elementsOf(node);
  for (const key of Reflect.ownKeys(node)) {
    if (isNoChild(node, key)) continue;
    const mark = `${Object.prototype.propertyIsEnumerable.call(node, key) ? "" : "!"}${staticText(key)}`;
    inside.push({ name: String(key), mark, child: Reflect.get(node, key) });
  }
  return inside;
}

const isIndex = (key: string, length: number): boolean => Number(key) < length && String(Number(key)) === key;

function elementsOf(node: object): Entry[] {
  if (Array.isArray(node)) {
    const found: Entry[] = [];
    for (let i = 0; i < node.length; i++) if (i in node) found.push({ name: String(i), mark: String(i), child: node[i] });
    return found;
  }
  if (node instanceof Map) return [...node].map(([key, child]) => ({ name: nameOf(key), mark: staticText(key), child }));
  if (node instanceof Set) return [...node].map((child, i) => ({ name: String(i), mark: "", child }));
  return [];
}

const nameOf = (key: unknown): string => (typeof key === "object" && key !== null ? "?" : String(key));

/** What a container is besides its children: containers of one class and content are alike, unless nothing of the content can be seen. */
function tagOf(node: object, isEmpty: boolean): string {
  if (Array.isArray(node)) return `[${node.length}:${classTag(node, Array.prototype)}`;
  const value = builtinText(node);
  if (value !== undefined) return `${value}${classTag(node, undefined)}`;
  if (node instanceof Map || node instanceof Set) return `${node instanceof Map ? "Map" : "Set"}${classTag(node, undefined)}`;
  const prototype = Object.getPrototypeOf(node);
  if (prototype === Object.prototype || prototype === null) return "{";
  return `<${identityOf(prototype)}${isEmpty ? `@${identityOf(node)}` : ""}`;
}

function classTag(node: object, usual: object | undefined): string {
  const prototype = Object.getPrototypeOf(node);
  return prototype === usual || prototype === null ? "" : `<${identityOf(prototype)}`;
}

/** A container whose children are being visited. Trees may be nested deeper than the host's stack of calls, so the walks keep their own. */
interface Visit {
  readonly node: object;
  readonly path: string;
  readonly entries: readonly Entry[];
  /** Children that have been visited. */
  done: number;
}

/**
 * Leaves, their paths and the structure of a tree. `opaque` objects are static and not entered. `look`, if given, sees every object that is
 * neither leaf nor opaque, before it is entered.
 */
export function flatten<L>(
  tree: unknown,
  isLeaf: (x: unknown) => x is L,
  opaque: (x: unknown) => boolean = () => false,
  look?: (node: object, path: string) => void,
): Flat<L> {
  const leaves: L[] = [];
  const paths: string[] = [];
  const text: string[] = [];
  const open = new Map<object, number>();
  const visits: Visit[] = [];
  /** The text of what has no children to visit; a container is opened. */
  const begin = (node: unknown, path: string): string => {
    if (isLeaf(node)) {
      leaves.push(node);
      paths.push(path);
      return "*";
    }
    if (typeof node !== "object" || node === null || opaque(node)) return staticText(node);
    const above = open.get(node);
    if (above !== undefined) return `^${open.size - above}`;
    look?.(node, path);
    if (!isContainer(node)) return `(${builtinText(node) ?? staticText(node)})`;
    open.set(node, open.size);
    const entries = entriesOf(node);
    visits.push({ node, path, entries, done: 0 });
    return tagOf(node, entries.length === 0);
  };
  text.push(begin(tree, ""));
  for (let visit = visits.at(-1); visit; visit = visits.at(-1)) {
    const { node, path, entries } = visit;
    const entry = entries[visit.done++];
    if (entry) text.push(visit.done > 1 ? "," : "", entry.mark, "=", begin(entry.child, path ? `${path}.${entry.name}` : entry.name));
    else {
      text.push(Array.isArray(node) ? "]" : "}");
      open.delete(node);
      visits.pop();
    }
  }
  return { structure: text.join(""), leaves, paths };
}

/** A container and its copy, which is filled when all children have been visited. */
interface Copying extends Omit<Visit, "path"> {
  readonly copy: object;
  readonly children: unknown[];
  /** Leaves before it. */
  readonly before: number;
}

/** A copy of the tree with each leaf replaced; containers without leaves are shared. A cycle through a copied container leads to the copy. */
export function mapTree<L, R>(
  tree: unknown,
  isLeaf: (x: unknown) => x is L,
  fn: (leaf: L, i: number) => R,
  opaque: (x: unknown) => boolean = () => false,
): unknown {
  let i = 0;
  const open = new Map<object, object>();
  const visits: Copying[] = [];
  const result: unknown[] = [];
  /** What stands for `node`, or a container is opened and gives it when it is done. */
  const begin = (node: unknown, into: unknown[]): void => {
    if (isLeaf(node)) into.push(fn(node, i++));
    else if (!isContainer(node) || opaque(node)) into.push(node);
    else if (open.has(node)) into.push(open.get(node));
    else {
      const copy = emptyLike(node);
      open.set(node, copy);
      visits.push({ node, copy, entries: entriesOf(node), children: [], before: i, done: 0 });
    }
  };
  begin(tree, result);
  for (let visit = visits.at(-1); visit; visit = visits.at(-1)) {
    const { node, copy, entries, children, before } = visit;
    const entry = entries[visit.done++];
    if (entry) begin(entry.child, children);
    else {
      visits.pop();
      open.delete(node);
      const isSame = i === before && children.every((child, j) => child === entries[j]!.child || open.size === 0);
      if (!isSame) fill(copy, node, children);
      (visits.at(-1)?.children ?? result).push(isSame ? node : copy);
    }
  }
  return result[0];
}

function emptyLike(node: object): object {
  const prototype = Object.getPrototypeOf(node);
  if (Array.isArray(node)) return Object.setPrototypeOf(new Array(node.length), prototype);
  if (node instanceof Map) return Object.setPrototypeOf(new Map(), prototype);
  if (node instanceof Set) return Object.setPrototypeOf(new Set(), prototype);
  return Object.create(prototype);
}

/** Gives `copy` the elements, entries or members of `node` with other children; returns how many there are. */
function fillInside(copy: object, node: object, children: readonly unknown[]): number {
  let j = 0;
  if (Array.isArray(node) && Array.isArray(copy)) {
    for (let i = 0; i < node.length; i++) if (i in node) copy[i] = children[j++];
  } else if (node instanceof Map && copy instanceof Map) for (const key of node.keys()) copy.set(key, children[j++]);
  else if (node instanceof Set && copy instanceof Set) for (const _ of node) copy.add(children[j++]);
  return j;
}

/** Gives `copy` the content of `node` with other children. */
function fill(copy: object, node: object, children: readonly unknown[]): void {
  let j = fillInside(copy, node, children);
  for (const key of Reflect.ownKeys(node)) {
    if (isNoChild(node, key)) continue;
    const enumerable = Object.prototype.propertyIsEnumerable.call(node, key);
    Object.defineProperty(copy, key, { value: children[j++], enumerable, writable: true, configurable: true });
  }
}
