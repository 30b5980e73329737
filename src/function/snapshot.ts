/**
 * @file The fields of modules and optimizers as they were when a function was recorded, as one flat list: an owner, a key and a value for each
 * field. Comparing it with what the fields are now says whether the recording still holds.
 */
import { isTensor } from "../ops/create.ts";
import { isNoticed } from "../runtime/notice.ts";
import { slotValues } from "../runtime/slots.ts";
import { isCell } from "./capture.ts";

/** More fields than this are not looked at one by one; nor are the elements of longer arrays. */
const MOST_FIELDS = 10_000;
const MOST_ELEMENTS = 4096;

type Owner = Readonly<Record<PropertyKey, unknown>>;

/** An object whose fields are looked at, and how it was reached. */
interface Found {
  readonly owner: object;
  readonly path: string;
}

/** A field that is another than it was. */
export interface Change {
  /** Such as `Sequential.0.stride`. */
  readonly path: string;
  readonly before: unknown;
  readonly now: unknown;
}

export class Snapshot {
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

  constructor(roots: Iterable<object>) {
    const seen = new Set<object>();
    // The list grows while it is walked: objects may be linked in longer chains than calls can be nested.
    const todo: Found[] = Array.from(roots, (root) => ({ owner: root, path: root.constructor?.name || "object" }));
    for (const { owner, path } of todo) {
      if (seen.has(owner) || seen.size > MOST_FIELDS || this.#owners.length > MOST_FIELDS) continue;
      seen.add(owner);
      this.#enter(owner, path, todo);
    }
  }

  /** Returns true if every field is what it was. */
  holds(): boolean {
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

  #enter(owner: object, path: string, todo: Found[]): void {
    if (owner instanceof Map || owner instanceof Set) {
      this.#collections.push({ owner, content: contentOf(owner), path });
      for (const x of contentOf(owner)) descend(x, `${path}.?`, todo);
    }
    const isList = Array.isArray(owner) || ArrayBuffer.isView(owner);
    if (isList && !((owner as ArrayLike<unknown>).length <= MOST_ELEMENTS)) return;
    const keys = fieldsOf(owner);
    if (!isList) this.#counted.push({ owner, count: countOf(owner), path });
    for (const key of keys) this.#field(owner as Owner, key, `${path}.${String(key)}`, todo);
    if (isList) this.#slot(owner as unknown as Owner, "length", `${path}.length`);
    // Not an own property unless there are hooks; of a class, it is the method.
    if (isNoticed(owner) && "forward" in owner && !keys.includes("forward")) this.#slot(owner as Owner, "forward", `${path}.forward`);
  }

  #field(owner: Owner, key: PropertyKey, path: string, todo: Found[]): void {
    const guarded = slotValues(owner);
    // Their values are read where they lie, without the accessor.
    const holder = guarded && Object.hasOwn(guarded, key) ? guarded : owner;
    if (holder === owner && Object.getOwnPropertyDescriptor(owner, key)?.get) return;
    this.#slot(holder, key, path);
    descend(owner[key], path, todo);
  }

  #slot(owner: Owner, key: PropertyKey, path: string): void {
    this.#owners.push(owner);
    this.#keys.push(typeof key === "string" && /^(0|[1-9]\d{0,8})$/.test(key) ? Number(key) : key);
    this.#values.push(owner[key]);
    this.#paths.push(path);
  }
}

function descend(x: unknown, path: string, todo: Found[]): void {
  if (typeof x === "object" && x !== null && !isTensor(x) && !isCell(x)) todo.push({ owner: x, path });
}

const fieldsOf = (owner: object): PropertyKey[] => [
  ...Object.keys(owner),
  ...Object.getOwnPropertySymbols(owner).filter((key) => Object.prototype.propertyIsEnumerable.call(owner, key)),
];

/** The number of enumerable fields; a loop over them makes no list. */
function countOf(owner: object): number {
  let n = 0;
  for (const _ in owner) n++;
  return n;
}

const contentOf = (owner: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>): unknown[] => [...owner].flat();

const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean => a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
