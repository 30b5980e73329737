/** @file The axis of a nest that carries the vector. */
import type { Nest } from "./tiling.ts";

/** The axis along which vectors cost least, because most loads are contiguous or constant there; -1 if none is long enough or cheaper than scalars. */
export function vectorAxis({ access, lanes, target: { costs } }: Nest): number {
  const { axes, loads, stores, partial } = access;
  if (lanes === 1) return -1;
  const lastOut = axes.findLastIndex((a) => a.kind === "out");
  const summed = axes.reduce((n, a) => (a.kind === "sum" ? n * a.extent : n), 1);
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  axes.forEach((axis, i) => {
    if (axis.extent < lanes) return;
    // The lanes of a vector are summed over one range of terms: the bounds of a loop are scalars.
    if (axis.kind === "out" && (i !== lastOut || stores[i] !== 1 || partial.some(({ out }) => out === i))) return;
    const vectors = Math.ceil(axis.extent / lanes);
    const loaded = loads[i]!.reduce<number>((sum, c) => sum + (c === 0 ? costs.repeated : c === 1 ? 1 : costs.gather), 0);
    // Lanes that are computed twice are wasted; the lanes of a sum must be combined at the end.
    const cost = (loaded * vectors * lanes) / axis.extent + (axis.kind === "sum" ? (costs.fold * lanes) / summed : 0);
    if (cost < least) {
      least = cost;
      best = i;
    }
  });
  return best;
}
