/**
 * @file The scalar graph of a function (AD-3): a vertex for each number that it computes, an edge for each number that another reads, with its partial derivative.
 * The derivative of an output by an input is the sum over all paths of the products of their edges (Bauer 1974).
 */
import { fn as aFunction, type Checks, check, checkOptions, flag, list, positiveInteger, shown } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { type AnyFunction, capture, together } from "../function/capture.ts";
import { jvp } from "../function/derivative.ts";
import { jacfwd } from "../function/jacobian.ts";
import { isTensor, tensor } from "../ops/create.ts";
import type { Instruction, Op } from "../ops/op.ts";
import { placeholderOf, rebind, substitute } from "../ops/region.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { dependents, tapeOf } from "../tape/tape.ts";
import { elements64 } from "./double.ts";
import { readBy } from "./receptive-field.ts";

/** An edge of a graph; `to` reads `from`. */
export interface Edge {
  readonly from: number;
  readonly to: number;
}

/** The structure of a linearised computation: vertices 0, 1, ... of which every edge leads to a higher one; outputs have no successors. */
export interface Graph {
  readonly vertices: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly edges: readonly Edge[];
}

/** A vertex by its name, the op that computes it, and its value. */
export interface Vertex {
  readonly name: string;
  readonly op: string;
  readonly value: number;
}

/** The scalar graph of a function at a point. */
export interface ScalarGraph extends Weighted<number> {}

export interface ScalarGraphOptions {
  /** Whether tensors of many elements may be taken apart, a vertex for each element that is computed; mere movement has none. Default false. */
  readonly scalarize?: boolean;
  /** Most vertices. Default 5,000. */
  readonly most?: number;
}

const OPTIONS: Checks<ScalarGraphOptions> = { scalarize: flag, most: positiveInteger };

/** A vertex that stands for an element. */
type Standing = Int32Array;

/** What an edge carries: numbers for a graph that is looked at, tensors for one that becomes a program. */
interface Algebra<W> {
  /** The partials of one operand, by place. */
  slopes(partials: Tensor): (i: number) => W;
  /** Values of vertices, for the eye. */
  values(x: Tensor): ArrayLike<number>;
  add(a: W, b: W): W;
  readonly one: W;
}

const NUMBERS: Algebra<number> = {
  slopes: (partials) => {
    const values = elements64(partials);
    return (i) => values[i]!;
  },
  values: elementsOf,
  add: (a, b) => a + b,
  one: 1,
};

/** The same of scalars, yet to be computed. */
export const symbols = (): Algebra<Tensor> => ({
  slopes: (partials) => () => partials.reshape([]),
  values: () => [Number.NaN],
  add: (a, b) => a.add(b),
  one: tensor(1, { dtype: "f64" }),
});

/** A graph whose edges carry something. */
export interface Weighted<W> extends Graph {
  readonly labels: readonly Vertex[];
  readonly edges: readonly (Edge & { readonly weight: W })[];
}

/** What is known while a graph grows. */
class Builder<W> {
  readonly labels: Vertex[] = [];
  readonly edges: { from: number; to: number; weight: W }[] = [];
  readonly algebra: Algebra<W>;
  readonly most: number;

  constructor(algebra: Algebra<W>, most: number) {
    this.algebra = algebra;
    this.most = most;
  }

  vertex(name: string, op: string, value: number): number {
    if (this.labels.length >= this.most)
      throw new RangeError(`scalarGraph: the function computes more than ${this.most} numbers; give a smaller one, or a larger most`);
    this.labels.push({ name, op, value });
    return this.labels.length - 1;
  }
}

/** The elements that stand in a box, row by row; those outside of the shape are none. */
function* inBox(box: readonly (readonly [number, number])[], shape: Shape, axis = 0, base = 0): Generator<number> {
  if (axis === shape.length) {
    yield base;
    return;
  }
  const [low, high] = box[axis]!;
  for (let i = Math.max(0, low); i <= Math.min(high, shape[axis]! - 1); i++) yield* inBox(box, shape, axis + 1, base * shape[axis]! + i);
}

const positionIn = (i: number, shape: Shape): [number, number][] => {
  let rest = i;
  const at: [number, number][] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at.unshift([rest % shape[axis]!, rest % shape[axis]!]);
    rest = Math.floor(rest / shape[axis]!);
  }
  return at;
};

const place = (i: number, shape: Shape): string =>
  shape.length === 0
    ? ""
    : `[${positionIn(i, shape)
        .map(([at]) => at)
        .join(", ")}]`;

/** For each element of a result, the elements of each operand that it reads. */
function readsOf(instruction: Instruction, result: Tensor): number[][][] {
  return Array.from({ length: sizeOf(result.shape) }, (_, i) =>
    readBy(instruction, positionIn(i, result.shape)).map((box, j) => (box ? [...inBox(box, instruction.operands[j]!.shape)] : [])),
  );
}

/** The partials of result r of one instruction by operand j: of each element by the one that it reads, or of all by all. */
function partialsOf(instruction: Instruction, operands: readonly Tensor[], r: number, j: number, single: boolean): Tensor {
  const alone = (x: Tensor): Tensor => rebind(instruction, operands.with(j, x))[r]!;
  const x = operands[j]!;
  return single ? jvp(alone)([x], [x.like(1)]).tangent : (jacfwd(alone, { unused: "ignore" })(x) as Tensor);
}

/** One active operand of one result. */
interface Link {
  readonly operand: Tensor;
  readonly j: number;
  readonly single: boolean;
  readonly partials: Tensor;
}

interface Row {
  readonly instruction: Instruction;
  readonly result: Tensor;
  readonly value: Tensor;
  readonly reads: number[][][];
  readonly links: readonly Link[];
  readonly moves: boolean;
}

/** Every active result with its partials, yet to be computed. */
function rowsOf(tape: readonly Instruction[], active: ReadonlySet<Tensor>, concrete: (x: Tensor) => Tensor): Row[] {
  return tape.flatMap((instruction) => {
    const op = instruction.op as Op;
    return instruction.results.flatMap((result, r): Row[] => {
      if (!active.has(result) || !isFloat(result.dtype) || op.derivative.kind === "none") return [];
      const reads = readsOf(instruction, result);
      const moves = instruction.op.traits?.moves !== undefined && reads.every((each) => each.flat().length <= 1);
      const operands = instruction.operands.map(concrete);
      const links = instruction.operands.flatMap((operand, j): Link[] => {
        if (!active.has(operand) || !isFloat(operand.dtype)) return [];
        const single = reads.every((each) => each[j]!.length <= 1);
        return [{ operand, j, single, partials: moves ? operands[j]! : partialsOf(instruction, operands, r, j, single) }];
      });
      return [{ instruction, result, value: concrete(result), reads, links, moves }];
    });
  });
}

/** Adds the vertices of a result, or finds those that its elements are. */
function standingOf<W>(row: Row, standing: ReadonlyMap<Tensor, Standing>, builder: Builder<W>, name: string): Standing {
  const { result, reads, links, moves } = row;
  if (moves) {
    return Int32Array.from(reads, (each) => {
      const link = links.find(({ j }) => each[j]!.length === 1);
      return link ? (standing.get(link.operand)?.[each[link.j]![0]!] ?? -1) : -1;
    });
  }
  const { algebra, edges } = builder;
  const values = algebra.values(row.value);
  const slopes = links.map((link) => ({ ...link, slope: algebra.slopes(link.partials), from: standing.get(link.operand) }));
  return Int32Array.from(reads, (each, i) => {
    const into = new Map<number, W>();
    for (const { j, single, slope, from, operand } of slopes)
      for (const x of each[j]!) {
        const vertex = from?.[x] ?? -1;
        if (vertex < 0) continue;
        const [weight, known] = [slope(single ? i : i * sizeOf(operand.shape) + x), into.get(vertex)];
        into.set(vertex, known === undefined ? weight : algebra.add(known, weight));
      }
    if (into.size === 0) return -1;
    const to = builder.vertex(`${name}${place(i, result.shape)}`, row.instruction.op.name, values[i]!);
    for (const [from, weight] of into) edges.push({ from, to, weight });
    return to;
  });
}

function pointOf(x: Tensor | number, i: number): Tensor {
  if (typeof x === "number") return tensor(x, { dtype: "f64" });
  if (isTensor(x) && isFloat(x.dtype)) return x.cast("f64");
  throw new TypeError(`scalarGraph: args[${i}] must be a number or a float tensor, got ${shown(x)}`);
}

/** @throws {RangeError} for tensors that are not to be taken apart, and for far too many numbers. */
function checkSize(values: readonly Tensor[], { scalarize = false, most = 5000 }: ScalarGraphOptions): void {
  const wide = values.find((y) => sizeOf(y.shape) > 1);
  if (wide && !scalarize)
    throw new RangeError(
      `scalarGraph: the function computes tensors, such as one of shape ${formatShape(wide.shape)}; pass { scalarize: true } for a vertex of each element`,
    );
  const total = values.reduce((sum, y) => sum + sizeOf(y.shape), 0);
  // Movement makes no vertices.
  if (total > 4 * most)
    throw new RangeError(`scalarGraph: the function computes ${total} numbers, more than ${most}; give a smaller one, or a larger most`);
}

/**
 * The scalar graph of a function at a point, in f64: `scalarGraph((x, y) => x.mul(y).sin(), [0.5, 2])`. Arguments are numbers or float tensors; with `scalarize`
 * tensors of many elements too. Cells are constants. Vertices that lead to no output are left out; an output that others read is copied.
 * @throws {RangeError} for more vertices than `most`, or for a tensor of many elements without `scalarize`.
 */
export function scalarGraph(fn: AnyFunction, args: readonly (Tensor | number)[], options: ScalarGraphOptions = {}): ScalarGraph {
  checkOptions("scalarGraph", options, OPTIONS);
  return graphOf(fn, args, options, NUMBERS);
}

/** For the library: {@link scalarGraph} with edges that carry what an algebra makes. */
export function graphOf<W>(
  fn: AnyFunction,
  args: readonly (Tensor | number)[],
  options: ScalarGraphOptions,
  algebra: Algebra<W>,
): Weighted<W> {
  check("scalarGraph: fn", fn, aFunction);
  check("scalarGraph: args", args, list);
  const points = args.map(pointOf);
  const placeholders = points.map((x) => placeholderOf(x));
  const { outputs } = capture("scalarGraph", () => fn(...placeholders));
  const tape = tapeOf(outputs, new Set(placeholders));
  const active = dependents(tape, placeholders);
  const all = tape.flatMap(({ results }) => results);
  checkSize(
    [...placeholders, ...all].filter((y) => active.has(y)),
    options,
  );
  const images = new Map<Tensor, Tensor>(placeholders.map((x, i) => [x, points[i]!]));
  substitute(all, new Map(images)).forEach((y, i) => {
    images.set(all[i]!, y);
  });
  const rows = rowsOf(tape, active, (x) => images.get(x) ?? (x as Tensor));
  if (algebra === NUMBERS) together(rows.flatMap(({ value, links }) => [value, ...links.map(({ partials }) => partials)]));

  const builder = new Builder(algebra, options.most ?? 5000);
  const standing = new Map<Tensor, Standing>();
  placeholders.forEach((x, i) => {
    const values = algebra.values(points[i]!);
    standing.set(
      x,
      Int32Array.from(values, (value, k) => builder.vertex(`x${i}${place(k, x.shape)}`, "input", value)),
    );
  });
  const inputs = builder.labels.map((_, i) => i);
  let count = 0;
  for (const row of rows)
    standing.set(row.result, standingOf(row, standing, builder, row.moves ? "" : (row.result.label ?? `v${++count}`)));
  const wanted = outputs.flatMap((y) => [...(standing.get(y) ?? new Int32Array(sizeOf(y.shape)).fill(-1))]);
  return finished(builder, inputs, wanted);
}

/** Outputs of their own, and nothing that leads nowhere. */
function finished<W>({ labels, edges, algebra }: Builder<W>, inputs: readonly number[], wanted: readonly number[]): Weighted<W> {
  const read = new Set(edges.map(({ from }) => from));
  const taken = new Set<number>();
  const [vertices, links] = [[...labels], [...edges]];
  const outputs = wanted.map((v, i) => {
    const own = v >= 0 && !read.has(v) && !taken.has(v) && v >= inputs.length;
    taken.add(v);
    if (own) return v;
    const source = labels[v];
    vertices.push({ name: `y${i}`, op: source ? "copy" : "constant", value: source?.value ?? Number.NaN });
    if (source) links.push({ from: v, to: vertices.length - 1, weight: algebra.one });
    return vertices.length - 1;
  });
  const useful = new Set([...inputs, ...outputs]);
  const before = new Map<number, number[]>();
  for (const { from, to } of links) before.set(to, [...(before.get(to) ?? []), from]);
  const todo = [...outputs];
  for (let v = todo.pop(); v !== undefined; v = todo.pop())
    for (const u of before.get(v) ?? [])
      if (!useful.has(u)) {
        useful.add(u);
        todo.push(u);
      }
  const kept = [...useful].sort((a, b) => a - b);
  const moved = new Map(kept.map((v, i) => [v, i]));
  return {
    vertices: kept.length,
    labels: kept.map((v) => vertices[v]!),
    inputs: inputs.map((v) => moved.get(v)!),
    outputs: outputs.map((v) => moved.get(v)!),
    edges: links.flatMap(({ from, to, weight }) =>
      useful.has(from) && useful.has(to) ? [{ from: moved.get(from)!, to: moved.get(to)!, weight }] : [],
    ),
  };
}
