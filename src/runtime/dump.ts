/**
 * @file Makes passes visible: prints the list after any pass, and takes the time of each. The compiler looks up who watches (`watching`), so that a bundle that
 * neither compiles functions nor dumps does not contain this.
 */
import { describe } from "../base/describe.ts";
import { environment } from "../base/host.ts";
import type { Watch } from "../base/passes.ts";
import { LOWERING, ORDERING } from "../kernel/lower.ts";
import { printKernel } from "../kernel/print.ts";
import { printRegion } from "../tape/print.ts";
import { type Dump, type Made, TAPE_PASSES, watching } from "./passes.ts";

let times: Map<string, number> | undefined;

/** Runs `fn` and returns its result, and the milliseconds that each pass took, in the order of their first runs. */
export function timePasses<T>(fn: () => T): { result: T; times: ReadonlyMap<string, number> } {
  const outer = times;
  const own = new Map<string, number>();
  times = own;
  try {
    return { result: fn(), times: own };
  } finally {
    times = outer;
  }
}

/** The function to call after each pass of one compilation; undefined if nothing watches. */
export function watcher(asked: Dump | undefined): Watch<Made> | undefined {
  const dump = asked ?? environment("NABLA_DUMP");
  checkDump(dump, asked ? "compile: dump" : "NABLA_DUMP");

  const all: Watch<Made>[] = [];
  const own = times;
  if (own) all.push((pass, _, ms) => own.set(pass, (own.get(pass) ?? 0) + ms));
  if (watching.verify) all.push(watching.verify);
  if (dump) all.push(dumper(dump));
  return all.length === 0
    ? undefined
    : (...told) => {
        for (const watch of all) watch(...told);
      };
}

/** The names of all passes that can be dumped, in the order in which they run. */
export const PASS_NAMES: readonly string[] = [
  ...new Set([
    ...TAPE_PASSES.flatMap(({ passes }) => passes.map(([name]) => name)),
    "stretch",
    "recompute",
    ...ORDERING.map(([name]) => name),
    "schedule",
    ...LOWERING.map(([name]) => name),
    "code",
  ]),
];

/** Checks the option `dump`. @throws {RangeError} for a name that no pass has. @throws {TypeError} for anything but a text or a function. */
export function checkDump(dump: unknown, what = "compile: dump"): asserts dump is Dump | undefined {
  if (dump === undefined || typeof dump === "function") return;
  const choice = `"all", or names out of ${PASS_NAMES.join(", ")}`;
  if (typeof dump !== "string")
    throw new TypeError(`${what} wants ${choice}, with commas between them, or a function of name and text; got ${describe(dump)}`);
  const unknown = namesIn(dump).find((name) => name !== "all" && !PASS_NAMES.includes(name));
  if (unknown !== undefined) throw new RangeError(`${what} has no pass "${unknown}"; it takes ${choice}`);
}

const namesIn = (dump: string): string[] => dump.split(",").map((name) => name.trim());

function dumper(dump: Dump): Watch<Made> {
  if (typeof dump === "function") return (pass, made) => dump(pass, print(pass, made));
  const names = namesIn(dump);
  return (pass, made) => {
    if (names.includes("all") || names.includes(pass)) console.error(`after ${pass}:\n${print(pass, made)}\n`);
  };
}

function print(pass: string, made: Made): string {
  if ("body" in made) return printKernel(made);
  if ("outputs" in made) return printRegion(made, pass);
  return "kernels" in made ? made.kernels.map(printKernel).join("\n\n") : `${made.length} bytes`;
}

watching.watcher = watcher;
