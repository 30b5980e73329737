/**
 * @file Text from outside (names in files, names of files, excerpts in errors), made fit for a terminal. A name may hold escape sequences that
 * colour, move the cursor or set the window's title (C0 and C1 controls, ECMA-48), and marks that turn the order of letters around
 * ("Trojan Source", Boucher & Anderson 2021). None of these is shown.
 */
import { text as aText, check } from "../base/check.ts";

/** C0 and DEL, C1, the line and paragraph separators, and the controls of writing direction (Unicode Standard Annex 9, §2). */
const REST = "\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069";
const UNSAFE_RUNS: RegExp = new RegExp(`[\\u0000-\\u001f${REST}]+`, "g");
/** All of them but tab and line feed. */
const UNSAFE_IN_LINES: RegExp = new RegExp(`[\\u0000-\\u0008\\u000b-\\u001f${REST}]`, "g");

/** The text on one line: each run of unsafe characters is a space. */
export function clean(text: string): string {
  check("clean: text", text, aText);
  return text.replaceAll(UNSAFE_RUNS, " ");
}

/**
 * The text with its line feeds and tabs; every other unsafe character is written out, such as \u001b. JSON stays JSON and means the same.
 */
export function cleanLines(text: string): string {
  return text.replaceAll(UNSAFE_IN_LINES, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const LONGEST = 100;

/** An excerpt for an error: on one line, and cut after a hundred characters. */
export function brief(text: string): string {
  const line = clean(text.slice(0, 4 * LONGEST));
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}
