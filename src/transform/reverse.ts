/**
 * @file Reverse mode: forward mode, transposed (Radul et al. 2023). The forward walk runs on placeholders for the tangents; what it records is a
 * linear list from the placeholders to the tangents of the outputs, and its transpose is the pullback.
 */
import { isFloat } from "../base/dtype.ts";
import type { Maybe } from "../ops/op.ts";
import { placeholderOf, substitute } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import { forward } from "./forward.ts";
import { transpose } from "./transpose.ts";
import { walks } from "./walks.ts";

/** Outputs with their linear dependence on seeds. */
export interface Linearized {
  /** The outputs. Use these and not the old ones: a rule may have replaced them. */
  readonly y: Tensor[];
  /** Tangent placeholders, one for each seed. */
  readonly placeholders: Tensor[];
  /** Tangents of the outputs, linear in the placeholders. */
  readonly dy: Maybe[];
  /** Cotangents of the seeds from cotangents of the outputs. */
  pull(cotangents: readonly Maybe[]): Maybe[];
}

/** Substitutes the values of seeds. Instructions older than the seeds cannot depend on them and are shared. */
export function bindSeeds(values: readonly Tensor[], seeds: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const since = Math.min(...[...seeds.keys()].map((x) => x.source.serial));
  return substitute(values, seeds, since);
}

/**
 * Linearizes outputs in seeds, which are fresh placeholders with the values to substitute for them. Integer seeds have no tangent.
 */
export function linearize(outputs: readonly Tensor[], seeds: ReadonlyMap<Tensor, Tensor>): Linearized {
  const placeholders = [...seeds.keys()].map((x) => placeholderOf(x, x.label && `d${x.label}`));
  const live = new Map<Tensor, Tensor>();
  [...seeds.keys()].forEach((x, i) => {
    if (isFloat(x.dtype)) live.set(x, placeholders[i]!);
  });
  const list = live.size ? forward(outputs, live, walks) : { y: outputs, dy: outputs.map(() => undefined), primal: new Map() };
  const known = list.dy.filter((d) => d !== undefined);
  const bound = bindSeeds([...list.y, ...known] as Tensor[], seeds);
  const y = bound.splice(0, outputs.length);
  const dy = list.dy.map((d) => d && bound.shift());
  return {
    y,
    placeholders,
    dy,
    pull: (cotangents) => (known.length ? transpose(dy, cotangents, placeholders, walks) : placeholders.map(() => undefined)),
  };
}
