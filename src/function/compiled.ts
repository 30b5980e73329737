/**
 * @file Records a function once per signature and runs it as one program. `compile` and training share this; the options of `compile` (blocks, comparing, budgets)
 * come from `compile.ts`, so that a bundle that only trains does not contain them.
 */
import { sameType, type Type } from "../base/shape.ts";
import { isTensor } from "../ops/create.ts";
import { showAs } from "../ops/display.ts";
import { evaluate } from "../ops/evaluator.ts";
import type { Tensor } from "../ops/tensor.ts";
import { backendName } from "../runtime/backends.ts";
import { currentFrame } from "../runtime/cell.ts";
import type { Making } from "../runtime/compile.ts";
import type { Executable } from "../runtime/executable.ts";
import { type AnyFunction, compiledFrom } from "./capture.ts";
import { CounterWatch } from "./counter.ts";
import { Program } from "./program.ts";
import { Programs } from "./programs.ts";
import { type Recording, withLines } from "./recording.ts";
import { saveStep } from "./save-step.ts";
import { type Signature, signatureOf } from "./signature.ts";

/** The default number of programs that are kept for one function. */
const MOST_PROGRAMS = 64;

/** A compiled function. It is called like the original, and tells how often it was recorded and what memory and work it takes. */
export type Compiled<F extends AnyFunction> = F & {
  /** How many times the function has been recorded and compiled. A training loop should stay at one per batch size. */
  readonly recompilations: number;
  /** Bytes of arguments and results that one run of the last program copies, its scratch memory, and the multiply-adds of its products. */
  readonly footprint: { in: number; out: number; scratch: number; work: number };
  /** The number of programs that are kept, and about how many bytes they take (code and constants). */
  readonly programs: { readonly count: number; readonly bytes: number };
  /**
   * Saves the function as a file that runs without this library: one WebAssembly module with its program, its memory and the values of the cells that it reads and
   * writes (parameters, the optimizer's state and learning rate). `args` are example arguments; only their types and names matter. Returns the bytes, and with a
   * path (in Node) also writes them. `load` of `nabla/step` runs the file; `saveAll` saves several functions in one file.
   * @throws {Error} for ops that a file cannot contain: sorts, decompositions, special functions that no host has.
   */
  save(path: string | undefined, ...args: Parameters<F>): Promise<Uint8Array>;
  /** Frees the programs; the next call compiles again. `using step = compile(...)` calls it at the end of the block. */
  dispose(): void;
  [Symbol.dispose](): void;
};

/** Hooks that extend a compiled function. */
export interface Extension {
  /** Called with a recording before a program is made of it. With this hook every instruction notes the user's line. */
  look?(recording: Recording): void;
  /** Called with the program that was made of the last recording. */
  made?(program: Program): void;
  /** Called at every call that finds a program. */
  found?(program: Program, args: readonly unknown[]): void;
  /** Makes the function that users call from the function that runs one call. */
  wrap?(run: AnyFunction): AnyFunction;
}

/** Settings of {@link compiled}. */
export interface Settings {
  readonly cache?: number | undefined;
  readonly making?: Making | undefined;
  readonly extension?: Extension | undefined;
}

/** The same function, compiled; see `compile`. */
export function compiled<F extends AnyFunction>(fn: F, { cache = MOST_PROGRAMS, making = {}, extension }: Settings = {}): Compiled<F> {
  const programs = new Programs<Program>(cache);
  const counters = new CounterWatch(fn);
  let recompilations = 0;
  let latest: Latest | undefined;

  const make = ({ noticed, key }: Signature, args: readonly unknown[]): Program => {
    const change = programs.of(key).at(-1)?.change();
    const record = (): Program => Program.make(fn, args, noticed, making, extension?.look);
    const program = extension ? withLines(record) : record();
    recompilations++;
    extension?.made?.(program);
    counters.compiled(args, change);
    return program;
  };

  const find = (args: readonly unknown[]): { program: Program; leaves: readonly Tensor[] } => {
    if (latest?.fits(args)) return { program: latest.program, leaves: args as readonly Tensor[] };
    const signature = signatureOf(args, fn);
    const key = `${backendName()} ${signature.key}`;
    let program = programs.find(key);
    if (program) {
      counters.found();
      extension?.found?.(program, args);
    } else {
      program = make({ ...signature, key }, args);
      programs.add(program, key);
    }
    latest = !extension?.found && args.every(isTensor) ? new Latest(program, args) : undefined;
    return { program, leaves: signature.leaves };
  };

  let last: Executable | undefined;
  const run = (...args: unknown[]): unknown => {
    if (currentFrame()) return fn(...args);
    const { program, leaves } = find(args);
    last = program.executable;
    const pending = leaves.filter((x) => !x.isComputed);
    if (pending.length > 0) evaluate(pending);
    return program.run(leaves);
  };
  const dispose = (): void => {
    programs.clear();
    latest = undefined;
  };

  const called = extension?.wrap?.(run) ?? run;
  compiledFrom(fn, called);
  Object.defineProperties(called, {
    name: { value: `compiled ${fn.name}` },
    recompilations: { get: () => recompilations },
    footprint: { get: () => footprintOf(last) },
    programs: { get: () => ({ count: programs.size, bytes: programs.bytes }) },
    save: { value: (path: string | undefined, ...args: unknown[]) => saveStep(fn, args, path) },
    dispose: { value: dispose },
    [Symbol.dispose]: { value: dispose },
  });
  return printed(called as unknown as Compiled<F>, fn.name);
}

/** Bytes of the program that ran last; zeros before any run. */
function footprintOf(last: Executable | undefined): { in: number; out: number; scratch: number; work: number } {
  return { ...(last?.traffic ?? { in: 0, out: 0 }), scratch: last?.layout.scratch ?? 0, work: last?.layout.work ?? 0 };
}

/** Makes a compiled function print as its name and its programs instead of the library's source. */
export function printed<C extends Pick<Compiled<AnyFunction>, "programs">>(compiled: C, name: string, more = ""): C {
  const text = ({ programs: { count } }: C): string => `[compiled ${name || "function"}${more}: ${count} program${count === 1 ? "" : "s"}]`;
  showAs(compiled, text);
  return Object.defineProperty(compiled, "toString", { value: () => text(compiled) });
}

/** The program of the last call, for calls with the same types whose arguments are tensors only. These are most calls, and they need no signature text. */
class Latest {
  readonly program: Program;
  readonly #types: readonly Type[];
  readonly #backend = backendName();

  constructor(program: Program, args: readonly Type[]) {
    this.program = program;
    this.#types = args.map(({ shape, dtype }) => ({ shape, dtype }));
  }

  fits(args: readonly unknown[]): boolean {
    const types = this.#types;
    if (args.length !== types.length) return false;
    for (let i = 0; i < types.length; i++) {
      const x = args[i];
      if (!isTensor(x) || !sameType(x, types[i]!)) return false;
    }
    return this.#backend === backendName() && this.program.holds();
  }
}
