/** @file ModuleList: modules in a list, without an order of computation. */
import { check, expectation, listOf } from "../base/check.ts";
import { Module } from "./module.ts";

/** Modules as the properties 0, 1, ..., so that their parameters are found and named `0.weight` as in PyTorch. */
export class ModuleList<M extends Module = Module> extends Module {
  readonly [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    super();
    const list = typeof (modules as Iterable<M> | null)?.[Symbol.iterator] === "function" ? [...modules] : modules;
    check("ModuleList: modules", list, listOf(expectation("a module", (value) => value instanceof Module)));
    Object.assign(this, list);
    this.guard();
  }

  get length(): number {
    let n = 0;
    while (n in this) n++;
    return n;
  }

  /** Adds a module at the end; returns the list. */
  push(module: M): this {
    Object.assign(this, { [this.length]: module });
    this.guard();
    return this;
  }

  *[Symbol.iterator](): Generator<M, void, undefined> {
    for (let i = 0; i in this; i++) yield this[i];
  }

  /** @throws {TypeError} always: a list computes nothing. */
  forward(): never {
    throw new TypeError("ModuleList: a list has no forward; call its modules, or use Sequential");
  }
}
