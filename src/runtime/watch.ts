/**
 * @file Objects whose changes are counted, so that a compiled function sees at the cost of one comparison that nothing has changed since it was recorded.
 * Fields that a recording may have read become accessors that count what is assigned (`slots.ts`); what is assigned to a field that is not
 * there, or to a method, is counted by the prototypes (`notice.ts`).
 */

let count = 0;

/** How many changes have been counted so far, of all objects together. */
export const changes = (): number => count;

export function changed(): void {
  count++;
}

/** The end of the chain of prototypes of watched classes. What finds no field and no method on its way is a field that is added. */
export const ADDITIONS: object = /* @__PURE__ */ new Proxy(Object.create(Object.prototype), {
  set(target, key, value, receiver) {
    count++;
    return Reflect.set(target, key, value, receiver);
  },
});

/** Returns true for objects of a class that `announce` has seen to. */
export const isWatched = (object: object): boolean => Object.prototype.isPrototypeOf.call(ADDITIONS, object) && !open.has(object);

const open: WeakSet<object> = new WeakSet();

/** Leaves the fields of an object alone, since some of them will be deleted, which accessors could not count: compiled functions compare them. */
export function leaveOpen(object: object): void {
  open.add(object);
}

/** A plain object with these fields whose changes are counted. */
export const watchable = <T extends object>(fields: T): T => Object.assign(Object.create(ADDITIONS), fields);
