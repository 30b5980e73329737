/**
 * @file Counts changes of objects, so that a compiled function can check with one comparison that nothing has changed since it was recorded. Fields that a
 * recording may have read become accessors that count assignments (`slots.ts`). Assignments to new fields and to methods are counted by the prototypes
 * (`notice.ts`).
 */

let count = 0;

/** The number of changes so far, of all objects together. */
export const changes = (): number => count;

export function changed(): void {
  count++;
}

/** The end of the prototype chain of watched classes. An assignment that reaches it, past all fields and methods, adds a field. */
export const ADDITIONS: object = /* @__PURE__ */ new Proxy(Object.create(Object.prototype), {
  set(target, key, value, receiver) {
    count++;
    return Reflect.set(target, key, value, receiver);
  },
});

/** Returns true for objects of a class that `announce` has prepared. */
export const isWatched = (object: object): boolean => Object.prototype.isPrototypeOf.call(ADDITIONS, object) && !open.has(object);

const open: WeakSet<object> = new WeakSet();

/** Leaves the fields of an object as data properties, because some will be deleted, which accessors could not count. Compiled functions compare them instead. */
export function leaveOpen(object: object): void {
  open.add(object);
}

/** A plain object with these fields whose changes are counted. */
export const watchable = <T extends object>(fields: T): T => Object.assign(Object.create(ADDITIONS), fields);
