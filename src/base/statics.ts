/**
 * @file What is not a tensor, as text that says exactly what it is: equal texts mean equal values. And what no text can say: state that
 * cannot be seen from outside.
 */
import { typedArrayName } from "./elements.ts";

const identities: WeakMap<object, number> = new WeakMap();
const symbols: Map<symbol, number> = new Map();
let nextIdentity = 0;

/** A number that stays with an object. */
export function identityOf(object: object): number {
  let n = identities.get(object);
  if (n === undefined) {
    n = nextIdentity++;
    identities.set(object, n);
  }
  return n;
}

function symbolText(symbol: symbol): string {
  const key = Symbol.keyFor(symbol);
  if (key !== undefined) return `Symbol.for(${JSON.stringify(key)})`;
  let n = symbols.get(symbol);
  if (n === undefined) {
    n = nextIdentity++;
    symbols.set(symbol, n);
  }
  return `symbol@${n}`;
}

/** A primitive by its value, with -0 and NaN apart from other numbers; a function or an object by its identity. */
export function staticText(x: unknown): string {
  switch (typeof x) {
    case "string":
      return JSON.stringify(x);
    case "number":
      return Object.is(x, -0) ? "-0" : String(x);
    case "bigint":
      return `${x}n`;
    case "symbol":
      return symbolText(x);
    case "object":
    case "function":
      return x === null ? "null" : `@${identityOf(x)}`;
    default:
      return String(x);
  }
}

/** The brand of an object, such as `Date`. Classes can claim another with `Symbol.toStringTag`. */
const brandOf = (x: object): string => Object.prototype.toString.call(x).slice(8, -1);

/** Built-in classes whose value lies outside of their properties, as text. */
const VALUES: Readonly<Record<string, (x: object) => string>> = {
  Date: (x) => `${Date.prototype.getTime.call(x)}`,
  RegExp: (x) => `${String(x)}@${Reflect.get(x, "lastIndex")}`,
  Number: (x) => staticText(Number.prototype.valueOf.call(x)),
  String: (x) => staticText(String.prototype.valueOf.call(x)),
  Boolean: (x) => staticText(Boolean.prototype.valueOf.call(x)),
  BigInt: (x) => staticText(BigInt.prototype.valueOf.call(x)),
  Symbol: (x) => staticText(Symbol.prototype.valueOf.call(x)),
  Error: (x) => staticText(`${Reflect.get(x, "name")}: ${Reflect.get(x, "message")}`),
  URL: (x) => staticText(Reflect.get(x, "href")),
  URLSearchParams: (x) => staticText(String(x)),
};

/** More elements than this are no setting but data, which belongs into a tensor. */
const MOST_ELEMENTS = 4096;

/**
 * The value of a built-in object that lies outside of its properties: the time of a Date, the elements of a typed array. Undefined if there is
 * none, or if it is long.
 */
export function builtinText(x: object): string | undefined {
  const array = typedArrayName(x);
  if (byteLengthOf(x) > 8 * MOST_ELEMENTS) return undefined;
  if (array !== undefined) return `${array} ${Array.from(x as Float32Array, staticText).join(" ")}`;
  const brand = brandOf(x);
  const bytes = bytesOf(x, brand);
  if (bytes) return `${brand} ${bytes.join(" ")}`;
  try {
    return Object.hasOwn(VALUES, brand) ? `${brand} ${VALUES[brand]!(x)}` : undefined;
  } catch {
    return undefined; // a class that only claims to be one
  }
}

const byteLengthOf = (x: object): number => ("byteLength" in x && typeof x.byteLength === "number" ? x.byteLength : 0);

function bytesOf(x: object, brand: string): Uint8Array | undefined {
  if (brand === "ArrayBuffer" || brand === "SharedArrayBuffer") return new Uint8Array(x as ArrayBuffer);
  if (!ArrayBuffer.isView(x)) return undefined;
  return new Uint8Array(x.buffer as ArrayBuffer, x.byteOffset, x.byteLength);
}

/** Why a change of what is in `x` could go unnoticed; undefined if all of it can be seen. */
export function hiddenState(x: object): string | undefined {
  const prototype = Object.getPrototypeOf(x);
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return undefined;
  const array = typedArrayName(x);
  const brand = brandOf(x);
  if (builtinText(x) !== undefined) return undefined;
  if (array !== undefined || bytesOf(x, brand))
    return `a ${array ?? brand} of more than ${MOST_ELEMENTS} elements, which are data and no setting`;
  if (/Iterator( Helper)?$/.test(brand)) return `a ${brand}, whose state cannot be seen`;
  return hiddenByClass(prototype, x instanceof Map || x instanceof Set);
}

const reasons: WeakMap<object, string | undefined> = new WeakMap();
const PLAIN: ReadonlySet<unknown> = new Set([Object, Array, Map, Set]);

function hiddenByClass(prototype: object, isCollection: boolean): string | undefined {
  if (!reasons.has(prototype)) reasons.set(prototype, reasonFor(prototype, isCollection));
  return reasons.get(prototype);
}

/** Looks at the class and the classes that it extends. */
function reasonFor(prototype: object, isCollection: boolean): string | undefined {
  for (let p: object | null = prototype; p !== null && p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    const own: unknown = Object.hasOwn(p, "constructor") ? p.constructor : undefined;
    if (own !== undefined && typeof own !== "function")
      return `a ${Object.prototype.toString.call(p).slice(8, -1)}, whose state cannot be seen`;
    if (own === undefined && Object.values(p).some((value) => typeof value !== "function"))
      return "an object that inherits values from another one, whose changes would not be seen";
    if (typeof own !== "function" || PLAIN.has(own)) continue;
    const source = Function.prototype.toString.call(own);
    if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
      // Of another realm, or bound.
      if (/^function (Object|Array|Map|Set)\(/.test(source) && (isCollection || /^function (Object|Array)/.test(source))) continue;
      return `a ${own.name}, whose state cannot be seen`;
    }
    // A private field is read as `.#name`; `.#name(` alone is a private method, which holds nothing.
    if (/\.#[\w$]+(?![\w$]|\s*\()/.test(source)) return `a ${own.name}, which has private fields`;
  }
  return undefined;
}
