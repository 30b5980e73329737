/**
 * @file scan: a loop that carries values and maps slices to slices. Compiled, its code does not grow with the number of steps. Its
 * derivative is a primal scan that stacks residuals and a linear scan that can be transposed (the transpose runs backwards).
 */
import { formatType, sameType, type Type } from "../base/shape.ts";
import { dependents, tapeOfRegion } from "../tape/tape.ts";
import type { Maybe, Op, Region, Site } from "./op.ts";
import { closedRegion, inlineRegion, partition, region } from "./region.ts";
import type { Tensor } from "./tensor.ts";

/** Parameters of a scan. */
export interface Scan {
  /** Operands are `consts` values, then `carry` values, then stacked values with the loop on axis 0. */
  readonly consts: number;
  readonly carry: number;
  readonly length: number;
  readonly reverse: boolean;
}

/** The three groups of operands (or of anything in their order). */
function groups<T>(list: readonly T[], { consts, carry }: Scan): [consts: T[], carry: T[], xs: T[]] {
  return [list.slice(0, consts), list.slice(consts, consts + carry), list.slice(consts + carry)];
}

const sliceType = ({ shape, dtype }: Type): Type => ({ shape: shape.slice(1), dtype });
const stackType = ({ shape, dtype }: Type, n: number): Type => ({ shape: [n, ...shape], dtype });
const present = <T>(list: readonly (T | undefined)[]): T[] => list.filter((x) => x !== undefined);

export const scan: Op<-1, Scan> = {
  name: "scan",
  doc: "a loop of `length` steps: region (consts, carry, slice) to (carry, slice); results are the last carry and the stacked slices",
  arity: -1,
  mergeable: true,
  traits: { repetitions: (params) => (params as Scan).length, loop: (params) => params as Scan },
  type(x, params, [body]) {
    const [, carry, xs] = groups(x, params);
    for (const t of xs) {
      if (t.shape[0] !== params.length)
        throw new RangeError(`scan: stacked operands must have ${params.length} slices, got ${formatType(t)}`);
    }
    const outputs = body!.outputs;
    carry.forEach((t, i) => {
      if (!sameType(t, outputs[i]!)) {
        throw new TypeError(
          `scan: carry ${i} enters as ${formatType(t)} and leaves the body as ${formatType(outputs[i]!)}; it must keep its type`,
        );
      }
    });
    return outputs.map((t, i) => (i < params.carry ? { shape: t.shape, dtype: t.dtype } : stackType(t, params.length)));
  },
  derivative: { kind: "jvp", jvp: scanJvp, transpose: scanTranspose },
  batch: scanBatch,
  lower: { kind: "control" },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [2], dtype: "f64" },
        { shape: [2], dtype: "f64" },
        { shape: [4, 2], dtype: "f64" },
      ],
      params: { consts: 1, carry: 1, length: 4, reverse: false },
      regions: () => {
        const t: Type = { shape: [2], dtype: "f64" };
        return [region([t, t, t], ([w, h, x]) => [h!.mul(w!).add(x!).tanh(), h!.mul(x!)]).region];
      },
    },
    {
      operands: [
        { shape: [3], dtype: "f64" },
        { shape: [2, 3], dtype: "f64" },
      ],
      params: { consts: 0, carry: 1, length: 2, reverse: true },
      regions: () => {
        const t: Type = { shape: [3], dtype: "f64" };
        return [region([t, t], ([h, x]) => [h!.sin().add(x!)]).region];
      },
    },
  ],
};

/** The carries that get a tangent: those that start with one, and those that depend on one after some iterations. */
function activeCarries(dx: readonly Maybe[], { params, regions, walks }: Site<Scan>): boolean[] {
  const body = regions[0]!;
  const [dConsts, dCarry, dXs] = groups(dx, params);
  const active = dCarry.map((d) => d !== undefined);
  for (;;) {
    const found: boolean[] = [];
    region(body.inputs, (x) => {
      const on = [...dConsts.map((d) => !!d), ...active, ...dXs.map((d) => !!d)];
      const { dy } = walks.jvp(
        body,
        x,
        x.map((t, i) => (on[i] ? t.like(1) : undefined)),
      );
      found.push(...dy.slice(0, params.carry).map((d) => d !== undefined));
      return [];
    });
    if (found.every((on, i) => !on || active[i])) return active;
    found.forEach((on, i) => {
      active[i] ||= on;
    });
  }
}

/** Forward rule of a scan: a primal scan that stacks residuals, and a linear scan of the tangents. */
function scanJvp(
  dx: readonly Maybe[],
  x: readonly Tensor[],
  y: readonly Tensor[],
  site: Site<Scan>,
): { y: readonly Tensor[]; dy: readonly Maybe[] } {
  const { params, regions, walks } = site;
  const body = regions[0]!;
  const carryOn = activeCarries(dx, site);
  const [dConsts, dCarry, dXs] = groups(dx, params);
  const [, carry] = groups(x, params);
  const on = [...dConsts.map((d) => !!d), ...carryOn, ...dXs.map((d) => !!d)];
  if (!on.some((o) => o)) return { y, dy: y.map(() => undefined) };

  const ysOn: boolean[] = [];
  const tangentTypes = body.inputs.filter((_, i) => on[i]);
  const joint = closedRegion([...body.inputs, ...tangentTypes], (inputs) => {
    const primals = inputs.slice(0, x.length);
    const seeds = inputs.slice(x.length);
    const out = walks.jvp(
      body,
      primals,
      on.map((o) => (o ? seeds.shift() : undefined)),
    );
    const dCarryOut = carryOn.flatMap((o, i) => (o ? [out.dy[i] ?? out.y[i]!.like(0)] : []));
    const dYs = out.dy.slice(params.carry);
    ysOn.push(...dYs.map((d) => d !== undefined));
    return [...out.y, ...dCarryOut, ...present(dYs)];
  });
  const { known, linear, fromInput } = partition(joint, x.length, y.length);

  // A residual that is the same in all steps is passed from outside, and one that is a slice of an operand as that operand; the primal scan stacks the others.
  const residuals = known.outputs.slice(y.length);
  const perStep = dependents(tapeOfRegion(known), known.inputs.slice(params.consts));
  const kind = residuals.map((r, i) => (!perStep.has(r) ? "const" : fromInput[i]! >= params.consts + params.carry ? "slice" : "stack"));
  const same = inlineRegion({ inputs: known.inputs, outputs: residuals.filter((_, i) => kind[i] === "const") }, x);
  const stacked = residuals.map((r, i) => (kind[i] === "stack" ? r : undefined));
  const primal = record(scan, x, params, { inputs: known.inputs, outputs: [...known.outputs.slice(0, y.length), ...present(stacked)] });
  const stacks = primal.slice(y.length);
  const residual = kind.map((c, i) => (c === "stack" ? stacks.shift()! : c === "const" ? same.shift()! : x[fromInput[i]!]!));

  const pick = <T>(list: readonly T[], which: string): T[] => list.filter((_, i) => (which === "const") === (kind[i] === "const"));
  const tangentPlaceholders = linear.inputs.slice(residual.length);
  const [hConsts, hCarry, hXs] = splitAt(tangentPlaceholders, present(dConsts).length, carryOn.filter((o) => o).length);
  const placeholders = linear.inputs.slice(0, residual.length);
  const start = carry.flatMap((c, i) => (carryOn[i] ? [dCarry[i] ?? c.like(0)] : []));
  const operands = [...pick(residual, "const"), ...present(dConsts), ...start, ...pick(residual, "other"), ...present(dXs)];
  const linearParams: Scan = { ...params, consts: pick(residual, "const").length + hConsts.length, carry: hCarry.length };
  const tangent = record(scan, operands, linearParams, {
    inputs: [...pick(placeholders, "const"), ...hConsts, ...hCarry, ...pick(placeholders, "other"), ...hXs],
    outputs: linear.outputs,
  });
  const dy = [...carryOn, ...ysOn].map((o) => (o ? tangent.shift() : undefined));
  return { y: primal.slice(0, y.length), dy };
}

function record(op: Op<-1, Scan>, operands: readonly Tensor[], params: Scan, body: Region): Tensor[] {
  const any = operands[0] ?? body.outputs[0]!;
  return any.bindAll(op, operands, params, [body]);
}

function splitAt<T>(list: readonly T[], first: number, second: number): [T[], T[], T[]] {
  return [list.slice(0, first), list.slice(first, first + second), list.slice(first + second)];
}

/**
 * Transposes a linear scan into a scan that runs in the opposite direction. It carries the cotangents of the carries and sums those of the linear constants. It reads
 * slices of the cotangents of the stacked results, and stacks the cotangents of the linear slices.
 */
function scanTranspose(ct: readonly Maybe[], x: readonly Tensor[], site: Site<Scan>, given: readonly boolean[]): Maybe[] {
  const { params, regions, walks, types } = site;
  const body = regions[0]!;
  // All carries of a linear scan are linear; one that starts as a constant zero gets its tangent in a later iteration.
  const linear = given.map((on, i) => on || (i >= params.consts && i < params.consts + params.carry));
  const [linConsts, , linXs] = groups(linear, params);
  const [consts, carry, xs] = groups(x, params);
  const sum = consts.filter((_, i) => linConsts[i]);
  const knownConsts = consts.filter((_, i) => !linConsts[i]);
  const knownXs = xs.filter((_, i) => !linXs[i]);
  const zero = (i: number): Tensor => x[0]!.constantOf(types[i]!, 0);
  const ctCarry = carry.map((_, i) => ct[i] ?? zero(i));
  const ysOn = ct.slice(params.carry).map((c) => c !== undefined);
  const ctYs = present(ct.slice(params.carry));
  const inner: Type[] = [...knownConsts, ...sum, ...carry, ...knownXs.map(sliceType), ...ctYs.map(sliceType)];

  const back = closedRegion(inner, (inputs) => {
    const take = <T>(list: readonly T[]): Tensor[] => inputs.splice(0, list.length);
    const [kc, sums, cs, kx, cy] = [take(knownConsts), take(sum), take(carry), take(knownXs), take(ctYs)];
    const operands = body.inputs.map((t, i) => (linear[i] ? t : i < params.consts ? kc.shift()! : kx.shift()!));
    const cts = [...cs, ...ysOn.map((on) => (on ? cy.shift() : undefined))];
    const cx = walks.transpose(body, operands, linear, cts);
    const [cConsts, cCarry, cXs] = groups(cx, params);
    const added = cConsts.filter((_, i) => linConsts[i]).map((c, i) => (c ? sums[i]!.add(c) : sums[i]!));
    const carryOut = cCarry.map((c, i) => c ?? cs[i]!.like(0));
    const slices = xs.flatMap((t, i) => (linXs[i] ? [cXs[i] ?? x[0]!.constantOf(sliceType(t), 0)] : []));
    return [...added, ...carryOut, ...slices];
  });

  const operands = [...knownConsts, ...sum.map((t) => t.like(0)), ...ctCarry, ...knownXs, ...ctYs];
  const results = record(
    scan,
    operands,
    { consts: knownConsts.length, carry: sum.length + carry.length, length: params.length, reverse: !params.reverse },
    back,
  );
  const [cSum, cCarry, cXs] = splitAt(results, sum.length, carry.length);
  return [...linConsts.map((on) => (on ? cSum.shift() : undefined)), ...cCarry, ...linXs.map((on) => (on ? cXs.shift() : undefined))];
}

/** Batching rule of a scan: a scan whose body is batched. Finds first which carries are mapped. */
function scanBatch(x: readonly Tensor[], mapped: readonly boolean[], { params, regions, walks }: Site<Scan>, n: number): Tensor[] {
  const body = regions[0]!;
  const [consts, carry, xs] = groups(x, params);
  const [constsOn, carryOn, xsOn] = groups(mapped, params);
  const active = [...carryOn];
  const slices = xs.map((t, i) => (xsOn[i] ? t.moveAxis(0, 1) : t));
  const inner = (): Type[] => [
    ...consts,
    ...body.inputs.slice(params.consts, params.consts + params.carry).map((t, i) => (active[i] ? stackType(t, n) : t)),
    ...slices.map(sliceType),
  ];
  // A carry that becomes mapped in an iteration must be mapped from the start.
  for (;;) {
    let found: boolean[] = [];
    region(inner(), (inputs) => {
      found = walks.batch(
        body,
        inputs,
        [...constsOn, ...active, ...xsOn],
        n,
        body.outputs.map(() => false),
      ).mapped;
      return [];
    });
    if (active.every((on, i) => on || !found[i])) break;
    active.forEach((on, i) => {
      active[i] = on || found[i]!;
    });
  }
  let resultsOn: boolean[] = [];
  const wide = closedRegion(inner(), (inputs) => {
    const expand = body.outputs.map((_, i) => i < params.carry && active[i]!);
    const { y, mapped: on } = walks.batch(body, inputs, [...constsOn, ...active, ...xsOn], n, expand);
    resultsOn = on;
    return y;
  });
  const start = carry.map((t, i) => (active[i] && !carryOn[i] ? t.expandFront(n) : t));
  const results = record(scan, [...consts, ...start, ...slices], params, wide);
  return results.map((y, i) => (i >= params.carry && resultsOn[i] ? y.moveAxis(1, 0) : y));
}
