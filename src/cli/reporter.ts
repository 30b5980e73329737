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

/** 4 digits of a number of any size, more where they stand before the point. */
export function formatNumber(x: number): string {
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return x.toExponential(3);
  return size >= 1e3 ? x.toFixed(0) : x.toPrecision(4);
}

/** Loss, and accuracy or (in the targets' own units) mean absolute error. */
function metrics({ loss, accuracy, mae }: { readonly loss: number; readonly accuracy: number | null; readonly mae?: number }): string {
  const said = accuracy === null ? (mae === undefined ? "" : `  MAE ${formatNumber(mae)}`) : `  accuracy ${percent(accuracy)}`;
  return `loss ${formatLoss(loss)}${said}`;
}

/** The held-out parts of an epoch's record: validation, where there is one, and test. */
function heldOut(record: EpochRecord): string {
  const { validationLoss, validationAccuracy = null, validationMae } = record;
  const validation =
    validationLoss === undefined
      ? ""
      : `validation ${metrics({ loss: validationLoss, accuracy: validationAccuracy, mae: validationMae })}  `;
  return `${validation}test ${metrics({ loss: record.testLoss, accuracy: record.testAccuracy, mae: record.testMae })}`;
}

export function epochLine(record: EpochRecord, { epoch, epochs, examplesPerSecond, secondsLeft }: Progress): string {
  const left = epoch < epochs ? `  ${formatSeconds(secondsLeft)} left` : "";
  const count = `${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  return `epoch ${count}  ${metrics({ loss: record.trainLoss, accuracy: record.trainAccuracy, mae: record.trainMae })}  ${heldOut(record)}  ${rate(examplesPerSecond)}${left}`;
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
      now: metrics({ ...p, mae: p.errors?.mae }),
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
      test = `${heldOut(record)}  `;
      show(progress);
    },
    close: () => bar.stop(),
  };
}

const BETWEEN_LINES_MS = 5000;

/** Shows how many images have been read: a bar in a terminal, a line now and then elsewhere; nothing if it is quick. */
export function readReporter(): { onRead(progress: { readonly done: number; readonly total: number }): void; close(): void } {
  let bar: cliProgress.SingleBar | undefined;
  let [begun, shown] = [performance.now(), performance.now()];
  return {
    onRead({ done, total }) {
      const now = performance.now();
      if (done === 1) [begun, shown] = [now, now];
      if (!process.stdout.isTTY) {
        if (now - shown < BETWEEN_LINES_MS) return;
        shown = now;
        console.log(`reading images: ${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}`);
        return;
      }
      if (!bar && now - begun < 500) return;
      if (!bar || bar.getTotal() !== total) {
        bar?.stop();
        bar = new cliProgress.SingleBar({
          format: "{bar} reading images  {value} of {total}",
          barsize: 24,
          stream: process.stdout,
          hideCursor: true,
        });
        bar.start(total, done);
      }
      bar.update(done);
    },
    close: () => bar?.stop(),
  };
}

export function createReporter(): Reporter {
  return process.stdout.isTTY ? barReporter() : plainReporter();
}
