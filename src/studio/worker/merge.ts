/** @file Elimination of one vertex, as the reader sees it: what led to it is joined with what it led to. */

export interface WeightedEdge {
  readonly from: number;
  readonly to: number;
  /** The partial derivative of `to` by `from`. */
  readonly weight: number;
}

/** The edges without vertex v, and the multiplications that it took: c ← c + c·c for each pair of an edge to it and one from it. */
export function eliminated(edges: readonly WeightedEdge[], v: number): { edges: WeightedEdge[]; cost: number; made: ReadonlySet<string> } {
  const before = edges.filter(({ to }) => to === v);
  const after = edges.filter(({ from }) => from === v);
  const kept = new Map(edges.filter(({ from, to }) => from !== v && to !== v).map((edge) => [`${edge.from} ${edge.to}`, edge]));
  const made = new Set<string>();
  for (const a of before) {
    for (const b of after) {
      const key = `${a.from} ${b.to}`;
      kept.set(key, { from: a.from, to: b.to, weight: (kept.get(key)?.weight ?? 0) + a.weight * b.weight });
      made.add(key);
    }
  }
  return { edges: [...kept.values()], cost: before.length * after.length, made };
}
