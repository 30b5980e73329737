/**
 * @file Sites: the places of a network that its instruments look at, found on its tape and not on its modules, so that `x.relu()` in a user's code counts as a layer does. What is a site:
 *
 *     linear      a product or convolution of which one operand depends on the data and the other on parameters, with its bias
 *     activation  elementwise instructions, together no affine map, from one value of the data to another of the same shape
 *     norm        a value over the root of a statistic of itself (or of a state), with what is elementwise and affine behind it
 *     join        a sum or a concatenation of two values of the data
 *
 * One program gives what goes into each site and comes out of it, and the derivatives of the loss by both: a zero is added before and behind the site, and
 * its gradient is that of the place. Loops (`scan`, `whileLoop`, `cond`) are not looked into; they are listed, so that nobody takes a part for the whole.
 */
import { capture } from "../function/capture.ts";
import type { Module } from "../nn/module.ts";
import { Parameter } from "../nn/parameter.ts";
import { checkpoint } from "../ops/control.ts";
import { arange } from "../ops/create.ts";
import type { Instruction } from "../ops/op.ts";
import { inlineRegion, placeholderOf, rebind } from "../ops/region.ts";
import { type Tensor, traceOrigins, unobserved } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { nextSerial } from "../tape/node.ts";
import { tapeOf } from "../tape/tape.ts";
import { linearize } from "../transform/reverse.ts";
import { walks } from "../transform/walks.ts";
import type { Hidden, Site, SiteKind } from "./site.ts";
import { type Found, findSites, type ModulePlace } from "./site-finder.ts";

export type { Hidden, Site, SiteKind } from "./site.ts";

/** What is known of a function before it is computed. */
export interface SiteList {
  readonly sites: readonly Site[];
  readonly hidden: readonly Hidden[];
  /** The site that the network's output comes from, -1 if there is none, and what lies between. */
  readonly last: number;
  readonly between: readonly string[];
  /** Parameters, by name, through which no gradient of the loss comes. */
  readonly unreached: readonly string[];
  /** All float parameters that were read, by name. */
  readonly parameters: readonly string[];
}

/** What a program of sites computes. */
export interface SiteTensors {
  readonly loss: Tensor;
  readonly outputs: Tensor;
  readonly outputCotangent: Tensor;
  readonly inputCotangents: readonly (Tensor | undefined)[];
  readonly at: readonly {
    readonly inputs: readonly Tensor[];
    readonly inputCotangents: readonly Tensor[];
    readonly output: Tensor;
    readonly cotangent: Tensor;
    /** Derivative of an activation, element by element. */
    readonly slope?: Tensor;
    /** The largest and the least |derivative| between -10 and 10. */
    readonly slopes?: readonly [most: Tensor, least: Tensor];
    /** What a linear site multiplies by. */
    readonly weight?: Tensor;
  }[];
  /** Of the loss by each parameter, and Σ g² of each. */
  readonly gradients: readonly Tensor[];
  readonly gradientSquares: readonly Tensor[];
}

/** A function of data tensors (and of cells, its weights) with the value that is looked at and that which it ends in. */
export type Studied = (...data: Tensor[]) => { readonly loss: Tensor; readonly outputs: Tensor };

/** A recorded function, its sites found. */
export interface Recording {
  readonly found: Found;
  readonly list: SiteList;
  readonly loss: Tensor;
  readonly outputs: Tensor;
  readonly data: readonly Tensor[];
  readonly parameters: ReadonlyMap<Cell, { readonly seed: Tensor; readonly value: Tensor }>;
}

/** Records a function on data; cells keep their values. Modules below `model` give their paths. */
export function recordSites(fn: Studied, data: readonly Tensor[], model?: Module): Recording {
  const parameters = new Map<Cell, { seed: Tensor; value: Tensor }>();
  const states = new Set<Tensor>();
  const read = (cell: Cell, outside: () => Tensor): Tensor => {
    const value = outside();
    if (!(cell instanceof Parameter)) {
      states.add(value);
      return value;
    }
    const seed = placeholderOf(value, cell.label);
    parameters.set(cell, { seed, value });
    return seed;
  };
  // Seeds of their own: a tensor of the user's may be used elsewhere in the function.
  const inputs = data.map((x) => x.identity());
  const { result, placeOf } = namingModules(model, () => capture("inspect", () => fn(...inputs), { read }));
  const [loss, outputs] = opened([result.result.loss, result.result.outputs]);
  const names = namesOf(parameters.keys(), model);
  const weights = new Map<Tensor, string>([...parameters].map(([cell, { seed }]) => [seed, names.get(cell)!]));
  const found = findSites({ list: tapeOf([loss!], new Set(inputs)), outputs: outputs!, data: inputs, weights, states, placeOf });
  const reached = reachedBy(tapeOf([loss!]));
  const unreached = [...parameters].filter(([, { seed }]) => !reached.has(seed)).map(([cell]) => names.get(cell)!);
  const list: SiteList = { ...found.list, unreached, parameters: [...names.values()] };
  return { found, list, loss: loss!, outputs: outputs!, data: inputs, parameters };
}

/** Values from which a derivative can come: those before a `stopGradient` or an integer are left out. */
function reachedBy(list: readonly Instruction[]): Set<Tensor> {
  const reached = new Set<Tensor>(list.at(-1)?.results);
  for (const { op, operands, results } of list.toReversed()) {
    if (!results.some((y) => reached.has(y)) || op.name === "stopGradient") continue;
    for (const x of operands) if (x.dtype === "f32" || x.dtype === "f64") reached.add(x);
  }
  return reached;
}

/** Names of parameters: in the model, else their own. */
function namesOf(cells: Iterable<Cell>, model?: Module): Map<Cell, string> {
  const known = new Map<Cell, string>(model?.namedParameters().map(([name, cell]) => [cell, name]));
  return new Map([...cells].map((cell, i) => [cell, known.get(cell) ?? cell.path ?? cell.label ?? `parameter ${i}`]));
}

/** The same values with the blocks of `checkpoint` in line, so that what is in them can be seen. */
function opened(outputs: readonly Tensor[]): Tensor[] {
  const list = tapeOf(outputs);
  if (!list.some(({ op }) => op === checkpoint)) return [...outputs];
  const image = new Map<Tensor, Tensor>();
  const now = (x: Tensor): Tensor => image.get(x) ?? (x as Tensor);
  for (const instruction of list) {
    const { op, operands, regions, results } = instruction;
    const block = op === checkpoint;
    if (!block && !operands.some((x) => image.has(x))) continue;
    const made = block ? opened(inlineRegion(regions[0]!, operands.map(now))) : rebind(instruction, operands.map(now));
    results.forEach((y, i) => {
      image.set(y, made[i]!);
    });
  }
  return outputs.map(now);
}

/** Runs `fn` with lines and module paths noted; a path belongs to what was recorded while the module's forward ran. */
function namingModules<T>(model: Module | undefined, fn: () => T): { result: T; placeOf: (instruction: Instruction) => ModulePlace } {
  const calls: Call[] = [];
  const restore = (model?.namedModules() ?? []).map(([path, module]) => shadow(module, path, calls));
  traceOrigins(true);
  try {
    const result = fn();
    const placeOf = ({ serial, origin }: Instruction): ModulePlace => {
      const call = calls.findLast(({ from, to }) => from < serial && serial < to);
      return { path: call?.path ?? origin?.path ?? "", leaf: call?.leaf };
    };
    return { result, placeOf };
  } finally {
    traceOrigins(false);
    for (const undo of restore) undo();
  }
}

/** A call of a module: what was recorded between two serial numbers. */
interface Call extends ModulePlace {
  readonly from: number;
  to: number;
}

/** Notes the calls of a module; gives what takes the note away. */
function shadow(module: Module, path: string, calls: Call[]): () => void {
  const own = Object.getOwnPropertyDescriptor(module, "forward");
  const leaf = module.modules().length === 1 && path !== "" ? module.constructor.name : undefined;
  const forward = module.forward as (...inputs: unknown[]) => unknown;
  const noted = (...inputs: unknown[]): unknown => {
    const call: Call = { path, leaf, from: nextSerial(), to: Number.POSITIVE_INFINITY };
    calls.push(call);
    try {
      return forward.apply(module, inputs);
    } finally {
      call.to = nextSerial();
    }
  };
  Object.defineProperty(module, "forward", { value: noted, configurable: true, enumerable: false });
  return () => {
    Reflect.deleteProperty(module, "forward");
    if (own) Object.defineProperty(module, "forward", own);
  };
}

/** Everything at the sites of a recorded function, as tensors of one list. */
export function siteTensors(recording: Recording): SiteTensors {
  return unobserved(() => tensorsAt(recording));
}

function tensorsAt({ found, loss, outputs, data, parameters }: Recording): SiteTensors {
  const seeds = new Map<Tensor, Tensor>();
  const shifted = (x: Tensor): Tensor => {
    const zero = placeholderOf(x);
    seeds.set(zero, x.like(0));
    return x.add(zero);
  };
  const { image, at, inputs } = withShifts(found, tapeOf([loss], new Set(data)), data, shifted);
  const now = (x: Tensor): Tensor => image.get(x) ?? (x as Tensor);
  const last = now(outputs);
  const shiftSeeds = [...seeds.keys()];
  for (const { seed, value } of parameters.values()) seeds.set(seed, value);
  const values = at.flatMap(({ ins, out, weight }) => [...ins, out, ...(weight ? [weight] : [])]);
  const lin = linearize([now(loss), last, ...values], seeds);
  const [lossNow, outputsNow, ...rest] = lin.y;
  const cotangents = lin.pull([lossNow!.like(1), ...lin.y.slice(1).map(() => undefined)]);
  const keys = [...seeds.keys()];
  const cotangentOf = new Map(keys.map((seed, i) => [seed, cotangents[i] ?? seeds.get(seed)!.like(0)]));
  const next = (): Tensor => rest.shift()!;
  const places = at.map(({ ins, weight, shifts, kind }) => {
    const given = ins.map(next);
    const output = next();
    const of = shifts.map((seed) => cotangentOf.get(seed)!);
    return {
      inputs: given,
      inputCotangents: of.slice(0, ins.length),
      output,
      cotangent: of.at(-1)!,
      ...(kind === "activation" && { slope: slopeOf(given[0]!, output, given[0]!), slopes: slopesOf(given[0]!, output) }),
      ...(weight && { weight: next() }),
    };
  });
  const gradients = [...parameters.values()].map(({ seed }) => cotangentOf.get(seed)!);
  return {
    loss: lossNow!,
    outputs: outputsNow!,
    outputCotangent: cotangentOf.get(shiftSeeds.at(-1)!)!,
    inputCotangents: inputs.map((seed) => seed && cotangentOf.get(seed)),
    at: places,
    gradients,
    gradientSquares: gradients.map((g) => g.square().sum()),
  };
}

/** The derivative of an elementwise function that makes y of z, at other places, by forward mode with a tangent of ones. */
function slopeOf(z: Tensor, y: Tensor, at: Tensor): Tensor {
  const { dy } = walks.jvp({ inputs: [z], outputs: [y] }, [at], [at.like(1)]);
  return dy[0] ?? at.like(0);
}

/** Where slopes are looked for. */
const FAR = 10;

/** The largest and the least slope on a grid: the elements of z are as many places from -10 to 10. */
function slopesOf(z: Tensor, y: Tensor): [most: Tensor, least: Tensor] {
  const step = (2 * FAR) / Math.max(1, z.size - 1);
  const places = arange(z.size)
    .cast(z.dtype)
    .mul(step)
    .sub(FAR)
    .reshape([...z.shape]);
  const slopes = slopeOf(z, y, places).abs();
  return [slopes.max(), slopes.min()];
}

interface Shifted {
  readonly ins: readonly Tensor[];
  readonly out: Tensor;
  readonly weight: Tensor | undefined;
  /** Of the inputs, then of the output. */
  readonly shifts: readonly Tensor[];
  readonly kind: SiteKind;
}

/** The list again, with a zero before and behind every site, at the network's inputs and at its outputs (the last). */
function withShifts(
  { places, outputs }: Found,
  list: readonly Instruction[],
  data: readonly Tensor[],
  shift: (x: Tensor) => Tensor,
): { image: ReadonlyMap<Tensor, Tensor>; at: Shifted[]; inputs: (Tensor | undefined)[] } {
  const image = new Map<Tensor, Tensor>();
  const now = (x: Tensor): Tensor => image.get(x) ?? (x as Tensor);
  const zeroOf = (x: Tensor): Tensor => x.source.operands[1] as Tensor;
  const inputs = data.map((x) => {
    if (x.dtype !== "f32" && x.dtype !== "f64") return undefined;
    const moved = shift(x);
    image.set(x, moved);
    return zeroOf(moved);
  });
  const entered = new Map<(typeof places)[number], Map<Tensor, Tensor>>();
  const owner = new Map<Instruction, (typeof places)[number]>();
  for (const place of places) for (const member of place.members) owner.set(member, place);
  const outs = new Map<(typeof places)[number], Tensor>();
  for (const instruction of list) {
    const place = owner.get(instruction);
    const enter = (x: Tensor): Tensor => {
      if (!place?.entries.includes(x)) return now(x);
      const seen = entered.get(place) ?? entered.set(place, new Map()).get(place)!;
      return seen.get(x) ?? seen.set(x, place.passedOn?.has(x) ? now(x) : shift(now(x))).get(x)!;
    };
    const operands = instruction.operands.map(enter);
    const changed = operands.some((x, i) => x !== instruction.operands[i]);
    const results = changed ? rebind(instruction, operands) : (instruction.results as readonly Tensor[]);
    instruction.results.forEach((y, i) => {
      if (changed) image.set(y, results[i]!);
      if (place?.exit === y) {
        outs.set(place, shift(results[i]!));
        image.set(y, outs.get(place)!);
      }
      if (y === outputs) image.set(y, shift(now(y)));
    });
  }
  const at = places.map((place): Shifted => {
    const ins = place.entries.map((x) => entered.get(place)!.get(x)!);
    const out = outs.get(place)!;
    return { ins, out, weight: place.weight && now(place.weight), shifts: [...ins, out].map(zeroOf), kind: place.kind };
  });
  return { image, at, inputs };
}
