/** @file `nabla train`: starts a run in a folder, or goes on with one. */
import { basename, dirname, join } from "node:path";
import { backendName } from "../runtime/backend.ts";
import { getThreads } from "../runtime/pool.ts";
import type { Callback, History } from "../train/callback.ts";
import { saveModel } from "../train/checkpoint.ts";
import { Checkpoints, latestCheckpoint } from "../train/checkpoints.ts";
import { evaluate } from "../train/evaluate.ts";
import { fit } from "../train/fit.ts";
import type { Metrics } from "../train/meter.ts";
import { CsvSink, Recorder } from "../train/record.ts";
import { fastDevRun, overfitOneBatch } from "../train/sanity.ts";
import { folderStore } from "../train/store.ts";
import { TensorboardSink } from "../train/tensorboard.ts";
import { createReporter, formatLoss } from "./reporter.ts";
import { describeRun, freeFolder, parameterCount, RunFolder, type RunInfo, withResult } from "./run-folder.ts";
import { openSession, type Session, settle } from "./session.ts";
import { type Config, fileSettings, flagOf, givenSettings } from "./settings.ts";
import { summarize } from "./summary.ts";
import { modelMetadata } from "./trained.ts";

/** The command's options: settings, and what to do with them. */
export interface TrainFlags extends Config {
  readonly config?: string;
  readonly resume?: string;
  readonly overwrite?: boolean;
  readonly out?: string;
  readonly json?: string;
  readonly fastDevRun?: boolean;
  readonly overfitOneBatch?: boolean;
}

const INTERRUPTED = 130; // 128 + SIGINT, as shells report it

/** Trains; gives the process's exit code. */
export async function trainCommand(name: string | undefined, flags: TrainFlags): Promise<number> {
  const given = givenSettings(name, flags);
  if (flags.resume !== undefined) return resumeRun(new RunFolder(flags.resume), given, flags);
  const session = await openSession(settle({ ...fileSettings(flags.config), ...given }));
  console.log(heading(session));
  if (flags.overfitOneBatch) return overfit(session);
  if (flags.fastDevRun) return tryOut(session);

  const run = new RunFolder(flags.out ?? freeFolder(session.settings));
  refuseUnfinished(run, flags);
  const info = describeRun(session.model, session.data);
  await run.create(session.settings, info);
  return train(run, session, info, flags);
}

function refuseUnfinished(run: RunFolder, { overwrite }: TrainFlags): void {
  if (!run.exists || overwrite) return;
  const { state } = run;
  if (state === "running") throw new Error(`${run.path}: process ${run.info.pid} is training there; choose another folder with --out`);
  if (state === "finished" || state === "failed") return;
  throw new Error(`${run.path}: holds an unfinished run; go on with --resume ${run.path}, or start over with --overwrite`);
}

// ---- going on -------------------------------------------------------------------------------------------------------------------------

async function resumeRun(run: RunFolder, given: Config, flags: TrainFlags): Promise<number> {
  for (const flag of ["config", "out"] as const) {
    if (flags[flag] !== undefined) throw new Error(`--resume goes on with a run as it is; leave out --${flag}`);
  }
  const settings = { ...run.settings, ...checkedChange(run, given) };
  if (run.state === "running") throw new Error(`${run.path}: process ${run.info.pid} is training there already`);
  const before = run.info;
  if (before.state === "finished" && settings.epochs <= (before.epochs ?? 0)) {
    // No mistake: a script may resume until there is nothing left to do.
    console.log(`${run.path} is finished, after ${before.epochs} epochs; train longer with --epochs N`);
    return 0;
  }
  const session = await openSession(settings);
  const now = describeRun(session.model, session.data);
  if (now.data.sha256 !== before.data.sha256) {
    throw new Error(
      `${run.path}: the data set ${settings.data} has changed since the run was started (${before.data.train} + ${before.data.test} examples then, ${now.data.train} + ${now.data.test} now)`,
    );
  }
  if (makers(now) !== makers(before))
    console.error(`note: this run was started with ${makers(before)}; here it is ${makers(now)}, and bits may differ`);
  const onDamaged = ({ message }: Error): void => console.error(`warning: passed over a damaged checkpoint: ${message}`);
  const found = await latestCheckpoint(run.checkpoints, { onDamaged });
  console.log(heading(session));
  console.log(found ? `going on after step ${found.step}` : "no checkpoint yet: starting anew");
  const info = { ...now, started: before.started };
  await run.store.write(
    "config.json",
    JSON.stringify({ ...JSON.parse(new TextDecoder().decode(await run.store.read("config.json"))), ...settings }, null, 2),
  );
  await run.write(info);
  return train(run, session, info, flags, found?.bytes);
}

const makers = ({ nabla, backend, features, platform }: RunInfo): string =>
  `nabla ${nabla}, ${backend}, ${features.join(", ")}, ${platform}`;

/** What may change in a run that goes on: more epochs, if the learning rate does not depend on their number. */
function checkedChange(run: RunFolder, given: Config): Config {
  const old = run.settings;
  for (const [name, value] of Object.entries(given) as [keyof Config, unknown][]) {
    if (JSON.stringify(value) === JSON.stringify(old[name])) continue;
    if (name === "threads") continue; // the bits do not depend on it
    const longer = name === "epochs" && (value as number) > old.epochs;
    if (longer && old.schedule === "constant" && !old.warmUp) continue;
    const why = longer ? `its learning rate follows "${old.schedule}" over ${old.epochs} epochs` : "a run that goes on keeps its settings";
    throw new Error(
      `${run.path}: was started with ${flagOf(name).split(" ")[0]} ${JSON.stringify(old[name] ?? null)}, not ${JSON.stringify(value)}; ${why}; for another run: --config ${join(run.path, "config.json")}`,
    );
  }
  return given;
}

// ---- training -------------------------------------------------------------------------------------------------------------------------

async function train(run: RunFolder, session: Session, info: RunInfo, flags: TrainFlags, resume?: Uint8Array): Promise<number> {
  const { data, model } = session;
  let history: History;
  try {
    history = await fitWithReports(run, session, resume);
  } catch (error) {
    await run.write({ ...info, state: "failed", reason: (error as Error).message.split("\n")[0] }).catch(() => {});
    throw error;
  }
  const test = history.stopped ? undefined : await evaluate(model, data);
  await run.store.write("model.safetensors", await saveModel(model, modelMetadata(session.settings, data)));
  const result = withResult(info, history.stopped ? "interrupted" : "finished", history);
  await run.write(test ? { ...result, testLoss: test.loss, testAccuracy: test.accuracy } : result);
  if (flags.json) await writeReport(flags.json, session, history, test);
  if (history.reason) console.log(`stopped: ${history.reason}`);
  if (test) console.log(await summarize(model, data, test, history.epochs, session.options.validation?.count));
  if (history.stopped) console.log(`interrupted; go on with: nabla train --resume ${run.path}`);
  console.log(`saved ${join(run.path, "model.safetensors")}`);
  return history.stopped ? INTERRUPTED : 0;
}

/** Progress on the terminal, records and checkpoints in the folder. The first Ctrl-C ends the run after the step at hand, a second one kills it. */
async function fitWithReports(run: RunFolder, session: Session, resume?: Uint8Array): Promise<History> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, interrupt);
  const reporter = createReporter();
  const callbacks = [...session.options.callbacks, reporter, ...keepers(run, session)];
  try {
    return await fit(session.model, session.data, { ...session.options, callbacks, signal: controller.signal, resume });
  } finally {
    reporter.close();
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/** What writes to the folder. Where it cannot, training goes on: what was saved stays, and the disk may have room again. */
function keepers(run: RunFolder, { settings, data }: Session): Callback[] {
  const warned = new Set<string>();
  const onError = ({ message }: Error): void => {
    if (!warned.has(message)) console.error(`warning: ${message}; training goes on, what was saved before is safe`);
    warned.add(message);
  };
  const boards = settings.tensorboard ? [new TensorboardSink(run.store)] : [];
  return [
    new Recorder({
      steps: [new CsvSink(run.store, "steps.csv"), ...boards],
      epochs: [new CsvSink(run.store, "epochs.csv"), ...boards],
      onError,
    }),
    new Checkpoints(run.checkpoints, {
      last: settings.keepLast,
      best: settings.keepBest,
      everySteps: settings.saveEvery,
      monitor: settings.monitor,
      metadata: modelMetadata(settings, data),
      onError,
    }),
  ];
}

export function heading({ settings, data, model }: Session): string {
  const { model: name, optimizer, lr, schedule, batchSize, epochs, seed } = settings;
  const count = (n: number): string => n.toLocaleString("en-US");
  const what = `${name} (${count(parameterCount(model))} parameters) on ${data.name} (${count(data.train.count)} + ${count(data.test.count)} examples)`;
  const course = { constant: "", cosine: " falling to 0", linear: " falling to 0", "one-cycle": " in one cycle" }[schedule];
  return `${what}: ${optimizer}, lr ${lr}${course}, batch ${batchSize}, ${epochs} epochs, seed ${seed}, ${backendName()}`;
}

/** What `--json` writes. Accuracies are shares from 0 to 1, null for regression. */
async function writeReport(
  path: string,
  { settings, data, model }: Session,
  { epochs, examplesPerSecond }: History,
  test?: Metrics,
): Promise<void> {
  const report = {
    model: settings.model,
    data: data.name,
    backend: backendName(),
    threads: getThreads(),
    seed: settings.seed,
    parameters: parameterCount(model),
    epochs,
    testAccuracy: test?.accuracy ?? epochs.at(-1)?.testAccuracy ?? null,
    examplesPerSecond,
  };
  await folderStore(dirname(path)).write(basename(path), `${JSON.stringify(report, null, 2)}\n`);
}

// ---- before a run ---------------------------------------------------------------------------------------------------------------------

async function tryOut({ model, data, options }: Session): Promise<number> {
  const { epochs } = await fastDevRun(model, data, options);
  console.log(
    `everything runs: one batch trained (loss ${formatLoss(epochs[0].trainLoss)}), one tested (loss ${formatLoss(epochs[0].testLoss)}); nothing is saved`,
  );
  return 0;
}

/** Exit code 1 if the batch was not learned. */
async function overfit({ model, data, options: { optimizer, batchSize } }: Session): Promise<number> {
  const { losses, baseline, learned } = await overfitOneBatch(model, data, { optimizer, batchSize });
  const course = `loss ${formatLoss(losses[0])} to ${formatLoss(losses.at(-1)!)} in ${losses.length} steps (a constant answer: ${formatLoss(baseline)})`;
  console.log(
    learned
      ? `one batch learned by heart: ${course}`
      : `one batch is not learned: ${course}; look at the data, the model and the learning rate`,
  );
  return learned ? 0 : 1;
}
