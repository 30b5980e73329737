/**
 * @file JSON (RFC 8259) with objects as maps: members keep their order whatever their names are, `__proto__` is a name as any other, and a name
 * that comes twice in one object, of which `JSON.parse` would drop the first, is an error.
 */

/** Nested deeper than any header of a file. */
const DEEPEST = 64;

/** What a text says: maps, arrays, texts, numbers, booleans, null. @throws {SyntaxError} for what is no JSON. */
export function parseJsonMaps(text: string): unknown {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    if (depth > DEEPEST) throw this.#fault(`more than ${DEEPEST} levels`);
    const first = this.#peek();
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    return first === '"' ? this.#string() : this.#scalar();
  }

  end(): void {
    if (this.#peek() !== "") throw this.#fault(`unexpected ${JSON.stringify(this.#peek())}`);
  }

  #fault(text: string): SyntaxError {
    return new SyntaxError(`${text} at position ${this.#at}`);
  }

  /** The next character that is no white space. */
  #peek(): string {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? "")) this.#at++;
    return this.#text[this.#at] ?? "";
  }

  #take(wanted: string): void {
    const got = this.#peek();
    if (got !== wanted) throw this.#fault(`expected "${wanted}", got ${got === "" ? "the end" : JSON.stringify(got)}`);
    this.#at++;
  }

  #object(depth: number): Map<string, unknown> {
    const members = new Map<string, unknown>();
    this.#take("{");
    for (let more = this.#peek() !== "}"; more; more = this.#comma("}")) {
      this.#peek();
      const name = this.#string();
      if (members.has(name)) throw this.#fault(`the name ${JSON.stringify(name)} comes twice`);
      this.#take(":");
      members.set(name, this.value(depth + 1));
    }
    this.#take("}");
    return members;
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#take("[");
    for (let more = this.#peek() !== "]"; more; more = this.#comma("]")) items.push(this.value(depth + 1));
    this.#take("]");
    return items;
  }

  /** Passes over a comma; false before the end of the list. */
  #comma(end: string): boolean {
    if (this.#peek() === end) return false;
    this.#take(",");
    return true;
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') throw this.#fault("expected a name in quotes");
    let end = this.#at;
    do end = this.#text.indexOf('"', end + 1);
    while (end >= 0 && this.#escaped(end));
    if (end < 0) throw this.#fault("a text without an end");
    const token = this.#text.slice(this.#at, end + 1);
    const value = this.#parsed(token) as string;
    this.#at = end + 1;
    return value;
  }

  /** Whether an odd number of backslashes stands before a position. */
  #escaped(at: number): boolean {
    let before = at - 1;
    while (this.#text[before] === "\\") before--;
    return (at - before) % 2 === 0;
  }

  /** A number, true, false or null. */
  #scalar(): unknown {
    const pattern = /[-+.\w]*/y;
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)![0];
    const value = this.#parsed(token);
    this.#at += token.length;
    return value;
  }

  #parsed(token: string): unknown {
    try {
      return JSON.parse(token);
    } catch {
      throw this.#fault(`unexpected ${JSON.stringify((token || (this.#text[this.#at] ?? "")).slice(0, 20))}`);
    }
  }
}
