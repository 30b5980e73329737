/**
 * @file Fork and join in machine code, as in WebAssembly (`codegen/wasm/threads.ts`): a job is a kernel's function, its arguments, and how its work is cut; the *ticket* counts the parts
 * that nobody has claimed. All threads claim parts by compare-exchange, and the main thread waits only for parts that were claimed. A thread that claimed a part may read the job: the
 * next one is written only when all parts are done. So code of a program runs in other threads only while that program runs here, and can be given back at any other time.
 *
 * The code of the team belongs to no program. Threads of JavaScript call its function `work`, which comes back when there has been nothing to do for a while: then they sleep where
 * their host can end them. Only while a step is in progress do they sleep in the system, since the main thread can wake them from machine code there.
 */
import { Assembler, type Memory, type Operand } from "./assembler.ts";
import { instruction } from "./instructions.ts";

/** Byte offsets in the block that threads share. What different threads write lies on different cache lines. */
export const TEAM = {
  /** Parts that are not claimed. */
  ticket: 0,
  /** Parts that are done. */
  done: 128,
  /** 1 while the main thread sleeps until `done` changes. */
  waiting: 132,
  /** Threads that sleep in the system until `signal` changes, or are about to. */
  sleepers: 256,
  signal: 384,
  /** The job. `limit`: the most parts; 0 means that there are no other threads. */
  limit: 512,
  line: 516,
  part: 520,
  parts: 524,
  buffers: 528,
  kernel: 536,
  /** The address of the arguments on the main thread's stack. */
  arguments: 544,
  /** The address of `fork`. */
  fork: 552,
  /** Seconds and nanoseconds that others sleep in the system at most. */
  sleep: 560,
  /** Ends of steps, by two: odd while one is in progress. Threads of JavaScript sleep until it changes. */
  steps: 640,
  /** How many of them there are, or are about to be. */
  resting: 768,
  end: 896,
} as const;

/** Parts of a job. */
export const MOST_PARTS = 1023;

/** Times that a thread looks for work before it sleeps: some 20 to 50 µs, since the processor pauses in between. */
const SPINS = 1000;

const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R10] = [0, 1, 2, 3, 4, 5, 6, 7, 10] as const;
const RETURN = [0xc5, 0xf8, 0x77, 0xc3];
const LOCK = 0xf0;
const PAUSE = [0xf3, 0x90];
const SYSTEM_CALL = [0x0f, 0x05];
const FUTEX = 202;
const [WAIT_PRIVATE, WAKE_PRIVATE] = [128, 129] as const;

/** Where functions begin in the code. */
export interface TeamCode {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** On the address of the block, which holds a job: does it with all threads. */
  readonly fork: number;
  /** On the address of the block: does parts until there have been none for a while. */
  readonly work: number;
}

/** A kernel that is divided. */
export interface Divided {
  /** The label of its function. */
  readonly kernel: number;
  readonly buffers: number;
  readonly line: number;
  readonly parts: number;
}

class Writer {
  readonly assembler: Assembler;

  constructor(assembler: Assembler) {
    this.assembler = assembler;
  }

  emit(name: string, operands: readonly Operand[], immediate?: number): void {
    this.assembler.emit(instruction(name), operands, immediate === undefined ? {} : { immediate });
  }

  /** The same, alone on its memory among all threads. */
  locked(name: string, operands: readonly Operand[]): void {
    this.assembler.bytes([LOCK]);
    this.emit(name, operands);
  }

  label(): number {
    return this.assembler.newLabel();
  }

  here(): number {
    const label = this.label();
    this.assembler.place(label);
    return label;
  }

  /** Adds to a shared word. */
  count(offset: number, by: number): void {
    this.emit("mov.imm", [RAX], by);
    this.locked("add.store", [word(offset), RAX]);
  }

  /** Sleeps while a word is what edx says; `timeout` is the offset of a time, or none. */
  wait(offset: number, timeout?: number): void {
    if (timeout === undefined) this.emit("mov.imm", [R10], 0);
    else this.emit("lea.q", [R10, word(timeout)]);
    this.#futex(offset, WAIT_PRIVATE);
  }

  /** Wakes all who wait for a word to change. */
  wake(offset: number): void {
    this.emit("mov.imm", [RDX], 2 ** 31 - 1);
    this.#futex(offset, WAKE_PRIVATE);
  }

  #futex(offset: number, operation: number): void {
    this.emit("lea.q", [RDI, word(offset)]);
    this.emit("mov.imm", [RSI], operation);
    this.emit("mov.imm", [RAX], FUTEX);
    this.assembler.bytes(SYSTEM_CALL);
  }

  /** Pauses, counts rcx down, and goes on at a label unless it is 0. */
  spin(again: number): void {
    this.assembler.bytes(PAUSE);
    this.emit("add.imm", [RCX], -1);
    this.assembler.jumpIf("ne", again);
  }

  /** eax = ⌈eax / ecx⌉ */
  divideUp(): void {
    this.emit("add", [RAX, RCX]);
    this.emit("add.imm", [RAX], -1);
    this.emit("xor", [RDX, RDX]);
    this.emit("div", [RCX]);
  }
}

/** A word of the block at rbx. */
const word = (displacement: number): Memory => ({ base: RBX, displacement });

/**
 * A function on the arguments of a kernel and, above them, room for two more: the kernel with all threads, or alone if there are no others. The block is at `team`.
 */
export function writeEntry(assembler: Assembler, { kernel, buffers, line, parts }: Divided, team: bigint): void {
  const w = new Writer(assembler);
  const at = (offset: number): Memory => ({ base: RDI, displacement: offset });
  const argument = (i: number): Memory => ({ base: RSP, displacement: 8 + 8 * i });
  assembler.bytes(addressInto(RDI, team));
  w.emit("mov.q.imm", [argument(buffers)], 0);
  w.emit("mov.q.imm", [argument(buffers + 1)], line);
  w.emit("cmp.imm", [at(TEAM.limit)], 0);
  assembler.jumpIf("e", kernel);
  assembler.address(RAX, kernel);
  w.emit("mov.q.store", [at(TEAM.kernel), RAX]);
  w.emit("lea.q", [RAX, argument(0)]);
  w.emit("mov.q.store", [at(TEAM.arguments), RAX]);
  w.emit("mov.imm", [at(TEAM.buffers)], buffers);
  w.emit("mov.imm", [at(TEAM.line)], line);
  w.emit("mov.imm", [at(TEAM.parts)], parts);
  w.emit("mov.q", [RAX, at(TEAM.fork)]);
  assembler.bytes(JUMP_RAX);
}

const CALL_RAX = [0xff, 0xd0];
const JUMP_RAX = [0xff, 0xe0];

/** mov register, 64-bit number */
export function addressInto(register: number, address: bigint): number[] {
  const bytes = Array.from({ length: 8 }, (_, i) => Number((address >> BigInt(8 * i)) & 255n));
  return [0x48 | (register >> 3), 0xb8 | (register & 7), ...bytes];
}

/** The code of a team. */
export function compileTeam(): TeamCode {
  const assembler = new Assembler(false);
  const w = new Writer(assembler);
  const help = writeHelp(w);
  const [fork, work] = [writeFork(w, help), writeWork(w, help)];
  const bytes = assembler.finish(new Uint8Array());
  return { bytes, fork: assembler.position(fork), work: assembler.position(work) };
}

/** On the block in rbx: claims and does parts as long as there are any. */
function writeHelp(w: Writer): number {
  const { assembler } = w;
  const help = w.here();
  w.emit("push", [RBP]);
  w.emit("mov.q", [RBP, RSP]);
  const [again, end] = [w.here(), w.label()];
  w.emit("mov", [RAX, word(TEAM.ticket)]);
  w.emit("test", [RAX, RAX]);
  assembler.jumpIf("e", end);
  w.emit("lea.q", [RCX, { base: RAX, displacement: -1 }]);
  w.locked("cmpxchg", [word(TEAM.ticket), RCX]);
  assembler.jumpIf("ne", again);
  // The part that begins at (parts - ticket) · part.
  w.emit("mov", [RDX, word(TEAM.parts)]);
  w.emit("sub", [RDX, RAX]);
  w.emit("imul", [RDX, word(TEAM.part)]);
  w.emit("mov", [RCX, RDX]);
  w.emit("add", [RCX, word(TEAM.part)]);
  w.emit("push", [RCX]);
  w.emit("push", [RDX]);
  w.emit("mov", [RCX, word(TEAM.buffers)]);
  w.emit("mov.q", [RSI, word(TEAM.arguments)]);
  const next = w.here();
  w.emit("push", [{ base: RSI, index: RCX, scale: 8, displacement: -8 }]);
  w.emit("add.imm", [RCX], -1);
  assembler.jumpIf("ne", next);
  w.emit("mov.q", [RAX, word(TEAM.kernel)]);
  assembler.bytes(CALL_RAX);
  w.emit("mov.q", [RSP, RBP]);
  w.count(TEAM.done, 1);
  w.emit("cmp.imm", [word(TEAM.waiting)], 0);
  assembler.jumpIf("e", again);
  w.wake(TEAM.done);
  assembler.jump(again);
  assembler.place(end);
  w.emit("pop", [RBP]);
  assembler.bytes(RETURN);
  return help;
}

/** On the block in rdi: does its job, and returns when it is done. */
function writeFork(w: Writer, help: number): number {
  const { assembler } = w;
  const fork = w.here();
  w.emit("push", [RBX]);
  w.emit("mov.q", [RBX, RDI]);
  w.emit("mov", [RCX, word(TEAM.parts)]);
  w.emit("cmp", [RCX, word(TEAM.limit)]);
  w.emit("cmova", [RCX, word(TEAM.limit)]);
  w.emit("mov", [RAX, word(TEAM.line)]);
  w.divideUp();
  w.emit("mov.store", [word(TEAM.part), RAX]);
  // Rounding up made parts longer: perhaps fewer are left.
  w.emit("mov", [RCX, RAX]);
  w.emit("mov", [RAX, word(TEAM.line)]);
  w.divideUp();
  w.emit("mov.store", [word(TEAM.parts), RAX]);
  w.emit("mov.imm", [word(TEAM.done)], 0);
  w.emit("xchg", [word(TEAM.ticket), RAX]);
  const awake = w.label();
  w.emit("cmp.imm", [word(TEAM.sleepers)], 0);
  assembler.jumpIf("e", awake);
  w.count(TEAM.signal, 1);
  w.wake(TEAM.signal);
  assembler.place(awake);
  assembler.call(help);
  writeJoin(w);
  w.emit("pop", [RBX]);
  assembler.bytes(RETURN);
  return fork;
}

/** Waits until all parts are done: a while turning, then asleep. */
function writeJoin(w: Writer): void {
  const { assembler } = w;
  const [end, awake] = [w.label(), w.label()];
  w.emit("mov.imm", [RCX], SPINS);
  const look = w.here();
  w.emit("mov", [RAX, word(TEAM.done)]);
  w.emit("cmp", [RAX, word(TEAM.parts)]);
  assembler.jumpIf("e", end);
  w.spin(look);
  w.emit("mov.imm", [RAX], 1);
  w.emit("xchg", [word(TEAM.waiting), RAX]);
  const sleep = w.here();
  w.emit("mov", [RDX, word(TEAM.done)]);
  w.emit("cmp", [RDX, word(TEAM.parts)]);
  assembler.jumpIf("e", awake);
  w.wait(TEAM.done);
  assembler.jump(sleep);
  assembler.place(awake);
  w.emit("mov.imm", [word(TEAM.waiting)], 0);
  assembler.place(end);
}

/** On the block in rdi: helps, and looks for more for a while after each job. While a step is in progress it sleeps for a moment before it returns, or until it is woken. */
function writeWork(w: Writer, help: number): number {
  const { assembler } = w;
  const work = w.here();
  const [idle, out, awake] = [w.label(), w.label(), w.label()];
  w.emit("push", [RBX]);
  w.emit("mov.q", [RBX, RDI]);
  const fresh = w.here();
  w.emit("mov.imm", [RCX], SPINS);
  const look = w.here();
  w.emit("cmp.imm", [word(TEAM.ticket)], 0);
  assembler.jumpIf("e", idle);
  assembler.call(help);
  assembler.jump(fresh);
  assembler.place(idle);
  w.spin(look);
  w.emit("mov", [RAX, word(TEAM.steps)]);
  w.emit("and.imm", [RAX], 1);
  assembler.jumpIf("e", out);
  w.count(TEAM.sleepers, 1);
  w.emit("mov", [RDX, word(TEAM.signal)]);
  w.emit("cmp.imm", [word(TEAM.ticket)], 0);
  assembler.jumpIf("ne", awake);
  w.wait(TEAM.signal, TEAM.sleep);
  assembler.place(awake);
  w.count(TEAM.sleepers, -1);
  assembler.place(out);
  w.emit("pop", [RBX]);
  assembler.bytes(RETURN);
  return work;
}
