/** @file Where the vertices of a small graph are drawn: in columns by their distance from the inputs, each near the middle of what it reads. */
import type { WeightedEdge } from "../worker/merge.ts";

export interface Spot {
  readonly x: number;
  readonly y: number;
}

export const BOX = { width: 84, height: 44 } as const;
/** Between boxes: to the right and below of a graph that leads to the right; below and aside of one that leads down. */
const GAP = { x: 62, y: 22, down: 40, side: 14 } as const;

export interface GraphLayout {
  readonly spots: readonly Spot[];
  readonly width: number;
  readonly height: number;
}

/** Middles of the boxes. Edges lead from lower to higher numbers, to the right or, on a narrow screen, down. */
export function graphLayout(
  count: number,
  edges: readonly Pick<WeightedEdge, "from" | "to">[],
  inputs: readonly number[],
  isDown = false,
): GraphLayout {
  const depth = new Array<number>(count).fill(0);
  for (const { from, to } of edges.toSorted((a, b) => a.from - b.from)) depth[to] = Math.max(depth[to]!, depth[from]! + 1);
  // An input stands just before the first that reads it.
  for (const v of inputs) {
    const readers = edges.filter(({ from }) => from === v).map(({ to }) => depth[to]!);
    depth[v] = readers.length > 0 ? Math.max(0, Math.min(...readers) - 1) : 0;
  }
  const columns: number[][] = [];
  for (let v = 0; v < count; v++) {
    columns[depth[v]!] ??= [];
    columns[depth[v]!]!.push(v);
  }
  const place = new Array<number>(count).fill(0);
  for (let c = 0; c < columns.length; c++) columns[c] ??= [];
  for (const column of columns) for (const [i, v] of column.entries()) place[v] = i - (column.length - 1) / 2;
  // A few sweeps towards the mean of the neighbours untangle most crossings (Sugiyama, Tagawa & Toda 1981).
  for (let sweep = 0; sweep < 8; sweep++) {
    for (const column of sweep % 2 === 0 ? columns : columns.toReversed()) {
      const wish = new Map(column.map((v) => [v, meanOfNeighbours(v, edges, place, sweep % 2 === 0)]));
      column.sort((a, b) => wish.get(a)! - wish.get(b)! || a - b);
      for (const [i, v] of column.entries()) place[v] = i - (column.length - 1) / 2;
    }
  }
  return spread(place, depth, columns, isDown);
}

/** In pixels. */
function spread(place: readonly number[], depth: readonly number[], columns: readonly number[][], isDown: boolean): GraphLayout {
  const most = Math.max(1, ...columns.map(({ length }) => length));
  const size = isDown ? { along: BOX.height, across: BOX.width } : { along: BOX.width, across: BOX.height };
  const gap = isDown ? { along: GAP.down, across: GAP.side } : { along: GAP.x, across: GAP.y };
  const [along, across] = [size.along + gap.along, size.across + gap.across];
  const length = columns.length * along - gap.along + 2 * GAP.y;
  const breadth = most * across + gap.across;
  const spots = place.map((p, v) => {
    const [far, aside] = [GAP.y + size.along / 2 + depth[v]! * along, breadth / 2 + p * across];
    return isDown ? { x: aside, y: far } : { x: far, y: aside };
  });
  return { spots, width: isDown ? breadth : length, height: isDown ? length : breadth };
}

function meanOfNeighbours(v: number, edges: readonly Pick<WeightedEdge, "from" | "to">[], place: readonly number[], back: boolean): number {
  const near = edges.flatMap(({ from, to }) => (back && to === v ? [place[from]!] : !back && from === v ? [place[to]!] : []));
  return near.length > 0 ? near.reduce((a, b) => a + b, 0) / near.length : place[v]!;
}
