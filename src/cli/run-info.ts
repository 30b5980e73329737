/** @file What run.json says: what trained on what, how far it came, and with which result. */
import { createHash } from "node:crypto";
import type { Dataset } from "../data/dataset.ts";
import type { Layer } from "../nn/module.ts";
import { elementsOf } from "../ops/tensor.ts";
import { backendName } from "../runtime/backends.ts";
import { getThreads } from "../runtime/wasm/pool.ts";
import type { History } from "../train/callback.ts";
import { randomHex } from "../train/store.ts";
import { usable, version } from "./info-command.ts";

export type RunState = "running" | "finished" | "interrupted" | "failed";

/** The content of run.json. */
export interface RunInfo {
  /** Names the run: its checkpoints have it too. Runs of the first version have none. */
  readonly id?: string;
  readonly state: RunState;
  /** The process that trains. */
  readonly pid: number;
  readonly started: string;
  readonly nabla: string;
  readonly node: string;
  readonly platform: string;
  readonly backend: string;
  readonly features: readonly string[];
  readonly threads: number;
  readonly parameters: number;
  readonly data: { readonly name: string; readonly train: number; readonly test: number; readonly sha256: string };
  /** Of the last finished epoch. */
  readonly epochs?: number;
  readonly testLoss?: number;
  readonly testAccuracy?: number | null;
  /** Of regression, in the targets' own units. */
  readonly testMae?: number;
  readonly testRmse?: number;
  readonly testR2?: number;
  /** Seconds of training, testing left out. */
  readonly seconds?: number;
  /** What must be known of the test figures. */
  readonly note?: string;
  /** Why it ended before its last epoch. */
  readonly reason?: string;
  /** What the run has written, relative to its folder. */
  readonly files?: readonly string[];
}

export function describeRun(model: Layer, data: Dataset): RunInfo {
  return {
    id: randomHex(8),
    state: "running",
    pid: process.pid,
    started: new Date().toISOString(),
    nabla: version(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    backend: backendName(),
    features: usable(),
    threads: getThreads(),
    parameters: parameterCount(model),
    data: { name: data.name, train: data.train.count, test: data.test.count, sha256: fingerprint(data) },
  };
}

export function withResult(info: RunInfo, state: RunState, { epochs, reason }: Pick<History, "epochs" | "reason">): RunInfo {
  const last = epochs.at(-1);
  const { testLoss, testAccuracy, testMae, testRmse, testR2 } = last ?? {};
  const errors = testMae === undefined ? {} : { testMae, testRmse, testR2 };
  const result = last && { epochs: epochs.length, testLoss, testAccuracy, ...errors };
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  return { ...info, state, ...result, seconds, ...(reason === undefined ? {} : { reason }) };
}

export function parameterCount(model: Layer): number {
  return model.parameters().reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
}

/** Whether it can be the content of run.json, as far as it is used. */
export function isInfo(value: unknown): value is RunInfo {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { state, started, data, files } = value as Partial<RunInfo>;
  const isList = files === undefined || (Array.isArray(files) && files.every((name) => typeof name === "string"));
  return typeof state === "string" && typeof started === "string" && typeof data === "object" && data !== null && isList;
}

/** A digest of everything that trains and tests; of what stays on disk that of the files. */
export function fingerprint({ train, test, sha256 }: Dataset): string {
  const hash = createHash("sha256");
  if (train.read)
    return hash
      .update(sha256 ?? "")
      .update(new Uint8Array(train.targets.buffer))
      .digest("hex");
  for (const { inputs, targets } of [train, test]) {
    for (const array of [inputs, targets]) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest("hex");
}

/** A digest of a model's weights and statistics: equal for equal bits. */
export function weightsDigest(model: Layer): string {
  const hash = createHash("sha256");
  for (const [name, cell] of model.stateDict()) {
    const data = elementsOf(cell.value);
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}
