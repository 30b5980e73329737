/** @file Marks of a run of a room's own, from which it goes on when it is wound back: every so many steps, and twice as far apart when there are too many. */
import type { Cell } from "../../runtime/cell.ts";
import { Mark } from "../../train/divergence.ts";

const MOST = 32;
const FIRST_STRIDE = 50;

export class Marks {
  readonly #cells: readonly Cell[];
  #marks: { readonly step: number; readonly mark: Mark }[];
  #stride = FIRST_STRIDE;

  /** Takes the first mark, of step 0. */
  constructor(cells: readonly Cell[]) {
    this.#cells = cells;
    this.#marks = [{ step: 0, mark: new Mark(cells) }];
  }

  /** The step at which the next mark may be due: no call goes beyond it. */
  next(step: number): number {
    return (Math.floor(step / this.#stride) + 1) * this.#stride;
  }

  /** A step was reached. */
  arrive(step: number): void {
    if (step % this.#stride !== 0 || this.#marks.some((each) => each.step === step)) return;
    this.#marks.push({ step, mark: new Mark(this.#cells) });
    this.#marks.sort((a, b) => a.step - b.step);
    if (this.#marks.length <= MOST) return;
    this.#stride *= 2;
    this.#marks = this.#marks.filter((each) => each.step % this.#stride === 0);
  }

  /** Goes to the last mark at or before a step, and gives its step. */
  restoreBefore(step: number): number {
    const last = this.#marks.findLast((each) => each.step <= step)!;
    last.mark.restore();
    return last.step;
  }
}
