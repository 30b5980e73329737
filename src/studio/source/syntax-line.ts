/** @file Where a text cannot be parsed: a worker that only parses it says so in an event, which has the line. */
import { moduleText } from "../worker/model-text.ts";

/** Milliseconds after which a parser that says nothing is not waited for. */
const PATIENCE = 2000;

/** What a module has that a script has not; a worker of modules does not start on file://. */
const asScript = (text: string): string => text.replaceAll(/^export\s+default\b/gm, "exported =").replaceAll(/^export\b/gm, "");

/** The line at which a module's text cannot be parsed; 0 if that is not found. Nothing of it runs: it throws before its first line. */
export function syntaxLine(text: string): Promise<number> {
  const url = URL.createObjectURL(new Blob([`throw 0;${asScript(moduleText(text))}`], { type: "text/javascript" }));
  const worker = new Worker(url);
  return new Promise((resolve) => {
    const end = (line: number): void => {
      worker.terminate();
      URL.revokeObjectURL(url);
      resolve(line);
    };
    setTimeout(end, PATIENCE, 0);
    worker.onerror = (event) => {
      event.preventDefault();
      end(event.message.includes("SyntaxError") ? event.lineno : 0);
    };
  });
}
