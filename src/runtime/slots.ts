/**
 * @file Properties of an object as accessors. What is assigned is counted, so that a compiled function notices it; and a property may keep to its kind: one that
 * holds a parameter takes parameters, one that holds a layer takes layers. A plain tensor in a parameter's place would compute, and would be neither
 * trained nor saved.
 */
import { changed } from "./watch.ts";

/** What stands in a property, and what may take its place. */
export interface Kind {
  isOf(value: unknown): boolean;
  /** @throws {TypeError} that says why `value` cannot take the place, and what to do. */
  refuse(owner: object, name: string, value: unknown): never;
}

/** The slots of an object, by name. A guarded one that was given up is undefined, and keeps its kind. */
interface Slots {
  readonly values: Record<PropertyKey, unknown>;
  readonly kinds: Map<PropertyKey, Kind>;
}

const SLOTS = Symbol("slots");

interface Owner {
  readonly [SLOTS]?: Slots;
}

/** The slots of an object itself; of objects that inherit from one, none. */
const slotsOf = (owner: Owner): Slots | undefined => (Object.hasOwn(owner, SLOTS) ? owner[SLOTS] : undefined);

function makeSlots(owner: object): Slots {
  const slots: Slots = { values: Object.create(null), kinds: new Map() };
  Object.defineProperty(owner, SLOTS, { value: slots });
  return slots;
}

/** Returns true if an own property is a slot. */
export const isSlot = (owner: object, name: PropertyKey): boolean => name in (slotsOf(owner)?.values ?? {}) && Object.hasOwn(owner, name);

/** Returns true if an own property keeps to a kind. */
export const isGuarded = (owner: object, name: PropertyKey): boolean => slotsOf(owner)?.kinds.has(name) === true;

/** Has an own property of an object keep to a kind from now on. Does nothing for one that does already, or that cannot be defined anew. */
export function guardSlot(owner: object, name: string, kind: Kind): void {
  if (isGuarded(owner, name)) return;
  if (isSlot(owner, name) || makeSlot(owner, name)) slotsOf(owner)!.kinds.set(name, kind);
}

/** Makes a slot of an own property that holds a value. */
function makeSlot(owner: object, name: PropertyKey): boolean {
  const { configurable, writable, enumerable, value } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  if (!configurable || !writable || !enumerable) return false;
  (slotsOf(owner) ?? makeSlots(owner)).values[name] = value;
  Object.defineProperty(owner, name, accessorOf(name));
  return true;
}

/** Makes slots of all properties of an object. To delete one, or to define it anew, is an error from now on, since it could not be counted. */
export function watchSlots(owner: object): void {
  for (const name of Reflect.ownKeys(owner)) {
    if (isSlot(owner, name) || makeSlot(owner, name)) Object.defineProperty(owner, name, { configurable: false });
  }
}

/** Has a property keep to its kind no longer. */
export function freeSlot(owner: object, name: string): void {
  slotsOf(owner)?.kinds.delete(name);
}

/** Takes a property away, whatever it holds; its name is free then. */
export function removeSlot(owner: object, name: string): boolean {
  const slots = slotsOf(owner);
  slots?.kinds.delete(name);
  if (slots) delete slots.values[name];
  return Reflect.deleteProperty(owner, name);
}

/** The name of a guarded property that is gone, though nobody gave it up. */
export function deletedSlot(owner: object): string | undefined {
  for (const name of slotsOf(owner)?.kinds.keys() ?? []) if (!Object.hasOwn(owner, name)) return String(name);
  return undefined;
}

/** One pair of functions for each name, so that the objects of a class keep one shape. */
const accessors: Map<PropertyKey, PropertyDescriptor> = new Map();

function accessorOf(name: PropertyKey): PropertyDescriptor {
  const known = accessors.get(name);
  if (known) return known;
  const made: PropertyDescriptor = {
    enumerable: true,
    configurable: true,
    get(this: Owner) {
      return this[SLOTS]?.values[name];
    },
    set(this: Owner, value: unknown) {
      assign(this, name, value);
    },
  };
  accessors.set(name, made);
  return made;
}

function assign(owner: Owner, name: PropertyKey, value: unknown): void {
  const slots = slotsOf(owner);
  if (!slots) {
    // An object that inherits from the slots' owner gets a property of its own, as it would from any.
    Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: true });
    return;
  }
  const kind = slots.kinds.get(name);
  if (kind && !kind.isOf(value) && value !== undefined && value !== null) kind.refuse(owner, String(name), value);
  slots.values[name] = kind ? (value ?? undefined) : value;
  changed();
}
