/** @file Newton's method: Nocedal & Wright (2006), eq. 3.30, with Levenberg's damping. */
import { aNumber, type Checks, checkOptions } from "../base/check.ts";
import { type Compiled, compile } from "../function/compile.ts";
import { valueAndGrad } from "../function/derivative.ts";
import { hessian } from "../function/jacobian.ts";
import { cholesky, solve } from "../math/linalg.ts";
import { eye } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { sizeOf, withValues } from "./flat.ts";
import { checkParameters, checkRange } from "./optimizer.ts";
import { listOf } from "./trainable.ts";

export interface NewtonOptions {
  /** Step length. Default 1. */
  readonly lr?: number;
  /** λ. Default 0. */
  readonly damping?: number;
}

const NEWTON_OPTIONS: Checks<NewtonOptions> = { lr: aNumber, damping: aNumber };

/**
 * p ← p - lr·(H + λI)⁻¹∇f, with the whole matrix H of second derivatives: for up to a thousand parameters or so. It goes to the nearest point
 * without slope, which is a minimum only where H + λI is positive definite.
 */
export class Newton {
  readonly parameters: readonly Cell[];
  readonly #step: Compiled<() => [value: Tensor, solved: Tensor, definite: Tensor]>;
  #definite: boolean | undefined;

  /** `f` gives the value to minimize from the cells. */
  constructor(parameters: Iterable<Cell>, f: () => Tensor, options: NewtonOptions = {}) {
    checkOptions(new.target.name, options, NEWTON_OPTIONS);
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
      const damped = matrix.add(eye(sizeOf(cells), matrix.dtype).mul(damping));
      const move = solve(damped, g.concat(others)).mul(lr);
      const solved = move.isFinite().all();
      const definite = cholesky(damped).isFinite().all();
      let from = 0;
      for (const [i, x] of at.entries()) {
        cells[i].set(solved.where(x.sub(move.narrow(0, from, x.size).reshape(x.shape)), x));
        from += x.size;
      }
      return [value, solved, definite];
    });
  }

  /**
   * One step; gives the value before it.
   * @throws {RangeError} if H + λI is singular, or a derivative is not finite; then nothing has moved.
   */
  step(): number {
    const [value, solved, definite] = this.#step().map((x) => x.itemSync()) as [number, number, number];
    this.#definite = definite === 1;
    if (!solved) {
      throw new RangeError(
        `Newton: the matrix of second derivatives is singular, or not finite, at the value ${value}; the parameters have not moved: use damping above 0, or start elsewhere`,
      );
    }
    return value;
  }

  /**
   * Whether H + λI was positive definite in the last step, so that the step led downhill; undefined before the first. Where it is false, the method
   * goes to a saddle point or a maximum: use more damping.
   */
  get isDefinite(): boolean | undefined {
    return this.#definite;
  }

  /** Frees the program. */
  dispose(): void {
    this.#step.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
