/**
 * @file The constructors of the kernel language: interning, splats, constants, and what must not be simplified.
 */
import { describe, expect, it } from "vitest";
import * as k from "../../src/kernel/build.ts";

describe("interning", () => {
  it("makes equal expressions one object", () => {
    const i = k.variable("i32");
    expect(k.add(k.mul(i, k.int(4)), k.int(1))).toBe(k.add(k.mul(i, k.int(4)), k.int(1)));
    expect(k.load(0, "f32", i)).not.toBe(k.load(1, "f32", i));
    expect(k.load(0, "f32", i)).not.toBe(k.load(0, "f32", i, { lanes: 4 }));
  });

  it("never merges variables, and tells -0 from 0", () => {
    expect(k.variable("f32")).not.toBe(k.variable("f32"));
    expect(k.float(-0)).not.toBe(k.float(0));
  });
});

describe("binary operations", () => {
  it("splat the scalar side", () => {
    const v = k.load(0, "f32", k.variable("i32"), { lanes: 4 });
    const sum = k.add(v, k.float(2));
    expect([sum.lanes, sum.args[1]!.op]).toEqual([4, "splat"]);
  });

  it("check dtypes", () => {
    expect(() => k.add(k.float(1), k.int(1))).toThrow(
      "internal: kernel op add: operands of different dtypes (given const: f32, const: i32)",
    );
    expect(() => k.sqrt(k.int(4))).toThrow("kernel op sqrt");
    expect(() => k.splat(k.splat(k.float(1), 4), 8)).toThrow("no vector of 8");
  });

  it("round folded constants to f32 and wrap integers", () => {
    expect(k.add(k.float(0.1), k.float(0.2)).value).toBe(Math.fround(Math.fround(0.1) + Math.fround(0.2)));
    expect(k.mul(k.int(65536), k.int(65536)).value).toBe(0);
    expect(k.sub(k.constant(0, "u32"), k.constant(1, "u32")).value).toBe(4294967295);
  });

  it("collect integer constants", () => {
    const i = k.variable("i32");
    expect(k.add(k.sub(k.add(i, k.int(5)), k.int(2)), k.int(-3))).toBe(i);
    expect(k.mul(i, k.int(0)).value).toBe(0);
    expect(k.rem(i, k.int(1)).value).toBe(0);
  });

  it("leave floats alone where the result could change", () => {
    const x = k.load(0, "f32", k.variable("i32"));
    expect(k.add(x, k.float(0))).not.toBe(x);
    expect(k.mul(x, k.float(0)).op).toBe("mul");
    expect(k.mul(x, k.float(1))).toBe(x);
    expect(k.sub(x, k.float(0))).toBe(x);
    expect(k.pow(x, k.float(2))).toBe(k.mul(x, x));
  });

  it("compute u8 as u32", () => {
    const x = k.cast(k.load(0, "u8", k.variable("i32")), "u8");
    const y = k.add(x, x);
    expect([y.op, y.dtype, y.args[0]!.dtype]).toEqual(["cast", "u8", "u32"]);
  });

  it("read arithmetic on bools as logic", () => {
    const a = k.lt(k.variable("i32"), k.int(3));
    const b = k.lt(k.variable("i32"), k.int(3));
    expect(k.add(a, b).op).toBe("or");
    expect(k.mul(a, b).op).toBe("and");
    expect(k.and(a, k.constant(0, "bool")).value).toBe(0);
    expect(k.not(k.not(a))).toBe(a);
  });
});

describe("quotients", () => {
  it("by powers of two are products, if these are exact", () => {
    const x = k.load(0, "f32", k.variable("i32"));
    for (const c of [4, -8, 0.5, 2 ** 126, 2 ** -126]) expect(k.div(x, k.float(c))).toBe(k.mul(x, k.float(1 / c)));
    for (const c of [3, 0, 2 ** 127, 2 ** -127, Number.POSITIVE_INFINITY, Number.NaN]) expect(k.div(x, k.float(c)).op).toBe("div");
    const y = k.load(0, "f64", k.variable("i32"));
    expect(k.div(y, k.constant(8 * (1 + Number.EPSILON), "f64")).op).toBe("div");
  });
});

describe("select, cast and load", () => {
  it("decide what is known", () => {
    const x = k.load(0, "f32", k.variable("i32"));
    const y = k.load(1, "f32", k.variable("i32"));
    expect(k.select(k.constant(1, "bool"), x, y)).toBe(x);
    expect(k.select(k.lt(x, y), x, x)).toBe(x);
    expect(k.cast(x, "f32")).toBe(x);
    expect(k.cast(x, "bool").op).toBe("ne");
    expect(k.load(0, "f32", k.int(0), { mask: k.constant(0, "bool") }).value).toBe(0);
    expect(k.load(0, "u8", k.int(0)).dtype).toBe("u32");
  });

  it("saturates from floats", () => {
    expect(k.cast(k.float(1e20), "i32").value).toBe(2147483647);
    expect(k.cast(k.float(-1), "u32").value).toBe(0);
    expect(k.cast(k.float(Number.NaN), "i32").value).toBe(0);
    expect(k.cast(k.float(-1), "u8").value).toBe(255);
  });
});
