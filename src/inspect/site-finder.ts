/** @file Which instructions of a tape are sites. `sites.ts` says what each kind is. */
import { isFloat } from "../base/dtype.ts";
import { sameShape } from "../base/shape.ts";
import { dot } from "../ops/contract.ts";
import { contracts } from "../ops/lowering.ts";
import { instructionOf } from "../ops/made-by.ts";
import type { Instruction, Op } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { userLine } from "../tape/origin.ts";
import { dependents, tapeOf, tapeOfRegion } from "../tape/tape.ts";
import type { Hidden, Site, SiteKind } from "./site.ts";

/** A site as part of a tape. */
export interface Place {
  readonly kind: SiteKind;
  readonly entries: readonly Tensor[];
  readonly exit: Tensor;
  /** Instructions from the entries to the exit. */
  readonly members: ReadonlySet<Instruction>;
  /** The instruction that it is named after. */
  readonly head: Instruction;
  /** Of a linear site: what the data is multiplied by. */
  readonly weight?: Tensor;
  /** Entries that are another site's exit and go nowhere else: what is known of the one is known of the other. */
  readonly passedOn?: ReadonlySet<Tensor>;
}

/** The sites of a tape. */
export interface Found {
  readonly places: readonly Place[];
  readonly outputs: Tensor;
  readonly list: {
    readonly sites: readonly Site[];
    readonly hidden: readonly Hidden[];
    readonly last: number;
    readonly between: readonly string[];
  };
}

/** A recorded function, as the search wants it. */
export interface Material {
  readonly list: readonly Instruction[];
  readonly outputs: Tensor;
  readonly data: readonly Tensor[];
  /** Parameters with their names. */
  readonly weights: ReadonlyMap<Tensor, string>;
  /** Values of other cells: running statistics, the state of the random numbers. */
  readonly states: ReadonlySet<Tensor>;
  /** Path of the innermost module, and its class where it has no parameters and no modules of its own. */
  readonly placeOf: (instruction: Instruction) => ModulePlace;
}

/** Where an instruction was recorded. */
export interface ModulePlace {
  readonly path: string;
  readonly leaf: string | undefined;
}

/** Finds the sites that the outputs depend on. */
export function findSites(material: Material): Found {
  const finder = new Finder(material);
  const places = finder.places();
  return { places, outputs: material.outputs, list: finder.describe(places) };
}

/** What a value is of the value that it was made of element by element. */
interface Face {
  readonly root: Tensor;
  readonly affine: boolean;
}

const JOINS: ReadonlySet<string> = new Set(["add", "sub", "concat"]);
const ARITHMETIC: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "ratio", "neg", "identity", "cast", "select", "scale"]);
const ROOTS: ReadonlySet<string> = new Set(["sqrt", "pow"]);

class Finder {
  readonly #given: Material;
  readonly #list: readonly Instruction[];
  readonly #data: ReadonlySet<Tensor>;
  readonly #weights: ReadonlySet<Tensor>;
  readonly #states: ReadonlySet<Tensor>;
  readonly #random: ReadonlySet<Tensor>;
  /** Values made of roots of states: what a norm in evaluation mode divides by. */
  readonly #scales: ReadonlySet<Tensor>;
  readonly #users = new Map<Tensor, Instruction[]>();
  readonly #faces = new Map<Tensor, Face>();
  /** Values that are sums over data, or made of such alone; true where a root was taken. */
  readonly #statistics = new Map<Tensor, boolean>();

  constructor(given: Material) {
    this.#given = given;
    this.#list = tapeOf([given.outputs], new Set(given.data));
    this.#data = dependents(given.list, given.data);
    this.#weights = dependents(given.list, given.weights.keys());
    this.#states = dependents(given.list, given.states);
    const drawn = this.#list.filter(({ op }) => op.name === "threefry").flatMap(({ results }) => results);
    this.#random = dependents(this.#list, drawn);
    const roots = this.#list.filter(({ op, results }) => ROOTS.has(op.name) && results.some((y) => this.#isState(y)));
    this.#scales = dependents(
      this.#list,
      roots.flatMap(({ results }) => results),
    );
    for (const instruction of this.#list)
      for (const x of new Set(instruction.operands)) this.#users.set(x, [...(this.#users.get(x) ?? []), instruction]);
    for (const instruction of this.#list) this.#look(instruction);
  }

  places(): Place[] {
    const found: Place[] = [];
    const taken = new Set<Instruction>();
    const add = (place: Place | undefined): void => {
      if (!place || [...place.members].some((member) => taken.has(member))) return;
      found.push(place);
      for (const member of place.members) taken.add(member);
    };
    for (const instruction of this.#list) add(this.#linear(instruction));
    for (const instruction of this.#list) add(this.#norm(instruction));
    // From the last on: what a larger activation is made of is none of its own.
    for (const instruction of this.#list.toReversed()) add(this.#activation(instruction));
    for (const instruction of this.#list) add(this.#join(instruction));
    found.sort((a, b) => a.exit.source.serial - b.exit.source.serial);
    const exits = new Set(found.map(({ exit }) => exit));
    const passedOn = ({ entries, members }: Place): Tensor[] =>
      entries.filter((x) => exits.has(x) && x !== this.#given.outputs && this.#users.get(x)!.every((user) => members.has(user)));
    return found.map((place) => ({ ...place, passedOn: new Set(passedOn(place)) }));
  }

  // ---- what each value is ---------------------------------------------------------------------------------------------------------------

  #look(instruction: Instruction): void {
    const { op, operands, results } = instruction;
    const [y] = results;
    if (!y || !this.#data.has(y)) return;
    const own = operands.filter((x) => this.#data.has(x));
    this.#noteStatistic(instruction, own);
    const faces = own.map((x) => this.#faceOf(x));
    const [first] = faces;
    const one = faces.every(({ root }) => root === first!.root);
    const plain = faces.every(({ affine }) => affine);
    const scaled = !plain && this.#isAffine(instruction, own.length) && operands.some((x) => this.#weights.has(x) && !this.#data.has(x));
    if (!this.#isElementwise(instruction) || !one || scaled || operands.some((x) => this.#isDrawn(x) || this.#isState(x))) return;
    if (op.name === "stopGradient") return;
    this.#faces.set(y, { root: first!.root, affine: plain && this.#isAffine(instruction, own.length) });
  }

  #faceOf(x: Tensor): Face {
    return this.#faces.get(x) ?? { root: x, affine: true };
  }

  /** Random numbers, such as a mask: not what was made of data by way of one. */
  #isDrawn(x: Tensor): boolean {
    return this.#random.has(x) && !this.#data.has(x);
  }

  #isState(x: Tensor): boolean {
    return this.#states.has(x) && !this.#data.has(x);
  }

  #isElementwise({ op, operands, results }: Instruction): boolean {
    const lower = op.lower;
    return lower.kind === "pointwise" && lower.inPlace === true && operands.length > 0 && sameShape(operands[0]!.shape, results[0]!.shape);
  }

  /** Of `count` operands that depend on the data. */
  #isAffine({ op, operands }: Instruction, count: number): boolean {
    if (op.name === "div" || op.name === "ratio") return count === 1 && this.#data.has(operands[0]!);
    const { derivative } = op as Op;
    if (derivative.kind !== "linear") return false;
    return derivative.how === "separately" ? count === 1 : true;
  }

  #noteStatistic(instruction: Instruction, own: readonly Tensor[]): void {
    const [y] = instruction.results;
    const lower = instruction.op.lower;
    const sums = lower.kind === "reduce" && !contracts(instruction) && instruction.op.name === "sum";
    const known = own.map((x) => this.#statistics.get(x));
    if (!sums && known.some((each) => each === undefined)) return;
    if (lower.kind !== "pointwise" && !sums) return;
    this.#statistics.set(y!, !sums && (ROOTS.has(instruction.op.name) || known.some((each) => each)));
  }

  // ---- kinds ----------------------------------------------------------------------------------------------------------------------------

  #linear(instruction: Instruction): Place | undefined {
    if (!contracts(instruction)) return undefined;
    const { operands, results } = instruction;
    const side = operands.findIndex((x) => this.#data.has(x));
    const weight = operands[1 - side];
    if (operands.length !== 2 || side < 0 || !weight || this.#data.has(weight) || !this.#weights.has(weight)) return undefined;
    const members = new Set([instruction]);
    const exit = this.#follow(results[0]!, members, ["add", "sub"], this.#weights);
    const entry = this.#unpadded(operands[side]!, members);
    return { kind: "linear", entries: [entry], exit, members, head: instruction, weight: weight as Tensor };
  }

  /** What a convolution is given before its padding, which is a part of it. */
  #unpadded(x: Tensor, members: Set<Instruction>): Tensor {
    const { op, operands } = x.source;
    if (op.name !== "pad" || this.#given.data.includes(x as Tensor) || this.#users.get(x)?.length !== 1) return x;
    members.add(x.source);
    return operands[0]!;
  }

  /** The value behind instructions of some names whose other operands depend on `others` alone, as long as nobody else reads what lies between. */
  #follow(from: Tensor, members: Set<Instruction>, names: readonly string[], others: ReadonlySet<Tensor>): Tensor {
    let y = from;
    for (;;) {
      const users = this.#users.get(y) ?? [];
      const [next] = users;
      if (users.length !== 1 || y === this.#given.outputs || !names.includes(next!.op.name) || !this.#isElementwise(next!)) return y;
      const rest = next!.operands.filter((x) => x !== y);
      if (rest.length === 0 || rest.some((x) => this.#data.has(x) || !others.has(x))) return y;
      members.add(next!);
      y = next!.results[0]!;
    }
  }

  #norm(instruction: Instruction): Place | undefined {
    const { op, operands, results } = instruction;
    if (!["mul", "div", "ratio"].includes(op.name) || !results[0] || !this.#data.has(results[0])) return undefined;
    const scale = operands.find((x) => this.#statistics.get(x) === true || (this.#scales.has(x) && !this.#data.has(x)));
    const x = operands.find((other) => other !== scale);
    if (!scale || !x || !this.#data.has(x) || this.#statistics.has(x)) return undefined;
    const entry = this.#centred(x);
    const members = this.#between(entry, results[0]);
    if (!members) return undefined;
    const others = new Set<Tensor>([...this.#weights, ...this.#states]);
    const exit = this.#follow(results[0], members, ["mul", "add", "sub"], others);
    return { kind: "norm", entries: [entry], exit, members, head: instruction };
  }

  /** The value from which a mean was taken away (perhaps in two steps), if one was. */
  #centred(x: Tensor): Tensor {
    const { op, operands } = x.source;
    const [a, b] = operands;
    if (op.name !== "sub" || !a || !b || !this.#data.has(a)) return x;
    return this.#statistics.has(b) || this.#isState(b) ? this.#centred(a) : x;
  }

  /** Instructions on the ways from one value to another; undefined if other data goes in on the way. */
  #between(from: Tensor, to: Tensor): Set<Instruction> | undefined {
    const members = new Set<Instruction>();
    const todo = [to];
    for (let x = todo.pop(); x; x = todo.pop()) {
      if (x === from || !this.#data.has(x) || members.has(x.source)) continue;
      if (x.source.serial < from.source.serial || this.#given.data.includes(x as Tensor)) return undefined;
      members.add(x.source);
      todo.push(...x.source.operands);
    }
    return members;
  }

  #activation(instruction: Instruction): Place | undefined {
    const [exit] = instruction.results;
    const face = exit && this.#faces.get(exit);
    if (!face || face.affine || !isFloat(exit.dtype) || !this.#leaves(exit, face.root)) return undefined;
    const all = this.#between(face.root, exit);
    if (!all) return undefined;
    const within = [...all].flatMap(({ results }) => results).sort((a, b) => b.source.serial - a.source.serial);
    const passes = (x: Tensor): boolean => {
      const inner = this.#faceOf(x);
      return x !== exit && isFloat(x.dtype) && (inner.affine || this.#leaves(x, face.root)) && !this.#goesRound(x, exit, face.root);
    };
    const entry = within.find(passes) ?? face.root;
    const members = this.#between(entry, exit)!;
    const list = [...members].sort((a, b) => b.serial - a.serial);
    const head = list.find(({ op, results }) => !ARITHMETIC.has(op.name) && isFloat(results[0]!.dtype)) ?? instruction;
    return { kind: "activation", entries: [entry], exit, members, head };
  }

  /** Whether a value is read by what is not made of the same root element by element. */
  #leaves(x: Tensor, root: Tensor): boolean {
    if (x === this.#given.outputs) return true;
    return (this.#users.get(x) ?? []).some(({ results }) => results.some((y) => this.#faces.get(y)?.root !== root));
  }

  /** Whether a way from `root` to `to` passes by `x`. */
  #goesRound(x: Tensor, to: Tensor, root: Tensor): boolean {
    const seen = new Set<Tensor>([x]);
    const todo = [to];
    for (let y = todo.pop(); y; y = todo.pop()) {
      if (y === root) return true;
      if (seen.has(y) || !this.#data.has(y)) continue;
      seen.add(y);
      todo.push(...y.source.operands);
    }
    return false;
  }

  #join(instruction: Instruction): Place | undefined {
    const { op, operands, results } = instruction;
    const own = [...new Set(operands)].filter((x) => this.#data.has(x) && isFloat(x.dtype));
    if (!JOINS.has(op.name) || own.length < 2 || own.some((x) => this.#statistics.has(x)) || this.#faces.has(results[0]!)) return undefined;
    return { kind: "join", entries: own, exit: results[0]!, members: new Set([instruction]), head: instruction };
  }

  // ---- words ----------------------------------------------------------------------------------------------------------------------------

  describe(places: readonly Place[]): Found["list"] {
    const byExit = new Map(places.map((place, i) => [place.exit, i]));
    const members = new Map<Instruction, number>(places.flatMap((place, i) => [...place.members].map((each) => [each, i] as const)));
    const back = (x: Tensor): { from: number[]; between: string[] } => this.#back(x, byExit, members);
    const used = new Map<string, number>();
    const sites: Site[] = [];
    for (const [index, place] of places.entries()) {
      const before = place.entries.map(back);
      const { path, leaf } = this.#given.placeOf(place.head);
      const op = place.kind === "activation" ? activationName(place, leaf) : place.head.op.name;
      const weights = this.#weightName(place.weight);
      const near = sites[before[0]!.from[0] ?? -1];
      const name = unlike(nameOf(place, op, weights, near?.name), used);
      sites.push({
        index,
        kind: place.kind,
        name,
        op,
        path,
        line: lineOf(place.head),
        weights,
        spec: instructionOf(place.head, dot)?.params.spec,
        weightSide: place.weight ? place.head.operands.indexOf(place.weight) : -1,
        from: before.map(({ from }) => from),
        between: before.map(({ between }) => between),
        shape: place.exit.shape,
        unitAxis: unitAxis(place, near),
        taps: place.weight && place.head.op !== dot ? place.weight.shape.slice(2).reduce((a, b) => a * b, 1) : 1,
      });
    }
    const end = back(this.#given.outputs);
    return { sites, hidden: this.#hidden(), last: end.from[0] ?? -1, between: end.between };
  }

  /** The nearest sites that a value comes from, and what lies between. */
  #back(x: Tensor, byExit: ReadonlyMap<Tensor, number>, members: ReadonlyMap<Instruction, number>): { from: number[]; between: string[] } {
    const [from, between] = [new Set<number>(), new Map<Instruction, string>()];
    const seen = new Set<Tensor>();
    const todo = [x];
    for (let y = todo.pop(); y; y = todo.pop()) {
      if (seen.has(y) || !this.#data.has(y)) continue;
      seen.add(y);
      const site = byExit.get(y) ?? members.get(y.source);
      if (site !== undefined) from.add(site);
      else if (this.#given.data.includes(y as Tensor)) from.add(-1);
      else {
        between.set(y.source, y.source.op.name);
        todo.push(...y.source.operands);
      }
    }
    const order = [...between].sort(([a], [b]) => a.serial - b.serial).map(([, name]) => name);
    return { from: [...from].sort((a, b) => b - a), between: order };
  }

  /** The parameter that an operand was made of. */
  #weightName(weight: Tensor | undefined): string | undefined {
    if (!weight) return undefined;
    const leaf = [...tapeOf([weight])].flatMap(({ results }) => results).find((x) => this.#given.weights.has(x));
    return leaf && this.#given.weights.get(leaf);
  }

  #hidden(): Hidden[] {
    const loops = this.#list.filter(({ regions, results }) => regions.length > 0 && results.some((y) => this.#data.has(y)));
    return loops.map((loop) => ({
      op: loop.op.name,
      path: this.#given.placeOf(loop).path,
      line: lineOf(loop),
      instructions: loop.regions.reduce((n, region) => n + tapeOfRegion(region).length, 0),
    }));
  }
}

/** The layer's class, or what the function is known as by its instructions. */
function activationName({ members, head }: Place, leaf: string | undefined): string {
  if (leaf) return /^[A-Za-z]{0,4}LU\d?$/.test(leaf) ? leaf.toLowerCase() : leaf.charAt(0).toLowerCase() + leaf.slice(1);
  const ops = new Set([...members].map(({ op }) => op.name));
  if (head.op.name === "erf") return "gelu";
  return head.op.name === "sigmoid" && ops.has("mul") ? "silu" : head.op.name;
}

function nameOf({ kind, head }: Place, op: string, weights: string | undefined, near: string | undefined): string {
  if (kind === "linear") return weights?.replace(/\.?weight$/, "") || weights || head.op.name;
  const what = kind === "activation" ? op : kind;
  return near === undefined ? what : `${what} after ${near.replace(/^.* after /, "")}`;
}

/** The name, with a number where others have it. */
function unlike(name: string, used: Map<string, number>): string {
  const count = (used.get(name) ?? 0) + 1;
  used.set(name, count);
  return count === 1 ? name : `${name} #${count}`;
}

/** Channels of images, else the last axis. What stands behind a convolution is of its kind as long as it has its axes. */
function unitAxis({ kind, head, exit }: Place, near: Site | undefined): number {
  const rank = exit.shape.length;
  if (rank <= 2) return rank - 1;
  if (kind === "linear") return head.op === dot ? rank - 1 : 1;
  return near && near.shape.length === rank ? near.unitAxis : rank >= 4 ? 1 : rank - 1;
}

/** The line of an instruction in the user's code. */
const lineOf = ({ origin }: Instruction): string | undefined => userLine(origin && { ...(origin.line && { line: origin.line }) });
