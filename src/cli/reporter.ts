/** @file What a run shows while it trains: a line for each epoch, and in a terminal one that moves below them. No line is longer than the terminal is wide. */
import cliProgress from "cli-progress";
import type { Callback, EpochRecord, Progress } from "../train/callback.ts";
import { terminalWidth } from "./terminal.ts";

export interface Reporter extends Callback {
  /** Leaves the terminal clean, after the last epoch or an error. */
  close(): void;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** 4 digits for small losses too, where 0.0001 would say nothing. */
export const formatLoss = (loss: number): string => (loss !== 0 && loss < 1e-3 ? loss.toExponential(2) : loss.toFixed(4));

/** A loss in nats as bits. */
export const bitsOf = (loss: number): number => loss / Math.LN2;

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

/** How much a line says: all, or less where it would be too long for the terminal. */
interface Style {
  /** Whether names are written out. */
  readonly words: boolean;
  readonly accuracy: boolean;
}

interface Figures {
  readonly loss: number;
  readonly accuracy: number | null;
  readonly mae?: number;
}

/** Loss, and accuracy or (in the targets' own units) mean absolute error; `of` is the split. */
function metrics({ loss, accuracy, mae }: Figures, { words, accuracy: second }: Style, of = ""): string {
  const first = `${of && (words ? `${of} loss ` : `${of} `)}${of ? "" : "loss "}${formatLoss(loss)}`;
  const rest =
    accuracy === null ? (mae === undefined ? "" : `MAE ${formatNumber(mae)}`) : `${words ? "accuracy " : ""}${percent(accuracy)}`;
  return rest && second ? `${first}${words ? "  " : ", "}${rest}` : first;
}

/** The held-out parts of an epoch's record: validation, where there is one, and test. */
function heldOut(record: EpochRecord, style: Style): string {
  const { validationLoss, validationAccuracy = null, validationMae } = record;
  const validation =
    validationLoss === undefined
      ? ""
      : `${metrics({ loss: validationLoss, accuracy: validationAccuracy, mae: validationMae }, style, style.words ? "validation" : "val")}  `;
  return `${validation}${metrics({ loss: record.testLoss, accuracy: record.testAccuracy, mae: record.testMae }, style, "test")}`;
}

const FULL: Style = { words: true, accuracy: true };
const SHORT: Style = { words: false, accuracy: true };
const SHORTEST: Style = { words: false, accuracy: false };

/** The first of some lines that has at most `width` characters; else the last, cut off. */
function fitting(width: number, ...lines: readonly string[]): string {
  return lines.find((line) => line.length <= width) ?? `${lines.at(-1)!.slice(0, Math.max(0, width - 1))}…`;
}

/** What an epoch came to, in one line; of what is too long for `width` characters the least important is left out. */
export function epochLine(
  record: EpochRecord,
  { epoch, epochs, examplesPerSecond, secondsLeft }: Progress,
  width: number = Number.POSITIVE_INFINITY,
): string {
  const count = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  const train = { loss: record.trainLoss, accuracy: record.trainAccuracy, mae: record.trainMae };
  const said = (style: Style): string => `${count}  ${metrics(train, style)}  ${heldOut(record, style)}`;
  const left = epoch < epochs ? `  ${formatSeconds(secondsLeft)} left` : "";
  const speed = `  ${rate(examplesPerSecond)}`;
  const least = `${count}  ${metrics(train, SHORTEST)}  test ${formatLoss(record.testLoss)}`;
  return fitting(
    width,
    said(FULL) + speed + left,
    said(FULL) + left,
    said(FULL),
    said(SHORT) + left,
    said(SHORT),
    said(SHORTEST),
    least,
    count,
  );
}

/** Where an epoch is, in one line of at most `width` characters: a bar in front where there is room. */
export function progressLine(p: Progress, width: number): string {
  const done = ((p.epoch - 1) * p.steps + p.step) / (p.epochs * p.steps);
  const count = `epoch ${p.epoch}/${p.epochs}`;
  const left = `  ${formatSeconds(p.secondsLeft)} left`;
  const figures = { ...p, mae: p.errors?.mae };
  const speed = `  ${rate(p.examplesPerSecond)}`;
  const said = (style: Style): string => `${count}  ${metrics(figures, style)}`;
  const texts = [said(FULL) + speed + left, said(FULL) + left, said(SHORT) + left, said(SHORT), said(SHORTEST), count];
  // A bar says more at a glance than the speed; in a narrow terminal the figures come first.
  const text = fitting(width >= WIDE ? width - LEAST_BAR - 1 : width, ...texts);
  const room = Math.min(24, width - text.length - 1);
  return room < LEAST_BAR ? text : `${bar(done, room)} ${text}`;
}

const LEAST_BAR = 8;
const WIDE = 60;

const bar = (done: number, size: number): string => "█".repeat(Math.floor(done * size)).padEnd(size, "░");

function plainReporter(): Reporter {
  return {
    onEpoch: (record, progress) => console.log(epochLine(record, progress)),
    close: () => {},
  };
}

/** A line that is written again and again, and one for each epoch that stays. */
function lineReporter(stream: NodeJS.WriteStream): Reporter {
  let shown = false;
  const clear = (): void => {
    if (shown) stream.write("\r\x1b[K");
    shown = false;
  };
  return {
    onProgress: (progress) => {
      stream.write(`\r\x1b[K${progressLine(progress, terminalWidth())}`);
      shown = true;
    },
    onEpoch: (record, progress) => {
      clear();
      console.log(epochLine(record, progress, terminalWidth()));
    },
    close: clear,
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
  return process.stdout.isTTY ? lineReporter(process.stdout) : plainReporter();
}
