/** @file What a run shows while it trains: one live bar in a terminal, a plain line per epoch elsewhere. */
import cliProgress from "cli-progress";
import type { Callback, EpochRecord, Progress } from "../train/callback.ts";

export interface Reporter extends Callback {
  /** Leaves the terminal clean, after the last epoch or an error. */
  close(): void;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** 4 digits for small losses too, where 0.0001 would say nothing. */
export const formatLoss = (loss: number): string => (loss !== 0 && loss < 1e-3 ? loss.toExponential(2) : loss.toFixed(4));

const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString("en-US")} examples/s`;

/** `12 s`, `3 min 05 s` */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

function metrics(loss: number, accuracy: number | null): string {
  return `loss ${formatLoss(loss)}${accuracy === null ? "" : `  accuracy ${percent(accuracy)}`}`;
}

export function epochLine(record: EpochRecord, { epoch, epochs, examplesPerSecond, secondsLeft }: Progress): string {
  const left = epoch < epochs ? `  ${formatSeconds(secondsLeft)} left` : "";
  const test = metrics(record.testLoss, record.testAccuracy);
  const count = `${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  return `epoch ${count}  ${metrics(record.trainLoss, record.trainAccuracy)}  test ${test}  ${rate(examplesPerSecond)}${left}`;
}

function plainReporter(): Reporter {
  return {
    onEpoch: (record, progress) => console.log(epochLine(record, progress)),
    close: () => {},
  };
}

function barReporter(): Reporter {
  const format = "{bar} epoch {epoch}  {now}  {test}{rate}  {left} left";
  const bar = new cliProgress.SingleBar(
    { format, barsize: 24, stream: process.stdout, hideCursor: true, linewrap: false },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  let test = "";
  const show = (p: Progress): void => {
    const payload = {
      epoch: `${p.epoch}/${p.epochs}`,
      now: metrics(p.loss, p.accuracy),
      test,
      rate: rate(p.examplesPerSecond),
      left: formatSeconds(p.secondsLeft),
    };
    if (!started) bar.start(p.epochs * p.steps, 0, payload);
    started = true;
    bar.update((p.epoch - 1) * p.steps + p.step, payload);
  };
  return {
    onProgress: show,
    onEpoch: (record, progress) => {
      test = `test ${metrics(record.testLoss, record.testAccuracy)}  `;
      show(progress);
    },
    close: () => bar.stop(),
  };
}

export function createReporter(): Reporter {
  return process.stdout.isTTY ? barReporter() : plainReporter();
}
