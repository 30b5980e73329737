/**
 * @file The verifier finds every kind of malformed region, and prints the region it found it in.
 */
import { describe, expect, test } from "vitest";
import { tensor } from "../../src/ops/create.ts";
import { closedRegion, placeholderOf } from "../../src/ops/region.ts";
import { scan } from "../../src/ops/scan.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import type { InstructionOf, RegionOf, Value } from "../../src/tape/node.ts";
import { verifyRegion } from "../../src/tape/verify.ts";

const pair = { shape: [2], dtype: "f32" } as const;

/** A copy of a value's instruction with something changed; the first result of the copy. */
function forged(y: Tensor, change: Partial<InstructionOf>): Value {
  const results: Value[] = [];
  const source = { ...y.source, results, ...change };
  for (const old of y.source.results) results.push({ source, index: old.index, shape: old.shape, dtype: old.dtype, label: old.label });
  return source.results[0]!;
}

describe("verifyRegion", () => {
  test("accepts what recording makes", () => {
    const x = placeholderOf(pair);
    expect(() => verifyRegion({ inputs: [x], outputs: [x.sin().add(1).sum(), x] })).not.toThrow();
    const body = closedRegion([pair, pair], ([h, v]) => [h!.add(v!)]);
    const stacked = placeholderOf({ shape: [4, 2], dtype: "f32" });
    const looped = x.bindAll(scan, [x, stacked], { consts: 0, carry: 1, length: 4, reverse: false }, [body]);
    expect(() => verifyRegion({ inputs: [x, stacked], outputs: looped })).not.toThrow();
  });

  test.each<[string, RegExp, () => RegionOf]>([
    [
      "a placeholder that is not an input",
      /placeholder value is not among the inputs/,
      () => ({ inputs: [], outputs: [placeholderOf(pair).sin()] }),
    ],
    [
      "elements in memory that are not an input",
      /data value is not among the inputs/,
      () => ({ inputs: [], outputs: [tensor([1, 2]).sin()] }),
    ],
    [
      "a value used before it is made",
      /exp uses a value before it is made/,
      () => {
        const x = placeholderOf(pair);
        const y = x.sin();
        return { inputs: [x], outputs: [forged(y.exp(), { serial: y.source.serial - 0.5 })] };
      },
    ],
    [
      "a recorded type that is not the rule's",
      /sum is recorded as f32\[2\], its rule says f32\[\]/,
      () => {
        const x = placeholderOf(pair);
        const y = forged(x.sum(), {});
        Object.assign(y, { shape: [2] });
        return { inputs: [x], outputs: [y] };
      },
    ],
    [
      "a wrong dtype",
      /sin is recorded as f64\[2\], its rule says f32\[2\]/,
      () => {
        const x = placeholderOf(pair);
        const y = forged(x.sin(), {});
        Object.assign(y, { dtype: "f64" });
        return { inputs: [x], outputs: [y] };
      },
    ],
    [
      "a wrong number of results",
      /maxWithIndex has 1 results, its rule 2/,
      () => {
        const x = placeholderOf(pair);
        const y = forged(x.maxWithIndex(0).values, {});
        (y.source.results as Value[]).pop();
        return { inputs: [x], outputs: [y] };
      },
    ],
    [
      "operands that do not fit their op",
      /add wants operands of one type/,
      () => {
        const [x, y] = [placeholderOf(pair), placeholderOf({ shape: [3], dtype: "f32" })];
        return { inputs: [x, y], outputs: [forged(x.add(x), { operands: [x, y] })] };
      },
    ],
    [
      "an output that its instruction does not have",
      /output is not made in the region/,
      () => {
        const x = placeholderOf(pair);
        const y = x.sin();
        return { inputs: [x], outputs: [{ source: y.source, index: 1, shape: [2], dtype: "f32", label: undefined }] };
      },
    ],
    [
      "an inner region that uses a value from outside",
      /not among the inputs/,
      () => {
        const [x, stranger] = [placeholderOf(pair), placeholderOf(pair)];
        const h = placeholderOf(pair);
        const body = { inputs: [h], outputs: [h.add(stranger)] };
        return { inputs: [x], outputs: x.bindAll(scan, [x], { consts: 0, carry: 1, length: 3, reverse: false }, [body]) };
      },
    ],
  ])("refuses %s", (_, message, make) => {
    const region = make();
    expect(() => verifyRegion(region)).toThrow(message);
  });

  test("an internal fault prints the region", () => {
    expect(() => verifyRegion({ inputs: [], outputs: [placeholderOf(pair, "x").sin().named("y")] })).toThrow(
      /internal: (.|\n)*tape\(\) \{\n(.|\n)*y: f32\[2\] = sin x/,
    );
  });
});
