/** @file ModuleDict and ParameterDict: modules, or parameters, by name, without an order of computation. */
import { describe } from "../base/describe.ts";
import type { Tensor } from "../ops/tensor.ts";
import { removeSlot } from "../runtime/slots.ts";
import { leaveOpen } from "../runtime/watch.ts";
import { checkModule, Module } from "./module.ts";
import { asParameter, Parameter } from "./parameter.ts";

/** Pairs of an object, a Map or another iterable of pairs. @throws {TypeError} for what is none. */
function pairsOf<V>(what: string, entries: Readonly<Record<string, V>> | Iterable<readonly [string, V]>): (readonly [string, V])[] {
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
function checkName(owner: Module, name: unknown): void {
  const what = owner.constructor.name;
  if (typeof name !== "string" || name === "" || name.includes("."))
    throw new TypeError(
      `${what}: a name must be a string that is not empty and has no dot, got ${typeof name === "string" ? JSON.stringify(name) : describe(name)}`,
    );
  if (name in Object.getPrototypeOf(owner))
    throw new TypeError(`${what}: "${name}" is a method or property of every ${what}; choose another name`);
}

/** What a dict may hold. */
type Member = Module | Parameter;

/** Modules or parameters by name, as properties. The order is that of insertion (whole numbers first, as in every object). */
export abstract class Dict<V extends Member, Given = V> extends Module {
  constructor(entries: Readonly<Record<string, Given>> | Iterable<readonly [name: string, value: Given]> = {}) {
    super();
    leaveOpen(this);
    for (const [name, value] of pairsOf(new.target.name, entries)) this.set(name, value);
  }

  /** What stands under a name for a value that was given. @throws {TypeError} for one that cannot. */
  protected abstract take(name: string, value: Given): V;
  protected abstract holds(value: unknown): value is V;

  /** Number of entries. */
  get size(): number {
    return this.#entries().length;
  }

  /** What stands under a name, if anything does. */
  get(name: string): V | undefined {
    return this.#entries().find(([own]) => own === name)?.[1];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Puts a value under a name, in place of what was there; returns the dict. */
  set(name: string, value: Given): this {
    checkName(this, name);
    Object.assign(this, { [name]: this.take(name, value) });
    this.guard();
    return this;
  }

  /** Takes an entry out; false if there was none. */
  delete(name: string): boolean {
    return this.has(name) && removeSlot(this, name);
  }

  *keys(): Generator<string, void, undefined> {
    for (const [name] of this.#entries()) yield name;
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.#entries()) yield value;
  }

  *[Symbol.iterator](): Generator<[name: string, value: V], void, undefined> {
    yield* this.#entries();
  }

  #entries(): [string, V][] {
    return Object.entries(this).filter((entry): entry is [string, V] => this.holds(entry[1]));
  }

  /** @throws {TypeError} always: a dict computes nothing. */
  forward(): never {
    throw new TypeError(`${this.constructor.name}: a dict has no forward; use what it holds`);
  }
}

/** Modules by name, so that their parameters are found and named `conv.weight` as in PyTorch. */
export class ModuleDict<M extends Module = Module> extends Dict<M> {
  protected take(name: string, module: M): M {
    checkModule(`ModuleDict: ${name}`, module);
    return module;
  }

  protected holds(value: unknown): value is M {
    return value instanceof Module;
  }
}

/** Parameters (tensors become some) by name, as in PyTorch. */
export class ParameterDict extends Dict<Parameter, Parameter | Tensor> {
  protected take(name: string, value: Parameter | Tensor): Parameter {
    return asParameter(`ParameterDict: ${name}`, value, name);
  }

  protected holds(value: unknown): value is Parameter {
    return value instanceof Parameter;
  }
}
