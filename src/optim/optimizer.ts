/**
 * @file What optimizers share: the cells they train, in groups with options of their own, their state, and the learning rates, which are
 * cells too, so that a schedule never compiles anew. `step` records the update; inside `compile` it is part of the program, and all state
 * stays in the program's memory.
 *
 *     step ── advance()          what all parameters share: the step counter
 *          └─ for each group     rule(group) ── for each parameter   p ← rule(p, g + λp, i)
 */

import "../runtime/evaluate.ts"; // here too: bundlers skip an index that only hands names on
import { checkOptions, shown } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType, type Shape, sameType, sizeOf } from "../base/shape.ts";
import { full } from "../ops/create.ts";
import { showAs } from "../ops/display.ts";
import { Tensor } from "../ops/tensor.ts";
import { Cell, guarded } from "../runtime/cell.ts";
import { frozenAmong } from "../runtime/frozen.ts";
import { announce } from "../runtime/notice.ts";
import type { OptimizerOptions, ParameterGroup, Settings, Trainable } from "./options.ts";
import { loadCells, type StateSource } from "./state.ts";
import { checksFrom, given, groupsOf, listOf } from "./trainable.ts";

export type { OptimizerOptions, ParameterGroup, Settings, Trainable } from "./options.ts";

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
    announce(new.target.prototype, Object.prototype);
    this.parameters = Object.freeze([...parameters]);
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
  readonly parameters: readonly Cell[] = [];
  readonly groups: readonly Group<O>[] = [];
  protected readonly decay: DecayKind = "coupled";
  readonly #state: StateEntry[] = [];
  /** Make the state of a group: once for each that there is, and again for one that is added. */
  readonly #makers: { make(group: Group<O>): void }[] = [];
  /** The momenta of the groups that have one, as programs read them. */
  readonly #momenta: Cell[] = [];
  /** What groups are made with. */
  readonly #maker: { settle(own: Partial<O>, what: string): Settings<O> };
  /** Counts the steps, where the rule wants to know. */
  #clock: Cell | undefined;
  /** By parameter: steps that were taken without it, because it was frozen or not there yet. Absent until there is one. */
  readonly #missed: (Cell | undefined)[] = [];

  /**
   * @param options What all groups share unless they say otherwise; `defaults` are for what neither says. `check` refuses bad options.
   * @throws {TypeError} if there is nothing to train, or a cell is no float or is given twice. @throws {RangeError} for options out of range.
   */
  constructor(trainable: Trainable<O>, options: O, defaults: Required<O>, check?: (options: Settings<O>) => void) {
    announce(new.target.prototype, Object.prototype);
    const name = this.constructor.name;
    const checks = checksFrom(defaults);
    checkOptions(name, options, checks);
    const settle = (own: Partial<O>, what: string): Settings<O> => {
      checkOptions(`${name}: ${what}`, own, checks);
      const settings = given(defaults, options, own);
      checkRange("lr", settings.lr, 0);
      checkRange("weightDecay", settings.weightDecay, 0);
      check?.(settings);
      return settings;
    };
    this.#maker = { settle };
    for (const group of groupsOf(trainable)) this.#append(group);
    checkParameters(name, this.parameters);
    this.#forEachGroup(({ rate, index }) => this.#register("lr", rate, index));
  }

  /**
   * Trains further parameters, with the options in which they differ from the rest (in PyTorch: `add_param_group`). Their state starts as that of a new
   * optimizer. A compiled step that reads `optimizer.parameters` is recorded again. Before a run with such groups is resumed, add them again.
   * @throws {TypeError} if there is none, or one is no float or is trained already. @throws {RangeError} for options out of range. Nothing is changed then.
   */
  addParameterGroup(group: ParameterGroup<O>): void {
    const name = this.constructor.name;
    if (typeof group !== "object" || group === null || !("parameters" in group))
      throw new TypeError(`${name}: addParameterGroup wants { parameters, ...options }, got ${describe(group)}`);
    const added = listOf(group.parameters);
    checkParameters(name, added);
    const twice = added.find((parameter) => this.parameters.includes(parameter));
    if (twice) throw new TypeError(`${name}: ${twice} is trained already; a group to be added has other parameters`);
    const clock = this.#clock?.value;
    const made = this.#append({ ...group, parameters: added });
    for (const { make } of this.#makers) make(made);
    if (clock) for (const k of added.keys()) this.#missedBy(made.first + k).set(clock);
  }

  #append({ parameters, ...own }: ParameterGroup<O>): Group<O> {
    const index = this.groups.length;
    const settings = this.#maker.settle(own as unknown as Partial<O>, `group ${index}`);
    const group = new Group<O>(listOf(parameters), settings, index, this.parameters.length);
    // Frozen, so that compiled functions need not compare them.
    const lists = { groups: Object.freeze([...this.groups, group]), parameters: Object.freeze([...this.parameters, ...group.parameters]) };
    Object.assign(this, lists);
    return group;
  }

  #forEachGroup(make: (group: Group<O>) => void): void {
    this.#makers.push({ make });
    for (const group of this.groups) make(group);
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
    for (const cell of [...this.parameters, ...this.#state.map((entry) => entry.cell)]) cell.checkNotDisposed();
    const frozen = frozenAmong(this.parameters);
    this.advance();
    for (const group of this.groups) this.#stepGroup(group, grads, frozen);
  }

  #stepGroup(group: Group<O>, grads: readonly Tensor[], frozen: ReadonlySet<Cell>): void {
    if (group.parameters.every((parameter) => frozen.has(parameter))) {
      this.#pass(group, frozen);
      return;
    }
    const { weightDecay, maximize } = group.options;
    const decay = weightDecay === 0 ? "own" : this.decayOf(group.options);
    const rest = decay === "decoupled" ? group.rate.value.mul(-weightDecay).add(1) : undefined;
    const next = this.rule(group);
    this.#pass(group, frozen);
    group.parameters.forEach((parameter, k) => {
      if (frozen.has(parameter)) return;
      const i = group.first + k;
      const g = maximize ? grads[i].neg() : grads[i];
      const p = parameter.value;
      parameter.set(next(rest ? p.mul(rest) : p, decay === "coupled" ? g.add(p.mul(weightDecay)) : g, i));
    });
  }

  /** Notes a step that frozen parameters miss. */
  #pass(group: Group<O>, frozen: ReadonlySet<Cell>): void {
    if (!this.#clock) return;
    group.parameters.forEach((parameter, k) => {
      if (!frozen.has(parameter)) return;
      const missed = this.#missedBy(group.first + k);
      missed.set(missed.value.add(1));
    });
  }

  /** Steps that parameter number i has missed: state that is there only once it is needed. */
  #missedBy(i: number): Cell {
    this.#missed[i] ??= this.#register(`missed.${i}`, new Cell(full([], 0, "i32"), "missed"));
    return this.#missed[i];
  }

  /**
   * What a rule computes from the number of the step, t from 1, by parameter: a parameter that missed steps has its own t, so that means which start at zero are
   * corrected by as many steps as they have seen. `late` computes it for those, where that differs.
   */
  protected byTime<T>(dtype: "f32" | "f64", compute: (t: Tensor) => T, late: (t: Tensor) => T = compute): (i: number) => T {
    const time = this.#clock!.value;
    const usual = compute(time.cast("f32").cast(dtype));
    guarded(() => this.#missed.reduce((n) => n + 1, 0)); // a program that was recorded before one missed a step is recorded again
    return (i) => {
      const missed = this.#missed[i];
      return missed ? late(time.sub(missed.value).cast(dtype)) : usual;
    };
  }

  /** The optimizer's own cells by name: what a resumed run needs. */
  stateDict(): Map<string, Cell> {
    const several = this.groups.length > 1;
    return new Map(this.#state.map(({ name, group, cell }) => [several && group !== undefined ? `${name}.${group}` : name, cell]));
  }

  /** Makes the cells that an optimizer gets on the way, if a saved state has them: the same names follow. */
  admit(names: Iterable<string>): void {
    for (const name of names) {
      const i = /^missed\.(\d+)$/.exec(name)?.[1];
      if (i !== undefined && this.#clock && Number(i) < this.parameters.length) this.#missedBy(Number(i));
    }
  }

  /**
   * Sets the optimizer's cells from entries of the same names: another optimizer's `stateDict()`, or arrays as read from a file.
   * @throws {Error} if names or shapes differ; then nothing is changed.
   */
  loadStateDict(entries: ReadonlyMap<string, StateSource>): void {
    if (entries instanceof Map) this.admit(entries.keys());
    const state = this.stateDict();
    // What the other has not missed counts as 0.
    const zeros = [...state].filter(([name]) => name.startsWith("missed.") && entries instanceof Map && !entries.has(name));
    const none = zeros.map(([name]): [string, StateSource] => [name, { shape: [], data: new Int32Array(1) }]);
    loadCells(this.constructor.name, state, none.length > 0 ? new Map([...entries, ...none]) : entries);
  }

  /** Frees the memory of the optimizer's state at once; another step is an error. The parameters stay. It is never required. */
  dispose(): void {
    for (const { cell } of this.#state) cell.dispose();
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
    this.#forEachGroup(({ parameters, options, first }) => {
      if (!needed(options)) return;
      parameters.forEach(({ shape, dtype }, k) => {
        cells[first + k] = this.#register(`${name}.${first + k}`, new Cell(full(shape, value(options), dtype), name));
      });
    });
    return cells;
  }

  /** State of zeros with a shape of its own for each parameter; where there is no shape, there is a hole instead. */
  protected shaped(name: string, shapeOf: (shape: Shape, options: Settings<O>) => Shape | undefined): Cell[] {
    const cells: Cell[] = [];
    this.#forEachGroup(({ parameters, options, first }) => {
      parameters.forEach(({ shape, dtype }, k) => {
        const own = shapeOf(shape, options);
        if (own) cells[first + k] = this.#register(`${name}.${first + k}`, new Cell(full(own, 0, dtype), name));
      });
    });
    return cells;
  }

  /** State that is one number for all: a counter, from 0. */
  protected counter(name: string): Cell {
    return this.#register(name, new Cell(full([], 0, "i32"), name));
  }

  /** The counter of steps, `t`, from which {@link byTime} is computed. */
  protected timer(): Cell {
    this.#clock = this.counter("t");
    return this.#clock;
  }

  /** State that is one number for each group. */
  protected perGroup(name: string, value: number): Cell[] {
    const cells: Cell[] = [];
    this.#forEachGroup(({ index, dtype }) => {
      cells[index] = this.#register(name, new Cell(full([], value, dtype), name), index);
    });
    return cells;
  }

  /** State for the momentum of each group that has one, by the group's number. */
  protected momenta(value: (options: Settings<O>) => number): Cell[] {
    const cells: Cell[] = [];
    this.#forEachGroup(({ options, index, dtype }) => {
      if (value(options) === 0) return;
      cells[index] = this.#register("momentum", new Cell(full([], value(options), dtype), "momentum"), index);
      this.#momenta.push(cells[index]);
    });
    return cells;
  }

  #register(name: string, cell: Cell, group?: number): Cell {
    this.#state.push({ name, cell, group });
    return cell;
  }
}

/** A cell of the optimizer's own. One that belongs to a group has the group's number in its name, where there are several. */
interface StateEntry {
  readonly name: string;
  readonly cell: Cell;
  readonly group: number | undefined;
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
