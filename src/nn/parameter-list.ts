/** @file ParameterList: parameters in a list, that a module owns. */
import { check, listOf } from "../base/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";
import { aParameter, asParameter, type Parameter } from "./parameter.ts";

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
    const at = this.length;
    Object.assign(this, { [at]: asParameter("ParameterList: a value", value, `${at}`) });
    this.guard();
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
