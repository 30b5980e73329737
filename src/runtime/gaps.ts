/**
 * @file The free ranges of a memory, in order of their addresses, and the choice of blocks to vacate when no range is long enough.
 */

/** A range of bytes. */
export interface Gap {
  readonly at: number;
  readonly bytes: number;
}

/** Free ranges; no two of them touch. */
export class Gaps {
  #list: Gap[];

  constructor(list: readonly Gap[]) {
    this.#list = [...list];
  }

  get all(): readonly Gap[] {
    return this.#list;
  }

  /** Takes `bytes` from the shortest range that has them and returns their address; undefined if none has. */
  take(bytes: number): number | undefined {
    let best: Gap | undefined;
    for (const gap of this.#list) if (gap.bytes >= bytes && (!best || gap.bytes < best.bytes)) best = gap;
    if (!best) return undefined;
    const rest = { at: best.at + bytes, bytes: best.bytes - bytes };
    this.#list.splice(this.#list.indexOf(best), 1, ...(rest.bytes > 0 ? [rest] : []));
    return best.at;
  }

  /** Frees a range and joins it with the free ranges that it touches. */
  give({ at, bytes }: Gap): void {
    const next = this.#indexAfter(at);
    const [before, after] = [this.#list[next - 1], this.#list[next]];
    const joinsBefore = before !== undefined && before.at + before.bytes === at;
    const joinsAfter = after?.at === at + bytes;
    const start = joinsBefore ? before.at : at;
    const end = joinsAfter ? after.at + after.bytes : at + bytes;
    this.#list.splice(next - Number(joinsBefore), Number(joinsBefore) + Number(joinsAfter), { at: start, bytes: end - start });
  }

  /** Free bytes just before an address. */
  endingAt(end: number): number {
    const last = this.#list.at(-1);
    return last && last.at + last.bytes === end ? last.bytes : 0;
  }

  /** The first range behind an address, by bisection. */
  #indexAfter(at: number): number {
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A block that may be vacated. */
interface Block extends Gap {
  readonly lastUse: number;
}

/**
 * Chooses adjacent blocks to evict so that `size` contiguous bytes become free. Of all choices it takes those whose most recent use is the oldest, and among
 * them one with the fewest bytes in blocks. Undefined if evicting all blocks is not enough.
 */
export function cheapestRoom<T extends Block>(size: number, blocks: readonly T[], gaps: readonly Gap[]): T[] | undefined {
  const uses = [...new Set(blocks.map(({ lastUse }) => lastUse))].sort((a, b) => a - b);
  const until = (n: number): T[] | undefined =>
    smallestWindow(
      size,
      blocks.filter(({ lastUse }) => lastUse <= uses[n]!),
      gaps,
    );
  let [low, high] = [0, uses.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (until(middle)) high = middle;
    else low = middle + 1;
  }
  return low < uses.length ? until(low) : undefined;
}

/** Among windows of adjacent blocks and gaps that have `size` bytes together, the blocks of the window with the fewest bytes in blocks. */
function smallestWindow<T extends Block>(size: number, blocks: readonly T[], gaps: readonly Gap[]): T[] | undefined {
  const ranges: { at: number; bytes: number; block?: T }[] = [
    ...gaps,
    ...blocks.map((block) => ({ at: block.at, bytes: block.bytes, block })),
  ];
  ranges.sort((a, b) => a.at - b.at);
  let best: { from: number; to: number; cost: number } | undefined;
  let [from, bytes, cost] = [0, 0, 0];
  const costOf = (i: number): number => (ranges[i]!.block ? ranges[i]!.bytes : 0);
  for (const [i, range] of ranges.entries()) {
    const previous = ranges[i - 1];
    if (previous && previous.at + previous.bytes !== range.at) [from, bytes, cost] = [i, 0, 0];
    bytes += range.bytes;
    cost += costOf(i);
    for (; bytes - ranges[from]!.bytes >= size; from++) {
      bytes -= ranges[from]!.bytes;
      cost -= costOf(from);
    }
    if (bytes >= size && (!best || cost < best.cost)) best = { from, to: i, cost };
  }
  return best && ranges.slice(best.from, best.to + 1).flatMap(({ block }) => block ?? []);
}
