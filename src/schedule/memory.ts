/**
 * @file Memory plan: every intermediate value of a program gets an offset in one scratch zone, so that values that live at the same time do not
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

/** A plan within this factor of the lower bound (the most bytes that live at once) is not improved. */
const SLACK = 1.15;

/** Above this many blocks the plan by size, which compares all pairs, is not tried. */
const MOST_BLOCKS = 4000;

/**
 * Sets the offsets of all blocks and returns the size of the zone in bytes. The plan in order of time may leave gaps that are too small to use (an LSTM's
 * gradient of the gates: 13.4 MB where 9.8 MB live at once). Then blocks are also placed by size, and the smaller plan is taken.
 */
export function planMemory(blocks: readonly Block[]): number {
  const total = planByTime(blocks);
  if (blocks.length > MOST_BLOCKS || total <= SLACK * mostAtOnce(blocks)) return total;
  const offsets = blocks.map(({ offset }) => offset);
  const other = planBySize(blocks);
  if (other < total) return other;
  blocks.forEach((block, i) => {
    block.offset = offsets[i]!;
  });
  return total;
}

/** The most bytes that live at the same time. */
function mostAtOnce(blocks: readonly Block[]): number {
  const changes = blocks.flatMap(({ start, end, bytes }): [time: number, bytes: number][] => [
    [start, aligned(bytes)],
    [end + 1, -aligned(bytes)],
  ]);
  changes.sort(([a, x], [b, y]) => a - b || x - y);
  let [now, most] = [0, 0];
  for (const [, bytes] of changes) {
    now += bytes;
    most = Math.max(most, now);
  }
  return most;
}

/** Places the largest block first, each at the start of the smallest gap between blocks that live at the same time. Returns the zone's bytes. */
function planBySize(blocks: readonly Block[]): number {
  const order = [...blocks].sort((a, b) => b.bytes - a.bytes || a.start - b.start);
  /** By rising offset. */
  const placed: Block[] = [];
  let total = 0;
  for (const block of order) {
    block.offset = placeAmong(placed, block);
    total = Math.max(total, block.offset + aligned(block.bytes));
    const at = placed.findIndex(({ offset }) => offset > block.offset);
    placed.splice(at < 0 ? placed.length : at, 0, block);
  }
  return total;
}

/** The start of the smallest gap for a block among blocks with offsets that live at the same time. */
function placeAmong(placed: readonly Block[], { start, end, bytes }: Block): number {
  const size = aligned(bytes);
  let [free, best, least] = [0, -1, Number.POSITIVE_INFINITY];
  for (const other of placed) {
    if (other.end < start || other.start > end) continue;
    const gap = other.offset - free;
    if (gap >= size && gap < least) [best, least] = [free, gap];
    free = Math.max(free, other.offset + aligned(other.bytes));
  }
  return best < 0 ? free : best;
}

/** Places blocks in order of time, each in the smallest gap that is free then. Returns the zone's bytes. */
function planByTime(blocks: readonly Block[]): number {
  const order = [...blocks].sort((a, b) => a.start - b.start || b.bytes - a.bytes);
  const ends = [...blocks].sort((a, b) => a.end - b.end);
  const gaps = new Gaps();
  let [done, total] = [0, 0];
  for (const block of order) {
    for (; ends[done]!.end < block.start; done++) gaps.release(ends[done]!.offset, aligned(ends[done]!.bytes));
    block.offset = gaps.take(aligned(block.bytes));
    total = Math.max(total, block.offset + aligned(block.bytes));
  }
  return total;
}

/** A free range: `start` inclusive, `end` exclusive, in bytes. */
interface Gap {
  start: number;
  end: number;
}

/** The free ranges of the zone, by rising start; the last has no end. */
class Gaps {
  readonly #list: Gap[] = [{ start: 0, end: Number.POSITIVE_INFINITY }];

  /** Takes `bytes` from the smallest gap that holds them, and returns their start. */
  take(bytes: number): number {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    this.#list.forEach(({ start, end }, i) => {
      if (end - start >= bytes && (best < 0 || end - start < least)) [best, least] = [i, end - start];
    });
    const gap = this.#list[best]!;
    const at = gap.start;
    gap.start += bytes;
    if (gap.start === gap.end) this.#list.splice(best, 1);
    return at;
  }

  /** Frees a range and joins it with the free ranges next to it. */
  release(start: number, bytes: number): void {
    let [low, high] = [0, this.#list.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle]!.start < start) low = middle + 1;
      else high = middle;
    }
    const [before, after] = [this.#list[low - 1], this.#list[low]!];
    const end = start + bytes;
    if (before?.end === start) {
      before.end = end === after.start ? after.end : end;
      if (end === after.start) this.#list.splice(low, 1);
    } else if (end === after.start) after.start = start;
    else this.#list.splice(low, 0, { start, end });
  }
}
