/** @file ModuleDict: modules by name, without an order of computation. */
import { describe } from "../base/describe.ts";
import { checkModule, Module } from "./module.ts";

/** Pairs of an object, a Map or another iterable of pairs. @throws {TypeError} for what is none. */
export function pairsOf<V>(what: string, entries: Readonly<Record<string, V>> | Iterable<readonly [string, V]>): (readonly [string, V])[] {
  if (typeof entries !== "object" || entries === null)
    throw new TypeError(`${what}: want an object or pairs [name, value], got ${describe(entries)}`);
  if (!(Symbol.iterator in entries)) return Object.entries(entries);
  return [...entries].map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new TypeError(`${what}: want pairs [name, value], got ${describe(pair)} among them`);
    return pair as unknown as readonly [string, V];
  });
}

/** @throws {TypeError} for a name that cannot be a property: state dicts part names at dots, and methods keep theirs. */
export function checkName(owner: Module, name: unknown): void {
  const what = owner.constructor.name;
  if (typeof name !== "string" || name === "" || name.includes("."))
    throw new TypeError(
      `${what}: a name must be a string that is not empty and has no dot, got ${typeof name === "string" ? JSON.stringify(name) : describe(name)}`,
    );
  if (name in Object.getPrototypeOf(owner))
    throw new TypeError(`${what}: "${name}" is a method or property of every ${what}; choose another name`);
}

/**
 * Modules as properties of their names, so that their parameters are found and named `conv.weight` as in PyTorch. The order is that of insertion (whole
 * numbers first, as in every object).
 */
export class ModuleDict<M extends Module = Module> extends Module {
  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [name: string, module: M]> = {}) {
    super();
    for (const [name, module] of pairsOf("ModuleDict", modules)) this.set(name, module);
  }

  /** Number of modules. */
  get size(): number {
    return this.#entries().length;
  }

  /** The module of a name, if there is one. */
  get(name: string): M | undefined {
    return this.#entries().find(([own]) => own === name)?.[1];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Puts a module under a name; returns the dict. */
  set(name: string, module: M): this {
    checkName(this, name);
    checkModule(`ModuleDict: ${name}`, module);
    Object.assign(this, { [name]: module });
    return this;
  }

  /** Takes a module out; false if there was none. */
  delete(name: string): boolean {
    return this.has(name) && Reflect.deleteProperty(this, name);
  }

  *keys(): Generator<string, void, undefined> {
    for (const [name] of this.#entries()) yield name;
  }

  *values(): Generator<M, void, undefined> {
    for (const [, module] of this.#entries()) yield module;
  }

  *[Symbol.iterator](): Generator<[name: string, module: M], void, undefined> {
    yield* this.#entries();
  }

  #entries(): [string, M][] {
    return Object.entries(this).filter((entry): entry is [string, M] => entry[1] instanceof Module);
  }

  /** @throws {TypeError} always: a dict computes nothing. */
  forward(): never {
    throw new TypeError("ModuleDict: a dict has no forward; call its modules");
  }
}
