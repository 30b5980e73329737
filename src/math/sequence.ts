/**
 * @file Sequences of several lengths in one tensor: padded at the end to the longest, with their lengths beside it. Recurrent layers take the
 * lengths and see nothing of the padding, as PyTorch's packed sequences do.
 */

import { check, checkOptions, naturalNumber, shown } from "../base/check.ts";
import { formatShape, sameShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { arange, stack, tensor } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { PAD_SEQUENCE_OPTIONS, SEQUENCE_MASK } from "./options.ts";

/** How many steps of each sequence count, [N]: integers from 1 to the size of the time axis. A tensor may change without a new program. */
export type Lengths = Tensor | readonly number[] | Int32Array;

/**
 * Lengths as i32[N]. What is known already is checked.
 * @throws {RangeError} for another number of lengths than sequences, a fraction, or a length that is not from 1 to `steps`.
 */
export function checkLengths(what: string, lengths: Lengths, count: number, steps: number): Tensor {
  const found = lengths instanceof Tensor ? lengths : listed(what, lengths);
  const flat = found.rank === 0 ? found.unsqueeze(0) : found;
  if (!sameShape(flat.shape, [count]) || found.dtype === "bool")
    throw new RangeError(`${what}: want lengths [${count}], one for each sequence, got ${found.dtype}${formatShape(found.shape)}`);
  if (found.isComputed) checkValues(what, elementsOf(found), steps);
  return flat.cast("i32");
}

function listed(what: string, lengths: unknown): Tensor {
  if (lengths instanceof Int32Array) return tensor(lengths);
  if (!Array.isArray(lengths) || !lengths.every((n) => typeof n === "number"))
    throw new TypeError(`${what}: lengths must be a tensor or a list of integers, one for each sequence, got ${shown(lengths)}`);
  return tensor(Float64Array.from(lengths));
}

function checkValues(what: string, values: ArrayLike<number>, steps: number): void {
  const at = Array.from(values).findIndex((n) => !(Number.isInteger(n) && n >= 1 && n <= steps));
  if (at >= 0)
    throw new RangeError(`${what}: lengths must be integers from 1 to ${steps}, the number of steps, got ${values[at]} at ${at}`);
}

/** Where a padded sequence counts: bool [T, N] (or [N, T] with `batchFirst`), true up to each length. */
export function sequenceMask(lengths: Lengths, steps: number, options: { readonly batchFirst?: boolean } = {}): Tensor {
  checkOptions("sequenceMask", options, SEQUENCE_MASK);
  const { batchFirst = false } = options;
  check("sequenceMask: steps", steps, naturalNumber);
  const known = lengths instanceof Tensor ? lengths : listed("sequenceMask", lengths);
  if (known.rank !== 1) throw new RangeError(`sequenceMask: want lengths [N], got ${formatShape(known.shape)}`);
  const mask = arange(steps).unsqueeze(1).lt(known.cast("i32").unsqueeze(0));
  return batchFirst ? mask.transpose() : mask;
}

export interface PadSequenceOptions {
  /** [N, T, ...] instead of [T, N, ...]. Default false. */
  readonly batchFirst?: boolean;
  /** What fills the end. Default 0. */
  readonly paddingValue?: number;
}

/**
 * Sequences [Tᵢ, ...] of one dtype as one tensor [T, N, ...], each padded at the end to the longest, T. `sequenceLengths` gives their lengths.
 * @throws {RangeError} without a sequence, or if they differ beyond the first axis.
 */
export function padSequence(sequences: readonly Tensor[], options: PadSequenceOptions = {}): Tensor {
  checkOptions("padSequence", options, PAD_SEQUENCE_OPTIONS);
  const { batchFirst = false, paddingValue = 0 } = options;
  const steps = Math.max(...checkSequences("padSequence", sequences).map(({ shape }) => shape[0]));
  const rows = sequences.map((x) => {
    const missing = steps - x.shape[0];
    if (missing === 0) return x;
    return x.concat([x.constantOf({ shape: [missing, ...x.shape.slice(1)], dtype: x.dtype }, paddingValue)], 0);
  });
  return stack(rows, batchFirst ? 0 : 1);
}

/** The lengths of sequences [Tᵢ, ...], i32[N]. */
export function sequenceLengths(sequences: readonly Tensor[]): Tensor {
  return tensor(Int32Array.from(checkSequences("sequenceLengths", sequences), ({ shape }) => shape[0]));
}

/** The inverse of {@link padSequence}: each sequence up to its length. The lengths must have values: they decide shapes. */
export function unpadSequence(padded: Tensor, lengths: Lengths, options: { readonly batchFirst?: boolean } = {}): Tensor[] {
  checkTensors("unpadSequence", { padded });
  checkOptions("unpadSequence", options, SEQUENCE_MASK);
  const { batchFirst = false } = options;
  if (!(padded instanceof Tensor) || padded.rank < 2)
    throw new RangeError(
      `unpadSequence: want sequences [time, batch, ...], got ${padded instanceof Tensor ? formatShape(padded.shape) : shown(padded)}`,
    );
  const [time, batch] = batchFirst ? [1, 0] : [0, 1];
  const known = elementsOf(checkLengths("unpadSequence", lengths, padded.shape[batch], padded.shape[time]));
  return Array.from(known, (n, i) => padded.select(batch, i).narrow(0, 0, n));
}

function checkSequences(what: string, sequences: readonly Tensor[]): readonly Tensor[] {
  if (!Array.isArray(sequences) || sequences.length === 0 || !sequences.every((x) => x instanceof Tensor && x.rank > 0))
    throw new RangeError(`${what}: want a list of at least one tensor [time, ...]`);
  const [first] = sequences as readonly Tensor[];
  for (const [i, x] of (sequences as readonly Tensor[]).entries()) {
    if (!sameShape(x.shape.slice(1), first.shape.slice(1)) || x.dtype !== first.dtype)
      throw new RangeError(
        `${what}: sequences may differ in length only; sequence 0 is ${first.dtype}${formatShape(first.shape)}, sequence ${i} is ${x.dtype}${formatShape(x.shape)}`,
      );
  }
  return sequences;
}
