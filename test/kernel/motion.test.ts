/**
 * @file What moves and what stays: golden prints of `hoist` and `share`. That meaning is kept is tested on random kernels in test/codegen.
 */
import { describe, expect, it } from "vitest";
import * as k from "../../src/kernel/build.ts";
import type { Stmt } from "../../src/kernel/kernel.ts";
import { hoist, share } from "../../src/kernel/motion.ts";
import { printKernel } from "../../src/kernel/print.ts";

function show(body: readonly Stmt[]): string {
  return printKernel({ name: "", buffers: [], body }).split("\n").slice(1).join("\n");
}

const at = (buffer: number, i = k.int(0)) => k.load(buffer, "f32", i);

describe("share", () => {
  it("computes a common value once, before its first use", () => {
    const x = k.sqrt(at(0));
    expect(show(share([k.store(1, k.int(0), k.int(0)), k.store(1, k.int(0), k.neg(x)), k.store(1, k.int(1), x)]))).toMatchInlineSnapshot(`
      "b1[0] = 0
      b1[0] = -sqrt(b0[0])
      b1[1] = sqrt(b0[0])"
    `);
  });

  it("does not move a load across a store", () => {
    const x = k.sqrt(at(0));
    const body = [k.store(1, k.int(0), x), k.store(1, k.int(1), x), k.store(1, k.int(2), x)];
    expect(show(share(body))).toBe(show(body));
  });

  it("does not move a value across a set of its variable", () => {
    const body = k.letIn(k.float(1), (t) => {
      const x = k.sqrt(t);
      return [k.store(1, k.int(0), x), k.set(t, k.float(2)), k.store(1, k.int(1), x), k.store(1, k.int(2), x)];
    });
    expect(show(share(body))).toMatchInlineSnapshot(`
      "let t0 = 1
      b1[0] = sqrt(t0)
      t0 = 2
      let t1 = sqrt(t0)
      b1[1] = t1
      b1[2] = t1"
    `);
  });

  it("serves nested blocks from the outer one", () => {
    const body = k.letIn(at(0), (t) => [
      k.forLoop(2, (i) => [k.store(1, i, k.sqrt(t))]),
      k.ifThen(k.lt(t, k.float(0)), [k.store(1, k.int(0), k.sqrt(t))]),
    ]);
    expect(show(share(body))).toMatchInlineSnapshot(`
      "let t0 = b0[0]
      let t1 = sqrt(t0)
      for i < 2 {
        b1[i] = t1
      }
      if t0 < 0 {
        b1[0] = t1
      }"
    `);
  });
});

describe("hoist", () => {
  it("takes values out of as many loops as it can", () => {
    const body = k.letIn(at(0), (t) => [
      k.forLoop(4, (i) => [k.forLoop(4, (j) => [k.store(1, j, k.mul(k.sqrt(t), k.sqrt(k.cast(i, "f32"))))])]),
    ]);
    expect(show(hoist(body))).toMatchInlineSnapshot(`
      "let t0 = b0[0]
      let t1 = sqrt(t0)
      for i < 4 {
        let t2 = t1 * sqrt(f32(i))
        for j < 4 {
          b1[j] = t2
        }
      }"
    `);
  });

  it("leaves loads where the loop stores to their buffer, where other loops are inside, or under an if", () => {
    const same = [k.forLoop(4, (i) => [k.store(0, i, at(0))])];
    expect(show(hoist(same))).toBe(show(same));
    const outer = [k.forLoop(4, (i) => [k.store(1, i, at(0)), k.forLoop(4, (j) => [k.store(1, j, at(0, j))])])];
    expect(show(hoist(outer))).toBe(show(outer));
    const conditional = k.letIn(k.float(0), (t) => [k.forLoop(4, (i) => [k.ifThen(k.lt(i, k.int(2)), [k.set(t, k.sqrt(at(0)))])])]);
    expect(show(hoist(conditional))).toBe(show(conditional));
  });

  it("takes loads out of an innermost loop that stores to another buffer", () => {
    expect(show(hoist([k.forLoop(4, (i) => [k.store(1, i, at(0))])]))).toMatchInlineSnapshot(`
      "let t0 = b0[0]
      for i < 4 {
        b1[i] = t0
      }"
    `);
  });

  it("takes loads out of a loop that only accumulates", () => {
    const body = k.letIn(k.float(0), (sum) => [k.forLoop(4, (i) => [k.set(sum, k.fma(at(0), at(1, i), sum))]), k.store(2, k.int(0), sum)]);
    expect(show(hoist(body))).toMatchInlineSnapshot(`
      "let t0 = 0
      let t1 = b0[0]
      for i < 4 {
        t0 = fma(t1, b1[i], t0)
      }
      b2[0] = t0"
    `);
  });
});
