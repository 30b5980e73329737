/**
 * @file A snapshot of the fields of modules and optimizers at the time of recording, as one flat list of owners, keys and values. Comparing it with the present fields
 * tells whether the recording is still valid. Assignments to fields of modules and optimizers are counted (`runtime/watch.ts`), so these are compared only when the
 * count has changed.
 */
import { isTensor } from "../ops/create.ts";
import { isNoticed } from "../runtime/notice.ts";
import { isSlot, watchSlots } from "../runtime/slots.ts";
import { changes, isWatched } from "../runtime/watch.ts";
import { isCell } from "./capture.ts";

/** Objects with more fields than this, and longer arrays, are not compared field by field. */
const MOST_FIELDS = 10_000;
const MOST_ELEMENTS = 4096;

type Owner = Readonly<Record<PropertyKey, unknown>>;

/** An object whose fields are compared, and the path to it. */
interface Found {
  readonly owner: object;
  readonly path: string;
}

/** A changed field. */
export interface Change {
  /** Such as `Sequential.0.stride`. */
  readonly path: string;
  readonly before: unknown;
  readonly now: unknown;
}

/** The fields of some objects at the time of recording, and the comparison with the present. */
class Fields {
  readonly #owners: Owner[] = [];
  readonly #keys: PropertyKey[] = [];
  readonly #values: unknown[] = [];
  readonly #paths: string[] = [];
  readonly #counted: { readonly owner: object; readonly count: number; readonly path: string }[] = [];
  readonly #collections: {
    readonly owner: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>;
    readonly content: unknown[];
    readonly path: string;
  }[] = [];

  get size(): number {
    return this.#owners.length;
  }

  /** Returns true if every field is what it was. */
  hold(): boolean {
    const owners = this.#owners;
    const keys = this.#keys;
    const values = this.#values;
    for (let i = 0; i < owners.length; i++) {
      const now = owners[i]![keys[i]!];
      if (now !== values[i] ? !Object.is(now, values[i]) : now === 0 && !Object.is(now, values[i])) return false;
    }
    for (const { owner, count } of this.#counted) if (countOf(owner) !== count) return false;
    for (const { owner, content } of this.#collections) if (!sameList(contentOf(owner), content)) return false;
    return true;
  }

  /** The first field that is another than it was. */
  change(): Change | undefined {
    for (let i = 0; i < this.#owners.length; i++) {
      const [before, now] = [this.#values[i], this.#owners[i]![this.#keys[i]!]];
      if (!Object.is(before, now)) return { path: this.#paths[i]!, before, now };
    }
    const list = [
      ...this.#counted.map(({ owner, count, path }) => ({ path, before: `${count} fields`, now: `${countOf(owner)} fields` })),
      ...this.#collections.map(({ owner, content, path }) => ({ path, before: content, now: contentOf(owner) })),
    ];
    return list.find(({ before, now }) => (typeof before === "string" ? before !== now : !sameList(before, now as unknown[])));
  }

  #enterCollection(owner: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>, path: string): Found[] {
    const content = contentOf(owner);
    this.#collections.push({ owner, content, path });
    return content.filter(hasFields).map((x) => ({ owner: x, path: `${path}.?` }));
  }

  /** Enters the present fields of an object; returns the objects that they reference. */
  enter({ owner, path }: Found): Found[] {
    const below: Found[] = [];
    if (owner instanceof Map || owner instanceof Set) below.push(...this.#enterCollection(owner, path));
    const isList = Array.isArray(owner) || ArrayBuffer.isView(owner);
    if (isList && !(Reflect.get(owner, "length") <= MOST_ELEMENTS)) return below;
    const keys = fieldsOf(owner);
    const isFixed = Object.isFrozen(owner);
    if (!isList && !isFixed) this.#counted.push({ owner, count: countOf(owner), path });
    for (const key of keys) {
      const value: unknown = Reflect.get(owner, key);
      if (!isFixed) this.#slot(owner as Owner, key, `${path}.${String(key)}`);
      if (hasFields(value)) below.push({ owner: value, path: `${path}.${String(key)}` });
    }
    if (isList && !isFixed) this.#slot(owner as unknown as Owner, "length", `${path}.length`);
    if (!keys.includes("forward")) this.#enterForward(owner, path);
    return below;
  }

  /** Enters `forward`, which is an own property if there are hooks, and otherwise the method of the class. */
  #enterForward(owner: object, path: string): void {
    if (isNoticed(owner) && "forward" in owner) this.#slot(owner, "forward", `${path}.forward`);
  }

  #slot(owner: Owner, key: PropertyKey, path: string): void {
    this.#owners.push(owner);
    this.#keys.push(typeof key === "string" && /^(0|[1-9]\d{0,8})$/.test(key) ? Number(key) : key);
    this.#values.push(owner[key]);
    this.#paths.push(path);
  }
}

/** The fields of some objects, as they were when it was made. */
export class Snapshot {
  /** Fields of objects whose changes are counted: compared only if something has changed anywhere. */
  readonly #watched = new Fields();
  /** Lists, maps, plain objects and the like: compared at every call. */
  readonly #open = new Fields();
  /** The count of changes for which the watched fields were compared last. */
  #at: number;

  constructor(roots: Iterable<object>) {
    const seen = new Set<object>();
    // An explicit list instead of recursion: chains of objects may be longer than the call stack allows.
    const todo: Found[] = Array.from(roots, (root) => ({ owner: root, path: root.constructor?.name || "object" }));
    for (const found of todo) {
      const { owner } = found;
      if (seen.has(owner) || seen.size > MOST_FIELDS || this.#watched.size + this.#open.size > MOST_FIELDS) continue;
      seen.add(owner);
      if (isWatched(owner)) watchSlots(owner);
      for (const below of (isWatched(owner) ? this.#watched : this.#open).enter(found)) todo.push(below);
    }
    this.#at = changes();
  }

  /** Returns true if every field is what it was. */
  holds(): boolean {
    const now = changes();
    if (this.#at !== now) {
      if (!this.#watched.hold()) return false;
      this.#at = now;
    }
    return this.#open.hold();
  }

  /** The first field that is another than it was. */
  change(): Change | undefined {
    return this.#watched.change() ?? this.#open.change();
  }
}

const hasFields = (x: unknown): x is object => typeof x === "object" && x !== null && !isTensor(x) && !isCell(x);

/** Fields of an object, without accessors of its own. */
const fieldsOf = (owner: object): PropertyKey[] =>
  Reflect.ownKeys(owner).filter((key) => {
    const { enumerable, get } = Object.getOwnPropertyDescriptor(owner, key)!;
    return enumerable && (get === undefined || isSlot(owner, key));
  });

/** The number of enumerable fields; a loop over them makes no list. */
function countOf(owner: object): number {
  let n = 0;
  for (const _ in owner) n++;
  return n;
}

const contentOf = (owner: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>): unknown[] => [...owner].flat();

const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean => a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
