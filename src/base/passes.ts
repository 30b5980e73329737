/**
 * @file A part of the compiler as data: passes with their names, in the order in which they run.
 */

/** A name, and a function from a program to one that means the same on some machine. The name is that of the function and of its file. */
export type Pass<T, M> = readonly [name: string, pass: (x: T, machine: M) => T];

/** What is told of every pass: its name, what it made, and the milliseconds that it took, without those of passes within it. */
export type Watch<T> = (name: string, made: T, ms: number) => void;

/** Runs passes one after another. */
export function runPasses<T extends object, M>(passes: readonly Pass<T, M>[], x: T, machine: M, watch?: Watch<T>): T {
  return passes.reduce((made, [name, pass]) => watched(name, () => pass(made, machine), watch), x);
}

/** Milliseconds of the passes that have run within the one in progress. */
let within = 0;

/** Runs one pass. One that has nothing to do may give undefined, of which nobody is told. */
export function watched<M, T extends M | undefined>(name: string, pass: () => T, watch: Watch<M> | undefined): T {
  if (!watch) return pass();
  const outer = within;
  within = 0;
  const start = performance.now();
  try {
    const made = pass();
    const own = performance.now() - start - within;
    if (made !== undefined) watch(name, made, own);
    return made;
  } finally {
    within = outer + performance.now() - start;
  }
}
