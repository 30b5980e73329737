/**
 * @file compile: records a function once per signature and runs it as one program (`compiled.ts`); this file adds the options. Cells that the function reads become
 * inputs, cells that it writes become outputs in the same memory. A whole training step is one call.
 */
import { fn as aFunction, aNumber, type Checks, check, checkOptions, either, expectation, oneOf, text } from "../base/check.ts";
import { fromArray } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { budgetOf, parseMemory } from "../runtime/budget.ts";
import { currentFrame } from "../runtime/cell.ts";
import type { Making } from "../runtime/compile.ts";
import { checkDump } from "../runtime/dump.ts";
import { Executables } from "../runtime/executables.ts";
import { huntNaN } from "../runtime/hunt.ts";
import { inBlocks } from "./block.ts";
import { type AnyFunction, leavesOf, withLeaves } from "./capture.ts";
import { type Compiled, compiled, printed } from "./compiled.ts";
import { recordFunction, withLines } from "./recording.ts";
import { saveStep } from "./save-step.ts";
import { comparing } from "./stale.ts";
import { checkIterable, grouped, inTurn, type OrCells, repeated, sliced, slicedByHand, stackTrees } from "./steps.ts";

export type { Compiled } from "./compiled.ts";

/** Options of {@link compile}. */
export interface CompileOptions {
  /**
   * `nan`: run the list one instruction at a time, slowly, and stop at the first that makes a NaN or an infinity out of finite operands, with
   * its op, its operands' ranges and the user's line; in the backward pass too.
   *
   * `stale`: record the function again at every call, slowly, and stop with an error if the recording differs from the program that would run, because a
   * variable that the function reads from outside has changed. The error names the first difference.
   */
  readonly debug?: "nan" | "stale";
  /**
   * How many programs are kept. Default 64. They also take at most 512 MB. Beyond either limit the least recently used program is dropped, and compiled again
   * when it is needed.
   */
  readonly cache?: number;
  /**
   * The most memory of the program besides its cells: bytes, or a text such as "512MB". If it would take more, values that wait for the backward pass are
   * computed again: first those that the steps of a loop keep, then cheap values, then products. If that is not enough, an error says the least that can be
   * reached. `"sqrt"` keeps about √n of a chain of n values, or of the steps of a loop. Default: no limit.
   */
  readonly memory?: number | string;
  /**
   * How many steps one call runs, for programs so small that the time of the call itself matters; see {@link CompiledSteps}. The results are bit for bit those of
   * as many single calls: cells are carried from step to step. It cannot be combined with `memory`.
   */
  readonly steps?: number;
  /**
   * Prints the list after the named passes ("simplify", "fission,schedule", or "all") to stderr, or calls a function with the name of each pass and the text.
   * Default: the environment variable `NABLA_DUMP`, which applies to everything that is compiled.
   */
  readonly dump?: string | ((pass: string, text: string) => void);
  /**
   * One program for any number of examples, for prediction. The program takes this many examples (at least 2; 16 or more suit most networks) and runs as often as
   * needed. Axis 0 of all results, and of all tensors of the arguments except scalars, must count the examples. The bits of an example do not depend on the number
   * of examples. They are also those of a whole batch if vectors go along the same axis and sums in the same order, as in 26 of 27 networks that were tried with
   * sizes that are multiples of 8. A function that mixes examples (batch norm in training mode, a mean over the batch) is an error that names the instruction. It
   * cannot be combined with `steps` or `debug`.
   */
  readonly block?: number;
}

const COMPILE_OPTIONS: Checks<CompileOptions> = {
  debug: oneOf("nan", "stale"),
  cache: aNumber,
  memory: either(aNumber, text),
  steps: aNumber,
  dump: either(text, aFunction),
  block: expectation("an integer of at least 2", (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 2),
};

/** A compiled function that runs `steps` steps per call. Its results are stacked along a new axis 0: a scalar loss becomes [steps]. */
export interface CompiledSteps<F extends AnyFunction>
  extends Pick<Compiled<F>, "recompilations" | "footprint" | "programs" | "dispose" | typeof Symbol.dispose> {
  /** Runs every step on the same arguments. */
  (...args: Parameters<F>): ReturnType<F>;
  readonly steps: number;
  /**
   * Runs each step on its slice along axis 0 of the arguments, which must have size `steps` there. A cell (`new nn.State(images)`) stays in the engine's memory, so
   * that a data set is copied only once.
   */
  along(...args: OrCells<Parameters<F>>): ReturnType<F>;
  /**
   * Runs one step on each batch (a list of arguments), `steps` batches per call, and yields the stacked results of each call. Batches that do not fill a call,
   * such as the last ones or those of another shape, are run step by step.
   */
  over(batches: Iterable<Parameters<F>>): Generator<ReturnType<F>, void, undefined>;
}

/**
 * Returns the compiled form of a function. Its arguments and results may be any trees of tensors. The function must be synchronous and must not read values of
 * tensors. Inside another transform the compiled function acts like `fn` itself.
 *
 * A program is reused for calls with the same signature: the types of the tensors, and everything else in the arguments by value. The function is recorded again
 * when something changes that it read while it was recorded: the mode of a module, and the fields of every module and optimizer whose methods ran (options, layers,
 * hooks, weight decay, and the lists and plain objects in them). Fields of such a module can be assigned, but not deleted. A plain variable that the function reads
 * from outside is not noticed: its value at the time of recording is part of the program. Pass it as an argument or keep it in a cell; `{ debug: "stale" }` finds
 * such variables.
 * @throws {TypeError} for an argument with state that cannot be seen, such as private fields or a generator.
 */
export function compile<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
  options: CompileOptions & { readonly steps: number },
): CompiledSteps<(...args: A) => R>;
export function compile<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
  options?: CompileOptions,
): Compiled<(...args: A) => R>;
export function compile<F extends AnyFunction>(fn: F, options: CompileOptions = {}): Compiled<F> | CompiledSteps<F> {
  check("compile: fn", fn, aFunction);
  checkOptions("compile", options, COMPILE_OPTIONS);
  if (options.block !== undefined && (options.steps !== undefined || options.debug !== undefined))
    throw new TypeError(`compile: block and ${options.debug === undefined ? "steps" : "debug"} exclude each other`);
  return options.steps === undefined
    ? compileOne(fn, options)
    : printed(compileSteps(fn, options.steps, options), fn.name, `, ${options.steps} steps a call`);
}

function compileOne<F extends AnyFunction>(fn: F, options: CompileOptions): Compiled<F> {
  const { debug, block, cache } = options;
  if (debug === "nan") return hunted(fn);
  const extension = debug === "stale" ? comparing(fn) : block === undefined ? undefined : inBlocks(fn, block);
  return compiled(fn, { cache, making: makingOf(options), extension });
}

function makingOf({ memory, dump }: CompileOptions): Making {
  checkDump(dump);
  return { budget: memory === undefined ? undefined : budgetOf(parseMemory(memory)), dump };
}

/** Compiles a function that runs several steps per call. */
function compileSteps<F extends AnyFunction>(fn: F, steps: number, options: CompileOptions): CompiledSteps<F> {
  if (!(Number.isInteger(steps) && steps >= 1)) throw new RangeError(`compile: steps must be a positive integer, got ${steps}`);
  if (options.memory !== undefined)
    throw new TypeError(
      "compile: steps and memory exclude each other, since a loop keeps what its steps need; checkpoint inside the function instead",
    );
  const one = compileOne(fn, options);
  const inside: CompileOptions = options.debug === "nan" ? {} : options;
  const same = compileOne(renamed(fn, repeated(fn, steps)), inside);
  const along = compileOne(renamed(fn, sliced(fn, steps)), inside);
  const all = [one, same, along] as const;
  let last: (typeof all)[number] = same;
  const ran = <P extends (typeof all)[number]>(program: P): P => {
    last = program;
    return program;
  };
  // The NaN hunter looks at single instructions, so it gets the steps one by one and not as a loop.
  const hunting = options.debug === "nan";
  const run = (...args: Parameters<F>): ReturnType<F> => (hunting ? inTurn(steps, () => one(...args)) : ran(same)(...args));
  const runAlong: CompiledSteps<F>["along"] = hunting ? slicedByHand(one, steps) : (...args) => ran(along)(...args);
  function* over(batches: Iterable<Parameters<F>>): Generator<ReturnType<F>, void, undefined> {
    for (const group of grouped(batches, steps)) {
      if (group.length === steps) yield runAlong(...(stackTrees(group) as OrCells<Parameters<F>>));
      else yield stackTrees(group.map((batch) => ran(one)(...batch)));
    }
  }
  const dispose = (): void => {
    for (const program of all) program.dispose();
  };
  return Object.defineProperties(run, {
    name: { value: `compiled ${fn.name}` },
    steps: { value: steps },
    along: { value: runAlong },
    over: {
      value: (batches: Iterable<Parameters<F>>) => {
        // Checked here and not in the generator, whose body runs only at the first `next`.
        checkIterable(batches);
        if (currentFrame()) throw new TypeError("over: batches are read, which cannot be while a function is recorded; use along or scan");
        return over(batches);
      },
    },
    recompilations: { get: () => all.reduce((n, { recompilations }) => n + recompilations, 0) },
    footprint: { get: () => last.footprint },
    programs: {
      get: () => ({
        count: all.reduce((n, { programs }) => n + programs.count, 0),
        bytes: all.reduce((n, { programs }) => n + programs.bytes, 0),
      }),
    },
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  }) as unknown as CompiledSteps<F>;
}

/** `made` with the name of `fn`. */
function renamed<G extends AnyFunction>(fn: AnyFunction, made: G): G {
  return Object.defineProperty(made, "name", { value: fn.name });
}

/** A function that is recorded at every call and run by the NaN hunter. */
function hunted<F extends AnyFunction>(fn: F): Compiled<F> {
  const cache = new Executables();
  const run = (...args: unknown[]): unknown => {
    if (currentFrame()) return fn(...args);
    const recording = withLines(() => recordFunction(fn, args));
    const { leaves } = leavesOf(args);
    const rest = [...leaves];
    const inputs = recording.inputs.map((role) => elementsOf(role === "argument" ? rest.shift()! : role.expose()));
    const outputs = huntNaN(recording.region, inputs, cache);
    const tensors = outputs.map((elements, i) => fromArray(elements, recording.region.outputs[i]!));
    recording.outputs.forEach((role, i) => {
      if (role !== "result") role.set(tensors[i]!);
    });
    return withLeaves(
      recording.result,
      tensors.filter((_, i) => recording.outputs[i] === "result"),
    );
  };
  const dispose = (): void => cache.clear();
  return Object.assign(run, {
    recompilations: 0,
    footprint: { in: 0, out: 0, scratch: 0, work: 0 },
    programs: { count: 0, bytes: 0 },
    save: (path: string | undefined, ...args: unknown[]) => saveStep(fn, args, path),
    dispose,
    [Symbol.dispose]: dispose,
  }) as unknown as Compiled<F>;
}
