/**
 * @file Einstein sums with any subscripts, and the products that are one: tensordot, outer, inner, kron, cross, bilinear.
 */

import { check, expectation, integer, listOf, naturalNumber, text } from "../base/check.ts";
import { formatShape, normalizeAxis } from "../base/shape.ts";
import { checkTensorList, checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { diagonal, roll } from "./rearrange.ts";

/** A tensor whose axes have letters. */
interface Term {
  readonly letters: string;
  readonly x: Tensor;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function refuse(equation: string, why: string): never {
  throw new RangeError(`einsum "${equation}": ${why}`);
}

/** The words of an equation with `...` spelled out in letters of its own, aligned at the end as in broadcasting. */
function spell(equation: string, operands: readonly Tensor[]): { words: string[]; out: string } {
  const [left, right, ...more] = equation.replaceAll(" ", "").split("->") as [string, string | undefined];
  const words = left.split(",");
  if (more.length > 0) refuse(equation, "has more than one arrow");
  if (words.length !== operands.length) refuse(equation, `names ${words.length} operands, got ${operands.length}`);
  const free = [...LETTERS].filter((c) => !equation.includes(c));
  const widths = words.map((word, i) => (word.includes("...") ? operands[i]!.rank - (word.length - 3) : 0));
  const dots = free.slice(0, Math.max(0, ...widths)).join("");
  const full = words.map((word, i) => word.replace("...", dots.slice(dots.length - Math.max(0, widths[i]!))));
  full.forEach((word, i) => {
    if (!/^[a-zA-Z]*$/.test(word)) refuse(equation, `"${words[i]}" is not letters, with at most one "..."`);
    if (word.length !== operands[i]!.rank) refuse(equation, `"${words[i]}" does not fit operand ${i}, ${formatShape(operands[i]!.shape)}`);
  });
  // Without an arrow: the letters that stand once, in alphabetical order.
  const all = full.join("");
  const once = [...new Set(all)].filter((c) => !dots.includes(c) && all.indexOf(c) === all.lastIndexOf(c)).sort();
  const out = right === undefined ? dots + once.join("") : right.replace("...", dots);
  if (new Set(out).size !== out.length) refuse(equation, "repeats a letter in the result");
  const unknown = [...out].find((c) => !all.includes(c));
  if (unknown) refuse(equation, `the result has "${unknown}", which no operand has`);
  return { words: full, out };
}

/** A letter that an operand repeats means its diagonal. */
function takeDiagonals({ letters, x }: Term): Term {
  const second = [...letters].findIndex((c, i) => letters.indexOf(c) < i);
  if (second < 0) return { letters, x };
  const c = letters[second]!;
  const first = letters.indexOf(c);
  if (x.shape[first] !== x.shape[second])
    throw new RangeError(`einsum: "${c}" is ${x.shape[first]} and ${x.shape[second]} in ${formatShape(x.shape)}`);
  return takeDiagonals({ letters: [...letters].filter((d) => d !== c).join("") + c, x: diagonal(x, 0, [first, second]) });
}

/** Sums out the letters that nobody else wants. */
function sumOut({ letters, x }: Term, wanted: string): Term {
  const axes = [...letters].flatMap((c, i) => (wanted.includes(c) ? [] : [i]));
  return { letters: [...letters].filter((c) => wanted.includes(c)).join(""), x: axes.length ? x.sum(axes) : x };
}

/** The sum of products of operands over the letters that are not in the result: `ij,jk->ik`, `ii->i`, `...qd,...kd->...qk`. */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  check("einsum: the equation", equation, text);
  checkTensorList("einsum: operands", operands);
  if (operands.length === 0) refuse(equation, "got no operands");
  const { words, out } = spell(equation, operands);
  const sizes = new Map<string, number>();
  words.forEach((word, i) => {
    [...word].forEach((c, axis) => {
      const size = operands[i]!.shape[axis]!;
      const known = sizes.get(c) ?? 1;
      if (known !== 1 && size !== 1 && known !== size) refuse(equation, `"${c}" is ${known} in one operand and ${size} in another`);
      sizes.set(c, known === 1 ? size : known);
    });
  });
  const terms = words.map((letters, i) => widen(takeDiagonals({ letters, x: operands[i]! }), sizes));
  const total = terms.reduce((a, b, i) =>
    multiply(
      a,
      b,
      out +
        terms
          .slice(i + 1)
          .map((t) => t.letters)
          .join(""),
    ),
  );
  const { letters, x } = sumOut(total, out);
  return x.transpose([...out].map((c) => letters.indexOf(c)));
}

/** Axes of size 1 stretched to the size their letter has elsewhere. */
function widen({ letters, x }: Term, sizes: ReadonlyMap<string, number>): Term {
  return { letters, x: x.broadcastTo([...letters].map((c) => sizes.get(c)!)) };
}

/** The product of two terms with the letters that are still wanted. */
function multiply(a: Term, b: Term, wanted: string): Term {
  const x = sumOut(a, wanted + b.letters);
  const y = sumOut(b, wanted + a.letters);
  const shared = [...x.letters].filter((c) => y.letters.includes(c) && wanted.includes(c));
  const own = (t: Term): string[] => [...t.letters].filter((c) => !shared.includes(c) && wanted.includes(c));
  const letters = [...shared, ...own(x), ...own(y)].join("");
  return { letters, x: x.x.dot(y.x, `${x.letters},${y.letters}->${letters}`) };
}

const contracted = expectation(
  "a number of axes, or two lists of axes",
  (value) => naturalNumber.holds(value) || (Array.isArray(value) && value.length === 2 && value.every(listOf(integer).holds)),
);

/** Sum of products over the last `axes` axes of x and the first of y, or over given pairs of axes. */
export function tensordot(x: Tensor, y: Tensor, axes: number | readonly [readonly number[], readonly number[]] = 2): Tensor {
  checkTensors("tensordot", { x, y });
  check("tensordot: axes", axes, contracted);
  const pairs: readonly [readonly number[], readonly number[]] =
    typeof axes === "number"
      ? [Array.from({ length: axes }, (_, i) => x.rank - axes + i), Array.from({ length: axes }, (_, i) => i)]
      : axes;
  const xs = [...LETTERS.slice(0, x.rank)];
  const ys = [...LETTERS.slice(x.rank, x.rank + y.rank)];
  const inner = pairs[0].map((axis) => normalizeAxis(axis, x.rank, "tensordot"));
  pairs[1].forEach((axis, i) => {
    ys[normalizeAxis(axis, y.rank, "tensordot")] = xs[inner[i]!]!;
  });
  const out = [...xs.filter((_, i) => !inner.includes(i)), ...ys.filter((c) => !xs.includes(c))];
  return einsum(`${xs.join("")},${ys.join("")}->${out.join("")}`, x, y);
}

/** x[i]·y[j] for vectors. */
export function outer(x: Tensor, y: Tensor): Tensor {
  checkTensors("outer", { x, y });
  return einsum("i,j->ij", x, y);
}

/** Kronecker's product: blocks x[i, j]·y. */
export function kron(x: Tensor, y: Tensor): Tensor {
  checkTensors("kron", { x, y });
  const rank = Math.max(x.rank, y.rank);
  const [a, b] = [x, y].map((t) => t.reshape([...new Array<number>(rank - t.rank).fill(1), ...t.shape])) as [Tensor, Tensor];
  const wide = a.reshape(a.shape.flatMap((d) => [d, 1])).mul(b.reshape(b.shape.flatMap((d) => [1, d])));
  return wide.reshape(a.shape.map((d, i) => d * b.shape[i]!));
}

/** Vector product along an axis of size 3. */
export function cross(x: Tensor, y: Tensor, axis = -1): Tensor {
  checkTensors("cross", { x, y });
  const at = normalizeAxis(axis, x.rank, "cross");
  if (x.shape[at] !== 3) throw new RangeError(`cross: axis ${at} of ${formatShape(x.shape)} must have size 3`);
  const turn = (t: Tensor, by: number): Tensor => roll(t, by, at);
  return turn(x, -1)
    .mul(turn(y, -2))
    .sub(turn(x, -2).mul(turn(y, -1)));
}

/** y[o] = x₁ᵀ·w[o]·x₂ + b[o], with w [out, in1, in2]. */
export function bilinear(x1: Tensor, x2: Tensor, w: Tensor, b?: Tensor): Tensor {
  checkTensors("bilinear", { x1, x2, w }, { b });
  const y = einsum("...i,oij,...j->...o", x1, w, x2);
  return b ? y.add(b) : y;
}
