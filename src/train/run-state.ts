/** @file The plain part of a checkpoint: where a run stands and what it has noted. It comes from a file, so it is checked before it is believed. */
import type { Module } from "../nn/module.ts";
import type { EpochRecord } from "./callback.ts";

/** Where a run stands: after so many steps of an epoch, from 1. */
export interface Position {
  readonly epoch: number;
  readonly step: number;
  /** Examples in these steps, and seconds they took. */
  readonly examples: number;
  readonly seconds: number;
}

export interface RunState {
  readonly position: Position;
  /** Steps of an epoch. Files of the first version do not have it. */
  readonly steps?: number;
  readonly records: readonly EpochRecord[];
  readonly rateFactor: number;
  readonly reason?: string;
  /** Names of the parameters that the run averages, in the order of the averages. */
  readonly averaged?: readonly string[];
  /** Names of the parameters and modules that are frozen. Files of earlier versions do not have them. */
  readonly frozen?: FrozenNames;
  readonly callbacks: Readonly<Record<string, unknown>>;
}

/** What of a model is frozen: parameters that do not train, modules that stay in evaluation mode. */
export interface FrozenNames {
  readonly parameters: readonly string[];
  readonly modules: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((name) => typeof name === "string");
const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

/**
 * The plain data of a checkpoint if a run could go on from them, for a run with `steps` steps an epoch if that is given.
 * @throws {Error} that says what cannot be.
 */
export function checkRunState(value: unknown, what: string, steps?: number): RunState {
  const fault = faultOf(value, steps);
  if (fault === undefined) return value as RunState;
  throw new Error(`${what}: its state cannot be that of a run: ${fault}`);
}

function faultOf(state: unknown, given: number | undefined): string | undefined {
  if (!isObject(state) || !isObject(state.position)) return "it has no position";
  const { position, steps = given } = state;
  return (
    faultOfPosition(position) ??
    faultOfSteps(position.step, steps, given) ??
    faultOfRecords(state.records, position.epoch) ??
    faultOfRest(state)
  );
}

function faultOfPosition({ epoch, step, examples, seconds }: Fields): string | undefined {
  if (!isCount(epoch) || epoch < 1) return `epoch ${said(epoch)} is no integer from 1`;
  if (!isCount(step)) return `step ${said(step)} is no integer from 0`;
  return isCount(examples) && isAmount(seconds) ? undefined : `${said(examples)} examples in ${said(seconds)} seconds`;
}

function faultOfSteps(step: unknown, steps: unknown, given: number | undefined): string | undefined {
  if (steps === undefined) return undefined;
  if (!isCount(steps) || steps < 1) return `${said(steps)} steps an epoch are no integer from 1`;
  if (given !== undefined && steps !== given)
    return `its epochs have ${said(steps)} steps, those of this run ${given}; want the same data set and batch size`;
  return isCount(step) && step > steps ? `step ${step} of an epoch of ${steps} steps` : undefined;
}

function faultOfRecords(records: unknown, epoch: unknown): string | undefined {
  if (!Array.isArray(records) || !records.every((record) => isObject(record) && isAmount(record.seconds)))
    return "its records are no epochs";
  return isCount(epoch) && records.length === epoch - 1 ? undefined : `epoch ${said(epoch)}, but records of ${records.length} epochs`;
}

function faultOfRest({ rateFactor, reason, callbacks, frozen }: Fields): string | undefined {
  if (!isAmount(rateFactor)) return `the factor ${said(rateFactor)} of learning rates is no number from 0`;
  if (frozen !== undefined && !(isObject(frozen) && isNames(frozen.parameters) && isNames(frozen.modules)))
    return "what is frozen are no names";
  if (reason !== undefined && typeof reason !== "string") return "its reason is no text";
  return isObject(callbacks) ? undefined : "it has no states of callbacks";
}

/** A value as an error quotes it. */
const said = (value: unknown): string => String(JSON.stringify(value)).slice(0, 40);

/** Steps since the start of the run; undefined for files of the first version. */
export function totalOf({ position, steps }: RunState): number | undefined {
  return steps === undefined ? undefined : (position.epoch - 1) * steps + position.step;
}

/** What `Checkpoints` keeps of itself in a checkpoint. */
export interface CheckpointsState {
  /** The run that it belongs to. */
  readonly run?: string;
  readonly kept: readonly Kept[];
}

/** A checkpoint in the store: after so many steps, with the metric that it is judged by if it ends an epoch. */
export interface Kept {
  readonly step: number;
  readonly value: number | null;
}

/** The first version kept only the list. @throws {Error} if it is neither. */
export function checkpointsState(value: unknown): CheckpointsState {
  const state = Array.isArray(value) ? { kept: value } : value;
  const isKept = (kept: unknown): boolean =>
    isObject(kept) && isCount(kept.step) && (kept.value === null || typeof kept.value === "number");
  if (isObject(state) && Array.isArray(state.kept) && state.kept.every(isKept) && ["string", "undefined"].includes(typeof state.run))
    return state as unknown as CheckpointsState;
  throw new Error("checkpoint: its list of checkpoints is damaged");
}

/** The run that a checkpoint belongs to, if it says so. */
export function runOfState({ callbacks }: RunState): string | undefined {
  return Object.hasOwn(callbacks, "checkpoints") ? checkpointsState(callbacks.checkpoints).run : undefined;
}

/** What of a model is frozen, by names. */
export function frozenNames(model: Module): FrozenNames {
  const parameters = model.namedParameters().filter(([, parameter]) => !parameter.requiresGrad);
  const modules = model.namedModules().filter(([, module]) => module.isFrozen);
  return { parameters: parameters.map(([name]) => name), modules: modules.map(([name]) => name) };
}

/** Freezes what is named, and nothing else. */
export function setFrozen(model: Module, { parameters, modules }: FrozenNames): void {
  for (const [name, module] of model.namedModules()) module.isFrozen = modules.includes(name);
  for (const [name, parameter] of model.namedParameters()) parameter.requiresGrad = !parameters.includes(name);
}
