/** @file Where the vertices of a small graph are drawn: in columns by their distance from the inputs, each near the middle of what it reads. */
import type { WeightedEdge } from "../worker/merge.ts";

export interface Spot {
  readonly x: number;
  readonly y: number;
}

export const BOX = { width: 84, height: 44 } as const;
const GAP = { x: 62, y: 22 } as const;

export interface GraphLayout {
  readonly spots: readonly Spot[];
  readonly width: number;
  readonly height: number;
}

/** Middles of the boxes. Edges lead from lower to higher numbers. */
export function graphLayout(count: number, edges: readonly Pick<WeightedEdge, "from" | "to">[], inputs: readonly number[]): GraphLayout {
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
  const most = Math.max(1, ...columns.map(({ length }) => length));
  const height = most * (BOX.height + GAP.y) + GAP.y;
  const spots = place.map((p, v) => ({
    x: GAP.y + BOX.width / 2 + depth[v]! * (BOX.width + GAP.x),
    y: height / 2 + p * (BOX.height + GAP.y),
  }));
  return { spots, width: 2 * GAP.y + columns.length * (BOX.width + GAP.x) - GAP.x, height };
}

function meanOfNeighbours(v: number, edges: readonly Pick<WeightedEdge, "from" | "to">[], place: readonly number[], back: boolean): number {
  const near = edges.flatMap(({ from, to }) => (back && to === v ? [place[from]!] : !back && from === v ? [place[to]!] : []));
  return near.length > 0 ? near.reduce((a, b) => a + b, 0) / near.length : place[v]!;
}
