/**
 * @file Compiles programs to one module with its own memory, which runs on any WebAssembly engine. Beside its functions it exports the memory, and constants with
 * the addresses of inputs, outputs and cells; their names are the signature.
 */
import { hashKernel } from "../../kernel/hash.ts";
import type { Program } from "../../kernel/kernel.ts";
import { hostArity } from "../../kernel/scalar.ts";
import { type Generated, generate } from "./generate.ts";
import { type Code, FunctionBuilder, I32, list, ModuleBuilder, pushSigned, text, unsigned } from "./module.ts";
import { mainFunction } from "./program.ts";

/** Initial contents of a range of the memory. */
export interface Contents {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A function of the file: its name, its program, and where its table of addresses is. */
export interface Entry {
  readonly name: string;
  readonly program: Program;
  readonly table: number;
}

/** Options of a file. */
export interface FileOptions {
  /** True to use the instruction for fused multiply-adds, which not every engine knows. */
  readonly relaxed: boolean;
  /** Bytes of the memory. */
  readonly bytes: number;
  readonly contents: readonly Contents[];
  /** Addresses by name. */
  readonly addresses: readonly (readonly [name: string, address: number])[];
  /** Sections for people, by name. */
  readonly notes: readonly (readonly [name: string, text: string])[];
  /** Called with the name of every host function that is needed; it may throw. */
  readonly onHost: (name: string) => void;
}

const PAGE = 65_536;

/** Compiles programs that have no host calls of their own to one module. Equal kernels of several programs become one function. */
export function compileFile(entries: readonly Entry[], options: FileOptions): Uint8Array<ArrayBuffer> {
  const module = new FileBuilder(options);
  const hosts = new Map<string, number>();
  const host = (name: string): number => {
    const known = hosts.get(name);
    if (known !== undefined) return known;
    options.onHost(name);
    const index = module.importMath(name, hostArity(name));
    hosts.set(name, index);
    return index;
  };
  const generated = new Map<string, Generated>();
  const hashes = entries.map(({ program }) => program.kernels.map(hashKernel));
  entries.forEach(({ program }, e) => {
    program.kernels.forEach((kernel, i) => {
      const hash = hashes[e]![i]!;
      if (!generated.has(hash))
        generated.set(hash, generate(kernel, { relaxed: options.relaxed, host, leastWork: Number.POSITIVE_INFINITY }));
    });
  });
  // Functions are added after all imports, which have the lower numbers.
  const indices = new Map([...generated].map(([hash, { code }]) => [hash, module.add(code)]));
  entries.forEach(({ name, program, table }, e) => {
    const kernels = hashes[e]!.map((hash) => indices.get(hash)!);
    const run = new FunctionBuilder([]);
    run.i32(table);
    run.call(module.add(mainFunction(program.steps, kernels, [])));
    module.export(name, module.add(run));
  });
  return module.build();
}

/** `i32.const n; end` */
function constant(n: number): Code {
  const code: number[] = [0x41];
  pushSigned(code, n);
  return [...code, 0x0b];
}

/** Builds a module with its own memory, initial contents and exported addresses. */
class FileBuilder extends ModuleBuilder {
  readonly #options: FileOptions;

  constructor(options: FileOptions) {
    super(false);
    this.#options = options;
  }

  protected override importedMemory(): number[][] {
    return [];
  }

  protected override moreExports(): number[][] {
    const globals = this.#options.addresses.map(([name], i) => [...text(name), 3, ...unsigned(i)]);
    return [[...text("memory"), 2, 0], ...globals];
  }

  protected override moreSections(): readonly [number, Code][] {
    const { bytes, contents, addresses, notes } = this.#options;
    const data = contents.map(({ at, bytes: part }): Code => [0, constant(at), unsigned(part.length), part]);
    const pages = unsigned(Math.ceil(bytes / PAGE));
    return [
      [5, list([[0, ...pages]])],
      [6, [unsigned(addresses.length), ...addresses.map(([, address]): Code => [I32, 0, constant(address)])]],
      [11, [unsigned(data.length), ...data]],
      ...notes.map(([name, note]): [number, Code] => [0, [...text(name), ...new TextEncoder().encode(note)]]),
    ];
  }
}
