/**
 * @file A program to machine code: a function per distinct kernel, and one per stretch of steps without calls of the host. Where there are none, that is the whole program, so that a
 * training step is one call from JavaScript.
 */
import type { Watch } from "../../base/passes.ts";
import type { Unproved } from "../../kernel/bounds.ts";
import { hashKernel } from "../../kernel/hash.ts";
import type { Address, Kernel, Program, Step } from "../../kernel/kernel.ts";
import { allocate } from "./allocate.ts";
import { Assembler, type Operand } from "./assembler.ts";
import { Constants, type Routine, routineKey } from "./code.ts";
import type { Machine } from "./extension.ts";
import { FunctionWriter, RETURN } from "./function.ts";
import { generate } from "./generate.ts";
import { instruction } from "./instructions.ts";
import { type Functions, writeRoutine } from "./routines.ts";
import { addressInto, writeEntry } from "./team.ts";

export interface CompileOptions {
  readonly machine: Machine;
  /** The address of the arena's first byte, and of the words that hold the iterations of loops of steps. */
  readonly arena: bigint;
  readonly counters: bigint;
  /** The address of the block of a team (`team.ts`), among whose threads kernels with at least so much work are divided. */
  readonly team?: { readonly address: bigint; readonly leastWork: number } | undefined;
  /** The address of {@link REPORTS} words in which accesses outside of their buffers leave their numbers. */
  readonly reports: bigint;
  /** Functions that machine code can call: of others, JavaScript runs the kernels. None by default. */
  readonly functions?: Functions | undefined;
  /** Whether every access is checked, and not only what is not proved to be inside its buffer. */
  readonly checkAll?: boolean | undefined;
  /** Told of each kernel after each pass. */
  readonly watch?: Watch<Kernel> | undefined;
  /** Collects the code as text. */
  readonly listing?: Map<number, string> | undefined;
}

/** A part of a program: steps of machine code, or what JavaScript does between them. */
export type Part =
  /** The offset of a function on the offset of the table of bindings. */
  | { readonly kind: "code"; readonly entry: number }
  | { readonly kind: "kernel"; readonly kernel: number; readonly args: readonly Address[] }
  | { readonly kind: "host"; readonly host: number; readonly args: readonly Address[] }
  | { readonly kind: "loop"; readonly depth: number; readonly length: number; readonly reverse: boolean; readonly body: readonly Part[] }
  | { readonly kind: "while"; readonly predicate: Address; readonly test: readonly Part[]; readonly body: readonly Part[] }
  | { readonly kind: "branch"; readonly predicate: Address; readonly then: readonly Part[]; readonly otherwise: readonly Part[] };

export interface Compiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly parts: readonly Part[];
  /** Per kernel: the offset of a function on the address of a list of addresses; undefined for one that calls the host. */
  readonly kernels: readonly (number | undefined)[];
  /** Values that live on the stack, per kernel. */
  readonly spills: readonly number[];
  /** Whether other threads may help. */
  readonly divided: boolean;
  /** What an access outside of its buffer did wrong, by its number. */
  readonly faults: readonly string[];
}

const [RAX, RCX, RBX, RSP, RBP, RSI, RDI, R12, R13] = [0, 1, 3, 4, 5, 6, 7, 12, 13] as const;

/** The largest constant that one instruction adds to an address. */
const MOST_STEP = 2 ** 30;

/** Arguments above those that are addresses: the bounds of a part. */
const BOUNDS = 2;

/** Loops of steps whose iterations are kept. */
export const MOST_DEPTH = 64;

/** Words for reports: as many as a vector has. */
export const REPORTS = 16;

/** What calls of a kernel call; without a label one that calls the host. */
interface Made {
  readonly label: number | undefined;
  readonly reports: boolean;
  readonly spills: number;
  readonly text: string | undefined;
}

const NONE: Functions = new Map();

class ProgramWriter {
  readonly assembler: Assembler;
  readonly constants: Constants = new Constants();
  readonly spills: number[] = [];
  divided: boolean = false;
  readonly #program: Program;
  readonly #options: CompileOptions;
  readonly #made: Made[] = [];
  readonly #routines: Map<string, { readonly routine: Routine; readonly label: number }> = new Map();
  /** The first is no fault. */
  readonly faults: string[] = [""];

  constructor(program: Program, options: CompileOptions) {
    this.#program = program;
    this.#options = options;
    this.assembler = new Assembler(options.machine.registers.masks > 0);
  }

  kernels(): void {
    const known = new Map<string, Made>();
    for (const [i, kernel] of this.#program.kernels.entries()) {
      const hash = hashKernel(kernel);
      const made = known.get(hash) ?? this.#kernel(kernel);
      known.set(hash, made);
      this.#made.push(made);
      this.spills.push(made.spills);
      if (made.text !== undefined) this.#options.listing?.set(i, made.text);
    }
  }

  #kernel(kernel: Kernel): Made {
    const { machine, watch, team, checkAll = false, functions = NONE } = this.#options;
    const report = ({ access, buffer }: Unproved): number => {
      const what = "kind" in access ? "stores to" : "loads from";
      const { length } = kernel.buffers[buffer]!;
      return this.faults.push(`kernel ${kernel.name} ${what} an index outside buffer b${buffer} of ${length} elements`) - 1;
    };
    const guards = { all: checkAll, report };
    const leastWork = team?.leastWork ?? Number.POSITIVE_INFINITY;
    const made = generate(kernel, { machine, constants: this.constants, guards, functions, leastWork, watch });
    if (!made) return { label: undefined, reports: false, spills: 0, text: undefined };
    const { reports } = made;
    const label = this.#here(64);
    const writer = new FunctionWriter(this.assembler, this.#options.listing !== undefined, (routine) => this.#routine(routine));
    const spills = allocate(made.code, machine.registers, writer);
    const { text } = writer;
    if (!made.parts) return { label, reports, spills, text };
    this.divided = true;
    const entry = this.#here(16);
    const buffers = kernel.buffers.length + (reports ? 1 : 0);
    writeEntry(this.assembler, { kernel: label, buffers, ...made.parts }, team!.address);
    return { label: entry, reports, spills, text };
  }

  /** A label here, at a multiple of so many bytes. */
  #here(multiple: number): number {
    const label = this.assembler.newLabel();
    this.assembler.align(multiple);
    this.assembler.place(label);
    return label;
  }

  /** The label of a routine. */
  #routine(routine: Routine): number {
    const key = routineKey(routine);
    const known = this.#routines.get(key);
    if (known) return known.label;
    const label = this.assembler.newLabel();
    this.#routines.set(key, { routine, label });
    return label;
  }

  /** The routines that kernels call. */
  routines(): void {
    const { functions = NONE, machine } = this.#options;
    for (const { routine, label } of this.#routines.values()) {
      this.assembler.place(label);
      writeRoutine(this.assembler, routine, functions.get(routine.op)!, machine.registers);
    }
  }

  /** Per kernel, a function on a list of addresses. */
  entries(): (() => number)[] {
    return this.#made.map(({ label, reports }, i) => {
      if (label === undefined) return () => -1;
      const entry = this.assembler.newLabel();
      this.assembler.place(entry);
      const buffers = this.#program.kernels[i]!.buffers.length;
      const room = 8 * (buffers + 1 + BOUNDS);
      this.#emit("sub.q.imm", [RSP], room);
      for (let b = 0; b < buffers; b++) {
        this.#emit("mov.q", [RAX, { base: RDI, displacement: 8 * b }]);
        this.#emit("mov.q.store", [{ base: RSP, displacement: 8 * b }, RAX]);
      }
      if (reports) this.#passReports(buffers);
      this.assembler.call(label);
      this.#emit("add.q.imm", [RSP], room);
      this.assembler.bytes(RETURN);
      return () => this.assembler.position(entry);
    });
  }

  /** The buffer of reports as a kernel's last argument. */
  #passReports(argument: number): void {
    this.assembler.bytes(addressInto(RAX, this.#options.reports));
    this.#emit("mov.q.store", [{ base: RSP, displacement: 8 * argument }, RAX]);
  }

  /** The steps as parts: as few as there can be. */
  parts(steps: readonly Step[], depth: number): (() => Part)[] {
    const parts: (() => Part)[] = [];
    let run: Step[] = [];
    const close = (): void => {
      if (run.length > 0) parts.push(this.#code(run, depth));
      run = [];
    };
    for (const s of steps) {
      if (this.#isCode(s)) run.push(s);
      else {
        close();
        parts.push(this.#part(s, depth));
      }
    }
    close();
    return parts;
  }

  #isCode(s: Step): boolean {
    switch (s.kind) {
      case "call":
        return this.#made[s.kernel]!.label !== undefined;
      case "host":
        return false;
      case "copy":
        return true;
      case "loop":
        return s.body.every((inner) => this.#isCode(inner));
      case "while":
        return [...s.test, ...s.body].every((inner) => this.#isCode(inner));
      case "branch":
        return [...s.then, ...s.otherwise].every((inner) => this.#isCode(inner));
    }
  }

  #part(s: Step, depth: number): () => Part {
    const inside = (list: readonly Step[], at: number): (() => Part[]) => {
      const parts = this.parts(list, at);
      return () => parts.map((part) => part());
    };
    switch (s.kind) {
      case "call":
        return () => ({ kind: "kernel", kernel: s.kernel, args: s.args });
      case "host":
        return () => ({ kind: "host", host: s.host, args: s.args });
      case "loop": {
        const body = inside(s.body, depth + 1);
        return () => ({ kind: "loop", depth, length: s.length, reverse: s.reverse, body: body() });
      }
      case "while": {
        const [test, body] = [inside(s.test, depth), inside(s.body, depth)];
        return () => ({ kind: "while", predicate: s.predicate, test: test(), body: body() });
      }
      case "branch": {
        const [then, otherwise] = [inside(s.then, depth), inside(s.otherwise, depth)];
        return () => ({ kind: "branch", predicate: s.predicate, then: then(), otherwise: otherwise() });
      }
      default:
        throw new Error(`internal: a step of kind ${s.kind} is machine code`);
    }
  }

  /** A function on the offset of the table of bindings: rbx is the arena, r12 the table, r13 the iterations of loops. */
  #code(steps: readonly Step[], depth: number): () => Part {
    const entry = this.#here(32);
    const saved = [RBP, RBX, R12, R13];
    for (const r of saved) this.#emit("push", [r]);
    this.assembler.bytes(addressInto(RBX, this.#options.arena));
    this.assembler.bytes(addressInto(R13, this.#options.counters));
    // The offset's upper half may be anything.
    this.#emit("mov", [R12, RDI]);
    this.#emit("add.q", [R12, RBX]);
    const room = 8 * (BOUNDS + Math.max(0, ...steps.map((s) => this.#mostArguments(s))));
    this.#emit("sub.q.imm", [RSP], room);
    this.#steps(steps, depth);
    this.#emit("add.q.imm", [RSP], room);
    for (const r of [...saved].reverse()) this.#emit("pop", [r]);
    this.assembler.bytes(RETURN);
    return () => ({ kind: "code", entry: this.assembler.position(entry) });
  }

  #mostArguments(s: Step): number {
    const inner =
      s.kind === "loop" ? s.body : s.kind === "while" ? [...s.test, ...s.body] : s.kind === "branch" ? [...s.then, ...s.otherwise] : [];
    return Math.max(s.kind === "call" ? s.args.length + 1 : 0, ...inner.map((x) => this.#mostArguments(x)));
  }

  #emit(name: string, operands: readonly Operand[], immediate?: number): void {
    this.assembler.emit(instruction(name), operands, immediate === undefined ? {} : { immediate });
  }

  #steps(list: readonly Step[], depth: number): void {
    for (const s of list) this.#step(s, depth);
  }

  #step(s: Step, depth: number): void {
    switch (s.kind) {
      case "call":
        for (const [i, arg] of s.args.entries()) {
          this.#address(arg, depth);
          this.#emit("mov.q.store", [{ base: RSP, displacement: 8 * i }, RAX]);
        }
        if (this.#made[s.kernel]!.reports) this.#passReports(s.args.length);
        this.assembler.call(this.#made[s.kernel]!.label!);
        return;
      case "copy":
        this.#address(s.to, depth);
        this.#emit("mov.q", [RDI, RAX]);
        this.#address(s.from, depth);
        this.#emit("mov.q", [RSI, RAX]);
        this.#emit("mov.q.imm", [RCX], s.bytes);
        this.assembler.bytes(MOVE);
        return;
      case "loop":
        this.#loop(s, depth);
        return;
      case "while": {
        const [top, end] = [this.assembler.newLabel(), this.assembler.newLabel()];
        this.assembler.place(top);
        this.#steps(s.test, depth);
        this.#predicate(s.predicate, depth, end);
        this.#steps(s.body, depth);
        this.assembler.jump(top);
        this.assembler.place(end);
        return;
      }
      case "branch": {
        const [otherwise, end] = [this.assembler.newLabel(), this.assembler.newLabel()];
        this.#predicate(s.predicate, depth, otherwise);
        this.#steps(s.then, depth);
        this.assembler.jump(end);
        this.assembler.place(otherwise);
        this.#steps(s.otherwise, depth);
        this.assembler.place(end);
        return;
      }
      default:
        throw new Error(`internal: a step of kind ${s.kind} is no machine code`);
    }
  }

  /** An address in rax. */
  #address({ binding, offset, strides }: Address, depth: number): void {
    this.#emit("mov", [RAX, { base: R12, displacement: 4 * binding }]);
    this.#emit("add.q", [RAX, RBX]);
    for (let rest = offset; rest > 0; rest -= MOST_STEP) this.#emit("add.q.imm", [RAX], Math.min(rest, MOST_STEP));
    for (let d = 0; d < depth; d++) {
      const stride = strides?.[d] ?? 0;
      if (stride === 0) continue;
      this.#emit("mov", [RCX, { base: R13, displacement: 4 * d }]);
      this.#emit("imul.q.imm", [RCX, RCX], stride);
      this.#emit("add.q", [RAX, RCX]);
    }
  }

  /** Jumps if the byte at an address is 0. */
  #predicate(at: Address, depth: number, elsewhere: number): void {
    this.#address(at, depth);
    this.#emit("movzx", [RAX, { base: RAX, displacement: 0 }]);
    this.#emit("test", [RAX, RAX]);
    this.assembler.jumpIf("e", elsewhere);
  }

  #loop(s: Step & { kind: "loop" }, depth: number): void {
    if (s.length <= 0) return;
    const counter = { base: R13, displacement: 4 * depth };
    this.#emit("mov.imm", [RAX], s.reverse ? s.length - 1 : 0);
    this.#emit("mov.store", [counter, RAX]);
    const top = this.assembler.newLabel();
    this.assembler.place(top);
    this.#steps(s.body, depth + 1);
    this.#emit("mov", [RAX, counter]);
    this.#emit("add.imm", [RAX], s.reverse ? -1 : 1);
    this.#emit("mov.store", [counter, RAX]);
    this.#emit("cmp.imm", [RAX], s.reverse ? -1 : s.length);
    this.assembler.jumpIf("ne", top);
  }
}

/**
 * rcx bytes from rsi to rdi, from the back where the one begins inside the other: mov rax,rdi; sub rax,rsi; cmp rax,rcx; jb back; rep movsb; jmp end; back: lea rsi,[rsi+rcx-1];
 * lea rdi,[rdi+rcx-1]; std; rep movsb; cld; end:
 */
const MOVE: readonly number[] = [
  0x48, 0x89, 0xf8, 0x48, 0x29, 0xf0, 0x48, 0x39, 0xc8, 0x72, 0x04, 0xf3, 0xa4, 0xeb, 0x0e, 0x48, 0x8d, 0x74, 0x0e, 0xff, 0x48, 0x8d, 0x7c,
  0x0f, 0xff, 0xfd, 0xf3, 0xa4, 0xfc,
];

/** The machine code of a program. */
export function compileProgram(program: Program, options: CompileOptions): Compiled {
  const writer = new ProgramWriter(program, options);
  writer.kernels();
  writer.routines();
  const entries = writer.entries();
  const parts = writer.parts(program.steps, 0);
  const bytes = writer.assembler.finish(writer.constants.bytes);
  const kernels = entries.map((entry) => {
    const at = entry();
    return at < 0 ? undefined : at;
  });
  const { spills, divided, faults } = writer;
  return { bytes, parts: parts.map((part) => part()), kernels, spills, divided, faults };
}
