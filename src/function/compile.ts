/**
 * @file compile: a function recorded once per signature and run as one program. Cells that it reads become inputs, cells that it writes become outputs in
 * the same memory; a whole training step is one call.
 */
import { formatType } from "../base/shape.ts";
import { fromArray } from "../ops/create.ts";
import { evaluate } from "../ops/evaluator.ts";
import { closeRegion, hole } from "../ops/region.ts";
import { elementsOf, type Tensor, traceOrigins } from "../ops/tensor.ts";
import { backendName } from "../runtime/backend.ts";
import { Cell, currentFrame } from "../runtime/cell.ts";
import { compileRegion, parseMemory } from "../runtime/compile.ts";
import { computeCells } from "../runtime/evaluate.ts";
import { cellsOf, type Executable } from "../runtime/executable.ts";
import { huntNaN } from "../runtime/hunt.ts";
import { nextSerial, type Region } from "../tape/node.ts";
import { type AnyFunction, capture, leavesOf, withLeaves } from "./capture.ts";
import { checkIterable, grouped, inTurn, type OrCells, repeated, sliced, slicedByHand, stackTrees } from "./steps.ts";

/** One recording of the function. */
interface Entry {
  readonly executable: Executable;
  readonly cells: readonly Cell[];
  /** Those of the cells that the program reads. */
  readonly read: readonly Cell[];
  readonly result: unknown;
  readonly outputs: readonly Tensor[];
  readonly guards: readonly { readonly read: () => unknown; readonly value: unknown }[];
}

export interface Recording {
  readonly region: Region;
  readonly inputs: readonly (Cell | "argument")[];
  readonly outputs: readonly (Cell | "result")[];
  /** Cells of the program's own, for tensors from outside. */
  readonly constants: readonly Cell[];
  readonly result: unknown;
  readonly guards: readonly (() => unknown)[];
}

export interface CompileOptions {
  /**
   * `nan`: run the list one instruction at a time, slowly, and stop at the first that makes a NaN or an infinity out of finite operands, with
   * its op, its operands' ranges and the user's line; in the backward pass too.
   */
  readonly debug?: "nan";
  /**
   * What the program may take besides its cells: bytes, or a text such as "512MB". Where it would take more, values that wait for the backward
   * pass are computed again, cheap ones first; an error says the least that can be reached. `"sqrt"` keeps about √n of a chain of n values.
   */
  readonly memory?: number | string;
  /**
   * How many steps one call runs, for programs so small that the call itself counts; see {@link CompiledSteps}. The bits are those of as many
   * calls: cells are carried from step to step. Not together with `memory`.
   */
  readonly steps?: number;
}

/** A compiled function: it is called as the original is, and says how often it was recorded and what memory and work it takes. */
export type Compiled<F extends AnyFunction> = F & {
  /** How many times the function has been recorded and compiled. A training loop should stay at one per batch size. */
  readonly recompilations: number;
  /** Bytes of arguments and results that one run of the last program copies, its scratch memory, and the multiply-adds of its products. */
  readonly footprint: { in: number; out: number; scratch: number; work: number };
  /** Frees the programs; the next call compiles anew. `using step = compile(...)` does it at the end of the block. */
  dispose(): void;
  [Symbol.dispose](): void;
};

/** A compiled function that runs `steps` steps in one call. Each result is stacked: a scalar loss becomes [steps]. */
export interface CompiledSteps<F extends AnyFunction>
  extends Pick<Compiled<F>, "recompilations" | "footprint" | "dispose" | typeof Symbol.dispose> {
  /** Every step on the same arguments. */
  (...args: Parameters<F>): ReturnType<F>;
  readonly steps: number;
  /**
   * Each step on its slice along axis 0 of the arguments, which must have `steps` of them. A cell (`new nn.State(images)`) stays with the engine,
   * so that a data set is copied there once.
   */
  along(...args: OrCells<Parameters<F>>): ReturnType<F>;
  /**
   * One step on each batch, a list of arguments, `steps` of them in one call; gives the stacked results of each call as it is done. Batches
   * that do not fill a call, the last ones or those of another shape, are run step by step.
   */
  over(batches: Iterable<Parameters<F>>): Generator<ReturnType<F>, void, undefined>;
}

/** Records a function on placeholders for the tensors of `args`: what `compile` lowers and `show` prints. */
export function recordFunction(fn: AnyFunction, args: readonly unknown[], labels?: readonly string[]): Recording {
  const since = nextSerial();
  const { leaves, paths } = leavesOf(args);
  const holes = leaves.map((x, i) => hole(x, x.label ?? nameOf(paths[i]!, labels)));
  const cellHoles = new Map<Cell, Tensor>();
  const { result, outputs, writes, guards } = capture("compile", () => fn(...withLeaves(args as unknown[], holes)), {
    read(cell) {
      const inner = hole(cell, cell.label);
      cellHoles.set(cell, inner);
      return inner;
    },
  });
  const { region, free } = closeRegion([...holes, ...cellHoles.values()], [...outputs, ...writes.values()], since);
  // Tensors from outside are constants of the program: they live in its memory like cells that nobody writes.
  const constants = free.map((x) => constantCell(x));
  return {
    region,
    inputs: [...holes.map(() => "argument" as const), ...cellHoles.keys(), ...constants],
    outputs: [...outputs.map(() => "result" as const), ...writes.keys()],
    constants,
    result,
    guards,
  };
}

/** `x`, `params.W1`: the path without the argument's number, or the argument's own name. */
function nameOf(path: string, labels: readonly string[] | undefined): string | undefined {
  const [number, ...rest] = path.split(".");
  return rest.length > 0 ? rest.join(".") : labels?.[Number(number)];
}

function constantCell(x: Tensor): Cell {
  return new Cell(fromArray(elementsOf(x), x), x.label);
}

/**
 * The same function, compiled. Its arguments and results may be any trees of tensors; what is not a tensor is part of the signature. It must be
 * synchronous and must not read values. Inside another transform it is simply the function.
 */
export function compile<F extends AnyFunction>(fn: F, options: CompileOptions & { readonly steps: number }): CompiledSteps<F>;
export function compile<F extends AnyFunction>(fn: F, options?: CompileOptions): Compiled<F>;
export function compile<F extends AnyFunction>(fn: F, options: CompileOptions = {}): Compiled<F> | CompiledSteps<F> {
  return options.steps === undefined ? compileOne(fn, options) : compileSteps(fn, options.steps, options);
}

function compileOne<F extends AnyFunction>(fn: F, options: CompileOptions): Compiled<F> {
  if (options.debug === "nan") return hunted(fn);
  const memory = options.memory === undefined ? {} : { memory: parseMemory(options.memory) };
  const entries = new Map<string, Entry[]>();
  let recompilations = 0;
  let last: Executable | undefined;

  const recordEntry = (args: readonly unknown[]): Entry => {
    const recording = recordFunction(fn, args);
    const executable = compileRegion(recording.region, recording, memory);
    const cells = cellsOf(recording);
    recompilations++;
    return {
      executable,
      cells,
      read: executable.readOf(cells),
      result: recording.result,
      outputs: leavesOf(recording.result).leaves,
      guards: recording.guards.map((read) => ({ read, value: read() })),
    };
  };

  const run = (...args: unknown[]): unknown => {
    if (currentFrame()) return fn(...args);
    const { leaves, structure } = leavesOf(args);
    const key = `${backendName()} ${structure} ${leaves.map(formatType).join(" ")}`;
    let entry = entries.get(key)?.find(({ guards }) => guards.every((g) => Object.is(g.read(), g.value)));
    if (!entry) {
      entry = recordEntry(args);
      entries.set(key, [...(entries.get(key) ?? []), entry]);
    }
    last = entry.executable;
    const pending = leaves.filter((x) => !x.isComputed);
    if (pending.length > 0) evaluate(pending);
    computeCells(entry.read);
    const elements = entry.executable.run(leaves.map(elementsOf), entry.cells);
    return withLeaves(
      entry.result,
      elements.map((e, i) => fromArray(e, entry.outputs[i]!)),
    );
  };

  const dispose = (): void => {
    for (const list of entries.values()) for (const { executable } of list) executable.dispose();
    entries.clear();
  };
  return Object.defineProperties(run, {
    name: { value: `compiled ${fn.name}` },
    recompilations: { get: () => recompilations },
    footprint: {
      get: () => ({ ...(last?.traffic ?? { in: 0, out: 0 }), scratch: last?.layout.scratch ?? 0, work: last?.layout.work ?? 0 }),
    },
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  }) as unknown as Compiled<F>;
}

function compileSteps<F extends AnyFunction>(fn: F, steps: number, options: CompileOptions): CompiledSteps<F> {
  if (!(Number.isInteger(steps) && steps >= 1)) throw new RangeError(`compile: steps must be a positive integer, got ${steps}`);
  if (options.memory !== undefined)
    throw new TypeError(
      "compile: steps and memory exclude each other, since a loop keeps what its steps need; checkpoint inside the function instead",
    );
  const one = compileOne(fn, options);
  const same = compileOne(repeated(fn, steps), {});
  const along = compileOne(sliced(fn, steps), {});
  const all = [one, same, along] as const;
  let last: (typeof all)[number] = same;
  const ran = <P extends (typeof all)[number]>(program: P): P => {
    last = program;
    return program;
  };
  // The hunter looks at single instructions: it is shown the steps one by one, and no loop.
  const hunting = options.debug !== undefined;
  const run = (...args: Parameters<F>): ReturnType<F> => (hunting ? inTurn(steps, () => one(...args)) : ran(same)(...args));
  const runAlong: CompiledSteps<F>["along"] = hunting ? slicedByHand(one, steps) : (...args) => ran(along)(...args);
  function* over(batches: Iterable<Parameters<F>>): Generator<ReturnType<F>, void, undefined> {
    for (const group of grouped(batches, steps)) {
      if (group.length === steps) yield runAlong(...(stackTrees(group) as OrCells<Parameters<F>>));
      else yield stackTrees(group.map((batch) => ran(one)(...batch)) as [ReturnType<F>]);
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
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  }) as unknown as CompiledSteps<F>;
}

/** A function that is recorded and hunted through at every call. */
function hunted<F extends AnyFunction>(fn: F): Compiled<F> {
  const cache = new Map<string, Executable>();
  const run = (...args: unknown[]): unknown => {
    if (currentFrame()) return fn(...args);
    traceOrigins(true);
    let recording: Recording;
    try {
      recording = recordFunction(fn, args);
    } finally {
      traceOrigins(false);
    }
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
  const dispose = (): void => {
    for (const executable of cache.values()) executable.dispose();
    cache.clear();
  };
  return Object.assign(run, {
    recompilations: 0,
    footprint: { in: 0, out: 0, scratch: 0, work: 0 },
    dispose,
    [Symbol.dispose]: dispose,
  }) as unknown as Compiled<F>;
}
