/**
 * @file A call of PyTorch as it was stored: arguments by place or by name. An adapter reads them and answers with what this library computes. What nobody read makes the sample uncovered, since it
 * may have changed the stored result.
 */
import { type Dtype, Tensor } from "nabla";

/** Thrown by an adapter for what the library lacks. */
export class Uncovered extends Error {}

/** A result: tensors, or what is no tensor and counts as one of rank 0. */
export type Answer = Tensor | number | boolean | readonly (Tensor | number | boolean)[];

export type Adapter = (c: Call) => Answer;

/** A dtype of PyTorch. */
export class TorchDtype {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  /** The counterpart; integers of other widths are i32. */
  get own(): Dtype {
    const own: Record<string, Dtype> = { float64: "f64", float32: "f32", int64: "i32", int32: "i32", uint8: "u8", bool: "bool" };
    const found = own[this.name];
    if (!found) throw new Uncovered(`there is no dtype ${this.name}`);
    return found;
  }
}

/** Python's slice. */
export class Slice {
  readonly parts: readonly (number | null)[];
  constructor(parts: readonly (number | null)[]) {
    this.parts = parts;
  }
  toString(): string {
    return this.parts.map((part) => part ?? "").join(":");
  }
}

/** What only tells of a place, such as a device or a memory format, or is a function of the samples. */
export class Other {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class Call {
  readonly #args: readonly unknown[];
  readonly #kwargs: Readonly<Record<string, unknown>>;
  readonly #read = new Set<number | string>();

  readonly #stored: ReadonlyMap<Tensor, Tensor>;

  constructor(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>, stored: ReadonlyMap<Tensor, Tensor> = new Map()) {
    [this.#args, this.#kwargs, this.#stored] = [args, kwargs, stored];
  }

  /** The numbers of a tensor that is given, also where a derivative by it is taken. */
  numbers(x: Tensor): number[] {
    return [...(this.#stored.get(x) ?? x).dataSync()];
  }

  /** The argument at place `i` (-1: by name alone), else of that name, else `fallback`. None is as absent. */
  at<T>(i: number, name: string, fallback: T): T {
    this.#read.add(i).add(name);
    const given = i >= 0 && i < this.#args.length ? this.#args[i] : this.#kwargs[name];
    return (given ?? fallback) as T;
  }
  has(name: string): boolean {
    return name in this.#kwargs;
  }
  /** An argument by name alone. */
  named<T>(name: string, fallback: T): T {
    return this.at(-1, name, fallback);
  }
  /** A tensor that must be there. */
  t(i: number, name = ""): Tensor {
    const given = this.at<unknown>(i, name, undefined);
    if (!(given instanceof Tensor)) throw new Uncovered(`argument ${i} is no tensor`);
    return given;
  }
  /** A tensor or nothing. */
  maybe(i: number, name: string): Tensor | undefined {
    return this.at<Tensor | undefined>(i, name, undefined);
  }
  /** All arguments from a place on; a lone list stands for its elements. */
  rest<T>(from: number): readonly T[] {
    const rest = this.#args.slice(from);
    this.#args.forEach((_, i) => {
      if (i >= from) this.#read.add(i);
    });
    return (rest.length === 1 && Array.isArray(rest[0]) ? rest[0] : rest) as T[];
  }
  /** Says that arguments change nothing here. */
  ignore(...names: string[]): this {
    for (const name of names) this.#read.add(name);
    return this;
  }
  /** Arguments that were given and nobody read. */
  unread(): string[] {
    const harmless = ["device", "out_int32", "memory_format", "requires_grad", "layout", "pin_memory"];
    return [
      ...this.#args.map((_, i) => String(i)).filter((i) => !this.#read.has(Number(i))),
      ...Object.keys(this.#kwargs).filter((name) => !this.#read.has(name) && !harmless.includes(name) && this.#kwargs[name] !== null),
    ];
  }
}

/** The axes of a `dim`: nothing and an empty list are all. */
export function axes(dim: number | readonly number[] | undefined): number | readonly number[] | undefined {
  return Array.isArray(dim) && dim.length === 0 ? undefined : dim;
}

/** One tensor for each of Python's numbers among operands. */
export function every(list: number | readonly number[], n: number): readonly number[] {
  return typeof list === "number" ? new Array<number>(n).fill(list) : list.length === 1 ? new Array<number>(n).fill(list[0]!) : list;
}
