/** @file The entry `nabla/optim`: optimizers. */
export { Adam, type AdamOptions } from "./adam.ts";
export { Optimizer, type OptimizerOptions, type UpdateRule } from "./optimizer.ts";
export { cosine, type Schedule } from "./schedules.ts";
export { SGD, type SgdOptions } from "./sgd.ts";
