/**
 * @file Makes a program fit into a memory budget: if its plan takes too much, values are computed again instead of being kept. Loops are treated first
 * (`optimize/stretch.ts`), then the rest of the list (`optimize/recompute.ts`).
 */
import { watched } from "../base/passes.ts";
import { repetitions } from "../base/reversal.ts";
import type { Region } from "../ops/op.ts";
import { cutAtPeak, recompute } from "../optimize/recompute.ts";
import { ROOT, STRETCHINGS, stretch } from "../optimize/stretch.ts";
import type { Cell } from "./cell.ts";
import type { Roles } from "./executable.ts";
import { type Attempt, attempt, type Budget } from "./fit.ts";
import { type Made, primitives, type Setting, shortenLoops, tidy } from "./passes.ts";

/** A memory budget: bytes of scratch memory, or "sqrt" to keep √n values of a chain of n. */
export type Memory = number | "sqrt";

/** Parses a budget: bytes as a number, or a text such as `512MB` or `64 KiB`. */
export function parseMemory(memory: number | string): Memory {
  if (memory === "sqrt") return memory;
  const [, digits, prefix = "", binary] = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmg]?)(i?)b)?\s*$/i.exec(String(memory)) ?? [];
  const bytes = Number(digits) * (binary ? 1024 : 1000) ** " kmg".indexOf(prefix.toLowerCase() || " ");
  if (!(bytes > 0))
    throw new RangeError(`compile: memory is bytes, a text such as "512MB" or "64KiB", or "sqrt"; got ${JSON.stringify(memory)}`);
  return bytes;
}

/** The most times that a step of a chain runs to save memory, so that programs stay short. */
const MOST_REPETITIONS = 5;

const smaller = (a: Attempt, b: Attempt): Attempt => (b.planned.scratch < a.planned.scratch ? b : a);

/** A budget, for `compile`. */
export function budgetOf(memory: Memory): Budget {
  return { memory, fit: (region, roles, cells, setting) => new Fitting(roles, cells, memory, setting).run(region) };
}

/** The search for a plan within the budget. */
class Fitting {
  readonly #roles: Roles;
  readonly #cells: readonly Cell[];
  readonly #memory: Memory;
  readonly #setting: Setting;

  constructor(roles: Roles, cells: readonly Cell[], memory: Memory, setting: Setting) {
    this.#roles = roles;
    this.#cells = cells;
    this.#memory = memory;
    this.#setting = setting;
  }

  /** Returns a plan that fits, or throws an error with the least that was reached. */
  run(region: Region): Attempt {
    const whole = primitives(region, this.#setting);
    // Products hoisted out of loops take more memory. If they exceed the budget, the loops stay as they are.
    const shorter = shortenLoops(whole, this.#setting);
    const quick = this.#attempt(shorter);
    if (this.#fits(quick)) return quick;
    const plain = shorter === whole ? quick : this.#attempt(whole);
    if (this.#fits(plain)) return plain;
    const stretched = this.#stretched(whole, plain);
    return this.#fits(stretched) ? stretched : this.#recomputed(stretched);
  }

  #attempt(list: Region): Attempt {
    return attempt(list, this.#roles, this.#cells, this.#setting);
  }

  #fits({ planned }: Attempt): boolean {
    return this.#memory !== "sqrt" && planned.scratch <= this.#memory;
  }

  /** Cuts the loops of a list into stretches; returns the first plan that fits, or else the smallest. */
  #stretched(whole: Region, plain: Attempt): Attempt {
    let best = plain;
    for (const how of this.#memory === "sqrt" ? [ROOT] : STRETCHINGS) {
      const made = watched<Made, Region | undefined>("stretch", () => stretch(whole, how), this.#setting.watch);
      if (!made) break;
      const list = tidy(made, this.#setting);
      for (const next of new Set([shortenLoops(list, this.#setting), list])) {
        const found = this.#attempt(next);
        if (this.#fits(found)) return found;
        best = smaller(best, found);
      }
    }
    return best;
  }

  /** Computes values of the list again, as few as needed. */
  #recomputed(plain: Attempt): Attempt {
    const { list } = plain;
    const cut = cutAtPeak(list);
    if (!cut) return within(plain, this.#memory);
    const n = cut.expensive.length;
    const tried = new Map<number, Attempt>();
    const withSlots = (slots: number): Attempt => {
      let found = tried.get(slots);
      if (!found) {
        const made = watched<Made, Region | undefined>("recompute", () => recompute(list, cut, slots), this.#setting.watch);
        found = made ? this.#attempt(made) : plain;
        tried.set(slots, found);
      }
      return found;
    };
    if (this.#memory === "sqrt") return smaller(plain, withSlots(Math.ceil(Math.sqrt(n))));
    // Fewer slots take less memory and more work. Bisection finds the most slots that fit.
    let low = 0;
    while (low < n && repetitions(n + 1, low + 1) > MOST_REPETITIONS) low++;
    let high = n + 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#fits(withSlots(middle))) low = middle;
      else high = middle - 1;
    }
    const found = withSlots(low);
    if (this.#fits(found)) return found;
    // The memory planner is a heuristic and not monotone, so an earlier attempt may be smaller.
    return within([...tried.values()].reduce(smaller, plain), this.#memory);
  }
}

/** Returns the plan if it fits; throws an error that says how many bytes it takes if it does not. */
function within(found: Attempt, memory: Memory): Attempt {
  if (memory === "sqrt" || found.planned.scratch <= memory) return found;
  throw new RangeError(
    `compile: the program does not fit into ${memory} bytes; the least that recomputation reaches is ${found.planned.scratch} bytes. Give it that much, a smaller batch, or checkpoint blocks, loops ({ checkpoint } of scan and of recurrent layers) by hand`,
  );
}
