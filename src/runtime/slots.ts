/**
 * @file Turns properties of an object into accessors ("slots"). Assignments are counted, so that a compiled function notices them. A slot may also be guarded to
 * keep its kind: one that holds a parameter takes only parameters, one that holds a layer takes only layers. A plain tensor in place of a parameter would
 * compute, but would be neither trained nor saved.
 */
import { changed } from "./watch.ts";

/** A kind of values that a guarded property takes. */
export interface Kind {
  isOf(value: unknown): boolean;
  /** @throws {TypeError} that says why the property cannot take `value`, and what to do. */
  refuse(owner: object, name: string, value: unknown): never;
}

/** The slots of an object, by name. A guarded slot whose value was removed is undefined and keeps its kind. */
interface Slots {
  readonly values: Record<PropertyKey, unknown>;
  readonly kinds: Map<PropertyKey, Kind>;
}

const SLOTS = Symbol("slots");

/** An object with slots. */
interface Owner {
  readonly [SLOTS]?: Slots;
}

/** The slots of an object itself, not of its prototypes. */
const slotsOf = (owner: Owner): Slots | undefined => (Object.hasOwn(owner, SLOTS) ? owner[SLOTS] : undefined);

function makeSlots(owner: object): Slots {
  const slots: Slots = { values: Object.create(null), kinds: new Map() };
  Object.defineProperty(owner, SLOTS, { value: slots });
  return slots;
}

/** Returns true if an own property is a slot. */
export const isSlot = (owner: object, name: PropertyKey): boolean => name in (slotsOf(owner)?.values ?? {}) && Object.hasOwn(owner, name);

/** Returns true if an own property is guarded. */
export const isGuarded = (owner: object, name: PropertyKey): boolean => slotsOf(owner)?.kinds.has(name) === true;

/** Guards an own property of an object, so that it keeps its kind. Does nothing if it is guarded already or cannot be redefined. */
export function guardSlot(owner: object, name: string, kind: Kind): void {
  if (isGuarded(owner, name)) return;
  if (isSlot(owner, name) || makeSlot(owner, name)) slotsOf(owner)!.kinds.set(name, kind);
}

/** Turns an own data property into a slot; returns false if it cannot. */
function makeSlot(owner: object, name: PropertyKey): boolean {
  const { configurable, writable, enumerable, value } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  if (!configurable || !writable || !enumerable) return false;
  (slotsOf(owner) ?? makeSlots(owner)).values[name] = value;
  Object.defineProperty(owner, name, accessorOf(name));
  return true;
}

/** Turns all properties of an object into slots. Deleting or redefining one is an error from now on, since it could not be counted. */
export function watchSlots(owner: object): void {
  for (const name of Reflect.ownKeys(owner)) {
    if (isSlot(owner, name) || makeSlot(owner, name)) Object.defineProperty(owner, name, { configurable: false });
  }
}

/** Removes the guard of a property. */
export function freeSlot(owner: object, name: string): void {
  slotsOf(owner)?.kinds.delete(name);
}

/** Deletes a property, guarded or not; its name is free afterwards. */
export function removeSlot(owner: object, name: string): boolean {
  const slots = slotsOf(owner);
  slots?.kinds.delete(name);
  if (slots) delete slots.values[name];
  return Reflect.deleteProperty(owner, name);
}

/** The name of a guarded property that was deleted without `freeSlot` or `removeSlot`; undefined if there is none. */
export function deletedSlot(owner: object): string | undefined {
  for (const name of slotsOf(owner)?.kinds.keys() ?? []) if (!Object.hasOwn(owner, name)) return String(name);
  return undefined;
}

/** One pair of accessor functions per name, so that the engine gives all objects of a class one hidden class. */
const accessors: Map<PropertyKey, PropertyDescriptor> = new Map();

/** The accessor of a slot of a name, the same for all objects. */
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

/** Assigns to a slot: checks its kind and counts the change. */
function assign(owner: Owner, name: PropertyKey, value: unknown): void {
  const slots = slotsOf(owner);
  if (!slots) {
    // An object that inherits from the owner of the slots gets its own property, as with a data property.
    Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: true });
    return;
  }
  const kind = slots.kinds.get(name);
  if (kind && !kind.isOf(value) && value !== undefined && value !== null) kind.refuse(owner, String(name), value);
  slots.values[name] = kind ? (value ?? undefined) : value;
  changed();
}
