/** @file The instruments: each takes a model (or a function) and gives plain records, numbers and names, that say what it does and why. */
export { type CheckOptions, type CheckReport, checkGradients, checkModel } from "./check.ts";
export * as cost from "./cost.ts";
export { type Interval, type IntervalRule, intervalRules, intervals } from "./interval.ts";
export { type Maps, type Motion, moveImages, type Probe, type ProbeOptions, type ProbeRow, probe, usualMotions } from "./probe.ts";
export { type ReceptiveField, receptiveField } from "./receptive-field.ts";
export { type Summary, type SummaryOptions, type SummaryRow, summary } from "./summary.ts";
export { type Series, type TaylorRule, taylor, taylorRules } from "./taylor.ts";
export { type OptimizerMaker, type PlannedMemory, plannedMemory, type TrainingMemory } from "./training-memory.ts";
