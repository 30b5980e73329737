/**
 * @file Trees: values with some leaves picked out, held in arrays, plain objects, maps or class instances. What is not a container and not a
 * leaf (numbers, strings, functions) is static: part of the structure.
 */

export interface Flat<L> {
  readonly leaves: L[];
  /** Where each leaf sits, such as `layers.0.w`; empty for a tree that is one leaf. */
  readonly paths: string[];
  /** Text that trees of one structure share; statics by value, objects without leaves by identity. */
  readonly structure: string;
}

const identities: WeakMap<object, number> = new WeakMap();
let nextIdentity = 0;

/** A number that stays with an object. */
export function identityOf(object: object): number {
  let n = identities.get(object);
  if (n === undefined) {
    n = nextIdentity++;
    identities.set(object, n);
  }
  return n;
}

/** Entries of a container, or null for anything else. Typed arrays, promises and functions are not containers. */
function entriesOf(node: unknown): [string, unknown][] | null {
  if (typeof node !== "object" || node === null || ArrayBuffer.isView(node) || node instanceof Promise) return null;
  if (Array.isArray(node)) return node.map((child, i) => [String(i), child]);
  if (node instanceof Map) return [...node].map(([key, child]) => [String(key), child]);
  return Object.entries(node);
}

/** True for containers whose structure is their content; other class instances count by class. */
function tagOf(node: object): string {
  if (Array.isArray(node)) return "[";
  const prototype = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null ? "{" : `<${identityOf(prototype)}`;
}

/** Leaves, their paths and the structure of a tree. `opaque` objects are static and not entered. */
export function flatten<L>(tree: unknown, isLeaf: (x: unknown) => x is L, opaque: (x: unknown) => boolean = () => false): Flat<L> {
  const leaves: L[] = [];
  const paths: string[] = [];
  const open = new Set<object>();
  const visit = (node: unknown, path: string): string => {
    if (isLeaf(node)) {
      leaves.push(node);
      paths.push(path);
      return "*";
    }
    const entries = opaque(node) ? null : entriesOf(node);
    if (!entries)
      return typeof node === "object" && node !== null
        ? `@${identityOf(node)}`
        : typeof node === "function"
          ? `@${identityOf(node)}`
          : `${typeof node}:${String(node)}`;
    if (open.has(node as object)) return `^${identityOf(node as object)}`;
    open.add(node as object);
    const parts = entries.map(([key, child]) => `${key}=${visit(child, path ? `${path}.${key}` : key)}`);
    open.delete(node as object);
    return `${tagOf(node as object)}${parts.join(",")}`;
  };
  return { structure: visit(tree, ""), leaves, paths };
}

/** A copy of the tree with each leaf replaced; containers without leaves are shared. */
export function mapTree<L, R>(
  tree: unknown,
  isLeaf: (x: unknown) => x is L,
  fn: (leaf: L, i: number) => R,
  opaque: (x: unknown) => boolean = () => false,
): unknown {
  let i = 0;
  const open = new Set<object>();
  const visit = (node: unknown): unknown => {
    if (isLeaf(node)) return fn(node, i++);
    const entries = opaque(node) ? null : entriesOf(node);
    if (!entries || open.has(node as object)) return node;
    open.add(node as object);
    const children = entries.map(([, child]) => visit(child));
    open.delete(node as object);
    if (children.every((child, j) => child === entries[j]![1])) return node;
    if (Array.isArray(node)) return children;
    if (node instanceof Map) return new Map([...node.keys()].map((key, j) => [key, children[j]]));
    const copy = Object.create(Object.getPrototypeOf(node)) as Record<string, unknown>;
    entries.forEach(([key], j) => {
      copy[key] = children[j];
    });
    return copy;
  };
  return visit(tree);
}
