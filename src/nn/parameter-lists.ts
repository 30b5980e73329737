/** @file ParameterList and ParameterDict: parameters in a list or by name, that a module owns. */
import { check, expectation, listOf } from "../base/check.ts";
import { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";
import { checkName, pairsOf } from "./module-dict.ts";
import { Parameter } from "./parameter.ts";

const aParameter = expectation("a parameter or a tensor", (value) => value instanceof Parameter || value instanceof Tensor);
const made = (value: Parameter | Tensor, name: string): Parameter => (value instanceof Parameter ? value : new Parameter(value, name));

/** Parameters (tensors become some) as the properties 0, 1, ..., named so in state dicts, as in PyTorch. */
export class ParameterList extends Module {
  readonly [index: number]: Parameter;

  constructor(values: Iterable<Parameter | Tensor> = []) {
    super();
    const list = typeof (values as Iterable<Parameter> | null)?.[Symbol.iterator] === "function" ? [...values] : values;
    check("ParameterList: values", list, listOf(aParameter));
    for (const value of list) this.push(value);
  }

  get length(): number {
    let n = 0;
    while (n in this) n++;
    return n;
  }

  /** Adds a parameter at the end; returns the list. */
  push(value: Parameter | Tensor): this {
    check("ParameterList: a value", value, aParameter);
    const at = this.length;
    Object.assign(this, { [at]: made(value, `${at}`) });
    return this;
  }

  *[Symbol.iterator](): Generator<Parameter, void, undefined> {
    for (let i = 0; i in this; i++) yield this[i]!;
  }

  /** @throws {TypeError} always: a list computes nothing. */
  forward(): never {
    throw new TypeError("ParameterList: a list has no forward; use its parameters");
  }
}

/** Parameters (tensors become some) as properties of their names, as in PyTorch. */
export class ParameterDict extends Module {
  constructor(values: Readonly<Record<string, Parameter | Tensor>> | Iterable<readonly [name: string, value: Parameter | Tensor]> = {}) {
    super();
    for (const [name, value] of pairsOf("ParameterDict", values)) this.set(name, value);
  }

  /** Number of parameters. */
  get size(): number {
    return this.#entries().length;
  }

  /** The parameter of a name, if there is one. */
  get(name: string): Parameter | undefined {
    return this.#entries().find(([own]) => own === name)?.[1];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Puts a parameter under a name; returns the dict. */
  set(name: string, value: Parameter | Tensor): this {
    checkName(this, name);
    check(`ParameterDict: ${name}`, value, aParameter);
    Object.assign(this, { [name]: made(value, name) });
    return this;
  }

  /** Takes a parameter out; false if there was none. */
  delete(name: string): boolean {
    return this.has(name) && Reflect.deleteProperty(this, name);
  }

  *keys(): Generator<string, void, undefined> {
    for (const [name] of this.#entries()) yield name;
  }

  *values(): Generator<Parameter, void, undefined> {
    for (const [, value] of this.#entries()) yield value;
  }

  *[Symbol.iterator](): Generator<[name: string, value: Parameter], void, undefined> {
    yield* this.#entries();
  }

  #entries(): [string, Parameter][] {
    return Object.entries(this).filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
  }

  /** @throws {TypeError} always: a dict computes nothing. */
  forward(): never {
    throw new TypeError("ParameterDict: a dict has no forward; use its parameters");
  }
}
