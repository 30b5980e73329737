/**
 * @file Objects whose fields a recorded function reads: modules, optimizers. They report themselves when one of their methods runs, and
 * `compile` compares their fields at every later call (`function/snapshot.ts`).
 */

import { ADDITIONS, changed } from "./watch.ts";

let found: Set<object> | undefined;

/** Reports that what is being recorded may read the fields of `object`. */
export function notice(object: object): void {
  found?.add(object);
}

/** Runs `fn`, a recording, and returns its result and the objects that reported themselves. */
export function noticing<T>(fn: () => T): { result: T; noticed: ReadonlySet<object> } {
  const outer = found;
  const noticed = new Set<object>();
  found = noticed;
  try {
    return { result: fn(), noticed };
  } finally {
    found = outer;
    if (outer) for (const object of noticed) outer.add(object);
  }
}

const NOTHING: Around = new Map();
const announced: WeakSet<object> = new WeakSet();

/** Returns true for a module, an optimizer and the like. As arguments they are distinguished by identity. */
export function isNoticed(x: unknown): x is object {
  return typeof x === "object" && x !== null && announced.has(Object.getPrototypeOf(x));
}

/** Functions that wrap methods, by the name of the method: they run the method and may do more around it. */
export type Around = ReadonlyMap<PropertyKey, (object: object, run: () => unknown) => unknown>;

/**
 * Makes objects with this prototype report themselves when one of their methods runs that is defined below the class `base`. This is done once per class: each
 * method is replaced by one that reports and calls it.
 */
export function announce(prototype: object, base: object, around: Around = NOTHING): void {
  if (announced.has(prototype)) return;
  countAdditions(prototype);
  for (let p = prototype; p !== base && p !== null && !announced.has(p); p = Object.getPrototypeOf(p)) {
    announced.add(p);
    for (const key of Reflect.ownKeys(p)) {
      const descriptor = Object.getOwnPropertyDescriptor(p, key)!;
      const method: unknown = descriptor.value;
      if (key === "constructor" || typeof method !== "function" || !descriptor.configurable) continue;
      const made = reporting(method as (...args: unknown[]) => unknown, around.get(key));
      Object.defineProperty(p, key, countedMethod(p, key, made));
    }
  }
}

/** A method as an accessor, so that it is counted when the class or an object is given another one. */
function countedMethod(prototype: object, key: PropertyKey, method: unknown): PropertyDescriptor {
  let current = method;
  return {
    get: () => current,
    set(this: object, other: unknown) {
      changed();
      if (this === prototype) current = other;
      else Object.defineProperty(this, key, { value: other, writable: true, configurable: true, enumerable: true });
    },
    configurable: true,
    enumerable: false,
  };
}

/** Puts ADDITIONS at the end of the prototype chain. Objects whose class does not allow that are compared at every call. */
function countAdditions(prototype: object): void {
  for (let p: object | null = prototype; p !== null && p !== ADDITIONS; p = Object.getPrototypeOf(p)) {
    if (Object.getPrototypeOf(p) === Object.prototype) Reflect.setPrototypeOf(p, ADDITIONS);
  }
}

function reporting(method: (...args: unknown[]) => unknown, around: ReturnType<Around["get"]>): (...args: unknown[]) => unknown {
  const made = function (this: object, ...args: unknown[]): unknown {
    found?.add(this);
    return around ? around(this, () => method.apply(this, args)) : method.apply(this, args);
  };
  return Object.defineProperties(made, { name: { value: method.name }, length: { value: method.length } });
}
