/** @file A model file as a browser's module: what it imports from nabla comes from the worker that reads it, and errors have the line of the text. */

/** Under this name the worker keeps what `nabla` is to the reader's code. */
export const NABLA = "nablaOfTheStudio";

const IMPORT = /^([^\S\n]*)import\s+(?:\*\s+as\s+([\w$]+)|(\{[^}]*\}))\s+from\s+["']([^"']+)["'][^\S\n]*;?/gm;

const PARTS: Readonly<Record<string, string>> = { nabla: "", "nabla/nn": ".nn" };

const lineAt = (text: string, at: number): number => text.slice(0, at).split("\n").length;

/** The text with its imports as constants, line by line. @throws {Error} for an import of something else. */
export function moduleText(text: string): string {
  const plain = text.replaceAll(
    IMPORT,
    (whole: string, space: string, all: string | undefined, names: string | undefined, from: string, at: number) => {
      const part = PARTS[from];
      if (part === undefined) throw new Error(`line ${lineAt(text, at)}: only "nabla" can be imported here, got "${from}"`);
      const lines = whole.split("\n").length - 1;
      const constant = all ?? names!.replaceAll(/\s+as\s+/g, ": ").replaceAll(/\s+/g, " ");
      return `${space}const ${constant} = globalThis.${NABLA}${part};${"\n".repeat(lines)}`;
    },
  );
  const other = /^[^\S\n]*import\b(?!\s*\()/m.exec(plain);
  if (other) throw new Error(`line ${lineAt(plain, other.index)}: write imports as import { nn } from "nabla"`);
  return plain;
}

/** What the message of an error begins with whose line is not known. */
export const SYNTAX = "SyntaxError: ";

/** The message of an error, after the line of the text where it came from. @param url Where the text was loaded from. */
export function told(error: unknown, url: string): string {
  const { message = String(error), stack = "" } = (error ?? {}) as Partial<Error>;
  const at = stack.indexOf(`${url}:`);
  // Where a text cannot be parsed, the engine does not say in an error; the page finds the line.
  if (at < 0 && error instanceof SyntaxError) return `${SYNTAX}${message}`;
  const line = at < 0 ? undefined : /^\d+/.exec(stack.slice(at + url.length + 1))?.[0];
  return line === undefined ? message : `line ${line}: ${message}`;
}
