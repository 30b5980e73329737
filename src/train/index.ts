/** @file The entry `nabla/train`: the training loop, measuring, saving and loading. */
import "../runtime/evaluate.ts";

export type { BatchLoss, LossResult } from "./batch-loss.ts";
export type {
  Callback,
  EpochRecord,
  History,
  Monitor,
  Progress,
  StepRecord,
  Training,
} from "./callback.ts";
export { type CheckOptions, checkTraining } from "./check-training.ts";
export { type LoadOptions, loadCheckpoint, loadModel, saveCheckpoint, saveModel, saveRun } from "./checkpoint.ts";
export { Checkpoints, type CheckpointsOptions, type Found, type LatestOptions, latestCheckpoint } from "./checkpoints.ts";
export { type Confusion, confusionTable, type Score, type Scores, scores, worstConfusions } from "./confusion.ts";
export { type Decoupled, type DecoupledOptions, DecoupledPipeline, type DecoupledStage, decoupled } from "./decoupled.ts";
export { type Diagnosis, diagnose, type Verdict } from "./diagnosis.ts";
export { DivergenceError } from "./divergence.ts";
export { type BestSoFar, EarlyStopping, type EarlyStoppingOptions, ReduceOnPlateau } from "./early-stopping.ts";
export {
  type BaggingOptions,
  bagging,
  bootstrap,
  cyclicCosine,
  Ensemble,
  type EnsembleOptions,
  type Resample,
  Snapshots,
  snapshotEnsemble,
  type Vote,
} from "./ensemble.ts";
export { Evaluator, evaluate, type InputSplit, type Measured, type Metered, predict, predictOutputs, usualMetrics } from "./evaluate.ts";
export { type FindRateOptions, findLearningRate, type RateFinding, type RateTrial } from "./find-lr.ts";
export { type Finding, findingText, type RuleName } from "./finding.ts";
export { type FitOptions, fit } from "./fit.ts";
export { Meter, type Metrics } from "./meter.ts";
export { Accuracy, type Auc, ConfusionMatrix, type Metric, Regression, type RegressionErrors, RocAuc, TopK } from "./metrics.ts";
export { PbpNetwork, type PbpOptions, type PbpPrediction, pbp } from "./pbp.ts";
export { CsvSink, type EventSink, Recorder, type RecorderOptions } from "./record.ts";
export type { CheckpointsState, Kept } from "./run-state.ts";
export { fastDevRun, firstExamples, type OverfitOptions, type OverfitReport, overfitOneBatch } from "./sanity.ts";
export { compileStep, GradientSum, type StepFunction, type StepParts, stepFunction } from "./step.ts";
export type { OpenFile } from "./store.ts";
export { type FileSystem, folderStore, memoryStore, type Store } from "./store.ts";
export {
  type BatchTensors,
  baselineLoss,
  batchTensors,
  defaultLoss,
  type Loss,
  type LossFunction,
  type MoreTensors,
  outputSize,
} from "./task.ts";
export { TensorboardSink } from "./tensorboard.ts";
export { loadRun, type ModelSettings, modelMetadata, type Prediction, type Row, TrainedModel } from "./trained.ts";
