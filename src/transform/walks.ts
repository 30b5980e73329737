/**
 * @file The transforms on regions, for the rules of ops that own regions: each inlines the region at fresh seeds and walks over it.
 */
import type { Maybe, Walks } from "../ops/op.ts";
import { inlineRegion, placeholderOf } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import { batch } from "./batch.ts";
import { forward } from "./forward.ts";
import { transpose } from "./transpose.ts";

export const walks: Walks = {
  jvp(region, x, dx) {
    const seeds = new Map<Tensor, Tensor>();
    const operands = x.map((t, i) => {
      const d = dx[i];
      if (!d) return t;
      const seed = t.identity();
      seeds.set(seed, d);
      return seed;
    });
    const outputs = inlineRegion(region, operands);
    return seeds.size ? forward(outputs, seeds, walks) : { y: outputs, dy: outputs.map(() => undefined) };
  },

  transpose(region, x, linear, ct) {
    const operands = x.map((t, i) => (linear[i] ? placeholderOf(t, t.label) : t));
    const outputs = inlineRegion(region, operands);
    const inputs = operands.filter((_, i) => linear[i]);
    const cx = inputs.length ? transpose(outputs, ct, inputs, walks) : [];
    return linear.map((on): Maybe => (on ? cx.shift() : undefined));
  },

  batch(region, x, mapped, n, expand) {
    const seeds = new Map<Tensor, Tensor>();
    const operands = x.map((t, i) => {
      if (!mapped[i]) return t;
      const seed = placeholderOf({ shape: t.shape.slice(1), dtype: t.dtype }, t.label);
      seeds.set(seed, t);
      return seed;
    });
    const outputs = inlineRegion(region, operands);
    const images = seeds.size ? batch(outputs, seeds, n, walks) : outputs.map((y) => ({ y, mapped: false }));
    const y = images.map((image, i) => (image.mapped || expand?.[i] === false ? image.y : image.y.expandFront(n)));
    return { y, mapped: images.map((image) => image.mapped) };
  },
};
