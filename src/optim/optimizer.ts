/**
 * @file What optimizers share: the cells they train, in groups with options of their own, their state, and the learning rates, which are
 * cells too, so that a schedule never compiles anew. `step` records the update; inside `compile` it is part of the program, and all state
 * stays in the program's memory.
 *
 *     step ── advance()          what all parameters share: the step counter
 *          └─ for each group     rule(group) ── for each parameter   p ← rule(p, g + λp, i)
 */

import { type Checks, checkOptions, type Expectation, expectation, flag, numbers, shown } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType, type Shape, sameType, sizeOf } from "../base/shape.ts";
import { full } from "../ops/create.ts";
import { showAs } from "../ops/display.ts";
import { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { announce } from "../runtime/notice.ts";
import { loadCells, type StateSource } from "./state.ts";

export interface OptimizerOptions {
  /** Learning rate. */
  readonly lr?: number;
  /** λ: λ·parameter is added to each gradient, the gradient of ½λ‖parameter‖². Default 0. */
  readonly weightDecay?: number;
  /** Climb instead of descend. Default false. */
  readonly maximize?: boolean;
}

/** Some of the parameters, with the options in which they differ from the rest. */
export type ParameterGroup<O> = Partial<O> & { readonly parameters: Iterable<Cell> };

/** What an optimizer is given to train: parameters, or groups of them. */
export type Trainable<O> = Iterable<Cell> | Iterable<ParameterGroup<O>>;

/** Options of a group with nothing left open. */
export type Settings<O> = Readonly<Required<O> & Required<OptimizerOptions>>;

/** Parameters that share their options. */
export class Group<O extends OptimizerOptions = OptimizerOptions> {
  readonly parameters: readonly Cell[];
  readonly options: Settings<O>;
  /** Number of the group, and of its first parameter among all. */
  readonly index: number;
  readonly first: number;
  /** In which rates and momenta are kept: f64 if all parameters are, else f32. */
  readonly dtype: "f32" | "f64";
  /** The learning rate as the program reads it, a scalar. */
  readonly rate: Cell;

  constructor(parameters: readonly Cell[], options: Settings<O>, index: number, first: number) {
    this.parameters = parameters;
    this.options = options;
    this.index = index;
    this.first = first;
    this.dtype = parameters.length > 0 && parameters.every((p) => p instanceof Cell && p.dtype === "f64") ? "f64" : "f32";
    this.rate = new Cell(full([], options.lr, this.dtype), "lr");
  }

  /** The group's learning rate. */
  get lr(): number {
    return numberIn(this.rate);
  }

  set lr(lr: number) {
    this.rate.set(full([], checkRange("lr", lr, 0), this.dtype));
  }
}

/** The next value of parameter number i from its value p and its gradient g; also sets the cells that belong to it. */
export type UpdateRule = (p: Tensor, g: Tensor, i: number) => Tensor;

/**
 * What weight decay does. `coupled`: λp joins the gradient, and is averaged and scaled with it. `decoupled`: p shrinks by 1 - lr·λ before
 * the step (Loshchilov & Hutter 2019). `own`: the rule sees to it.
 */
export type DecayKind = "coupled" | "decoupled" | "own";

/** Moves parameters along gradients: what every first-order method here is. `step(grads)` in a compiled function is part of its program. */
export abstract class Optimizer<O extends OptimizerOptions = OptimizerOptions> {
  /** The cells that are trained, group after group. */
  readonly parameters: readonly Cell[];
  readonly groups: readonly Group<O>[];
  protected readonly decay: DecayKind = "coupled";
  readonly #state = new Map<string, Cell>();
  /** The momenta of the groups that have one, as programs read them. */
  readonly #momenta: Cell[] = [];

  /**
   * @param options What all groups share unless they say otherwise; `defaults` are for what neither says. `check` refuses bad options.
   * @throws {TypeError} if there is nothing to train, or a cell is no float or is given twice. @throws {RangeError} for options out of range.
   */
  constructor(trainable: Trainable<O>, options: O, defaults: Required<O>, check?: (options: Settings<O>) => void) {
    announce(new.target.prototype, Object.prototype);
    const name = this.constructor.name;
    const checks = checksFrom(defaults);
    checkOptions(name, options, checks);
    let first = 0;
    this.groups = groupsOf(trainable).map(({ parameters, ...own }, index) => {
      checkOptions(`${name}: group ${index}`, own as unknown as Partial<O>, checks);
      const settings = given(defaults, options, own as unknown as Partial<O>);
      checkRange("lr", settings.lr, 0);
      checkRange("weightDecay", settings.weightDecay, 0);
      check?.(settings);
      const group = new Group<O>(listOf(parameters), settings, index, first);
      first += group.parameters.length;
      return group;
    });
    this.parameters = this.groups.flatMap((group) => group.parameters);
    checkParameters(name, this.parameters);
    this.groups.forEach(({ rate, index }) => {
      this.#register(this.#nameOfGroup("lr", index), rate);
    });
  }

  /** The learning rate (of the first group, where there are several); setting it sets that of every group. */
  get lr(): number {
    return this.groups[0].lr;
  }

  set lr(lr: number) {
    for (const group of this.groups) group.lr = lr;
  }

  /**
   * μ of SGD and RMSProp, β₁ of Adam (of the first group, where there are several); setting it sets that of every group, and compiles nothing
   * anew. 0 for rules without momentum.
   */
  get momentum(): number {
    return this.#momenta[0] ? numberIn(this.#momenta[0]) : 0;
  }

  set momentum(momentum: number) {
    checkRange("momentum", momentum, 0, 1);
    if (!this.#momenta[0])
      throw new TypeError(`${this.constructor.name}: there is no momentum to change; start with one above 0, so that velocities are kept`);
    for (const cell of this.#momenta) cell.set(full([], momentum, cell.dtype));
  }

  /** The rule, its learning rates and how much it trains. */
  toString(): string {
    const elements = this.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0);
    const rates = this.groups.map(({ lr }) => lr).join(", ");
    return `${this.constructor.name}(lr ${rates}; ${this.parameters.length} parameters, ${elements.toLocaleString("en")} elements)`;
  }

  /** Moves the parameters along their gradients, given in the parameters' order. */
  step(grads: readonly Tensor[]): void {
    if (!Array.isArray(grads))
      throw new TypeError(`step: want a list of gradients, got ${describe(grads)}; pass the grads of backward(..., parameters)`);
    if (grads.length !== this.parameters.length) {
      throw new RangeError(
        `step: want ${this.parameters.length} gradients, one for each parameter, got ${grads.length}; pass the grads of backward(..., parameters)`,
      );
    }
    this.parameters.forEach((parameter, i) => {
      if (!(grads[i] instanceof Tensor))
        throw new TypeError(`step: want a tensor as the gradient of ${parameter}, got ${describe(grads[i])}`);
      if (!sameType(grads[i], parameter))
        throw new TypeError(
          `step: the gradient of ${parameter} has the type ${formatType(grads[i])}; give gradients in the parameters' order`,
        );
    });
    // Before anything moves: a step is done for all parameters or for none.
    for (const cell of [...this.parameters, ...this.#state.values()]) cell.checkNotDisposed();
    this.advance();
    for (const group of this.groups) this.#stepGroup(group, grads);
  }

  #stepGroup(group: Group<O>, grads: readonly Tensor[]): void {
    const { weightDecay, maximize } = group.options;
    const decay = weightDecay === 0 ? "own" : this.decayOf(group.options);
    const rest = decay === "decoupled" ? group.rate.value.mul(-weightDecay).add(1) : undefined;
    const next = this.rule(group);
    group.parameters.forEach((parameter, k) => {
      const i = group.first + k;
      const g = maximize ? grads[i].neg() : grads[i];
      const p = parameter.value;
      parameter.set(next(rest ? p.mul(rest) : p, decay === "coupled" ? g.add(p.mul(weightDecay)) : g, i));
    });
  }

  /** The optimizer's own cells by name: what a resumed run needs. */
  stateDict(): Map<string, Cell> {
    return new Map(this.#state);
  }

  /**
   * Sets the optimizer's cells from entries of the same names: another optimizer's `stateDict()`, or arrays as read from a file.
   * @throws {Error} if names or shapes differ; then nothing is changed.
   */
  loadStateDict(entries: ReadonlyMap<string, StateSource>): void {
    loadCells(this.constructor.name, this.#state, entries);
  }

  /** Frees the memory of the optimizer's state at once; another step is an error. The parameters stay. It is never required. */
  dispose(): void {
    for (const cell of this.#state.values()) cell.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What weight decay does in a group. */
  protected decayOf(_options: Settings<O>): DecayKind {
    return this.decay;
  }

  /** Called once a step, first. */
  protected advance(): void {}

  /** Called once a step for each group: its rule in this step. */
  protected abstract rule(group: Group<O>): UpdateRule;

  /** State of zeros for each parameter, of its type; where `needed` says no, there is a hole instead. For constructors. */
  protected zeros(name: string, needed: (options: Settings<O>) => boolean = () => true): Cell[] {
    return this.filled(name, () => 0, needed);
  }

  /** The same with an initial value. */
  protected filled(name: string, value: (options: Settings<O>) => number, needed: (options: Settings<O>) => boolean = () => true): Cell[] {
    const cells: Cell[] = [];
    for (const { parameters, options, first } of this.groups) {
      if (!needed(options)) continue;
      parameters.forEach(({ shape, dtype }, k) => {
        cells[first + k] = this.#register(`${name}.${first + k}`, new Cell(full(shape, value(options), dtype), name));
      });
    }
    return cells;
  }

  /** State of zeros with a shape of its own for each parameter; where there is no shape, there is a hole instead. */
  protected shaped(name: string, shapeOf: (shape: Shape, options: Settings<O>) => Shape | undefined): Cell[] {
    const cells: Cell[] = [];
    for (const { parameters, options, first } of this.groups) {
      parameters.forEach(({ shape, dtype }, k) => {
        const own = shapeOf(shape, options);
        if (own) cells[first + k] = this.#register(`${name}.${first + k}`, new Cell(full(own, 0, dtype), name));
      });
    }
    return cells;
  }

  /** State that is one number for all: a counter, from 0. */
  protected counter(name: string): Cell {
    return this.#register(name, new Cell(full([], 0, "i32"), name));
  }

  /** State that is one number for each group. */
  protected perGroup(name: string, value: number): Cell[] {
    return this.groups.map(({ index, dtype }) => this.#register(this.#nameOfGroup(name, index), new Cell(full([], value, dtype), name)));
  }

  /** State for the momentum of each group that has one, by the group's number. */
  protected momenta(value: (options: Settings<O>) => number): Cell[] {
    const cells: Cell[] = [];
    for (const { options, index, dtype } of this.groups) {
      if (value(options) === 0) continue;
      cells[index] = this.#register(this.#nameOfGroup("momentum", index), new Cell(full([], value(options), dtype), "momentum"));
      this.#momenta.push(cells[index]);
    }
    return cells;
  }

  #register(name: string, cell: Cell): Cell {
    this.#state.set(name, cell);
    return cell;
  }

  #nameOfGroup(name: string, index: number): string {
    return this.groups.length === 1 ? name : `${name}.${index}`;
  }
}

/** The number in a cell. An f32 holds about seven digits; more would show 0.1 as 0.10000000149. */
function numberIn(cell: Cell): number {
  if (cell.dtype === "f64") return cell.value.itemSync();
  return Number(cell.value.itemSync().toPrecision(7));
}

/** Counts a step; gives the number of this one, from 1, as f32. */
export function tick(time: Cell): Tensor {
  time.set(time.value.add(1));
  return time.value.cast("f32");
}

/** What an optimizer was given to train, as a list. @throws {TypeError} if it cannot be gone through. */
export function listOf<T>(trainable: Iterable<T>): T[] {
  if (typeof (trainable as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] === "function") return [...trainable];
  throw new TypeError(`an optimizer wants a list of parameters, got ${describe(trainable)}; pass model.parameters()`);
}

function groupsOf<O>(trainable: Trainable<O>): readonly ParameterGroup<O>[] {
  const list: readonly (Cell | ParameterGroup<O>)[] = listOf<Cell | ParameterGroup<O>>(trainable);
  const cells = list.filter((x) => x instanceof Cell);
  if (cells.length === list.length) return [{ parameters: cells } as unknown as ParameterGroup<O>];
  const groups = list.filter((x): x is ParameterGroup<O> => !(x instanceof Cell));
  if (cells.length > 0) throw new TypeError("parameters and groups are mixed; give either cells, or { parameters, ...options } only");
  for (const group of groups) {
    if (typeof group !== "object" || group === null || !("parameters" in group))
      throw new TypeError(`an optimizer wants parameters, or groups { parameters, ...options }; got ${describe(group)} among them`);
    listOf(group.parameters);
  }
  return groups;
}

/** @throws {TypeError} for what cannot be trained. */
export function checkTrainable(trainable: unknown): void {
  groupsOf(trainable as Trainable<OptimizerOptions>);
}

/** NaN too: ranges have checks of their own. */
const number = expectation("a number", (value) => typeof value === "number");

/** The checks of an optimizer's options: those that have a default are all there are, and a value is of its default's type. */
function checksFrom<O>(defaults: Required<O>): Checks<O> {
  const checkFor = (value: unknown): Expectation => (typeof value === "number" ? number : typeof value === "boolean" ? flag : numbers);
  return Object.fromEntries(Object.entries((defaults ?? {}) as object).map(([name, value]) => [name, checkFor(value)])) as Checks<O>;
}

/** Options laid over each other; undefined says nothing. */
function given<O>(defaults: Required<O>, ...layers: readonly Partial<O>[]): Settings<O> {
  const said = layers.map((layer) => Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined)));
  return Object.assign({}, defaults, ...said);
}

export function checkParameters(optimizer: string, parameters: readonly Cell[]): void {
  if (parameters.length === 0) throw new TypeError(`${optimizer}: there is nothing to train; pass model.parameters()`);
  if (new Set(parameters).size < parameters.length)
    throw new TypeError(`${optimizer}: a parameter is given twice; it would be updated twice`);
  for (const parameter of parameters) {
    if (!(parameter instanceof Cell))
      throw new TypeError(`${optimizer}: want parameters, such as those of model.parameters(), got ${describe(parameter)} among them`);
    if (!isFloat(parameter.dtype)) throw new TypeError(`${optimizer}: ${parameter} is no float, so it has no gradient; leave it out`);
  }
}

/** @throws {RangeError} unless low <= value < below. */
export function checkRange(name: string, value: number, low: number, below: number = Number.POSITIVE_INFINITY): number {
  if (typeof value === "number" && value >= low && value < below) return value;
  const want = below === Number.POSITIVE_INFINITY ? `a number >= ${low}` : `a number from ${low} to below ${below}`;
  throw new RangeError(`${name} must be ${want}, got ${shown(value)}`);
}

// Averages of gradients that have become zero decay geometrically into the denormals, on which processors are tens of times slower, and stay there
// for a long time. In f32 (denormal below 1.2e-38) what moves a parameter is flushed far above them, so that its product with a rate is none either;
// squares, whose roots are what counts, just above.
const NEGLIGIBLE = { f32: 1e-30, f64: 1e-290 } as const;
const NEGLIGIBLE_SQUARE = { f32: 2.5e-38, f64: 1e-307 } as const;

/** x with negligible elements set to 0. NaN stays. */
export function flushed(x: Tensor, least: Readonly<Record<"f32" | "f64", number>> = NEGLIGIBLE): Tensor {
  return x
    .abs()
    .lt(least[x.dtype as "f32" | "f64"])
    .where(0, x);
}

/** β·average + (1 - β)·x, kept in the cell: an exponential moving average. */
export function average(
  cell: Cell,
  beta: number | Tensor,
  x: Tensor,
  least = NEGLIGIBLE as Readonly<Record<"f32" | "f64", number>>,
): Tensor {
  const share = typeof beta === "number" ? 1 - beta : beta.neg().add(1);
  const y = flushed(cell.value.mul(beta).add(x.mul(share)), least);
  cell.set(y);
  return y;
}

/** The same of squares. */
export function averageOfSquares(cell: Cell, beta: number | Tensor, x: Tensor): Tensor {
  return average(cell, beta, x.square(), NEGLIGIBLE_SQUARE);
}

showAs(Optimizer.prototype, (optimizer) => optimizer.toString());
