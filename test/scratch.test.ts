import { test } from "vitest";
import "../src/runtime/evaluate.ts";
import { grad, jvp } from "../src/function/derivative.ts";
import { linearize } from "../src/transform/reverse.ts";
import { forward } from "../src/transform/forward.ts";
import { hole } from "../src/ops/region.ts";
import { vmap } from "../src/function/vmap.ts";
import { show } from "../src/function/show.ts";
import { tensor } from "../src/ops/create.ts";
import { tapeOf } from "../src/tape/tape.ts";
import { printRegion } from "../src/tape/print.ts";
test("x", () => {
  const w = tensor([1, 2]), x = tensor([[1, 2], [3, 4]]);
  const f = (v: any) => vmap((w: any, x: any) => w.mul(x).sum(), { inAxes: [null, 0] })(v, x).sum();
  const h = hole(w);
  const y = f(h);
  console.log(tapeOf([y], new Set([h]), h.source.serial).map((i) => `${i.serial} ${i.op.name} ${i.operands.map((x) => x.source.serial)}`), h.source.serial, x.source.serial);
  const out = forward([y], new Map([[h, hole(w)]]));
  console.log(out.dy.map(String));
});
test("y", () => {
  const w = tensor([1, 2]), x = tensor([[1, 2], [3, 4]]);
  const h = hole(w);
  const b = h.expandFront(2);
  const d = new Map([[h, hole(w)]]);
  for (const y of [b, b.mul(x), b.mul(x).sum([1]), b.mul(x).sum([1]).sum([0])]) console.log(String(forward([y], d).dy));
});
