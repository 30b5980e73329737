/**
 * @file Probes the features of the engine, and makes functions of modules. This is synchronous, because a step is compiled when it is first called. V8 runs new code
 * in its baseline tier first; the runtime warms kernels up.
 */
import { nodeVersion, setFlags } from "../../base/host.ts";
import { messageOf } from "../../base/message.ts";
import { callHost } from "../../kernel/interpret.ts";
import type { HostCall } from "../../kernel/kernel.ts";
import { HOST } from "../../kernel/scalar.ts";
import { SIMD } from "./instructions.ts";
import { FunctionBuilder, ModuleBuilder } from "./module.ts";

/** The features of the engine that the generated code depends on. */
export interface Features {
  /** The instructions on v128. Without them this backend does not run. */
  readonly simd: boolean;
  /** f32x4.relaxed_madd, which is a fused multiply-add where the processor has one. */
  readonly relaxed: boolean;
}

/** A module with one function that evaluates `opcode` on `operands` vectors. */
function probe(opcode: number, operands: number): Uint8Array<ArrayBuffer> {
  const code = new FunctionBuilder([]);
  for (let i = 0; i < operands; i++) {
    code.simd(SIMD.const);
    code.append(Array<number>(16).fill(0));
  }
  code.simd(opcode);
  code.emit(0x1a);
  const module = new ModuleBuilder(false);
  module.add(code);
  return module.build();
}

function hasRelaxed(): boolean {
  return WebAssembly.validate(probe(SIMD.f32x4RelaxedMadd, 3));
}

/** Enables relaxed SIMD in Node 20, which has it behind a flag that may be set at run time. Later versions have it by default. */
function unlockRelaxed(): void {
  if (nodeVersion()?.startsWith("20.")) setFlags("--experimental-wasm-relaxed-simd");
}

/**
 * Compiles a module. V8 runs new code in its baseline tier, which is about ten times slower, and does not replace code inside a running loop. So a module whose run
 * is long is compiled by the optimizing tier at once, if the host allows it (Node).
 */
export function compileModule(
  bytes: Uint8Array<ArrayBuffer>,
  { longRun = false }: { readonly longRun?: boolean } = {},
): WebAssembly.Module {
  if (!longRun) return new WebAssembly.Module(bytes);
  // Lazily compiled functions would be compiled at their first call, after the flags have been reset.
  setFlags("--no-liftoff --no-wasm-lazy-compilation");
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    setFlags("--liftoff --wasm-lazy-compilation");
  }
}

let found: Features | undefined;

// A module with nothing in it: magic number and version.
const EMPTY = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/** The reason why this host compiles no WebAssembly at all; undefined if it does. */
export function prohibition(): string | undefined {
  if (typeof WebAssembly === "undefined") return "this host has no WebAssembly (in Node, the flag --jitless takes it away)";
  try {
    new WebAssembly.Module(EMPTY);
    return undefined;
  } catch (error) {
    const said = messageOf(error);
    return `this host compiles no WebAssembly (${said}); a page needs 'wasm-unsafe-eval' in the script-src of its Content-Security-Policy`;
  }
}

/** Probes the engine, once. */
export function features(): Features {
  if (found) return found;
  if (prohibition() !== undefined) {
    found = { simd: false, relaxed: false };
    return found;
  }
  if (!hasRelaxed()) unlockRelaxed();
  found = { simd: WebAssembly.validate(probe(SIMD.f32x4Add, 2)), relaxed: hasRelaxed() };
  return found;
}

/** The functions of a program. */
export interface Instance {
  /** Runs the program; the table of base addresses lies at `bindingAddress`. */
  readonly main: (bindingAddress: number) => void;
  /** The program's kernels as functions of one byte address per buffer. */
  readonly kernels: readonly ((...addresses: number[]) => void)[];
  /** True if the program has kernels that are divided among threads. */
  readonly divided: boolean;
}

/** Makes functions of a module that `compileProgram` wrote. */
export function instantiate(bytes: Uint8Array<ArrayBuffer>, memory: WebAssembly.Memory, hosts: readonly HostCall[] = []): Instance {
  return instantiateModule(new WebAssembly.Module(bytes), memory, hosts);
}

/** Makes functions of a compiled module, which can also be sent to other threads. */
export function instantiateModule(module: WebAssembly.Module, memory: WebAssembly.Memory, hosts: readonly HostCall[] = []): Instance {
  const host = Object.fromEntries(
    hosts.map((call, i) => [
      `h${i}`,
      (...at: number[]) =>
        callHost(
          call,
          at.map((a) => a >>> 0),
          memory.buffer,
        ),
    ]),
  );
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, math: { ...HOST }, host });
  const kernels: ((...addresses: number[]) => void)[] = [];
  for (let i = 0; `k${i}` in exports; i++) kernels.push(exports[`k${i}`] as (...addresses: number[]) => void);
  return { main: exports.main as (bindingAddress: number) => void, kernels, divided: "work" in exports };
}
