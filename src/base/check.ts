/**
 * @file Checks of what a caller gives. An expectation has the words for an error and a test; every error has one form:
 *
 *     fit: epochs must be a positive integer, got NaN
 *     ── what ──  name       expectation           shown(value)
 *
 * What has the wrong type is a `TypeError`; a number (or a container) that cannot be is a `RangeError`.
 */

/** What a value must be: its name in errors, and the test. */
export interface Expectation {
  readonly want: string;
  readonly holds: (value: unknown) => boolean;
}

/** Expectations by the names of fields. */
export type Fields = Readonly<Record<string, Expectation>>;

/** An expectation of one's own. */
export const expectation = (want: string, holds: (value: unknown) => boolean): Expectation => ({ want, holds });

// ---- numbers --------------------------------------------------------------------------------------------------------------------------

const number = (want: string, holds: (value: number) => boolean): Expectation =>
  expectation(want, (value) => typeof value === "number" && holds(value));

export const positiveInteger: Expectation = number("a positive integer", (n) => Number.isSafeInteger(n) && n >= 1);
export const naturalNumber: Expectation = number("an integer of at least 0", (n) => Number.isSafeInteger(n) && n >= 0);
export const integer: Expectation = number("an integer", Number.isSafeInteger);
export const finite: Expectation = number("a finite number", Number.isFinite);
/** Any number but NaN. */
export const aNumber: Expectation = number("a number", (n) => !Number.isNaN(n));
export const positive: Expectation = number("a number above 0", (n) => n > 0);
export const nonNegative: Expectation = number("a number of at least 0", (n) => n >= 0);
export const share: Expectation = number("a number from 0 to 1", (n) => n >= 0 && n <= 1);

// ---- other values ---------------------------------------------------------------------------------------------------------------------

export const flag: Expectation = expectation("true or false", (value) => typeof value === "boolean");
export const text: Expectation = expectation("a string", (value) => typeof value === "string");
export const anything: Expectation = expectation("a value", () => true);
export const fn: Expectation = expectation("a function", (value) => typeof value === "function");
export const object: Expectation = expectation("an object", (value) => typeof value === "object" && value !== null);
export const list: Expectation = expectation("a list", Array.isArray);
export const numbers: Expectation = expectation("a list or typed array of numbers", isNumbers);
/** Also those of another realm (`vm`, Jest), where `instanceof` fails. */
export const bytes: Expectation = expectation(
  "the bytes of a file, a Uint8Array",
  (value) => Object.prototype.toString.call(value) === "[object Uint8Array]" && ArrayBuffer.isView(value),
);

/** One of some strings. */
export const oneOf = (...names: readonly string[]): Expectation =>
  expectation(names.map((name) => `"${name}"`).join(" or "), (value) => typeof value === "string" && names.includes(value));

/** An object that has a method. */
export const having = (want: string, ...methods: readonly string[]): Expectation =>
  expectation(want, (value) => methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === "function"));

/** A list of which every element meets the expectation. */
export const listOf = ({ want, holds }: Expectation, least = 0): Expectation =>
  expectation(
    `a list of ${least > 0 ? `at least ${least}` : "elements"}, each ${want}`,
    (value) => Array.isArray(value) && value.length >= least && value.every(holds),
  );

/** Either of two. */
export const either = (a: Expectation, b: Expectation): Expectation =>
  expectation(`${a.want} or ${b.want}`, (value) => a.holds(value) || b.holds(value));

/** May be left out. */
export const optional = ({ want, holds }: Expectation): Expectation => expectation(want, (value) => value === undefined || holds(value));

function isNumbers(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((n) => typeof n === "number");
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

// ---- checking -------------------------------------------------------------------------------------------------------------------------

/** A value as an error shows it, in a few words. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `the function ${value.name}` : "a function";
  if (Array.isArray(value)) return value.length > 8 ? `a list of ${value.length}` : `[${value.map(shown).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  if (ArrayBuffer.isView(value)) return `${name} of ${(value as { length?: number }).length ?? value.byteLength}`;
  return name === "Object" || !name ? `{ ${Object.keys(value).slice(0, 6).join(", ")} }` : `an object of class ${name}`;
}

/** @throws {RangeError} (or TypeError, for another type) unless the value is as expected; the message starts with `what`. */
export function check(what: string, value: unknown, { want, holds }: Expectation): void {
  if (holds(value)) return;
  const message = `${what} must be ${want}, got ${shown(value)}`;
  throw typeof value === "number" || ArrayBuffer.isView(value) || Array.isArray(value) ? new RangeError(message) : new TypeError(message);
}

/** Checks an object and its fields: `what: name must be ...`. */
export function checkFields(what: string, value: unknown, fields: Fields): void {
  checkEach(what, value, fields, false);
}

/** Checks options: every field may be left out. */
export function checkOptions(what: string, value: unknown, fields: Fields): void {
  checkEach(what, value, fields, true);
}

// Losses and layers come here in every eager call, so no text is made before something is wrong.
function checkEach(what: string, value: unknown, fields: Fields, mayBeLeftOut: boolean): void {
  if (!object.holds(value)) throw new TypeError(`${what}: want an object with ${Object.keys(fields).join(", ")}, got ${shown(value)}`);
  for (const name in fields) {
    const given = (value as Record<string, unknown>)[name];
    if (given === undefined && mayBeLeftOut) continue;
    if (!fields[name].holds(given)) check(`${what}: ${name}`, given, fields[name]);
  }
}
