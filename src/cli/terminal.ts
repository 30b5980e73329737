/**
 * @file The one way of text to the terminal: whatever the command prints, names of classes, columns, files and tensors, contents of run.json and
 * excerpts in errors among it, is cleaned here of escape sequences and marks that turn text around.
 */
import { cleanLines } from "../formats/clean.ts";

const GREY = "2(?:3[2-9]|4\\d|5[0-5])";
/** The half blocks of drawing.ts, in two of its 24 greys each, and the end of a line of them. */
const DRAWN: RegExp = new RegExp(`(\\u001b\\[38;5;${GREY};48;5;${GREY}m▀|(?<=▀)\\u001b\\[0m)`);

/** Text fit for a terminal. Drawings are kept where there is a terminal to show them. */
export function shown(text: string, drawings: boolean): string {
  if (!drawings) return cleanLines(text);
  return text
    .split(DRAWN)
    .map((part, i) => (i % 2 === 1 ? part : cleanLines(part)))
    .join("");
}

/** Columns that a line may have: those of the terminal but one, which some keep for the end of a line; 79 where there is none. */
export const terminalWidth = (): number => (process.stdout.columns || 80) - 1;

/** Runs a command with a console that cleans what it prints. */
export async function withCleanConsole<T>(command: () => Promise<T>): Promise<T> {
  const { log, error } = console;
  console.log = (...values: unknown[]) => log.call(console, shown(values.map(String).join(" "), process.stdout.isTTY === true));
  console.error = (...values: unknown[]) => error.call(console, cleanLines(values.map(String).join(" ")));
  try {
    return await command();
  } finally {
    console.log = log;
    console.error = error;
  }
}
