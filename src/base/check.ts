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
  /** What an error says behind the value that came. */
  readonly remedy?: (value: unknown) => string;
}

/** Expectations by the names of fields. */
export type Fields = Readonly<Record<string, Expectation>>;

/** An expectation of one's own. */
export const expectation = /* @__NO_SIDE_EFFECTS__ */ (
  want: string,
  holds: (value: unknown) => boolean,
  remedy?: (value: unknown) => string,
): Expectation => ({
  want,
  holds,
  ...(remedy && { remedy }),
});

// ---- numbers --------------------------------------------------------------------------------------------------------------------------

const number = /* @__NO_SIDE_EFFECTS__ */ (want: string, holds: (value: number) => boolean): Expectation =>
  expectation(want, (value) => typeof value === "number" && holds(value));

export const positiveInteger: Expectation = number("a positive integer", (n) => Number.isSafeInteger(n) && n >= 1);
export const naturalNumber: Expectation = number("an integer of at least 0", (n) => Number.isSafeInteger(n) && n >= 0);
export const integer: Expectation = number("an integer", Number.isSafeInteger);
export const finite: Expectation = number("a finite number", Number.isFinite);
/** Any number, NaN too. */
export const anyNumber: Expectation = expectation("a number", (value) => typeof value === "number");
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
/** One number for all axes, or one for each. */
export const eachAxis: Expectation = expectation(
  "a number or a list or typed array of numbers",
  (value) => aNumber.holds(value) || isNumbers(value),
);
/** Also those of another realm (`vm`, Jest), where `instanceof` fails. */
export const bytes: Expectation = expectation(
  "the bytes of a file, a Uint8Array",
  (value) => Object.prototype.toString.call(value) === "[object Uint8Array]" && ArrayBuffer.isView(value),
  (value) => (Object.prototype.toString.call(value) === "[object ArrayBuffer]" ? "; wrap it: new Uint8Array(buffer)" : ""),
);

/** Where a file or a folder is. */
export const aPath: Expectation = expectation("a path, a string that is not empty", (value) => typeof value === "string" && value !== "");

/** One of some strings. */
export const oneOf = /* @__NO_SIDE_EFFECTS__ */ (...names: readonly string[]): Expectation => ({
  want: names.map((name) => `"${name}"`).join(" or "),
  holds: (value) => typeof value === "string" && names.includes(value),
  remedy: (value) => (typeof value === "string" ? didYouMean(value, names) : ""),
});

/** A field of a value that may have none. */
const fieldOf = (value: unknown, name: PropertyKey): unknown =>
  value === null || value === undefined ? undefined : Reflect.get(Object(value), name);

/** An object that has a method. */
export const having = /* @__NO_SIDE_EFFECTS__ */ (want: string, ...methods: readonly string[]): Expectation =>
  expectation(want, (value) => methods.every((name) => typeof fieldOf(value, name) === "function"));

/** The name of a dtype. */
export const aDtype: Expectation = oneOf("f32", "f64", "i32", "u32", "u8", "bool");

/** A list of which every element meets the expectation. */
export const listOf = /* @__NO_SIDE_EFFECTS__ */ ({ want, holds }: Expectation, least = 0): Expectation =>
  expectation(
    `a list of ${least > 0 ? `at least ${least}` : "elements"}, each ${want}`,
    (value) => Array.isArray(value) && value.length >= least && value.every(holds),
  );

/** Returns true for maps of other realms (frames, contexts of `vm`) too. */
const isMap = (value: unknown): value is ReadonlyMap<unknown, unknown> => Object.prototype.toString.call(value) === "[object Map]";

/** A `Map` from names to what meets the expectation. */
export const mapOf = /* @__NO_SIDE_EFFECTS__ */ (want: string, { holds }: Expectation): Expectation =>
  expectation(`a Map of ${want}`, (value) => isMap(value) && [...value].every(([name, each]) => typeof name === "string" && holds(each)));

/** Either of two. */
export const either = /* @__NO_SIDE_EFFECTS__ */ (a: Expectation, b: Expectation): Expectation =>
  expectation(`${a.want} or ${b.want}`, (value) => a.holds(value) || b.holds(value));

/** May be left out. */
export const optional = /* @__NO_SIDE_EFFECTS__ */ ({ holds, ...rest }: Expectation): Expectation => ({
  ...rest,
  holds: (value) => value === undefined || holds(value),
});

function isNumbers(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((n) => typeof n === "number");
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

// ---- checking -------------------------------------------------------------------------------------------------------------------------

/** A value as an error shows it, in a few words. */
export function shown(value: unknown, depth = 0): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `the function ${value.name}` : "a function";
  if (Array.isArray(value)) return shownList(value, depth);
  if (typeof value !== "object" || value === null) return String(value);
  // Tensors, cells and dates say what they are.
  if (typeof fieldOf(value, Symbol.toPrimitive) === "function") return String(value);
  const name: string | undefined = Object.getPrototypeOf(value)?.constructor?.name;
  if (ArrayBuffer.isView(value)) return `${name} of ${fieldOf(value, "length") ?? value.byteLength}`;
  return name === "Object" || !name ? `{ ${Object.keys(value).slice(0, 6).join(", ")} }` : `an object of class ${name}`;
}

function shownList(values: readonly unknown[], depth: number): string {
  if (values.length > 8) return `a list of ${values.length}`;
  return depth > 2 ? "[…]" : `[${values.map((each) => shown(each, depth + 1)).join(", ")}]`;
}

/** @throws {RangeError} (or TypeError, for another type) unless the value is as expected; the message starts with `what`. */
export function check(what: string, value: unknown, { want, holds, remedy }: Expectation): void {
  if (holds(value)) return;
  const message = `${what} must be ${want}, got ${shown(value)}${remedy?.(value) ?? ""}`;
  throw typeof value === "number" || ArrayBuffer.isView(value) || Array.isArray(value) ? new RangeError(message) : new TypeError(message);
}

/** Checks an object and its fields: `what: name must be ...`. It may have other fields. */
export function checkFields(what: string, value: unknown, fields: Fields): void {
  if (!object.holds(value)) throw notAnObject(what, value, fields);
  for (const [name, expectation] of Object.entries(fields)) {
    const given = fieldOf(value, name);
    if (!expectation.holds(given)) check(`${what}: ${name}`, given, expectation);
  }
}

/** One expectation for each option of an interface: the compiler finds a name that is missing, or too many. */
export type Checks<Options> = Readonly<Record<keyof Options, Expectation>>;

/**
 * Checks options: each may be left out (`undefined` is left out, too) unless it is `required`, and there are no others. A call without options comes to an empty object and
 * pays nothing; no text is made before something is wrong. Measured 2026-11-30: 35 to 50 ns for one option, at most 1.8 % of the 4.2 µs in which 16 numbers are summed
 * eagerly; to measure again, time `x.sum(1)` beside `x.sum(1, { keepDims: false })`.
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  checks: Checks<NoInfer<Options>>,
  ...required: readonly (keyof Options & string)[]
): void {
  if (!object.holds(options) || Array.isArray(options) || Symbol.iterator in options) throw notAnObject(what, options, checks);
  for (const name in options) {
    const given = options[name];
    if (given === undefined) continue;
    if (!Object.hasOwn(checks, name))
      throw new TypeError(
        `${what}: there is no option ${name}${didYouMean(name, Object.keys(checks))} (known: ${Object.keys(checks).join(", ")})`,
      );
    if (!checks[name].holds(given)) check(`${what}: ${name}`, given, checks[name]);
  }
  for (const name of required) if (options[name] === undefined) check(`${what}: ${name}`, undefined, checks[name]);
}

const notAnObject = (what: string, value: unknown, fields: Fields): TypeError =>
  new TypeError(`${what}: want an object with ${Object.keys(fields).join(", ")}, got ${shown(value)}${inBraces(value, fields)}`);

/** A bare value was likely meant for the first option that takes such a value. */
function inBraces(value: unknown, fields: Fields): string {
  const name =
    typeof value === "object" ? undefined : Object.keys(fields).find((each) => value !== undefined && fields[each]!.holds(value));
  return name === undefined ? "" : `; did you mean { ${name}: ${shown(value)} }?`;
}

/** The options among others that a table names, for what is called with the options of several. */
export const chosen = <Options extends object>(options: Options, checks: Checks<Options>): Options =>
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(checks, name))) as Options;

// ---- names ----------------------------------------------------------------------------------------------------------------------------

/** What an error says behind a name that is not known: `; did you mean "lr"?`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

/** The known name that a wrong one comes nearest to: the same but for case and separators, the initials of its words, or at most half of its letters off. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
  const initials = (text: string): string => text.replace(/(?<=\p{L})\p{Ll}+|[^\p{L}\p{N}]/gu, "").toLowerCase();
  const [best] = known
    .map((each) => ({ each, edits: plain(each) === initials(name) ? 0 : edits(plain(name), plain(each)) }))
    .sort((a, b) => a.edits - b.edits);
  return best && best.edits <= Math.max(name.length, best.each.length) / 2 ? best.each : undefined;
}

/** Levenshtein's distance: letters to put in, take out or exchange. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) next.push(Math.min(row[j]! + (a[i] === b[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    row = next;
  }
  return row[b.length]!;
}
