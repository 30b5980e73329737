/**
 * @file Fork and join inside WebAssembly. The main thread writes a job (a kernel, its addresses, how its work is cut) to shared words and sets the *ticket*, the
 * number of unclaimed parts. All threads, the main one too, claim a part by decrementing the ticket with compare-exchange, and the main thread waits only for
 * parts that were claimed. So a thread that is late, asleep or absent delays no other, and a step stays one call.
 *
 * A thread that has claimed a part may read the job, since the main thread writes the next one only when all parts are done.
 */
import { FunctionBuilder, I32 } from "./module.ts";

/** Byte addresses of the words that threads share, at the start of the memory. Words that different threads write are on different cache lines. */
export const CONTROL = {
  /** The tag of the program and the number of unclaimed parts: see `tagOf`. */
  ticket: 64,
  /** Parts that are done. */
  done: 128,
  /** 1 while the main thread sleeps until `done` changes. */
  waiting: 132,
  /** 1: a part has failed. 2: a part was claimed and never done. */
  failed: 136,
  /** The number of threads that sleep until `signal` changes, or are about to. */
  sleepers: 192,
  signal: 256,
  /** The number of messages posted to each thread. A thread that has seen fewer returns to its event loop to receive them. */
  mail: 260,
  /** The job. `limit`: the most parts; 0 means that there are no other threads. */
  limit: 320,
  tag: 324,
  kernel: 328,
  line: 332,
  part: 336,
  parts: 340,
  addresses: 344,
  /** The first address for other data. */
  end: 1024,
} as const;

/** The most buffers of a divided kernel: the addresses of a job must fit in the shared words. */
export const MOST_ADDRESSES: number = (CONTROL.end - CONTROL.addresses) / 4;

const PART_BITS = 10;
/** The most parts of a job. The other bits of the ticket are the tag of its program, which tells threads whose kernels it means. */
export const MOST_PARTS: number = 2 ** PART_BITS - 1;
export const tagOf = (program: number): number => program << PART_BITS;

/** How often a thread looks for work before it sleeps. One look takes a third of a nanosecond, all together some 20 µs. */
const SPINS = 60_000;
/**
 * The longest sleep of the main thread in nanoseconds, and the number of sleeps in a row without progress after which it gives up: a part rarely takes a second.
 * (Several sleeps, because the first ends at once when the process was stopped for longer and continues.)
 */
const SLEEP = 5_000_000_000n;
const SLEEPS = 12;

const NOTIFY = 0x00;
const WAIT = 0x01;
const LOAD = 0x10;
const STORE = 0x17;
const ADD = 0x1e;
const EXCHANGE = 0x48;

/** A kernel that is divided: its function on addresses and bounds, and the length of its line of work. */
export interface Divided {
  readonly index: number;
  readonly buffers: number;
  readonly line: number;
  /** The number of parts that it is worth. */
  readonly parts: number;
}

/** Indices of the functions for threads. */
export interface Team {
  /** For each divided kernel, a function of its addresses that runs it on all threads. */
  readonly entries: readonly number[];
  /** For the other threads, a function of a tag: does parts of that program's jobs until there are none for a while or another program has jobs. */
  readonly work: number;
}

/** Adds the functions for threads to a module with divided kernels. */
export function addTeam(kernels: readonly Divided[], add: (code: FunctionBuilder) => number): Team {
  const perform = add(performFunction(kernels));
  const help = add(helpFunction(perform));
  const fork = add(forkFunction(help));
  const entries = kernels.map((kernel, i) => add(entryFunction(kernel, i, fork)));
  return { entries, work: add(workFunction(help)) };
}

const load = (code: FunctionBuilder, address: number): void => {
  code.i32(address);
  code.access([0x28], 2, 0);
};

const store = (code: FunctionBuilder, address: number, value: () => void): void => {
  code.i32(address);
  value();
  code.access([0x36], 2, 0);
};

/** perform(kernel, from, to): does the part from..to of the current job. */
function performFunction(kernels: readonly Divided[]): FunctionBuilder {
  const code = new FunctionBuilder([I32, I32, I32]);
  for (const [i, { index, buffers }] of kernels.entries()) {
    code.get(0);
    code.i32(i);
    code.emit(0x46);
    code.ifElse(undefined, () => {
      for (let b = 0; b < buffers; b++) load(code, CONTROL.addresses + 4 * b);
      code.get(1);
      code.get(2);
      code.call(index);
      code.emit(0x0f);
    });
  }
  return code;
}

/** help(tag): claims and does parts as long as there are any. */
function helpFunction(perform: number): FunctionBuilder {
  const code = new FunctionBuilder([I32]);
  const [ticket, from, to] = [code.newLocal(I32), code.newLocal(I32), code.newLocal(I32)];
  code.loop(() => {
    code.atomic(LOAD, CONTROL.ticket);
    code.tee(ticket);
    code.get(0);
    code.emit(0x6b);
    code.tee(from);
    // ticket - tag is the number of parts left, if the tag is this one.
    code.emit(0x45);
    code.get(from);
    code.i32(MOST_PARTS);
    code.emit(0x4b, 0x72);
    code.ifElse(undefined, () => code.emit(0x0f));
    code.atomic(EXCHANGE, CONTROL.ticket, () => {
      code.get(ticket);
      code.get(ticket);
      code.addConstant(-1);
    });
    code.get(ticket);
    code.emit(0x46);
    code.ifElse(undefined, () => {
      load(code, CONTROL.parts);
      code.get(from);
      code.emit(0x6b);
      load(code, CONTROL.part);
      code.emit(0x6c);
      code.set(from);
      code.get(from);
      load(code, CONTROL.part);
      code.emit(0x6a);
      code.set(to);
      load(code, CONTROL.kernel);
      code.get(from);
      code.get(to);
      code.call(perform);
      code.atomic(ADD, CONTROL.done, () => code.i32(1));
      code.emit(0x1a);
      code.atomic(LOAD, CONTROL.waiting);
      code.ifElse(undefined, () => notify(code, CONTROL.done));
    });
    code.i32(1);
  });
  return code;
}

function notify(code: FunctionBuilder, address: number): void {
  code.atomic(NOTIFY, address, () => code.i32(-1));
  code.emit(0x1a);
}

/** fork(kernel, line, parts): does a job whose addresses have been written, and returns when all parts are done. */
function forkFunction(help: number): FunctionBuilder {
  const code = new FunctionBuilder([I32, I32, I32]);
  const [kernel, line, parts] = [0, 1, 2];
  const [tag, part] = [code.newLocal(I32), code.newLocal(I32)];
  load(code, CONTROL.limit);
  code.get(parts);
  load(code, CONTROL.limit);
  code.get(parts);
  code.emit(0x49, 0x1b);
  code.set(parts);
  store(code, CONTROL.kernel, () => code.get(kernel));
  store(code, CONTROL.line, () => code.get(line));
  dividedUp(code, line, parts);
  code.set(part);
  store(code, CONTROL.part, () => code.get(part));
  // Part lengths were rounded up, so there may be fewer parts.
  dividedUp(code, line, part);
  code.set(parts);
  store(code, CONTROL.parts, () => code.get(parts));
  code.atomic(STORE, CONTROL.done, () => code.i32(0));
  load(code, CONTROL.tag);
  code.set(tag);
  code.atomic(STORE, CONTROL.ticket, () => {
    code.get(tag);
    code.get(parts);
    code.emit(0x6a);
  });
  code.atomic(LOAD, CONTROL.sleepers);
  code.ifElse(undefined, () => {
    code.atomic(ADD, CONTROL.signal, () => code.i32(1));
    code.emit(0x1a);
    notify(code, CONTROL.signal);
  });
  code.get(tag);
  code.call(help);
  join(code);
  return code;
}

/** ⌈a / b⌉ of two locals. */
function dividedUp(code: FunctionBuilder, a: number, b: number): void {
  code.get(a);
  code.get(b);
  code.emit(0x6a);
  code.addConstant(-1);
  code.get(b);
  code.emit(0x6e);
}

/** Waits until all parts are done: first spinning, then asleep. */
function join(code: FunctionBuilder): void {
  const [spins, done, sleeps] = [code.newLocal(I32), code.newLocal(I32), code.newLocal(I32)];
  code.i32(SPINS);
  code.set(spins);
  code.loop(() => {
    code.atomic(LOAD, CONTROL.done);
    load(code, CONTROL.parts);
    code.emit(0x46);
    code.ifElse(undefined, () => {
      code.atomic(LOAD, CONTROL.failed);
      code.ifElse(undefined, () => code.emit(0x00));
      code.emit(0x0f);
    });
    code.get(spins);
    code.addConstant(-1);
    code.tee(spins);
  });
  code.atomic(STORE, CONTROL.waiting, () => code.i32(1));
  code.loop(() => {
    code.atomic(LOAD, CONTROL.done);
    code.tee(done);
    load(code, CONTROL.parts);
    code.emit(0x47);
    code.ifElse(undefined, () => {
      code.atomic(WAIT, CONTROL.done, () => {
        code.get(done);
        code.i64(SLEEP);
      });
      // The result 2 is a timeout: the count of fruitless sleeps is increased, otherwise it is reset.
      code.i32(2);
      code.emit(0x46);
      code.get(sleeps);
      code.addConstant(1);
      code.emit(0x6c);
      code.tee(sleeps);
      code.i32(SLEEPS);
      code.emit(0x46);
      code.ifElse(undefined, () => {
        code.atomic(STORE, CONTROL.failed, () => code.i32(2));
        code.emit(0x00);
      });
    });
    code.get(done);
    load(code, CONTROL.parts);
    code.emit(0x47);
  });
  code.atomic(STORE, CONTROL.waiting, () => code.i32(0));
  code.atomic(LOAD, CONTROL.failed);
  code.ifElse(undefined, () => code.emit(0x00));
}

/** entry(...addresses): runs the whole kernel, on this thread alone if there are no others. */
function entryFunction({ index, buffers, line, parts }: Divided, kernel: number, fork: number): FunctionBuilder {
  const code = new FunctionBuilder(Array<typeof I32>(buffers).fill(I32));
  load(code, CONTROL.limit);
  code.ifElse(
    undefined,
    () => {
      for (let b = 0; b < buffers; b++) store(code, CONTROL.addresses + 4 * b, () => code.get(b));
      code.i32(kernel);
      code.i32(line);
      code.i32(parts);
      code.call(fork);
    },
    () => {
      for (let b = 0; b < buffers; b++) code.get(b);
      code.i32(0);
      code.i32(line);
      code.call(index);
    },
  );
  return code;
}

/** work(tag): helps, and spins for a while after each job, since the next one usually follows soon. */
function workFunction(help: number): FunctionBuilder {
  const code = new FunctionBuilder([I32]);
  const [spins, left] = [code.newLocal(I32), code.newLocal(I32)];
  code.i32(SPINS);
  code.set(spins);
  code.loop(() => {
    code.atomic(LOAD, CONTROL.ticket);
    code.get(0);
    code.emit(0x6b);
    code.tee(left);
    code.i32(MOST_PARTS);
    code.emit(0x4b);
    code.ifElse(undefined, () => code.emit(0x0f));
    code.get(left);
    code.ifElse(undefined, () => {
      code.get(0);
      code.call(help);
      code.i32(SPINS);
      code.set(spins);
    });
    code.get(spins);
    code.addConstant(-1);
    code.tee(spins);
  });
  return code;
}
