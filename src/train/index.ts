/** @file The entry `nabla/train`: the training loop, measuring, saving and loading. */
import "../runtime/evaluate.ts";

export { type LoadOptions, loadModel, saveModel } from "./checkpoint.ts";
export { type Confusion, confusionTable, worstConfusions } from "./confusion.ts";
export { Evaluator, evaluate, predict } from "./evaluate.ts";
export { type Callbacks, DivergenceError, type EpochRecord, type FitOptions, fit, type History, type Progress } from "./fit.ts";
export type { Metrics } from "./meter.ts";
export { type Loss, outputSize } from "./task.ts";
