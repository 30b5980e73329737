/** @file The entry `nabla/optim`: optimizers, learning-rate schedules, gradient clipping, averages of weights. */
import "../runtime/evaluate.ts";

export { Adadelta, type AdadeltaOptions } from "./adadelta.ts";
export { Adafactor, type AdafactorOptions } from "./adafactor.ts";
export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions } from "./adam.ts";
export { Adamax, type AdamaxOptions } from "./adamax.ts";
export { AdamW } from "./adamw.ts";
export { ASGD, type AsgdOptions } from "./asgd.ts";
export { EMA, type EmaOptions, SWA, WeightAverage } from "./averaging.ts";
export { type AdaptiveClipOptions, type ClipNormOptions, clipAdaptively, clipByGlobalNorm, clipByNorm, clipByValue } from "./clipping.ts";
export { type CyclicOptions, cyclic, cyclicMomentum, type OneCycleOptions, oneCycle, oneCycleMomentum } from "./cyclic.ts";
export { decayGroups, isWeight, type ParameterPredicate } from "./groups.ts";
export { HessianFree, type HessianFreeOptions, type HessianFreeReport } from "./hessian-free.ts";
export { LAMB, type LambOptions } from "./lamb.ts";
export { type Closure, LBFGS, type LbfgsOptions } from "./lbfgs.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { MomentOptimizer, type MomentOptions } from "./moments.ts";
export { Muon, type MuonOptions } from "./muon.ts";
export { NAdam, type NAdamOptions } from "./nadam.ts";
export { Newton, type NewtonOptions } from "./newton.ts";
export type { Settings } from "./optimizer.ts";
export { Group, Optimizer, type OptimizerOptions, type ParameterGroup, type Trainable, type UpdateRule } from "./optimizer.ts";
export { Plateau, type PlateauOptions, type PlateauState } from "./plateau.ts";
export { proximalL1 } from "./proximal.ts";
export { RAdam, type RAdamOptions } from "./radam.ts";
export { RMSProp, type RmspropOptions } from "./rmsprop.ts";
export { Rprop, type RpropOptions } from "./rprop.ts";
export {
  type CosineOptions,
  chained,
  constant,
  cosine,
  cosineAnnealing,
  cosineWithRestarts,
  exponential,
  lambda,
  linear,
  multiplicative,
  multiStep,
  polynomial,
  type RestartOptions,
  type Schedule,
  sequential,
  stepDecay,
  warmUp,
} from "./schedules.ts";
export { SGD, type SgdOptions } from "./sgd.ts";
export { ShardedOptimizer } from "./sharded.ts";
export type { StateSource } from "./state.ts";
