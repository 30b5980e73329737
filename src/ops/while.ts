/**
 * @file while: a loop that ends when a value says so. The number of steps is not known in advance, so nothing can be kept per step: it supports forward mode and
 * batching, but not reverse mode.
 */

import { formatType, sameType, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import type { Maybe, Op, Site } from "./op.ts";
import { closedRegion, region } from "./region.ts";
import type { Tensor } from "./tensor.ts";

/** Parameters of a while loop. */
export interface While {
  /** The number of constants: operands are constants, then carries. Both regions take all of them. */
  readonly consts: number;
}

const NO_REVERSE = [
  "whileLoop: the number of steps is not known before it runs, so reverse mode (grad, vjp, backward) cannot keep what it needs of them.",
  "Use scan with a fixed number of steps (and where to stand still once done), differentiate forward with jvp or jacfwd,",
  "or give the derivative with customVjp",
].join(" ");

/** Operands: constants, then the carry. Regions: the test, which gives a bool scalar, and the body, which gives the new carry. */
export const whileLoop: Op<-1, While> = {
  name: "while",
  doc: "while the first region holds, the second makes a new carry of the old one; the results are the last carry",
  arity: -1,
  mergeable: true,
  traits: { loop: (params, operands) => ({ consts: (params as While).consts, carry: operands - (params as While).consts }) },
  type(x, { consts }, [test, body]) {
    const [predicate] = test!.outputs;
    if (test!.outputs.length !== 1 || predicate!.dtype !== "bool" || predicate!.shape.length > 0)
      throw new TypeError(`whileLoop: the test must give one bool scalar, got ${test!.outputs.map(formatType).join(", ") || "nothing"}`);
    const carry = x.slice(consts);
    carry.forEach((t, i) => {
      const next = body!.outputs[i];
      if (!next || !sameType(t, next))
        throw new TypeError(
          `whileLoop: carry ${i} enters as ${formatType(t)} and leaves the body as ${next ? formatType(next) : "nothing"}; it must keep its type`,
        );
    });
    return carry.map(({ shape, dtype }) => ({ shape, dtype }));
  },
  derivative: {
    kind: "jvp",
    jvp: whileJvp,
    transpose() {
      throw new TypeError(NO_REVERSE);
    },
  },
  batch: whileBatch,
  lower: { kind: "control" },
  cost: "compute",
  samples: [],
};

/** The loop on values and tangents together. The results stay those of the loop on values, since tangents may be placeholders. */
function whileJvp(
  dx: readonly Maybe[],
  x: readonly Tensor[],
  y: readonly Tensor[],
  site: Site<While>,
): { y: readonly Tensor[]; dy: readonly Maybe[] } {
  const { params, regions, walks } = site;
  const [test, body] = tuple(regions, 2);
  const { consts } = params;
  const active = dx.map((d) => d !== undefined);
  if (!active.some((on) => on)) return { y, dy: y.map(() => undefined) };
  // A carry that gets a tangent in some iteration must start with one.
  const step = (inputs: readonly Tensor[], tangents: readonly Tensor[]): { y: Tensor[]; dy: Maybe[] } => {
    const queue = [...tangents];
    return walks.jvp(
      body,
      inputs,
      active.map((on) => (on ? queue.shift() : undefined)),
    );
  };
  const catches = (): boolean => {
    let grown = false;
    region([...body.inputs, ...body.inputs.filter((_, i) => active[i])], (inputs) => {
      const { dy } = step(inputs.slice(0, x.length), inputs.slice(x.length));
      dy.forEach((d, i) => {
        if (!d || active[consts + i]) return;
        active[consts + i] = true;
        grown = true;
      });
      return [];
    });
    return grown;
  };
  while (catches());
  const on = (i: number): boolean => active[i]!;
  const constsOn = x.slice(0, consts).flatMap((_, i) => (on(i) ? [i] : []));
  const carryOn = x.slice(consts).flatMap((_, i) => (on(consts + i) ? [consts + i] : []));
  const tangent = (i: number): Tensor => dx[i] ?? x[i]!.like(0);
  // Order: constants and their tangents, the carry and its tangents.
  const operands = [...x.slice(0, consts), ...constsOn.map(tangent), ...x.slice(consts), ...carryOn.map(tangent)];
  const primals = (inputs: readonly Tensor[]): Tensor[] => [
    ...inputs.slice(0, consts),
    ...inputs.slice(consts + constsOn.length, constsOn.length + x.length),
  ];
  const tangents = (inputs: readonly Tensor[]): Tensor[] => [
    ...inputs.slice(consts, consts + constsOn.length),
    ...inputs.slice(constsOn.length + x.length),
  ];
  const none = x.map(() => undefined);
  const jointTest = closedRegion(operands, (inputs) => walks.jvp(test, primals(inputs), none).y);
  const jointBody = closedRegion(operands, (inputs) => {
    const out = step(primals(inputs), tangents(inputs));
    return [...out.y, ...carryOn.map((i) => out.dy[i - consts] ?? out.y[i - consts]!.like(0))];
  });
  const results = x[0]!.bindAll(whileLoop, operands, { consts: consts + constsOn.length }, [jointTest, jointBody]);
  const last = results.slice(y.length);
  return { y, dy: y.map((_, i) => (on(consts + i) ? last.shift() : undefined)) };
}

const stackType = ({ shape, dtype }: Type, n: number): Type => ({ shape: [n, ...shape], dtype });

/** Runs until all examples are finished. Finished examples keep their values. */
function whileBatch(x: readonly Tensor[], mapped: readonly boolean[], { params, regions, walks }: Site<While>, n: number): Tensor[] {
  const [test, body] = tuple(regions, 2);
  const { consts } = params;
  const active = [...mapped];
  let each = false;
  const inner = (): Type[] =>
    x.map((t, i) => (i < consts ? t : active[i] && !mapped[i] ? stackType(t, n) : { shape: t.shape, dtype: t.dtype }));
  for (let grown = true; grown; ) {
    grown = false;
    region(inner(), (inputs) => {
      each ||= walks.batch(test, inputs, active, n, [false]).mapped[0]!;
      const found = walks.batch(
        body,
        inputs,
        active,
        n,
        body.outputs.map(() => false),
      ).mapped;
      found.forEach((on, i) => {
        if ((!on && !each) || active[consts + i]) return;
        active[consts + i] = true;
        grown = true;
      });
      return [];
    });
  }
  const goesOn = (inputs: readonly Tensor[]): Tensor => walks.batch(test, inputs, active, n, [each]).y[0]!;
  const wideTest = closedRegion(inner(), (inputs) => [each ? goesOn(inputs).any() : goesOn(inputs)]);
  const wideBody = closedRegion(inner(), (inputs) => {
    const { y } = walks.batch(body, inputs, active, n, active.slice(consts));
    if (!each) return y;
    const on = goesOn(inputs);
    return y.map((next, i) => {
      const rest = next.shape.slice(1).map((_, axis) => axis + 1);
      return on.expandAlong(rest, next.shape).where(next, inputs[consts + i]!);
    });
  });
  const operands = x.map((t, i) => (i >= consts && active[i] && !mapped[i] ? t.expandFront(n) : t));
  const results = x[0]!.bindAll(whileLoop, operands, params, [wideTest, wideBody]);
  return results.map((y, i) => (active[consts + i] ? y : y.expandFront(n)));
}
