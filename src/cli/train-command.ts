/** @file `nabla train`: starts a run in a folder, or goes on with one. */
import { existsSync, mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sizeOf } from "../base/shape.ts";
import { fetchBatches } from "../data/loader.ts";
import type { Distributed } from "../distributed/distributed.ts";
import type { Curve } from "../figures/curves.ts";
import { backendName } from "../runtime/backends.ts";
import { getThreads } from "../runtime/wasm/pool.ts";
import type { Callback, EpochRecord, History } from "../train/callback.ts";
import { saveModel } from "../train/checkpoint.ts";
import { Checkpoints, latestCheckpoint } from "../train/checkpoints.ts";
import { EarlyStopping } from "../train/early-stopping.ts";
import { Evaluator } from "../train/evaluate.ts";
import { explain } from "../train/explain.ts";
import { type Finding, findingText } from "../train/finding.ts";
import { fit } from "../train/fit.ts";
import type { Metrics } from "../train/meter.ts";
import { isSharded } from "../train/ranks.ts";
import { CsvSink, Recorder } from "../train/record.ts";
import { fastDevRun, overfitOneBatch } from "../train/sanity.ts";
import { folderStore } from "../train/store.ts";
import { baselineLoss, batchTensors } from "../train/task.ts";
import { TensorboardSink } from "../train/tensorboard.ts";
import { drawCurves } from "./curves.ts";
import { announce, type DistributedFlags, follow, ranksFor, sessionOn } from "./distributed-training.ts";
import { samples } from "./generate-command.ts";
import { quickerBackend } from "./info-command.ts";
import { Interruption } from "./interruption.ts";
import { LeaseLost } from "./lease.ts";
import { schedules } from "./optimizers.ts";
import { isWithin, type OutputFile, outputFile } from "./output.ts";
import { pbpCommand } from "./pbp-command.ts";
import { createReporter, formatLoss } from "./reporter.ts";
import { isFull } from "./run-files.ts";
import { RunFolder } from "./run-folder.ts";
import { describeRun, parameterCount, type RunInfo, withResult } from "./run-info.ts";
import { claimFree } from "./runs.ts";
import { openSession, peeksAt, type Session, type Settled, sayMistakes, settle } from "./session.ts";
import { type Config, fileSettings, flagOf, givenSettings } from "./settings.ts";
import { checkWatch, during, type Watch, Watched, type WatchFlags } from "./studio-live.ts";
import { summarize } from "./summary.ts";
import { type LaunchFlags, supervise } from "./supervisor.ts";
import { terminalWidth } from "./terminal.ts";
import { modelMetadata } from "./trained.ts";

/** The command's options: settings, and what to do with them. */
/** Share of a constant answer's loss above which a run has not learned, and examples that are then looked at. */
const HARDLY = 0.9;
const EXPLAINED = 256;

export interface TrainFlags extends Config, DistributedFlags, LaunchFlags, WatchFlags {
  readonly config?: string;
  readonly resume?: string;
  readonly overwrite?: boolean;
  readonly takeOver?: boolean;
  readonly out?: string;
  readonly json?: string;
}

/** Trains; gives the process's exit code. */
export async function trainCommand(name: string | undefined, flags: TrainFlags): Promise<number> {
  if (flags.ranks !== undefined) return supervise(flags, process.argv.slice(2));
  checkWatch(flags);
  if (flags.restarts !== undefined) throw new Error("--restarts goes with --ranks N, which starts the processes");
  const ranks = await ranksFor(flags);
  if (ranks && !ranks.first) return follow(ranks, flags);
  const given = givenSettings(name, flags);
  if (flags.resume !== undefined) return resumeRun(new RunFolder(flags.resume), given, flags, ranks);
  const chosen = { ...fileSettings(flags.config), ...given };
  if (ranks) checkTrains(chosen.model, flags);
  if (chosen.model === "pbp") return pbpCommand(chosen, flags);
  const settings = settle(chosen);
  const report = reportFile(flags, settings);
  refuseWithinData(flags.out ?? "runs", settings);
  const session = await openTogether(settings, ranks, flags);
  console.log(heading(session));
  await sayMistakes(session);
  if (flags.overfitOneBatch) return overfit(session);
  if (flags.fastDevRun) return tryOut(session);

  const run = flags.out === undefined ? await claimFree(session.settings) : new RunFolder(flags.out);
  if (flags.out !== undefined) await run.claim(flags);
  return during(run, flags, async (watch) => {
    const info = describeRun(session.model, session.data);
    await run.create(session.settings, info);
    return train(run, session, info, report, watch);
  });
}

function checkTrains(model: string | undefined, { overfitOneBatch, fastDevRun }: TrainFlags): void {
  if (model === "pbp" || overfitOneBatch || fastDevRun)
    throw new Error("--distributed: is for training; try models out, and train pbp, on one process");
}

/** Opens what trains, on all ranks if there are several. */
async function openTogether(settings: Settled, ranks: Distributed | undefined, flags: DistributedFlags): Promise<Session> {
  announce(ranks, settings);
  const session = await openSession(settings);
  return ranks ? sessionOn(ranks, session, flags) : session;
}

/** Where `--json` writes, checked before the work. */
function reportFile({ json, config }: TrainFlags, { data }: Config): OutputFile | undefined {
  return json === undefined ? undefined : outputFile(json, [config, data]);
}

/** @throws {Error} if a run would become part of its own data: the next load would find other examples. */
function refuseWithinData(out: string, { data }: Settled): void {
  if (existsSync(data) && statSync(data).isDirectory() && isWithin(out, data))
    throw new Error(`${out}: lies in the folder of the data (${data}); choose another folder with --out`);
}

// ---- going on -------------------------------------------------------------------------------------------------------------------------

async function resumeRun(run: RunFolder, given: Config, flags: TrainFlags, ranks?: Distributed): Promise<number> {
  for (const flag of ["config", "out"] as const) {
    if (flags[flag] !== undefined) throw new Error(`--resume goes on with a run as it is; leave out --${flag}`);
  }
  if (run.settings.model === "pbp")
    throw new Error(
      `${run.path}: a run of pbp is trained as a whole; start over with --config ${join(run.path, "config.json")} --out ${run.path} --overwrite`,
    );
  const settings = { ...run.settings, ...checkedChange(run, given) };
  const report = reportFile(flags, settings);
  const before = run.info;
  if (before.state === "finished" && settings.epochs <= (before.epochs ?? 0)) {
    // No mistake: a script may resume until there is nothing left to do.
    console.log(`${run.path} is finished, after ${before.epochs} epochs; train longer with --epochs N`);
    return 0;
  }
  await run.reopen(flags);
  return during(run, flags, (watch) => goOn(run, settings, report, flags, watch, ranks));
}

async function goOn(
  run: RunFolder,
  settings: Settled,
  report: OutputFile | undefined,
  flags: DistributedFlags,
  watch: Watch,
  ranks?: Distributed,
): Promise<number> {
  const before = run.info;
  const session = await openTogether(settings, ranks, flags);
  const now = describeRun(session.model, session.data);
  if (now.data.sha256 !== before.data.sha256) {
    throw new Error(
      `${run.path}: the data set ${settings.data} has changed since the run was started (${before.data.train} + ${before.data.test} examples then, ${now.data.train} + ${now.data.test} now)`,
    );
  }
  if (makers(now) !== makers(before))
    console.error(`note: this run was started with ${makers(before)}; here it is ${makers(now)}, and bits may differ`);
  let damaged = 0;
  const onDamaged = ({ message }: Error): void => {
    damaged++;
    console.error(`warning: passed over a damaged checkpoint: ${message}`);
  };
  // One of another run is refused by `fit`, which knows what does not fit.
  const found = await latestCheckpoint(run.checkpoints, { onDamaged });
  if (found?.checked === false)
    console.error(`note: ${found.name} is of an earlier version and has no checksum: damage to it cannot be noticed`);
  console.log(heading(session));
  const none = damaged > 0 ? "no checkpoint can be read: starting anew" : "no checkpoint yet: starting anew";
  console.log(found ? `going on after step ${found.step}` : none);
  await sayMistakes(session);
  const info: RunInfo = { ...now, id: before.id ?? now.id, started: before.started };
  const config = JSON.parse(new TextDecoder().decode(await run.store.read("config.json")));
  await run.store.write("config.json", `${JSON.stringify({ ...config, ...settings }, null, 2)}\n`);
  await run.write(info);
  return train(run, session, info, report, watch, found?.bytes);
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

async function train(
  run: RunFolder,
  session: Session,
  info: RunInfo,
  report: OutputFile | undefined,
  watch: Watch,
  resume?: Uint8Array,
): Promise<number> {
  const interruption = new Interruption((reason) => run.note("interrupted", reason));
  try {
    const history = await fitWithReports(run, session, interruption, watch(), resume);
    return await finish(run, session, info, history, interruption, report);
  } catch (error) {
    const state = isFull(error) ? "interrupted" : "failed";
    await run.write({ ...info, state, reason: (error as Error).message.split("\n")[0] }).catch(() => {});
    throw error;
  } finally {
    interruption.close();
  }
}

async function finish(
  run: RunFolder,
  session: Session,
  info: RunInfo,
  history: History,
  interruption: Interruption,
  report: OutputFile | undefined,
): Promise<number> {
  const { data, model } = session;
  const test = history.stopped ? undefined : await measured(session);
  const saved = await saveResult(run, session, history);
  const { epochs, stopped, reason = stopped ? interruption.reason : undefined } = history;
  const result = withResult(info, stopped ? "interrupted" : "finished", { epochs, reason });
  const peeks = peeksAt(session);
  await run.write({ ...result, ...(test && testFigures(test)), ...(peeks && { note: peeks }) });
  await report?.write(reportOf(session, history, test));
  if (history.reason) console.log(`stopped: ${history.reason}`);
  const curves = lossCurves(epochs);
  if (curves) console.log(curves);
  if (test) {
    console.log(await summarize(model, data, test, epochs, keptEpoch(session)));
    for (const finding of await whyUnderFitting(session, epochs)) console.log(findingText(finding));
  }
  for (const note of [test && peeks, quickerBackend(epochs.reduce((sum, { seconds }) => sum + seconds, 0))].filter(Boolean))
    console.log(`note: ${note}`);
  if (stopped) console.log(`interrupted; go on with: nabla train --resume ${run.path}`);
  if (saved) console.log(`saved ${join(run.path, "model.safetensors")}`);
  return stopped ? interruption.code : 0;
}

/** The figures of the test split. */
function measured({ model, data, options }: Session): Promise<Metrics> {
  return new Evaluator(model, data, options.loss, {}, options.distributed).measure(data.test);
}

/** The losses over the epochs, drawn in a terminal; nothing elsewhere, or where there is one epoch. */
function lossCurves(epochs: History["epochs"]): string {
  if (!process.stdout.isTTY) return "";
  const of = (name: string, loss: (epoch: EpochRecord) => number | undefined): Curve => ({
    name,
    points: epochs.map((epoch, i) => [i + 1, loss(epoch) ?? Number.NaN]),
  });
  const curves = [of("train", (e) => e.trainLoss), of("validation", (e) => e.validationLoss), of("test", (e) => e.testLoss)];
  const drawn = drawCurves(curves, { width: Math.min(79, terminalWidth()), height: 8, x: "epoch" });
  return drawn && `loss\n${drawn}`;
}

/**
 * Saves the model in the run's folder; gives whether there was room. Where the folder cannot be written to, a trained model is worth another place, and one
 * that is not trained yet lives in the checkpoints.
 */
async function saveResult(run: RunFolder, { model, settings, data }: Session, { stopped }: History): Promise<boolean> {
  const bytes = await saveModel(model, modelMetadata(settings, data));
  try {
    await run.store.write("model.safetensors", bytes);
    return true;
  } catch (error) {
    if (stopped && isFull(error)) return false;
    if (error instanceof LeaseLost || stopped) throw error;
    const folder = mkdtempSync(join(tmpdir(), "nabla-model-"));
    await folderStore(folder).write("model.safetensors", bytes);
    const { message, code } = error as NodeJS.ErrnoException;
    const remedy = `the trained model is in ${join(folder, "model.safetensors")}; when there is room: nabla train --resume ${run.path}`;
    throw Object.assign(new Error(`${message}; ${remedy}`), { code });
  }
}

/** The epoch whose weights the model has, where early stopping chose it. */
function keptEpoch({ options: { callbacks } }: Session): number | undefined {
  return callbacks.find((callback): callback is EarlyStopping => callback instanceof EarlyStopping)?.best.epoch;
}

/** What run.json and reports say of the test split. */
function testFigures({ loss, accuracy, errors }: Metrics): Pick<RunInfo, "testLoss" | "testAccuracy" | "testMae" | "testRmse" | "testR2"> {
  return {
    testLoss: loss,
    testAccuracy: accuracy,
    ...(errors && { testMae: errors.mae, testRmse: errors.rmse, testR2: errors.r2 }),
  };
}

/** Progress on the terminal, records and checkpoints in the folder. The first Ctrl-C ends the run after the step at hand, a second one kills it. */
async function fitWithReports(
  run: RunFolder,
  session: Session,
  interruption: Interruption,
  server: ReturnType<Watch>,
  resume?: Uint8Array,
): Promise<History> {
  const reporter = createReporter();
  let lost: LeaseLost | undefined;
  const onLost = (error: LeaseLost): void => {
    lost = error;
    interruption.abort(1, error.message);
  };
  const ranks = session.options.distributed;
  const onFull =
    ranks &&
    ((error: Error): void => {
      console.error(`error: rank ${ranks.rank} on ${ranks.hosts[ranks.rank]}: ${error.message}`);
      interruption.abort(1, error.message);
    });
  const callbacks = [
    ...session.options.callbacks,
    reporter,
    ...samples(session.model, session.data),
    ...(server ? [new Watched(server, interruption)] : []),
    ...keepers(run, session, onLost, onFull),
  ];
  try {
    const history = await fit(session.model, session.data, { ...session.options, callbacks, signal: interruption.signal, resume });
    if (lost) throw lost;
    return history;
  } finally {
    reporter.close();
  }
}

/**
 * What writes to the folder. Where it cannot, training goes on: what was saved stays, and the disk may have room again. On several ranks it ends: what a rank
 * that fails costs is the time since the last checkpoint.
 */
function keepers(
  run: RunFolder,
  { settings, data }: Session,
  onLost: (error: LeaseLost) => void,
  onFull?: (error: Error) => void,
): Callback[] {
  const warned = new Set<string>();
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error instanceof LeaseLost) onLost(error);
    const { message, code = message } = error;
    // Once for each cause: a full disk is full for every file.
    if (!warned.has(code) && !(error instanceof LeaseLost))
      console.error(`warning: ${message}; training goes on, what was saved before is safe`);
    warned.add(code);
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
      run: run.info.id,
      metadata: modelMetadata(settings, data),
      onError: onFull ?? onError,
    }),
  ];
}

export function heading({ settings, data, model, options, taken }: Session): string {
  const { model: name, optimizer, lr, schedule, batchSize, epochs, seed } = settings;
  const count = (n: number): string => n.toLocaleString("en-US");
  const trained = options.optimizer.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0);
  const held = data.validation ? ` + ${count(data.validation.count)} for validation` : "";
  const what = `${name} (${count(parameterCount(model))} parameters) on ${data.name} (${count(data.train.count)} + ${count(data.test.count)} examples${held})`;
  const course = schedules[schedule].says && ` ${schedules[schedule].says}`;
  const ranks = options.distributed;
  const together = ranks ? `, ${ranks}${isSharded(options.optimizer) ? `\n${options.optimizer}` : ""}` : "";
  const start = taken
    ? `\nfrom ${taken.from}: ${taken.tensors} tensors${taken.fresh.length > 0 ? `; new: ${taken.fresh.join(", ")}` : ""}; ${count(trained)} parameters train`
    : "";
  return `${what}: ${optimizer}, lr ${lr}${course}, batch ${batchSize}, ${epochs} epochs, seed ${seed}, ${backendName()}${together}${start}${(data.notes ?? []).map((note) => `\n${note}`).join("")}`;
}

/** What `--json` writes. Accuracies are shares from 0 to 1, null for regression. */
function reportOf({ settings, data, model }: Session, { epochs, examplesPerSecond }: History, test?: Metrics): string {
  const report = {
    model: settings.model,
    data: data.name,
    backend: backendName(),
    threads: getThreads(),
    seed: settings.seed,
    parameters: parameterCount(model),
    epochs,
    testAccuracy: test?.accuracy ?? epochs.at(-1)?.testAccuracy ?? null,
    ...(test?.errors && testFigures(test)),
    examplesPerSecond,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Of a run that has not learned: what the instruments say of its model. */
async function whyUnderFitting(session: Session, epochs: readonly EpochRecord[]): Promise<readonly Finding[]> {
  const { model, data, options } = session;
  const last = epochs.at(-1);
  // A step of rank 0 alone, as the instruments try one, cannot be taken with state that is divided.
  if (isSharded(options.optimizer)) return [];
  // A run that was merely short has learned something.
  if (!last || last.trainLoss < HARDLY * baselineLoss(data)) return [];
  const { value } = await fetchBatches(data.train, { batchSize: Math.min(EXPLAINED, data.train.count) }).next();
  const classes = data.task === "classification" ? data.classes.length : undefined;
  return explain({
    model,
    optimizer: options.optimizer,
    loss: options.loss,
    batch: batchTensors(data, value!),
    classes,
    step: epochs.length,
  });
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
  const { losses, baseline, learned, findings } = await overfitOneBatch(model, data, { optimizer, batchSize });
  const course = `loss ${formatLoss(losses[0])} to ${formatLoss(losses.at(-1)!)} in ${losses.length} steps (a constant answer: ${formatLoss(baseline)})`;
  console.log(
    learned
      ? `one batch learned by heart: ${course}`
      : [
          `one batch is not learned: ${course}${findings.length > 0 ? "" : "; look at the data, the model and the learning rate"}`,
          ...findings.map(findingText),
        ].join("\n"),
  );
  return learned ? 0 : 1;
}
