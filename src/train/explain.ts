/** @file Why training has failed, asked of the instruments, where a program has them: a page that trains does not carry them unless it imports `inspect`. */
import type { Compiled } from "../function/compiled.ts";
import type { Layer } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Finding } from "./finding.ts";
import type { StepFunction } from "./step.ts";
import type { BatchTensors, Loss } from "./task.ts";

/** A model that does not learn, and the batch on which it is looked at. */
export interface Patient {
  readonly model: Layer;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly batch: BatchTensors;
  /** Of classification: how many classes the data have. */
  readonly classes: number | undefined;
  /** Steps that were taken before. */
  readonly step: number;
}

/** What the instruments find on a batch, after so many steps. */
type LookAt = (
  model: Layer,
  options: Pick<BatchTensors, "x" | "y"> & {
    readonly loss: Loss;
    readonly optimizer: Optimizer;
    readonly lengths?: BatchTensors["lengths"];
    readonly more?: BatchTensors["more"];
    readonly classes?: number;
  },
  step: number,
) => Promise<{ readonly findings: readonly Finding[] }>;

/** A function that is hunted through for NaNs at every call. */
type Hunting = (fn: StepFunction) => Compiled<StepFunction>;

let instruments: { readonly lookAt: LookAt; readonly hunting: Hunting } | undefined;

/** For `inspect`, which is there as soon as a program imports it. */
export function registerInstruments(lookAt: LookAt, hunting: Hunting): void {
  instruments = { lookAt, hunting };
}

/** A step that stops at the first instruction that makes a NaN, where there are instruments. */
export const hunting = (step: StepFunction): Compiled<StepFunction> | undefined => instruments?.hunting(step);

/** What keeps the model from learning, the gravest first; nothing if no instrument can tell. Cells are left as they are. */
export async function explain({ model, optimizer, loss, batch, classes, step }: Patient): Promise<readonly Finding[]> {
  if (!instruments) return [];
  const { x, y, lengths, more } = batch;
  const options = { x, y, loss, optimizer, ...(lengths && { lengths }), ...(more && { more }), ...(classes !== undefined && { classes }) };
  try {
    return (await instruments.lookAt(model, options, step)).findings;
  } catch {
    // The failure itself is told anyway; a model that cannot be looked at is none of its causes.
    return [];
  }
}
