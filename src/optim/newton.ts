/** @file Newton's method: Nocedal & Wright (2006), eq. 3.30, with Levenberg's damping. */
import { aNumber, checkOptions } from "../base/check.ts";
import { type Compiled, compile } from "../function/compile.ts";
import { valueAndGrad } from "../function/derivative.ts";
import { hessian } from "../function/jacobian.ts";
import { solve } from "../math/linalg.ts";
import { eye } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { sizeOf, withValues } from "./flat.ts";
import { checkParameters, checkRange, listOf } from "./optimizer.ts";

export interface NewtonOptions {
  /** Step length. Default 1. */
  readonly lr?: number;
  /** λ. Default 0. */
  readonly damping?: number;
}

/**
 * p ← p - lr·(H + λI)⁻¹∇f, with the whole matrix H of second derivatives: for up to a thousand parameters or so. It goes to the nearest point
 * without slope, which is a minimum only where H + λI is positive definite.
 */
export class Newton {
  readonly parameters: readonly Cell[];
  readonly #step: Compiled<() => Tensor>;

  /** `f` gives the value to minimize from the cells. */
  constructor(parameters: Iterable<Cell>, f: () => Tensor, options: NewtonOptions = {}) {
    checkOptions(new.target.name, options, { lr: aNumber, damping: aNumber });
    const { lr = 1, damping = 0 } = options;
    const cells = listOf(parameters);
    this.parameters = cells;
    checkParameters("Newton", cells);
    checkRange("lr", lr, 0);
    checkRange("damping", damping, 0);
    const valueAt = (at: Tensor[]): Tensor => withValues(cells, at, f);
    this.#step = compile(() => {
      const at = cells.map(({ value }) => value);
      const { value, grad } = valueAndGrad(valueAt)(at) as { value: Tensor; grad: Tensor[] };
      const rows = (hessian(valueAt)(at) as Tensor[][]).map((blocks, i) => {
        const [first, ...rest] = blocks.map((block, j) => block.reshape([at[i].size, at[j].size]));
        return first.concat(rest, 1);
      });
      const matrix = rows[0].concat(rows.slice(1), 0);
      const [g, ...others] = grad.map((x) => x.flatten());
      const move = solve(matrix.add(eye(sizeOf(cells), matrix.dtype).mul(damping)), g.concat(others)).mul(lr);
      let from = 0;
      for (const [i, x] of at.entries()) {
        cells[i].set(x.sub(move.narrow(0, from, x.size).reshape(x.shape)));
        from += x.size;
      }
      return value;
    });
  }

  /** One step; gives the value before it. */
  step(): number {
    return this.#step().itemSync();
  }

  /** Frees the program. */
  dispose(): void {
    this.#step.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
