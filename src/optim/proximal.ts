/** @file The proximal step of the L1 penalty, which makes weights exactly zero; its subgradient only makes them small. */
import { check, having } from "../base/check.ts";
import { softShrink } from "../math/activation.ts";
import type { Cell } from "../runtime/cell.ts";
import { checkRange, type Optimizer } from "./optimizer.ts";
import { checkTrainable } from "./trainable.ts";

/**
 * p ← sign(p)·max(|p| - lr·λ, 0), for the penalty λ·Σ|p|; right after `optimizer.step`, whose gradients are of the loss without the penalty: iterative
 * soft thresholding (Daubechies, Defrise & De Mol 2004; Parikh & Boyd 2014, section 4.2). Weights that the loss pulls by less than λ stay at 0.
 * @param lambda λ >= 0.
 * @param which The parameters it is meant for. Default all of the optimizer's.
 */
export function proximalL1(optimizer: Optimizer, lambda: number, some?: Iterable<Cell>): void {
  check("proximalL1: the optimizer", optimizer, having("an optimizer", "step", "stateDict"));
  checkRange("proximalL1: lambda", lambda, 0);
  const which = some ?? optimizer.parameters;
  checkTrainable(which);
  const wanted = new Set(which);
  const stranger = [...wanted].find((cell) => !optimizer.parameters.includes(cell));
  if (stranger) throw new RangeError(`proximalL1: ${stranger} is not among the optimizer's parameters; its learning rate is unknown`);
  for (const { parameters, rate } of optimizer.groups) {
    for (const cell of parameters) if (wanted.has(cell)) cell.set(softShrink(cell.value, { lambda: rate.value.mul(lambda) }));
  }
}
