/**
 * @file Local identities: neutral elements, movement that cancels, constants that fold. Float results do not change but for the sign of a zero
 * (x + 0 for x = -0) and what is lost where a symbolic zero tangent meets an infinity.
 */
import { isFloat } from "../base/dtype.ts";
import { type Shape, sameShape, sizeOf } from "../base/shape.ts";
import { neg } from "../ops/elementwise.ts";
import { full } from "../ops/indexing.ts";
import { madeBy } from "../ops/made-by.ts";
import { broadcast, reshape, transpose } from "../ops/movement.ts";
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** The number that all elements of a value equal, if it is known. */
function constantOf(x: Tensor): number | undefined {
  const constant = madeBy(x, full);
  if (constant) return constant.params.value;
  const { op, operands } = x.source;
  return op.traits?.moves === "all" ? constantOf(operands[0]!) : undefined;
}

/** Returns a simpler value that equals y, or undefined. */
type Identity = (x: readonly Tensor[], params: never, y: Tensor) => Tensor | undefined;

const zero = (x: Tensor): boolean => constantOf(x) === 0;
const one = (x: Tensor): boolean => constantOf(x) === 1;

const IDENTITIES: Readonly<Record<string, Identity>> = {
  identity: ([x]) => x,
  stopGradient: ([x]) => x,
  add: ([x, y]) => (zero(y!) ? x : zero(x!) ? y : undefined),
  sub: ([x, y]) => (zero(y!) ? x : zero(x!) ? y!.neg() : undefined),
  mul: ([x, y]) => (one(y!) ? x : one(x!) ? y : zeroProduct(x!, y!)),
  div: ([x, y]) => (one(y!) ? x : undefined),
  neg: ([x]) => madeBy(x!, neg)?.operands[0] ?? negated(x!),
  select: ([c, x, y]) => {
    const known = constantOf(c!);
    if (known !== undefined) return known ? x : y;
    return x === y ? x : undefined;
  },
  cast: ([x], _, y) => {
    const value = constantOf(x!);
    return value === undefined || !isFloat(y.dtype) ? undefined : y.like(value);
  },
  // One index per row: the element goes to the position in the index, and nothing needs to be summed.
  scatterAdd: ([ct, index], { batch }: { batch: number }, y) => {
    if (sizeOf(index!.shape.slice(batch)) !== 1) return undefined;
    const lead = y.shape.slice(0, batch);
    const axes = lead.map((_, i) => i);
    const rest = y.shape.slice(batch + 1);
    const at = index!.cast("i32").reshape(lead).broadcastInDim(y.shape, axes);
    const value = ct!.reshape([...lead, ...rest]).broadcastInDim(y.shape, [...axes, ...rest.map((_, i) => batch + 1 + i)]);
    return at.eq(at.iotaLike(batch)).where(value, y.like(0));
  },
  sum: ([x], _, y) => (zero(x!) ? y.like(0) : undefined),
  transpose: ([x], { axes }: { axes: readonly number[] }) => {
    if (axes.every((a, i) => a === i)) return x;
    const inner = madeBy(x, transpose);
    return inner?.operands[0].transpose(axes.map((a) => inner.params.axes[a]!));
  },
  reshape: ([x], { shape }: { shape: Shape }) => {
    if (sameShape(x!.shape, shape)) return x;
    return madeBy(x, reshape)?.operands[0].reshape(shape);
  },
  broadcast: ([x], { shape, axes }: { shape: Shape; axes: readonly number[] }, y) => {
    if (sameShape(x!.shape, shape)) return x;
    const value = constantOf(x!);
    if (value !== undefined) return y.like(value);
    const inner = madeBy(x, broadcast);
    return inner?.operands[0].broadcastInDim(
      shape,
      inner.params.axes.map((a) => axes[a]!),
    );
  },
};

/** The zero operand of a product with 0. For floats only if the other operand is a finite constant, since 0 · NaN is NaN. */
function zeroProduct(x: Tensor, y: Tensor): Tensor | undefined {
  if (isFloat(x.dtype)) return zero(x) && constantOf(y) !== undefined && Number.isFinite(constantOf(y)) ? x : undefined;
  return zero(x) ? x : zero(y) ? y : undefined;
}

/** -c as a constant. */
function negated(x: Tensor): Tensor | undefined {
  return madeBy(x, full) ? x.like(-constantOf(x)!) : undefined;
}

const simplifyOne: Rule = (instruction: Instruction, operands) => {
  const identity = IDENTITIES[instruction.op.name];
  const y = instruction.results[0] as Tensor;
  const simpler = identity?.(operands, instruction.params as never, y);
  return simpler && [simpler];
};

export function simplify(region: Region): Region {
  return rewriteRegion(region, () => simplifyOne);
}
