/**
 * @file Modules: a network as an object that owns its cells, in PyTorch's shape. Parameters, state and child modules are the module's own
 * properties (or stand in arrays, plain objects, maps or sets there) and are found by looking, so a subclass only assigns them; the names are the property paths, which
 * makes them equal to PyTorch's for a module written the same way: `0.weight`, `layers.2.bias`.
 */

import "../runtime/evaluate.ts"; // here too: bundlers skip an index that only hands names on
import { check, checkOptions, expectation, flag } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { formatShape, type Shape, sameShape } from "../base/shape.ts";
import { showAs } from "../ops/display.ts";
import { Tensor } from "../ops/tensor.ts";
import { Cell, guarded } from "../runtime/cell.ts";
import { announce } from "../runtime/notice.ts";
import { deletedSlot, guardSlot, isGuarded, type Kind } from "../runtime/slots.ts";
import { changed } from "../runtime/watch.ts";
import { cellKind, kind, PARAMETER } from "./kinds.ts";
import { Parameter, State } from "./parameter.ts";
import { checkEntries, type LoadReport, StateDictError, type StateEntry, tensorFor } from "./state-dict.ts";
import { checkListed } from "./unlisted.ts";

/** A module from one tensor to one tensor: what `Sequential` chains and `fit` trains. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/** Called after `forward` with what went in and what came out; a tensor (or whatever forward gives) it returns takes the output's place. */
export type ForwardHook = (inputs: readonly unknown[], output: unknown) => unknown;

/** A network or a part of one: `forward` computes, and cells and modules that are assigned to properties belong to it. */
export abstract class Module {
  #training = true;
  #frozen = false;
  #hooks: readonly ForwardHook[] = [];

  constructor() {
    announce(new.target.prototype, Module.prototype, AROUND);
  }

  /** What the module computes. Subclasses choose the arguments. */
  abstract forward(...inputs: never[]): unknown;

  /** True (the initial mode) while training: dropout drops, running statistics run. Read while recording, it becomes a guard. */
  get training(): boolean {
    return guarded(() => this.#training);
  }

  /** Puts this module and all below it into training mode, or out of it; returns the module. */
  train(mode = true): this {
    const seen = new Set<Module>();
    const stack: Module[] = [this];
    for (let module = stack.pop(); module; module = stack.pop()) {
      if (seen.has(module)) continue;
      seen.add(module);
      module.#training = mode && !module.#frozen;
      for (const [, child] of childrenIn(members(module))) {
        if (child.train === Module.prototype.train) stack.push(child);
        else child.train(mode);
      }
    }
    return this;
  }

  /** Puts this module and all below it into evaluation mode; returns the module. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Stops training of this module and all below it: no parameter {@link Parameter.requiresGrad | requires a gradient}, and the modules stay in evaluation mode,
   * whatever `train` says later, so that running statistics and dropout rest too. Optimizers may hold frozen parameters. Returns the module.
   */
  freeze(): this {
    for (const module of this.modules()) module.#frozen = true;
    return this.requiresGrad(false).eval();
  }

  /** Undoes `freeze`, and puts the module into training mode (or the one that is given). Returns the module. */
  unfreeze(training = true): this {
    for (const module of this.modules()) module.#frozen = false;
    return this.requiresGrad(true).train(training);
  }

  /** Whether this module stays in evaluation mode, as `freeze` has it; its parameters have flags of their own. */
  get isFrozen(): boolean {
    return this.#frozen;
  }

  set isFrozen(on: boolean) {
    this.#frozen = on;
    if (on) this.#training = false;
  }

  /** Sets {@link Parameter.requiresGrad} of all parameters; the mode stays (in PyTorch: `requires_grad_`). Returns the module. */
  requiresGrad(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = on;
    return this;
  }

  /** This module and all below it, each once, parents before their children. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Modules with their names; this one's is empty. One that is shared appears under its first name. */
  namedModules(): [name: string, module: Module][] {
    const found = new Map<Module, string>();
    const stack: [string, Module][] = [["", this]];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const [name, module] = next;
      if (found.has(module)) continue;
      found.set(module, name);
      const dot = name && `${name}.`;
      stack.push(...childrenIn(members(module)).map(([child, member]): [string, Module] => [dot + child, member]).reverse()); // biome-ignore format: one thought
    }
    return Array.from(found, ([module, name]) => [name, module]);
  }

  /**
   * Has `hook` called after every `forward` of this module, in the order of registration; returns the function that takes it away again.
   * While a function is recorded the tensors are symbolic; one compiled before is recorded anew. To see values and gradients use `watch`.
   */
  onForward(hook: ForwardHook): () => void {
    if (typeof hook !== "function") throw new TypeError(`onForward: want a function of inputs and output, got ${describe(hook)}`);
    const entry: ForwardHook = (inputs, output) => hook(inputs, output); // its own identity, if a hook is registered twice
    this.#setHooks([...this.#hooks, entry]);
    return () => this.#setHooks(this.#hooks.filter((other) => other !== entry));
  }

  /** `forward` is shadowed only while there are hooks, so that modules without them pay nothing. */
  #setHooks(hooks: readonly ForwardHook[]): void {
    this.#hooks = hooks;
    changed();
    Reflect.deleteProperty(this, "forward");
    if (hooks.length === 0) return;
    const forward = this.forward;
    const hooked = (...inputs: never[]): unknown => {
      let output = forward.apply(this, inputs);
      for (const hook of this.#hooks) output = hook(inputs, output) ?? output;
      return output;
    };
    Object.defineProperty(this, "forward", { value: hooked, configurable: true, enumerable: false });
  }

  /** All parameters, each once, in the order in which they were assigned: a module's own before its children's. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([name, parameter]) => {
      // Of the modules that hold it the outermost knows the whole name.
      if (!parameter.path || parameter.path.length < name.length) parameter.path = name;
      return parameter;
    });
  }

  /** Parameters with their names. One that is shared appears under its first name. */
  namedParameters(): [name: string, parameter: Parameter][] {
    return this.namedCells().filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
  }

  /** Parameters and state with their names, each once. */
  namedCells(): [name: string, cell: Cell][] {
    const seen = new Set<Cell>();
    return allCells(this).filter(([, cell]) => !seen.has(cell) && seen.add(cell));
  }

  /** The cells that make up the model, by name: what is saved. */
  stateDict(): Map<string, Cell> {
    return new Map(this.namedCells().filter(([, cell]) => isPersistent(cell)));
  }

  /**
   * Sets the cells from entries of the same names: another module's `stateDict()`, or arrays as read from a file. Values are converted to
   * each cell's dtype. With `strict` (the default) nothing is changed unless all names and shapes agree.
   * @throws {StateDictError} if `strict` and they do not; the message lists what is missing, unexpected and misshapen.
   */
  loadStateDict(entries: ReadonlyMap<string, StateEntry>, options: { readonly strict?: boolean } = {}): LoadReport {
    checkOptions("loadStateDict", options, { strict: flag });
    const { strict = true } = options;
    if (!(entries instanceof Map))
      throw new TypeError(
        `loadStateDict: want a Map from names to cells, tensors or arrays, as stateDict() gives it, got ${describe(entries)}`,
      );
    const cells = allCells(this).filter(([, cell]) => isPersistent(cell));
    const report = checkEntries(cells, entries);
    if (strict && report.missing.length + report.unexpected.length + report.misshapen.length > 0) {
      throw new StateDictError(this.constructor.name, report);
    }
    // All are converted before any is set, so that one that cannot be changes nothing.
    const values = cells.flatMap(([name, cell]) => {
      const entry = entries.get(name);
      return entry && sameShape(entry.shape, cell.shape) ? [[cell, tensorFor(cell, entry)] as const] : [];
    });
    for (const [cell] of values) cell.checkNotDisposed();
    for (const [cell, value] of values) cell.set(value);
    return report;
  }

  /**
   * Frees the memory of all parameters and state at once; using them is an error from then on, which names the cell. `using model = ...` does it
   * at the end of the block. It is never required: what nobody holds is freed anyway, if later.
   */
  dispose(): void {
    for (const [name, cell] of this.namedCells()) {
      cell.label ??= name;
      cell.dispose();
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Has the properties that hold cells and modules keep to their kind: a tensor assigned to a parameter's place is an error. Done anyway when the module is
   * first listed or called; a constructor that ends with it covers the time before. `optional` names parameters that this module may lack.
   */
  protected guard(...optional: readonly string[]): void {
    for (const [name, value] of Object.entries(this)) {
      const kind = kindOf(value) ?? (optional.includes(name) ? PARAMETER : undefined);
      if (kind) guardSlot(this, name, kind);
    }
  }

  /** The layer's settings as `toString` shows them between the brackets. */
  protected details(): string {
    return "";
  }

  /** The values of the state dict by name, so that `JSON.stringify` works. */
  toJSON(): Record<string, unknown> {
    return Object.fromEntries(this.stateDict());
  }

  /** A tree of the module and its children, one per line. */
  toString(): string {
    return this.#tree(0);
  }

  /** Below `level` others; a class that has a `toString` of its own is shown by that. */
  #tree(level: number): string {
    if (level > 0 && this.toString !== Module.prototype.toString) return this.toString();
    const head = `${this.constructor.name}(${this.details()}`;
    const children = childrenIn(members(this));
    if (children.length === 0) return `${head})`;
    if (level === MOST_LEVELS) return `${head}...)`;
    const lines = children.map(([name, child]) => `  (${name}): ${child.#tree(level + 1).replaceAll("\n", "\n  ")}`);
    return [head, ...lines, ")"].join("\n");
  }
}

showAs(Module.prototype, (module) => module.toString());

function aroundForward(module: object, forward: () => unknown): unknown {
  checkDeleted(module);
  deepest = ++depth;
  try {
    return checkListed(module as Module, forward);
  } catch (error) {
    if (depth > 1 || !isStackOverflow(error)) throw error;
    throw new RangeError(
      `${module.constructor.name}: forward overflowed the stack, ${deepest} modules deep; put layers side by side, as in one nn.Sequential, or look for a module that calls itself`,
      { cause: error },
    );
  } finally {
    depth--;
  }
}

/** Calls of `forward` that are in progress, one within another, and how many there were when the last one began. */
let [depth, deepest] = [0, 0];

/** Engines have names of their own for it. */
const isStackOverflow = (error: unknown): boolean =>
  error instanceof Error && /call stack size exceeded|too much recursion/i.test(error.message);

const AROUND = new Map([["forward", aroundForward]]);

const isModule = (value: unknown): boolean => value instanceof Module;

const aModule = expectation("a module", isModule);

const MODULE = kind("a module", isModule, () => "assign a module");

const kindOf = (value: unknown): Kind | undefined => (value instanceof Cell ? cellKind(value) : isModule(value) ? MODULE : undefined);

/** @throws {TypeError} for what is no module. */
export function checkModule(what: string, module: unknown): void {
  check(what, module, aModule);
}

/** The error of a layer that was given an input it cannot take. */
export function inputError(layer: string, want: string, shape: Shape, remedy: string): RangeError {
  return new RangeError(`${layer}: want an input ${want}, got ${formatShape(shape)}; ${remedy}`);
}

const isPersistent = (cell: Cell): boolean => !(cell instanceof State) || cell.persistent;

/**
 * The cells and modules that a module owns, by property path; what stands in arrays, plain objects, maps and sets counts as its own. What is also a property,
 * or an element of an array, has that name alone: the object is another view of it.
 */
function members(module: Module): [name: string, member: Cell | Module][] {
  const found: [string, Cell | Module][] = [];
  const own = Object.entries(module);
  guardListed(module, own);
  const direct = directOf(own);
  const inLists = listedIn(module);
  // Objects may be linked in longer chains than calls can be nested, so the walk keeps its own stack; `open` has what a circle would lead back to.
  const open = new Set<object>();
  const stack: Visit[] = [{ node: own, prefix: "", isView: false, content: own[Symbol.iterator]() }];
  for (let visit = stack.at(-1); visit; visit = stack.at(-1)) {
    const next = visit.content.next();
    if (next.done) {
      open.delete(visit.node);
      stack.pop();
      continue;
    }
    const [key, value] = next.value;
    const name = `${visit.prefix}${key}`;
    const kind = kindOf(value);
    if (value instanceof Cell || value instanceof Module) {
      if (!visit.isView || !direct.has(value)) found.push([name, value]);
      if (visit.prefix && kind) inLists.set(name, kind);
    } else if (value instanceof Tensor || typeof value === "number") {
      inLists.get(name)?.refuse(module, name, value);
    } else if (typeof value === "object" && value !== null && !open.has(value)) {
      open.add(value);
      const isView = visit.isView || !Array.isArray(value);
      stack.push({ node: value, prefix: `${name}.`, isView, content: contentOf(value)[Symbol.iterator]() });
    }
  }
  return found;
}

/** What was found in the lists, objects and maps of a module, by name: a tensor that stands there later has taken its place. */
const listed: WeakMap<Module, Map<string, Kind>> = new WeakMap();

function listedIn(module: Module): Map<string, Kind> {
  const known = listed.get(module);
  if (known) return known;
  const made = new Map<string, Kind>();
  listed.set(module, made);
  return made;
}

function guardListed(module: Module, own: readonly (readonly [string, unknown])[]): void {
  for (const [name, value] of own) {
    const kind = isGuarded(module, name) ? undefined : kindOf(value);
    if (kind) guardSlot(module, name, kind);
  }
  checkDeleted(module);
}

/** @throws {TypeError} if a cell or a module was deleted from the module. */
function checkDeleted(module: object): void {
  const gone = deletedSlot(module);
  if (gone === undefined) return;
  throw new TypeError(`${module.constructor.name}: ${gone} was deleted; to take it out assign undefined, and the module knows`);
}

/** A container that is being walked. */
interface Visit {
  readonly node: object;
  readonly prefix: string;
  /** It stands in an object, map or set, or is one. */
  readonly isView: boolean;
  readonly content: Iterator<readonly [name: unknown, element: unknown]>;
}

/** Properties, and elements of arrays in them. */
function directOf(own: readonly (readonly [string, unknown])[]): ReadonlySet<unknown> {
  const direct = new Set<unknown>();
  const note = (value: unknown): void => {
    if (direct.has(value)) return;
    direct.add(value);
    if (Array.isArray(value)) value.forEach(note);
  };
  for (const [, value] of own) note(value);
  return direct;
}

const NOTHING: readonly [string, unknown][] = [];

/** What stands in a container, by name; nothing for other objects. */
function contentOf(value: object): Iterable<readonly [name: unknown, element: unknown]> {
  if (Array.isArray(value)) return value.entries();
  if (value instanceof Map) return [...value].map(([key, element], i) => [typeof key === "object" ? i : key, element] as const);
  if (value instanceof Set) return [...value].map((element, i) => [i, element] as const);
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : NOTHING;
}

/** A module on a walk over those below it. Modules may be nested deeper than calls can be, so walks keep their own stack. */
interface Below {
  readonly module: Module;
  /** Its name with a dot behind it, or nothing. */
  readonly prefix: string;
  /** All below it has been visited. */
  readonly isDone: boolean;
}

/** Every way to name a cell: shared ones appear several times. @throws {Error} for a circle, which would have no end. */
function allCells(root: Module): [name: string, cell: Cell][] {
  const cells: [string, Cell][] = [];
  const path = new Set<Module>();
  const stack: Below[] = [{ module: root, prefix: "", isDone: false }];
  for (let visit = stack.pop(); visit; visit = stack.pop()) {
    const { module, prefix, isDone } = visit;
    if (isDone) {
      path.delete(module);
      continue;
    }
    if (path.has(module))
      throw new Error(`${module.constructor.name} contains itself, at ${prefix.slice(0, -1)}; keep references upward in a #private field`);
    path.add(module);
    const own = members(module);
    for (const [name, member] of own) if (member instanceof Cell) cells.push([prefix + name, member]);
    stack.push({ module, prefix, isDone: true });
    stack.push(...childrenIn(own).map(([name, child]) => ({ module: child, prefix: `${prefix}${name}.`, isDone: false })).reverse()); // biome-ignore format: one thought
  }
  return cells;
}

const childrenIn = (own: readonly (readonly [string, Cell | Module])[]): [name: string, child: Module][] =>
  own.filter((entry): entry is [string, Module] => entry[1] instanceof Module);

/** Deeper than this a tree is not printed. */
const MOST_LEVELS = 50;
