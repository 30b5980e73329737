/**
 * @file Properties of an object that keep to their kind: a property that holds a parameter takes parameters, one that holds a layer takes layers. A plain tensor
 * in a parameter's place would compute, and would be neither trained nor saved.
 */

/** What stands in a property, and what may take its place. */
export interface Kind {
  isOf(value: unknown): boolean;
  /** @throws {TypeError} that says why `value` cannot take the place, and what to do. */
  refuse(owner: object, name: string, value: unknown): never;
}

/** The guarded properties of an object, by name. One that was given up is undefined, and keeps its kind. */
interface Slots {
  readonly values: Record<string, unknown>;
  readonly kinds: Map<string, Kind>;
}

const slotsOf: WeakMap<object, Slots> = new WeakMap();

/** The values of the guarded properties of an object. */
export function slotValues(owner: object): Readonly<Record<string, unknown>> | undefined {
  return slotsOf.get(owner)?.values;
}

/** Has an own property of an object keep to a kind from now on. Does nothing for one that does already, or that cannot be defined anew. */
export function guardSlot(owner: object, name: string, kind: Kind): void {
  const slots: Slots = slotsOf.get(owner) ?? { values: {}, kinds: new Map() };
  const { configurable, writable, value } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  if (!configurable || !writable) return;
  slotsOf.set(owner, slots);
  slots.values[name] = value;
  slots.kinds.set(name, kind);
  Object.defineProperty(owner, name, accessor(name));
}

/** Takes a property away, whatever it holds; its name is free then. */
export function removeSlot(owner: object, name: string): boolean {
  const slots = slotsOf.get(owner);
  slots?.kinds.delete(name);
  if (slots) delete slots.values[name];
  return Reflect.deleteProperty(owner, name);
}

/** The name of a guarded property that is gone, though nobody gave it up. */
export function deletedSlot(owner: object): string | undefined {
  const values = slotsOf.get(owner)?.values;
  for (const name in values) if (!Object.hasOwn(owner, name)) return name;
  return undefined;
}

/** One pair of functions for each name, so that the objects of a class keep one shape. */
const accessors: Map<string, PropertyDescriptor> = new Map();

function accessor(name: string): PropertyDescriptor {
  const known = accessors.get(name);
  if (known) return known;
  const made: PropertyDescriptor = {
    enumerable: true,
    configurable: true,
    get(this: object) {
      return slotsOf.get(this)?.values[name];
    },
    set(this: object, value: unknown) {
      const slots = slotsOf.get(this);
      const kind = slots?.kinds.get(name);
      if (!slots || !kind) return;
      const given = value ?? undefined;
      if (given !== undefined && !kind.isOf(given)) kind.refuse(this, name, given);
      slots.values[name] = given;
    },
  };
  accessors.set(name, made);
  return made;
}
