/**
 * @file The list of some outputs: what they depend on and nothing else, operands first.
 */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { placeholderOf } from "../../src/ops/region.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { dependents, tapeOf, tapeOfRegion } from "../../src/tape/tape.ts";

const scalar = (): Tensor => placeholderOf({ shape: [], dtype: "f32" });
const names = (outputs: readonly Tensor[], stop?: readonly Tensor[], since = 0): string =>
  tapeOf(outputs, stop && new Set(stop), since)
    .map((i) => i.op.name)
    .join(" ");

describe("tapeOf", () => {
  test("lists operands before their use, each instruction once", () => {
    const x = scalar();
    const s = x.sin();
    expect(names([s.mul(s).add(s)])).toBe("placeholder sin mul add");
  });

  test("leaves out what the outputs do not depend on: reachability is dead-code elimination", () => {
    const x = scalar();
    const used = x.sin();
    const unused = used.cos().exp();
    expect(names([used])).toBe("placeholder sin");
    expect(names([used, unused])).toBe("placeholder sin cos exp");
  });

  test("lists an instruction of which only one result is used, once for two", () => {
    const x = placeholderOf({ shape: [3], dtype: "f32" });
    const { values, indices } = x.maxWithIndex(0);
    expect(names([indices])).toBe("placeholder maxWithIndex");
    expect(names([values, indices])).toBe("placeholder maxWithIndex");
  });

  test("does not walk past the values in `stop`", () => {
    const x = scalar();
    const s = x.sin();
    expect(names([s.exp()], [s])).toBe("exp");
    expect(names([s.exp().add(x)], [s])).toBe("placeholder exp add");
    expect(names([s], [s])).toBe("");
  });

  test("does not walk past instructions older than `since`", () => {
    const x = scalar();
    const s = x.sin();
    const y = s.exp();
    expect(names([y.add(s)], [], y.source.serial)).toBe("exp add");
  });

  test("orders by creation, whatever the order of the outputs", () => {
    const x = scalar();
    const [a, b, c] = [x.sin(), x.cos(), x.exp()];
    expect(names([c, a, b])).toBe(names([a, b, c]));
    expect(names([c, a, b])).toBe("placeholder sin cos exp");
  });

  test("takes lists of thirty thousand instructions without recursion", () => {
    let y = scalar();
    for (let i = 0; i < 30_000; i++) y = y.neg();
    expect(tapeOf([y])).toHaveLength(30_001);
  });
});

test("the tape of a region leaves out its inputs", () => {
  const x = scalar();
  const y = x.sin().mul(x);
  expect(tapeOfRegion({ inputs: [x], outputs: [y] }).map((i) => i.op.name)).toEqual(["sin", "mul"]);
  expect(tapeOfRegion({ inputs: [x], outputs: [x] })).toEqual([]);
});

test("dependents are the values themselves and all that is made of them", () => {
  const [x, y] = [scalar(), scalar()];
  const [a, b] = [x.sin(), y.sin()];
  const c = a.mul(b);
  const found = dependents(tapeOf([c]), [x]);
  expect([x, a, c].every((v) => found.has(v))).toBe(true);
  expect([y, b].some((v) => found.has(v))).toBe(false);
});
