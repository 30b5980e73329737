/**
 * @file Compiles a program to one WebAssembly module: a function per distinct kernel, and `main`, which runs the program's steps, so that a whole training step is
 * one call from JavaScript.
 */

import type { Watch } from "../../base/passes.ts";
import { hashKernel } from "../../kernel/hash.ts";
import type { Address, Kernel, Program, Step } from "../../kernel/kernel.ts";
import { hostArity } from "../../kernel/scalar.ts";
import { type Generated, generate } from "./generate.ts";
import { FunctionBuilder, I32, ModuleBuilder } from "./module.ts";
import { addTeam } from "./threads.ts";

/** Options of compiling a program. */
export interface CompileOptions {
  /** True if the memory is shared, which the import must declare. */
  readonly sharedMemory: boolean;
  /** True if the engine has relaxed SIMD (see `features`): fma is then one instruction, otherwise two. */
  readonly relaxed: boolean;
  /** Kernels with at least this much work (see `weigh`) are divided among threads; none if it is absent. Needs a shared memory. */
  readonly leastWork?: number | undefined;
  /** Called with each kernel after each pass. */
  readonly watch?: Watch<Kernel> | undefined;
}

/**
 * Compiles a program.
 *
 * - Imports: the memory `env.memory`; from `math` the host functions that kernels call; from `host` the program's own host calls `h0`, `h1`, ...
 * - Exports: `k0`, `k1`, ..., the program's kernels as functions of one byte address per buffer (equal kernels are one function); `main`, a function of the address
 *   of the table of bindings; and, if kernels are divided, `work` for the other threads (see `threads.ts`).
 */
export function compileProgram(
  program: Program,
  { sharedMemory, relaxed, leastWork = Number.POSITIVE_INFINITY, watch }: CompileOptions,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(sharedMemory);
  const hosts = new Map<string, number>();
  const host = (name: string): number => {
    const index = hosts.get(name) ?? module.importMath(name, hostArity(name));
    hosts.set(name, index);
    return index;
  };
  const hashes = program.kernels.map(hashKernel);
  const generated = new Map<string, Generated>();
  for (const [i, kernel] of program.kernels.entries()) {
    if (!generated.has(hashes[i]!)) generated.set(hashes[i]!, generate(kernel, { relaxed, host, leastWork, watch }));
  }
  const calls = (program.hosts ?? []).map((call, i) => module.importHost(`h${i}`, call.buffers.length));
  // Functions are added after all imports, which have the lower numbers.
  const indices = new Map([...generated].map(([hash, { code }]) => [hash, module.add(code)]));
  const divided = [...generated].flatMap(([hash, { code, parts }]) =>
    parts ? [{ hash, index: indices.get(hash)!, buffers: code.params.length - 2, ...parts }] : [],
  );
  if (divided.length > 0) {
    const { entries, work } = addTeam(divided, (code) => module.add(code));
    for (const [i, { hash }] of divided.entries()) indices.set(hash, entries[i]!);
    module.export("work", work);
  }
  const kernels = hashes.map((hash) => indices.get(hash)!);
  for (const [i, index] of kernels.entries()) module.export(`k${i}`, index);
  module.export("main", module.add(mainFunction(program.steps, kernels, calls)));
  return module.build();
}

export function mainFunction(steps: readonly Step[], kernels: readonly number[], calls: readonly number[]): FunctionBuilder {
  const main = new Main(kernels, calls);
  main.steps(steps, []);
  return main.code;
}

/** Generates the function `main`. */
class Main {
  readonly code: FunctionBuilder = new FunctionBuilder([I32]);
  private readonly kernels: readonly number[];
  private readonly calls: readonly number[];

  constructor(kernels: readonly number[], calls: readonly number[]) {
    this.kernels = kernels;
    this.calls = calls;
  }

  /** Emits steps. `counters` are the locals with the iteration numbers of the enclosing loops. */
  steps(list: readonly Step[], counters: readonly number[]): void {
    for (const s of list) this.step(s, counters);
  }

  /** Emits one step. */
  private step(s: Step, counters: readonly number[]): void {
    switch (s.kind) {
      case "call":
        for (const arg of s.args) this.address(arg, counters);
        this.code.call(this.kernels[s.kernel]!);
        return;
      case "host":
        for (const arg of s.args) this.address(arg, counters);
        this.code.call(this.calls[s.host]!);
        return;
      case "copy":
        this.address(s.to, counters);
        this.address(s.from, counters);
        this.code.i32(s.bytes);
        this.code.emit(0xfc, 0x0a, 0, 0);
        return;
      case "loop":
        this.loop(s, counters);
        return;
      case "while":
        this.code.loop(() => {
          this.steps(s.test, counters);
          this.predicate(s.predicate, counters);
          this.code.ifElse(
            undefined,
            () => this.steps(s.body, counters),
            () => {},
          );
          this.predicate(s.predicate, counters);
        });
        return;
      case "branch":
        this.predicate(s.predicate, counters);
        this.code.ifElse(
          undefined,
          () => this.steps(s.then, counters),
          () => this.steps(s.otherwise, counters),
        );
    }
  }

  /** Puts the byte address of an argument on the stack. */
  private address({ binding, offset, strides }: Address, counters: readonly number[]): void {
    this.code.get(0);
    this.code.access([0x28], 2, 4 * binding);
    this.code.addConstant(offset);
    for (const [depth, counter] of counters.entries()) {
      const stride = strides?.[depth] ?? 0;
      if (stride === 0) continue;
      this.code.get(counter);
      this.code.scale(stride);
      this.code.emit(0x6a);
    }
  }

  private predicate(at: Address, counters: readonly number[]): void {
    this.address(at, counters);
    this.code.access([0x2d], 0, 0);
  }

  /** Emits a loop over steps. */
  private loop(s: Step & { kind: "loop" }, counters: readonly number[]): void {
    if (s.length <= 0) return;
    const counter = this.code.take(I32);
    this.code.i32(s.reverse ? s.length - 1 : 0);
    this.code.set(counter);
    this.code.loop(() => {
      this.steps(s.body, [...counters, counter]);
      this.code.get(counter);
      this.code.addConstant(s.reverse ? -1 : 1);
      this.code.tee(counter);
      this.code.i32(s.reverse ? -1 : s.length);
      this.code.emit(0x47);
    });
    this.code.release(counter);
  }
}
