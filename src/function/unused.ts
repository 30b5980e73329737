/**
 * @file Reports parameters that a derivative was asked for and does not depend on: a loss that was computed before the function ran, a layer that is never called.
 * Their gradient is zero, so training would run without learning.
 */
import { type Expectation, oneOf } from "../base/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { currentFrame } from "../runtime/cell.ts";

/** What to do about a parameter that the result does not depend on: an error, a warning (once; the default), or only a zero gradient. */
export type Unused = "error" | "warn" | "ignore";

export const UNUSED: Expectation = oneOf("error", "warn", "ignore");

// ---- reach ----------------------------------------------------------------------------------------------------------------------------

// The derivative of a linear function is a constant, which depends on nothing. The values at which it was taken are noted here, so that a second derivative, which
// is zero, is not reported as a mistake.
const derivedAt: WeakMap<Tensor, readonly Tensor[]> = new WeakMap();

/** Notes that a transform made `results` as a derivative at `at`. Only a recording around it uses this. */
export function noteDerived(results: readonly Tensor[], at: readonly Tensor[]): void {
  if (!currentFrame()) return;
  const pending = at.filter((x) => !x.isComputed);
  if (pending.length > 0) for (const y of results) derivedAt.set(y, pending);
}

/** Which seeds a result depends on. */
export interface Reached {
  /** Seeds that `outputs` were computed from. */
  readonly read: ReadonlySet<Tensor>;
  /** True if a seed entered a derivative that turned out constant. */
  readonly derived: boolean;
}

/** The seeds behind some outputs. */
export function reachedFrom(outputs: readonly Tensor[], seeds: ReadonlySet<Tensor>): Reached {
  const since = Math.min(...[...seeds].map((x) => x.source.serial));
  const seen = new Set<Tensor>();
  const read = new Set<Tensor>();
  let derived = false;
  const todo = [...outputs];
  for (let x = todo.pop(); x !== undefined; x = todo.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if (seeds.has(x)) read.add(x);
    const at = derivedAt.get(x);
    if (at) {
      derived = true;
      todo.push(...at);
    }
    if (!seeds.has(x) && x.source.serial >= since) todo.push(...x.source.operands);
  }
  return { read, derived };
}

// ---- messages -------------------------------------------------------------------------------------------------------------------------

const SHOWN = 8;

/** Lists the first few names, and the number of the others. */
function listed(names: readonly string[]): string {
  const rest = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `${names.slice(0, SHOWN).join(", ")}${rest}`;
}

/** A value that a derivative was asked for, with its name. */
export interface Wanted {
  readonly name: string;
  readonly reached: boolean;
}

/** How the mistake looks in a user's program, and the correct form. */
export interface Forms {
  readonly wrong: string;
  readonly right: string;
}

// A program with more distinct warnings generates names.
const MOST_WARNINGS = 1000;
const warned = new Set<string>();

function warnOnce(text: string): void {
  if (warned.has(text) || warned.size >= MOST_WARNINGS) return;
  warned.add(text);
  console.warn(text);
}

/**
 * Reports values that are not reached: throws if none is reached or `unused` is "error"; otherwise warns, once for the same names. `what` names the result.
 * @throws {Error} unless `unused` is "ignore".
 */
export function judge(call: string, what: string, wanted: readonly Wanted[], unused: Unused, { wrong, right }: Forms): void {
  const missing = wanted.filter(({ reached }) => !reached).map(({ name }) => name);
  if (missing.length === 0 || unused === "ignore") return;
  if (missing.length < wanted.length && unused === "warn") {
    const text = `${call}: ${what} does not depend on ${listed(missing)}; the gradient is 0 there. If that is meant, say { unused: "ignore" }, or leave them out`;
    warnOnce(text);
    return;
  }
  throw new Error(
    [
      `${call}: ${what} does not depend on ${missing.length === wanted.length ? listed(missing) : `all that it is differentiated by, not on ${listed(missing)}`}; the gradient would be 0.`,
      `  wrong:  ${wrong}`,
      `  right:  ${right}`,
      'The function must compute its result from them while it runs: what was computed before is a constant. { unused: "ignore" } gives zeros.',
    ].join("\n"),
  );
}

/** Warns once of a loss whose derivative is zero wherever it exists. */
export function warnFlat(call: string, names: readonly string[]): void {
  warnOnce(
    `${call}: the loss depends on ${listed(names)} only through operations whose derivative is 0 (comparisons, argmax, rounding, stopGradient), so all gradients are 0. Train with a loss that has a slope, such as functional.crossEntropy in place of an accuracy`,
  );
}
