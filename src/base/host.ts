/**
 * @file What the host tells of itself, and lets us say to its JavaScript engine. Node takes V8's flags while it runs; a browser takes none and tells
 * nothing, and everything here does nothing.
 */

/** The part of Node's `process` that finds built-in modules without an import, which a browser's bundler would stumble over, and what it knows. */
interface NodeLike {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly versions?: { readonly node?: string };
  readonly execArgv?: readonly string[];
  readonly cpuUsage?: () => { readonly user: number; readonly system: number };
  readonly getBuiltinModule?: (id: string) => unknown;
}

function node(): NodeLike | undefined {
  return (globalThis as { readonly process?: NodeLike }).process;
}

/** A module that is part of Node. */
export function builtinModule<M>(id: string): M | undefined {
  return node()?.getBuiltinModule?.(id) as M | undefined;
}

/**
 * A module that is part of Node, for what only Node can do. No bundler sees its name: a page that never gets here must not stumble over it.
 * @throws {Error} where there is no Node.
 */
export async function nodeModule<M>(id: string): Promise<M> {
  const found = builtinModule<M>(id);
  if (found) return found;
  // Node before 20.16 finds its modules by an import alone.
  if (nodeVersion() !== undefined) return (await import(/* webpackIgnore: true */ /* @vite-ignore */ id)) as M;
  throw new Error(`${id}: files are read and written in Node (or Bun, or Deno) alone; a page gives bytes to the readers of nabla/formats`);
}

/** A variable of the environment; absent too where the host does not let us look (Deno without `--allow-env`). */
export function environment(name: string): string | undefined {
  return permitted(() => node()?.env?.[name]);
}

/** What a host gives, or nothing where it refuses: nobody has to allow what only makes things faster or more convenient. */
function permitted<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

/** The folder of what Node keeps between processes: $NABLA_CACHE, else the platform's place for caches. */
export function cacheFolderOf(
  { env, platform }: { readonly env: Readonly<Record<string, string | undefined>>; readonly platform: string },
  homedir: () => string,
): string {
  if (env.NABLA_CACHE) return env.NABLA_CACHE;
  if (platform === "win32") return `${env.LOCALAPPDATA ?? `${homedir()}/AppData/Local`}/nabla/cache`;
  return platform === "darwin" ? `${homedir()}/Library/Caches/nabla` : `${env.XDG_CACHE_HOME || `${homedir()}/.cache`}/nabla`;
}

/** How many processors this process may use. */
export function cores(): number {
  const { navigator } = globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } };
  const os = builtinModule<{ readonly availableParallelism?: () => number }>("node:os");
  return permitted(() => os?.availableParallelism?.()) ?? navigator?.hardwareConcurrency ?? 1;
}

/** Node's version, such as 20.11.1. */
export function nodeVersion(): string | undefined {
  return node()?.versions?.node;
}

/** Milliseconds of processor time that this process has used; 0 where nobody tells. */
export function processorTime(): number {
  const used = permitted(() => node()?.cpuUsage?.());
  return used ? (used.user + used.system) / 1e3 : 0;
}

/** Sets flags of V8. They are all for speed: a host that looks like Node and has no such flags is left alone. */
export function setFlags(flags: string): void {
  try {
    builtinModule<{ readonly setFlagsFromString: (flags: string) => void }>("node:v8")?.setFlagsFromString(flags);
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
