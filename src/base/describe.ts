/** @file How error messages name a value that was given in place of another. */

/** `3`, `"text"`, `undefined`, `an array`, `a Map`, `a function`, `an Int8Array`. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "function") return value.name ? `the function ${value.name}` : "a function";
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? `${value}n` : String(value);
  const name = Array.isArray(value) ? "array" : (Object.getPrototypeOf(value)?.constructor?.name ?? "object");
  const noun = name === "Object" ? "object" : name;
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}
