/** @file The instruments: each takes a model (or a function) and gives plain records, numbers and names, that say what it does and why. */

export { type Finding, findingText, type RuleName } from "../train/finding.ts";
export { accumulate, type EliminationSteps, jacobianBySteps } from "./accumulate.ts";
export { type AnnealingOptions, annealOrder } from "./annealing.ts";
export {
  type BentLayer,
  type BumpOptions,
  bentGrid,
  bumpConstruction,
  type Collapsed,
  type Construction,
  type Curve1d,
  collapseLinear,
  type GridOptions,
  type IntervalOptions,
  leastSquaresLine,
  type Polynomial,
  polynomialFeatures,
  reluConstruction,
  tent,
} from "./approximate.ts";
export { type CheckOptions, type CheckReport, checkGradients, checkModel } from "./check.ts";
export * as cost from "./cost.ts";
export { type Curvature, type CurvatureOptions, curvature, type Objective, type StepFit, stepFit } from "./curvature.ts";
export { type CurvaturePlane, type CurvaturePlaneOptions, curvaturePlane } from "./curvature-plane.ts";
export { splitRules } from "./data-rules.ts";
export {
  type Descent,
  type DescentOptions,
  type Directional,
  type DirectionalOptions,
  directional,
  type Level,
  type OutcomesOptions,
  outcomes,
  steepestDescent,
} from "./descent.ts";
export { type EdgeElimination, type EdgeStep, eliminateEdges, type SearchOptions } from "./edge-elimination.ts";
export { type EliminationRule, eliminationOrder, orderCost, type VertexOrder } from "./elimination.ts";
export { eliminateFaces, type FaceElimination, type FaceStep } from "./face-elimination.ts";
export { type Flow, type FlowBounds, FlowMeter, type FlowStep, type Fork, flow, type Whiskers } from "./flow.ts";
export type { Diagnosis, Trend } from "./flow-diagnosis.ts";
export { type Edge, type Graph, type ScalarGraph, type ScalarGraphOptions, scalarGraph, type Vertex, type Weighted } from "./graph.ts";
export { type Interval, type IntervalRule, intervalRules, intervals } from "./interval.ts";
export { type Estimate, type LanczosOptions, type LinearMap, singularValues } from "./lanczos.ts";
export {
  type Curved,
  type CurveOptions,
  curve,
  type Direction,
  type LineOptions,
  line,
  type PathPlane,
  type Plane,
  pathPlane,
  plane,
  type Slice,
  type SliceOptions,
  slice,
} from "./landscape.ts";
export type { Layered } from "./layer-matrix.ts";
export { circularNorm, circularSingularValues, jacobianMap } from "./linear-map.ts";
export { type Look, type LookOptions, look } from "./look.ts";
export { type NoiseOptions, type NoiseScale, type NormPair, noiseScale, noiseScaleFromNorms } from "./noise.ts";
export { type AccumulationCost, accumulationCost, type Operation, type Operations, operations } from "./operations.ts";
export { type Growth, type Path, type Paths, type PathsOptions, pathGrowth, paths, type Thickness } from "./paths.ts";
export { type PowerLaw, powerLaw } from "./power-law.ts";
export { type Maps, type Motion, moveImages, type Probe, type ProbeOptions, type ProbeRow, probe, usualMotions } from "./probe.ts";
export * as randomMatrix from "./random-matrix.ts";
export { type ReceptiveField, receptiveField } from "./receptive-field.ts";
export type { Found } from "./search.ts";
export { type Elements, SiteProgram, type SiteProgramOptions, type SiteReading, type SiteValues } from "./site-program.ts";
export type { Hidden, Site, SiteKind, SiteList } from "./sites.ts";
export {
  type LayerSpectrum,
  type MatrixSpectrum,
  matrixSpectrum,
  type OperatorSpectrum,
  type Outlier,
  type ProductSpectrum,
  productSpectrum,
  type Spectrum,
  type SpectrumOptions,
  spectrum,
} from "./spectrum.ts";
export { type Summary, type SummaryOptions, type SummaryRow, summary } from "./summary.ts";
export { type TangentKernel, type TangentKernelOptions, tangentKernel, tangentPrediction } from "./tangent-kernel.ts";
export { type Series, type TaylorRule, taylor, taylorRules } from "./taylor.ts";
export { type Trained, type TrainedOptions, trainedWidths } from "./trained-widths.ts";
export { type OptimizerMaker, type PlannedMemory, plannedMemory, type TrainingMemory } from "./training-memory.ts";
export {
  type ActivationUnits,
  type DeadUnit,
  deadAtBirth,
  type Histogram,
  type Moments,
  type Units,
  UnitsMeter,
  units,
  zigzagCondition,
} from "./units.ts";
export { type OptimumOptions, optimalOrder } from "./vertex-optimum.ts";
export { Watcher, type WatcherOptions } from "./watcher.ts";
