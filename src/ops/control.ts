/**
 * @file Ops that own regions (scan, cond, checkpoint, custom rules). Their rules recurse into the regions with the transforms that walk the outer tape, passed through
 * `site.walks`. So the derivative of control flow is control flow.
 */
import { formatType, sameType, type Type } from "../base/shape.ts";
import { expandAll, type Maybe, type Op, type Region, type Site } from "./op.ts";
import { closedRegion, inlineRegion, region } from "./region.ts";
import type { Tensor } from "./tensor.ts";

// ---- barrier ------------------------------------------------------------------------------------------------------------------------

/** Passes its operands through unchanged, but no optimization sees through it: equal instructions before and after it are not merged. */
export const barrier: Op<-1, { pass: number }> = {
  name: "barrier",
  doc: "the first `pass` operands, unchanged, once all operands exist; nothing is merged or moved across it",
  arity: -1,
  mergeable: false,
  traits: { alias: true, ordered: true },
  type: (x, { pass }) => x.slice(0, pass),
  derivative: {
    kind: "jvp",
    jvp: (dx, _, y, { params: { pass } }) => ({ y, dy: dx.slice(0, pass) }),
  },
  batch: (x, mapped, { params }, n) =>
    x[0]!.bindAll(
      barrier,
      x.map((t, i) => (mapped[i] || i >= params.pass ? t : t.expandFront(n))),
      params,
    ),
  lower: { kind: "control" },
  cost: "memory",
  samples: [],
};

// ---- checkpoint ---------------------------------------------------------------------------------------------------------------------

/** A block whose intermediate values are computed again in the backward pass instead of being kept (Griewank & Walther 2008, ch. 12; Chen et al. 2016). */
export const checkpoint: Op<-1, undefined> = {
  name: "checkpoint",
  doc: "a block that is recomputed in the backward pass instead of being kept",
  arity: -1,
  mergeable: false,
  type: (_, _p, [body]) => body!.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
  derivative: {
    kind: "jvp",
    // The tangent block computes the primal values that it needs itself. If nothing is transposed, merging removes the repetition.
    jvp(dx, x, y, { regions: [body], walks }) {
      const active = dx.flatMap((d) => (d ? [d] : []));
      if (active.length === 0) return { y, dy: y.map(() => undefined) };
      const live: boolean[] = [];
      const tangent = region([...x, ...active], (inputs) => {
        const seeds = inputs.slice(x.length);
        const { dy } = walks.jvp(
          body!,
          inputs.slice(0, x.length),
          dx.map((d) => d && seeds.shift()),
        );
        live.push(...dy.map((d) => d !== undefined));
        return dy.filter((d) => d !== undefined);
      });
      if (tangent.region.outputs.length === 0) return { y, dy: y.map(() => undefined) };
      const results = x.concat(active)[0]!.bindAll(checkpoint, [...x, ...active, ...tangent.free], undefined, [tangent.region]);
      return { y, dy: live.map((on) => (on ? results.shift() : undefined)) };
    },
    transpose(ct, x, { regions: [body], walks }, linear) {
      const cts = ct.filter((c) => c !== undefined);
      const known = x.filter((_, i) => !linear[i]);
      if (cts.length === 0) return x.map(() => undefined);
      // The barrier makes the recomputation wait for the cotangents, and keeps it from being merged with the first computation.
      const held = known.length ? known[0]!.bindAll(barrier, [...known, ...cts], { pass: known.length }) : [];
      const live: boolean[] = [];
      const back = region([...held, ...cts], (inputs) => {
        const given = inputs.slice(0, held.length);
        const seeds = inputs.slice(held.length);
        const operands = x.map((t, i) => (linear[i] ? t : given.shift()!));
        const cx = walks.transpose(
          body!,
          operands,
          linear,
          ct.map((c) => c && seeds.shift()),
        );
        live.push(...cx.map((c) => c !== undefined));
        return cx.filter((c) => c !== undefined);
      });
      if (back.region.outputs.length === 0) return x.map(() => undefined);
      const results = cts[0]!.bindAll(checkpoint, [...held, ...cts, ...back.free], undefined, [back.region]);
      return live.map((on) => (on ? results.shift() : undefined));
    },
  },
  batch(x, mapped, { regions: [body], walks }, n) {
    const single = body!.outputs.map(() => false);
    const block = region(x, (inputs) => walks.batch(body!, inputs, mapped, n, single).y);
    return x[0]!.bindAll(checkpoint, [...x, ...block.free], undefined, [block.region]);
  },
  lower: { kind: "expand", expand: (x, { regions: [body] }) => inlineRegion(body!, x) },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [3], dtype: "f64" },
        { shape: [3], dtype: "f64" },
      ],
      params: undefined,
      regions: () => [
        region(
          [
            { shape: [3], dtype: "f64" },
            { shape: [3], dtype: "f64" },
          ],
          ([x, y]) => [x!.sin().mul(y!).tanh(), x!.add(y!)],
        ).region,
      ],
    },
  ],
};

// ---- custom rules -------------------------------------------------------------------------------------------------------------------

export interface CustomJvp {
  /** How many operands are arguments; the rest are outside values, constant to the rule. Default all. */
  readonly inputs?: number;
  /** Tangents of the results from tangents of the operands; all are present. */
  readonly rule: (x: readonly Tensor[], dx: readonly Tensor[]) => { y: readonly Tensor[]; dy: readonly Tensor[] };
}

const zerosFor = (dx: readonly Maybe[], x: readonly Tensor[]): Tensor[] => dx.map((d, i) => d ?? x[i]!.like(0));

export const customJvp: Op<-1, CustomJvp> = {
  name: "customJvp",
  doc: "a function with a derivative of its own, given as a forward rule",
  arity: -1,
  mergeable: false,
  type: (_, _p, [body]) => body!.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
  derivative: {
    kind: "jvp",
    jvp(dx, x, _, { params }) {
      refuseOutside("customJvp", dx, params.inputs);
      return params.rule(x, zerosFor(dx, x));
    },
  },
  batch(x, mapped, { params, regions: [body], walks }, n) {
    const { all, wide } = batchAll(body!, x, mapped, walks, n);
    return all[0]!.bindAll(customJvp, all, { ...params, rule: batchedRule(params.rule, all, walks, n) }, [wide]);
  },
  lower: { kind: "expand", expand: (x, { regions: [body] }) => inlineRegion(body!, x) },
  cost: "memory",
  samples: [
    {
      operands: [{ shape: [3], dtype: "f64" }],
      params: { rule: ([x], [dx]) => ({ y: [x!.sin()], dy: [dx!.mul(x!.cos())] }) },
      regions: () => [region([{ shape: [3], dtype: "f64" }], ([x]) => [x!.sin()]).region],
    },
  ],
};

/** Operands and region of a function with a custom rule, on a batch. All operands are mapped, as the rule expects. */
function batchAll(
  body: Region,
  x: readonly Tensor[],
  mapped: readonly boolean[],
  walks: Site["walks"],
  n: number,
): { all: Tensor[]; wide: Region } {
  const all = expandAll(x, mapped, n);
  const every = all.map(() => true);
  return { all, wide: closedRegion(all, (inputs) => walks.batch(body, inputs, every, n).y) };
}

/** Batches a custom forward rule: records it on one example, and batches the recording. */
function batchedRule(rule: CustomJvp["rule"], x: readonly Tensor[], walks: Site["walks"], n: number): CustomJvp["rule"] {
  const one = x.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype }));
  return (xs, dxs) => {
    let split = 0;
    const body = region([...one, ...one], (inputs) => {
      const { y, dy } = rule(inputs.slice(0, x.length), inputs.slice(x.length));
      split = y.length;
      return [...y, ...dy];
    });
    const operands = [...xs, ...dxs, ...body.free];
    const all = walks.batch(
      body.region,
      operands,
      operands.map((_, i) => i < 2 * x.length),
      n,
    ).y;
    return { y: all.slice(0, split), dy: all.slice(split) };
  };
}

/** Refuses tangents of the outside values of a function with a custom rule, since the rule would lose them. */
function refuseOutside(name: string, dx: readonly Maybe[], inputs = dx.length): void {
  if (dx.slice(inputs).every((d) => d === undefined)) return;
  throw new TypeError(
    `${name}: the function uses a value from outside that is being differentiated, which its rule cannot see; pass it as an argument`,
  );
}

/** Parameters of customVjp. */
export interface CustomVjp {
  /** How many operands are arguments; the rest are outside values, constant to the rule. Default all. */
  readonly inputs?: number;
  /** Returns the results, and the residuals that the backward rule needs. */
  readonly forward: (x: readonly Tensor[]) => { y: readonly Tensor[]; residuals: readonly Tensor[] };
  /** Cotangents of the operands from the residuals and the cotangents of the results; all are present. */
  readonly backward: (residuals: readonly Tensor[], ct: readonly Tensor[]) => readonly Maybe[];
}

export const customVjp: Op<-1, CustomVjp> = {
  name: "customVjp",
  doc: "a function with a derivative of its own, given as a backward rule",
  arity: -1,
  mergeable: false,
  type: (_, _p, [body]) => body!.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
  derivative: {
    kind: "jvp",
    jvp(dx, x, _, { params, types }) {
      refuseOutside("customVjp", dx, params.inputs);
      const { y, residuals } = params.forward(x);
      const tangents = zerosFor(dx, x).slice(0, params.inputs);
      const dy = tangents[0]!.bindAll(pullback, [...residuals, ...tangents], { known: residuals.length, backward: params.backward, types });
      return { y, dy };
    },
  },
  batch(x, mapped, { params, regions: [body], walks, types }, n) {
    const { all, wide } = batchAll(body!, x, mapped, walks, n);
    return all[0]!.bindAll(customVjp, all, batchedVjp(params, all, types, walks, n), [wide]);
  },
  lower: { kind: "expand", expand: (x, { regions: [body] }) => inlineRegion(body!, x) },
  cost: "memory",
  samples: [
    {
      operands: [{ shape: [3], dtype: "f64" }],
      params: { forward: ([x]) => ({ y: [x!.sin()], residuals: [x!] }), backward: ([x], [ct]) => [ct!.mul(x!.cos())] },
      regions: () => [region([{ shape: [3], dtype: "f64" }], ([x]) => [x!.sin()]).region],
    },
  ],
};

/** Batches a custom backward rule: records both parts on one example, and batches the recordings. */
function batchedVjp(rule: CustomVjp, x: readonly Tensor[], types: readonly Type[], walks: Site["walks"], n: number): CustomVjp {
  const one = x.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype }));
  let residualTypes: Type[] = [];
  return {
    ...(rule.inputs === undefined ? {} : { inputs: rule.inputs }),
    forward(xs) {
      const body = region(one, (inputs) => {
        const { y, residuals } = rule.forward(inputs);
        residualTypes = residuals.map(({ shape, dtype }) => ({ shape, dtype }));
        return [...y, ...residuals];
      });
      const operands = [...xs, ...body.free];
      const all = walks.batch(
        body.region,
        operands,
        operands.map((_, i) => i < xs.length),
        n,
      ).y;
      return { y: all.slice(0, types.length), residuals: all.slice(types.length) };
    },
    backward(residuals, ct) {
      const body = region([...residualTypes, ...types], (inputs) => {
        const cx = rule.backward(inputs.slice(0, residuals.length), inputs.slice(residuals.length));
        return one.slice(0, rule.inputs).map((t, i) => cx[i] ?? inputs[0]!.constantOf(t, 0));
      });
      const operands = [...residuals, ...ct, ...body.free];
      return walks.batch(
        body.region,
        operands,
        operands.map((_, i) => i < residuals.length + ct.length),
        n,
      ).y;
    },
  };
}

/** The linear map of a customVjp function, of which only the transpose is known. */
export const pullback: Op<-1, { known: number; backward: CustomVjp["backward"]; types: readonly Type[] }> = {
  name: "pullback",
  doc: "the tangent of a customVjp function; it exists to be transposed",
  arity: -1,
  mergeable: false,
  type: (_, { types }) => [...types],
  derivative: {
    kind: "jvp",
    jvp(dx, x, y, { params }) {
      if (dx.slice(0, params.known).some((d) => d)) throw new TypeError(FORWARD_OF_VJP);
      const tangents = dx.slice(params.known).map((d, i) => d ?? x[params.known + i]!.like(0));
      return { y, dy: tangents[0]!.bindAll(pullback, [...x.slice(0, params.known), ...tangents], params) };
    },
    transpose(ct, x, { params }, linear) {
      if (linear.slice(0, params.known).some((on) => on)) throw new TypeError(FORWARD_OF_VJP);
      const full = ct.map((c, i) => c ?? x[0]!.constantOf(params.types[i]!, 0));
      return [...x.slice(0, params.known).map(() => undefined), ...params.backward(x.slice(0, params.known), full)];
    },
  },
  batch() {
    throw new TypeError(FORWARD_OF_VJP);
  },
  lower: {
    kind: "expand",
    expand() {
      throw new TypeError(FORWARD_OF_VJP);
    },
  },
  cost: "memory",
  samples: [],
};

const FORWARD_OF_VJP =
  "customVjp: this function knows only its backward rule, so jvp, jacfwd or hessian cannot go through it forward; use grad or vjp, or give the rule with customJvp";

// ---- cond ---------------------------------------------------------------------------------------------------------------------------

/** One of two regions, chosen by a bool scalar. Operands: the predicate, then the inputs of both regions. */
export const cond: Op<-1, undefined> = {
  name: "cond",
  doc: "the results of the first region if the predicate holds, else of the second; only one of them runs",
  arity: -1,
  mergeable: true,
  traits: { branches: true },
  type([predicate], _, [yes, no]) {
    if (predicate!.dtype !== "bool" || predicate!.shape.length > 0)
      throw new TypeError(`cond: the predicate must be a bool scalar, got ${formatType(predicate!)}`);
    yes!.outputs.forEach((y, i) => {
      const other = no!.outputs[i];
      if (!other || yes!.outputs.length !== no!.outputs.length || !sameType(y, other)) {
        const list = (r: Region): string => r.outputs.map(formatType).join(", ");
        throw new TypeError(`cond: both branches must give values of the same types, got (${list(yes!)}) and (${list(no!)})`);
      }
    });
    return yes!.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
  },
  derivative: {
    kind: "jvp",
    // Each branch computes its primal and, given the tangents, its tangent. The tangent branches compute the primal values that they need again.
    jvp([, ...dx], [predicate, ...x], y, { regions, walks }) {
      const active = dx.filter((d) => d !== undefined);
      if (active.length === 0) return { y, dy: y.map(() => undefined) };
      const branches = regions.map((branch) =>
        closedRegion([...x, ...active], (inputs) => {
          const seeds = inputs.slice(x.length);
          const { dy } = walks.jvp(
            branch,
            inputs.slice(0, x.length),
            dx.map((d) => d && seeds.shift()),
          );
          return branch.outputs.map((out, i) => dy[i] ?? inputs[0]!.constantOf(out, 0));
        }),
      );
      return { y, dy: predicate!.bindAll(cond, [predicate!, ...x, ...active], undefined, branches) };
    },
    transpose(ct, [predicate, ...x], { regions, walks }, [, ...linear]) {
      const cts = ct.filter((c) => c !== undefined);
      if (cts.length === 0) return [undefined, ...x.map(() => undefined)];
      const known = x.filter((_, i) => !linear[i]);
      const wanted = x.filter((_, i) => linear[i]);
      const branches = regions.map((branch) =>
        closedRegion([...known, ...cts], (inputs) => {
          const given = inputs.slice(0, known.length);
          const seeds = inputs.slice(known.length);
          const operands = x.map((t, i) => (linear[i] ? t : given.shift()!));
          const cx = walks.transpose(
            branch,
            operands,
            linear,
            ct.map((c) => c && seeds.shift()),
          );
          return x.flatMap((t, i) => (linear[i] ? [cx[i] ?? inputs[0]!.constantOf(t, 0)] : []));
        }),
      );
      if (wanted.length === 0) return [undefined, ...x.map(() => undefined)];
      const results = predicate!.bindAll(cond, [predicate!, ...known, ...cts], undefined, branches);
      return [undefined, ...linear.map((on) => (on ? results.shift() : undefined))];
    },
  },
  batch([predicate, ...x], [each, ...mapped], { regions, walks }, n) {
    if (!each) {
      // A result that is mapped in one branch must be in both.
      const either = regions[0]!.outputs.map(() => false);
      for (const branch of regions) {
        region(x, (inputs) => {
          walks.batch(branch, inputs, mapped, n, either).mapped.forEach((on, i) => {
            either[i] ||= on;
          });
          return [];
        });
      }
      const branches = regions.map((branch) => closedRegion(x, (inputs) => walks.batch(branch, inputs, mapped, n, either).y));
      return predicate!.bindAll(cond, [predicate!, ...x], undefined, branches);
    }
    // With a predicate per example both branches run, and each example selects its own.
    const [yes, no] = regions.map((branch) => walks.batch(branch, x, mapped, n).y);
    return yes!.map((y, i) =>
      predicate!
        .expandAlong(
          y.shape.slice(1).map((_, axis) => axis + 1),
          y.shape,
        )
        .where(y, no![i]!),
    );
  },
  lower: { kind: "control" },
  cost: "compute",
  samples: [
    {
      operands: [
        { shape: [], dtype: "bool", domain: [0, 2] },
        { shape: [3], dtype: "f64" },
      ],
      params: undefined,
      regions: () => [
        region([{ shape: [3], dtype: "f64" }], ([x]) => [x!.sin()]).region,
        region([{ shape: [3], dtype: "f64" }], ([x]) => [x!.mul(x!)]).region,
      ],
    },
  ],
};
