/**
 * @file A kernel whose iterations take very different times, to be done by threads on an arena of its own.
 */

import * as k from "../../src/kernel/build.ts";
import type { Kernel, Program } from "../../src/kernel/kernel.ts";
import { Arena } from "../../src/runtime/arena.ts";
import { dividing, wasm } from "../../src/runtime/wasm/backend.ts";
import { LinearMemory } from "../../src/runtime/wasm/memory.ts";
import { poolOf } from "../../src/runtime/wasm/pool.ts";

/** What the last iteration does: as the others, or it stores outside of the memory (as all but the first do), or it takes minutes. */
export type Last = "ordinary" | "outside" | "endless";

/** The first iteration takes long, so that others get to the rest. */
export function lopsided(last: Last): Program {
  const rounds = last === "endless" ? 2 ** 13 : 1;
  const body = [
    k.forLoop(
      64,
      (i) => {
        const sum = k.bind(k.float(0));
        const long = (n: number) =>
          k.forLoop(n, () => [k.forLoop(2 ** 24, (j) => [k.set(sum.variable, k.add(sum.variable, k.cast(j, "f32")))])]);
        const index = last === "outside" ? k.mul(i, k.int(2 ** 24)) : i;
        const ends = last === "endless" ? [k.ifThen(k.eq(i, k.int(63)), [long(rounds)])] : [];
        return [sum.statement, k.ifThen(k.eq(i, k.int(0)), [long(8)]), ...ends, k.store(0, index, k.add(sum.variable, k.float(1)))];
      },
      { parallel: true },
    ),
  ];
  const kernel: Kernel = { name: "lopsided", buffers: [{ dtype: "f32", length: 64, written: true }], body };
  return { kernels: [kernel], steps: [{ kind: "call", kernel: 0, args: [{ binding: 0, offset: 0 }] }], bindings: 1 };
}

/** The program on an arena with two threads, and where its buffer lies. With `atOnce` its first run is shared already. */
export function loaded(
  program: Program,
  { arena = new Arena(new LinearMemory()), atOnce = false } = {},
): { run: () => void; arena: Arena<LinearMemory>; at: number } {
  const usual = dividing.leastWork;
  dividing.leastWork = 0;
  const main = wasm.load(program, arena.memory, { work: atOnce ? 1e9 : 0 });
  dividing.leastWork = usual;
  poolOf(arena.memory).threads = 2;
  const [table, at] = [arena.allocate(4), arena.allocate(256)];
  arena.memory.view("u32", table, 1)[0] = at;
  return { run: () => main(table), arena, at };
}
