import { test } from "vitest";
import "../src/runtime/evaluate.ts";
import { grad } from "../src/function/derivative.ts";
import { show } from "../src/function/show.ts";
import { vmap } from "../src/function/vmap.ts";
import { tensor } from "../src/ops/create.ts";
import { region } from "../src/ops/region.ts";
import { printRegion } from "../src/tape/print.ts";

test("x", () => {
  const w = tensor([1, 2]),
    x = tensor([
      [1, 2],
      [3, 4],
    ]);
  const f = (v: any) => vmap((w: any, x: any) => w.mul(x).sum(), { inAxes: [null, 0] })(v, x).sum();
  console.log(show(f, w));
  console.log(show(grad(f), w));
  console.log(printRegion(region([w], ([a]) => [f(a)]).region));
});
