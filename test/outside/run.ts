/** @file Tries stored samples: values and gradients in one program, counted by outcome. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formats, Tensor, type TypedArray, tensor, vjp } from "nabla";
import { adapters } from "./adapters.ts";
import { type Adapter, type Answer, Call, Other, Slice, TorchDtype, Uncovered } from "./call.ts";
import { excused } from "./differences.ts";
import { runModule } from "./modules.ts";
import { runOptimizer } from "./optimizers.ts";

/** A stored sample; see scripts/outside.py. */
export interface Sample {
  readonly kind: "operator" | "module" | "optimizer";
  readonly name: string;
  readonly variant?: string;
  readonly dtype: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly outputs: readonly string[];
  readonly grads?: readonly (string | null)[];
  /** Outputs that have a cotangent. Default all. */
  readonly followed?: readonly number[];
  readonly state?: Readonly<Record<string, string>>;
  readonly after?: Readonly<Record<string, string>>;
  readonly parameters?: readonly string[];
  readonly training?: boolean;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/** `differs`: for a reason that `differences.ts` names. */
export type Verdict = "right" | "wrong" | "differs" | "not covered" | "refused";

export interface Outcome {
  readonly sample: Sample;
  readonly value: Verdict;
  /** Absent where PyTorch gives no gradient, or the value is not right. */
  readonly gradient?: Verdict;
  readonly why: string;
}

/** Samples with their tensors. */
export class SampleFile {
  readonly samples: readonly Sample[];
  readonly torch: string;
  readonly #entries: ReadonlyMap<string, formats.Entry>;

  constructor(folder: string) {
    const manifest = JSON.parse(readFileSync(join(folder, "samples.json"), "utf8")) as { cases: Sample[]; torch: string };
    [this.samples, this.torch] = [manifest.cases, manifest.torch];
    this.#entries = formats.readSafetensors(readFileSync(join(folder, "samples.safetensors")), "samples.safetensors").entries;
  }

  entry(name: string): formats.Entry {
    const found = this.#entries.get(name);
    if (!found) throw new Error(`there is no stored tensor ${name}`);
    return found;
  }

  tensor(name: string): Tensor {
    const { shape, data, dtype } = this.entry(name);
    return tensor(data as TypedArray, { shape, ...(dtype === "BOOL" ? { dtype: "bool" } : dtype === "U8" ? { dtype: "u8" } : {}) });
  }

  /** An argument as it was; tensors with a gradient go into `leaves` at their place. */
  decode(x: unknown, leaves: Tensor[]): unknown {
    if (Array.isArray(x)) return x.map((y) => this.decode(y, leaves));
    if (x === null || typeof x !== "object") return x;
    const e = x as Record<string, unknown>;
    if (typeof e.tensor === "string") {
      const made = this.tensor(e.tensor);
      if (typeof e.leaf === "number") leaves[e.leaf] = made;
      return made;
    }
    if ("number" in e) return Number(String(e.number).replace("inf", "Infinity").replace("nan", "NaN"));
    if ("dict" in e) return Object.fromEntries(Object.entries(e.dict as object).map(([k, v]) => [k, this.decode(v, leaves)]));
    if ("slice" in e) return new Slice(e.slice as (number | null)[]);
    if ("ellipsis" in e) return "...";
    if ("dtype" in e) return new TorchDtype(String(e.dtype));
    return new Other(String(e.other ?? e.place));
  }
}

/** `x` with tensors replaced. */
export function replaced(x: unknown, by: ReadonlyMap<unknown, Tensor>): unknown {
  if (x instanceof Tensor) return by.get(x) ?? x;
  if (Array.isArray(x)) return x.map((y) => replaced(y, by));
  if (x !== null && typeof x === "object" && Object.getPrototypeOf(x) === Object.prototype)
    return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, replaced(v, by)]));
  return x;
}

const listed = (answer: Answer): Tensor[] =>
  (Array.isArray(answer) ? answer : [answer]).map((y: unknown) => (y instanceof Tensor ? y : tensor(Number(y), { dtype: "f64" })));

/** The cotangent of element i of output j. */
export function cotangent(y: Tensor, j: number): Tensor {
  return tensor(
    Float64Array.from({ length: y.size }, (_, i) => 0.5 + ((37 * i + 11 * j) % 101) / 101),
    { shape: y.shape },
  ).cast(y.dtype);
}

/** What is wrong with numbers beside stored ones, or nothing. `scale`: relative to the largest element, since sums cancel. */
export function difference(got: Tensor, want: formats.Entry, what: string): string | undefined {
  if (String(got.shape) !== String(want.shape)) return `${what} has shape [${got.shape}], expected [${want.shape}]`;
  const [g, w] = [got.dataSync(), want.data as TypedArray];
  const single = got.dtype === "f32" || want.dtype === "F32";
  let largest = 0;
  for (const v of w) if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
  const [rtol, atol] = single ? [1e-4, 1e-6 + 1e-5 * largest] : [1e-6, 1e-10 + 1e-8 * largest];
  for (let i = 0; i < w.length; i++) {
    const [a, b] = [g[i]!, w[i]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= atol + rtol * Math.abs(b)) continue;
    return `${what}[${i}] is ${a}, expected ${b}`;
  }
  return undefined;
}

const message = (error: unknown): string => (error instanceof Error ? error.message.split("\n")[0]! : String(error));

/** An error of the library that says what it wants is a refusal; any other is a fault. */
export function thrown(sample: Sample, error: unknown): Outcome {
  if (error instanceof Uncovered) return { sample, value: "not covered", why: error.message };
  const text = message(error);
  const worded =
    (error instanceof RangeError || error instanceof TypeError) && !/^internal|is not (a function|iterable)|undefined/.test(text);
  return { sample, value: worded ? "refused" : "wrong", why: text };
}

export function compareAll(file: SampleFile, outs: readonly Tensor[], names: readonly string[], what: string): string | undefined {
  if (outs.length !== names.length) return `${outs.length} ${what}s, expected ${names.length}`;
  for (const [i, y] of outs.entries()) {
    const wrong = difference(y, file.entry(names[i]!), `${what} ${i}`);
    if (wrong) return wrong;
  }
  return undefined;
}

/** Runs `f` at leaves, compares values and gradients. `f` throws what it does not cover. */
export function runFunction(
  file: SampleFile,
  sample: Sample,
  leaves: readonly Tensor[],
  f: (leaves: readonly Tensor[]) => Tensor[],
): Outcome {
  try {
    const wanted = sample.grads;
    if (!wanted) {
      const wrong = compareAll(file, f(leaves), sample.outputs, "output");
      return { sample, value: wrong ? "wrong" : "right", why: wrong ?? "" };
    }
    const { value, pullback } = vjp((x: Tensor[]) => f(x), { unused: "ignore" })([...leaves]);
    const wrong = compareAll(file, value, sample.outputs, "output");
    if (wrong) return { sample, value: "wrong", why: wrong };
    return { sample, value: "right", ...gradientOf(file, sample, value, pullback as (ct: Tensor[]) => [Tensor[]]) };
  } catch (error) {
    return thrown(sample, error);
  }
}

function gradientOf(
  file: SampleFile,
  sample: Sample,
  value: readonly Tensor[],
  pullback: (ct: Tensor[]) => [Tensor[]],
): Pick<Outcome, "gradient" | "why"> {
  try {
    const followed = sample.followed ?? value.map((_, i) => i);
    const seeds = value.map((y, i) => (followed.includes(i) ? cotangent(y, followed.indexOf(i)) : y.like(0)));
    const [grads] = pullback(seeds);
    for (const [i, name] of sample.grads!.entries()) {
      if (name === null) continue; // no gradient in PyTorch, zeros here
      const wrong = difference(grads[i]!, file.entry(name), `gradient ${i}`);
      if (wrong) return { gradient: "wrong", why: wrong };
    }
    return { gradient: "right", why: "" };
  } catch (error) {
    const { value: gradient, why } = thrown(sample, error);
    return { gradient, why };
  }
}

function runOperator(file: SampleFile, sample: Sample): Outcome {
  const adapter: Adapter | undefined = adapters[`${sample.name}.${sample.variant}`] ?? adapters[sample.name];
  if (!adapter) return { sample, value: "not covered", why: "no adapter" };
  try {
    const leaves: Tensor[] = [];
    const args = file.decode(sample.args, leaves) as unknown[];
    const kwargs = file.decode({ dict: sample.kwargs }, leaves) as Record<string, unknown>;
    return runFunction(file, sample, leaves, (seeds) => {
      const by = new Map<unknown, Tensor>(leaves.map((leaf, i) => [leaf, seeds[i]!]));
      const stored = new Map(seeds.map((seed, i) => [seed, leaves[i]!]));
      const call = new Call(replaced(args, by) as unknown[], replaced(kwargs, by) as Record<string, unknown>, stored);
      const outs = listed(adapter(call));
      const unread = call.unread();
      if (unread.length > 0) throw new Uncovered(`arguments that the adapter does not read: ${unread.join(", ")}`);
      return outs;
    });
  } catch (error) {
    return thrown(sample, error);
  }
}

/** Tries one sample. */
export function runSample(file: SampleFile, sample: Sample): Outcome {
  const run = { operator: runOperator, module: runModule, optimizer: runOptimizer }[sample.kind];
  return excused(run(file, sample));
}
