/** @file What the terminal shows while a data set comes over the net. */
import cliProgress from "cli-progress";
import type { DownloadProgress } from "../data/download.ts";

/** Shows a bar in a terminal, a line for each file elsewhere. */
export function downloadReporter(): { onProgress(progress: DownloadProgress): void; close(): void } {
  let bar: cliProgress.SingleBar | undefined;
  let file = "";
  return {
    onProgress(progress) {
      if (progress.file !== file) {
        bar?.stop();
        bar = undefined;
        file = progress.file;
        if (!process.stdout.isTTY) console.log(`downloading ${file}`);
      }
      if (!process.stdout.isTTY) return;
      if (!bar) {
        bar = new cliProgress.SingleBar({
          format: `{bar} ${file}  {value} of {total} bytes`,
          barsize: 24,
          stream: process.stdout,
          hideCursor: true,
        });
        bar.start(progress.total, progress.bytes);
      }
      bar.update(progress.bytes);
    },
    close: () => bar?.stop(),
  };
}
