/** @file Which processors a rank may run on: launchers bind ranks to some of them, so that what one rank sees says nothing of the others. */
import { builtinModule, cores } from "../base/host.ts";

/** The processors that this process may run on, as Linux lists them ("0-3,8"); elsewhere all of them. */
export function allowedProcessors(): string {
  try {
    const status = builtinModule<{ readFileSync(path: string, encoding: string): string }>("node:fs")?.readFileSync(
      "/proc/self/status",
      "utf8",
    );
    const [, list] = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(status ?? "") ?? [];
    if (list !== undefined) return list;
  } catch {
    // Another system.
  }
  return `0-${cores() - 1}`;
}

/** The numbers of a list such as "0-3,8". */
function numbersOf(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [low, high = low] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  });
}

/**
 * How many threads rank `own` of one machine should have. A processor that several ranks may run on is divided among them, one that only this rank may run on is its
 * own. `usable` is how many the rank can use, where a container has a quota.
 */
export function shareOf(lists: readonly string[], own: number, usable: number = Number.POSITIVE_INFINITY): number {
  const ranksOf = new Map<number, number>();
  const sets = lists.map(numbersOf);
  for (const set of sets) for (const processor of set) ranksOf.set(processor, (ranksOf.get(processor) ?? 0) + 1);
  const mine = sets[own]!;
  const share = mine.reduce((sum, processor) => sum + 1 / ranksOf.get(processor)!, 0);
  const quota = Math.min(1, usable / mine.length);
  // The sum of three thirds may be a little less than 1.
  return Math.max(1, Math.floor(share * quota + 1e-9));
}
