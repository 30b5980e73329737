/**
 * @file Memory plan: every intermediate of a program gets an offset in one scratch zone, such that what lives at the same time does not
 * overlap. Best fit over lifetimes (Griewank & Walther 2008, §4.3 counts the same locations; the heuristic is Knuth's, TAOCP 1, §2.5).
 */

/** A piece of scratch memory, from the step that first writes it to the step that last reads it. */
export interface Block {
  readonly bytes: number;
  start: number;
  end: number;
  /** Set by the plan. */
  offset: number;
}

const ALIGNMENT = 64;

/** Rounded up to a cache line. */
export function aligned(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

/** Sets the offsets of all blocks; returns the bytes that the zone needs. */
export function planMemory(blocks: readonly Block[]): number {
  const order = [...blocks].sort((a, b) => a.start - b.start || b.bytes - a.bytes);
  let live: Block[] = [];
  let total = 0;
  for (const block of order) {
    live = live.filter((other) => other.end >= block.start);
    block.offset = bestGap(live, aligned(block.bytes));
    live.push(block);
    live.sort((a, b) => a.offset - b.offset);
    total = Math.max(total, block.offset + aligned(block.bytes));
  }
  return total;
}

/** The start of the smallest gap between live blocks (sorted by offset) that holds `bytes`; else behind the last. */
function bestGap(live: readonly Block[], bytes: number): number {
  let at = 0;
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const block of live) {
    const gap = block.offset - at;
    if (gap >= bytes && gap < least) {
      best = at;
      least = gap;
    }
    at = Math.max(at, block.offset + aligned(block.bytes));
  }
  return best >= 0 ? best : at;
}
