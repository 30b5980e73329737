/**
 * @file What the host lets us say to its JavaScript engine. Node takes V8's flags while it runs; a browser takes none, and everything here does
 * nothing.
 */

/** The part of Node's `process` that finds built-in modules without an import, which a browser's bundler would stumble over. */
interface NodeLike {
  readonly versions?: { readonly node?: string };
  readonly execArgv?: readonly string[];
  readonly getBuiltinModule?: (id: string) => { readonly setFlagsFromString: (flags: string) => void } | undefined;
}

function node(): NodeLike | undefined {
  return (globalThis as { readonly process?: NodeLike }).process;
}

/** Node's version, such as 20.11.1. */
export function nodeVersion(): string | undefined {
  return node()?.versions?.node;
}

/** Sets flags of V8. They are all for speed: a host that looks like Node and has no such flags is left alone. */
export function setFlags(flags: string): void {
  try {
    node()?.getBuiltinModule?.("node:v8")?.setFlagsFromString(flags);
  } catch {
    // Not V8.
  }
}

/** Milliseconds of work that is done before V8 may optimize it: less would not pay for being optimized. */
const COLD_MS = 1000;

let spent = 0;
let nesting = 0;

/**
 * Runs `fn`, a part of the compiler. What most programs need of it, a network's step or two, runs each function a few thousand times: V8 would
 * spend twice as long on optimizing them as they take without. So the optimizer is off for the first second of such work in a process.
 */
export function cold<T>(fn: () => T): T {
  if (nesting > 0 || spent > COLD_MS || node()?.execArgv?.some((flag) => /^--(no-)?(opt|turbofan)$/.test(flag))) return fn();
  const start = performance.now();
  setFlags("--no-opt");
  nesting++;
  try {
    return fn();
  } finally {
    nesting--;
    setFlags("--opt");
    spent += performance.now() - start;
  }
}
