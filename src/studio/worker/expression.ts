/** @file Formulas that are typed: `a = x * y; s = a + sin(x)`. They become functions on tensors, by a parser, so that no text is run as code. */
import { absolute } from "../../math/activation.ts";
import type { Tensor } from "../../ops/tensor.ts";

/** What stands for numbers while a formula is read. */
type Value = Tensor | number;

const UNARY: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sin: (x) => x.sin(),
  cos: (x) => x.cos(),
  exp: (x) => x.exp(),
  ln: (x) => x.log(),
  log: (x) => x.log(),
  sqrt: (x) => x.sqrt(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  relu: (x) => x.relu(),
  abs: (x) => absolute(x),
};

interface Token {
  readonly text: string;
  readonly at: number;
}

/** A formula that was read. */
export interface Formula {
  /** Names that nothing defines, in the order in which they appear: the inputs. */
  readonly inputs: readonly string[];
  /** Names of the results: what is defined and used by nothing else. */
  readonly outputs: readonly string[];
  /** The results, from the inputs in their order. */
  readonly run: (...inputs: Tensor[]) => Tensor[];
}

const MOST_CHARACTERS = 2000;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const found of text.matchAll(/\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)|([\p{L}_][\p{L}\p{N}_]*)|([-+*/^()=;\n])|(\S))/giu)) {
    const at = found.index + found[0].length;
    if (found[4] !== undefined) throw new SyntaxError(`"${found[4]}" at character ${at} is no part of a formula`);
    tokens.push({ text: found[1] ?? found[2] ?? found[3]!, at });
  }
  return tokens;
}

type Node = (of: (name: string) => Value) => Value;

const isName = (text: string): boolean => /^[\p{L}_]/u.test(text);

/** Recursive descent: sum, product, power, atom. */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  /** Names that are read. */
  readonly read: string[] = [];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get done(): boolean {
    return this.#next >= this.#tokens.length;
  }

  peek(): string {
    return this.#tokens[this.#next]?.text ?? "";
  }

  take(): Token {
    const token = this.#tokens[this.#next++];
    if (!token) throw new SyntaxError("the formula ends too early");
    return token;
  }

  #expect(text: string): void {
    const token = this.take();
    if (token.text !== text) throw new SyntaxError(`want "${text}" at character ${token.at}, got "${token.text}"`);
  }

  sum(): Node {
    let left = this.#product();
    while (this.peek() === "+" || this.peek() === "-") {
      const plus = this.take().text === "+";
      const [a, b] = [left, this.#product()];
      left = (of) => (plus ? add(a(of), b(of)) : subtract(a(of), b(of)));
    }
    return left;
  }

  #product(): Node {
    let left = this.#signed();
    while (this.peek() === "*" || this.peek() === "/") {
      const times = this.take().text === "*";
      const [a, b] = [left, this.#signed()];
      left = (of) => (times ? multiply(a(of), b(of)) : divide(a(of), b(of)));
    }
    return left;
  }

  #signed(): Node {
    if (this.peek() !== "-") return this.#power();
    this.take();
    const inner = this.#signed();
    return (of) => {
      const x = inner(of);
      return typeof x === "number" ? -x : x.neg();
    };
  }

  #power(): Node {
    const base = this.#atom();
    if (this.peek() !== "^") return base;
    this.take();
    const exponent = this.#signed();
    return (of) => power(base(of), exponent(of));
  }

  #atom(): Node {
    const token = this.take();
    if (token.text === "(") {
      const inner = this.sum();
      this.#expect(")");
      return inner;
    }
    if (/^[\d.]/.test(token.text)) {
      const value = Number(token.text);
      return () => value;
    }
    if (!isName(token.text)) throw new SyntaxError(`want a number, a name or "(" at character ${token.at}, got "${token.text}"`);
    if (this.peek() !== "(") {
      this.read.push(token.text);
      return (of) => of(token.text);
    }
    const fn = UNARY[token.text];
    if (!fn) throw new SyntaxError(`there is no function "${token.text}"; want one of ${Object.keys(UNARY).join(", ")}`);
    this.take();
    const inner = this.sum();
    this.#expect(")");
    return (of) => {
      const x = inner(of);
      if (typeof x === "number") throw new SyntaxError(`${token.text} of a plain number: write its value`);
      return fn(x);
    };
  }
}

const add = (a: Value, b: Value): Value => (typeof a === "number" ? (typeof b === "number" ? a + b : b.add(a)) : a.add(b));
const multiply = (a: Value, b: Value): Value => (typeof a === "number" ? (typeof b === "number" ? a * b : b.mul(a)) : a.mul(b));
const subtract = (a: Value, b: Value): Value => (typeof a === "number" ? (typeof b === "number" ? a - b : b.neg().add(a)) : a.sub(b));
const divide = (a: Value, b: Value): Value => (typeof a === "number" ? (typeof b === "number" ? a / b : b.recip().mul(a)) : a.div(b));

function power(a: Value, b: Value): Value {
  if (typeof b !== "number") throw new SyntaxError("a power must be a number, such as x^2; write exp(y * ln(x)) for others");
  if (typeof a === "number") return a ** b;
  return b === 2 ? a.square() : a.pow(b);
}

interface Statement {
  readonly name: string | undefined;
  readonly value: Node;
  readonly read: readonly string[];
}

function statementsOf(text: string): Statement[] {
  const groups: Token[][] = [[]];
  for (const token of tokensOf(text)) {
    if (token.text === ";" || token.text === "\n") groups.push([]);
    else groups.at(-1)!.push(token);
  }
  return groups
    .filter((group) => group.length > 0)
    .map((group) => {
      const isDefinition = group[1]?.text === "=" && isName(group[0]!.text);
      const parser = new Parser(isDefinition ? group.slice(2) : group);
      const value = parser.sum();
      if (!parser.done) {
        const { text: rest, at } = parser.take();
        throw new SyntaxError(`"${rest}" at character ${at} was not expected`);
      }
      return { name: isDefinition ? group[0]!.text : undefined, value, read: parser.read };
    });
}

/** Reads a formula. @throws {SyntaxError} with the place, for what is none. */
export function formulaOf(text: string): Formula {
  if (text.length > MOST_CHARACTERS)
    throw new SyntaxError(`this formula has ${text.length} characters, at most ${MOST_CHARACTERS} are read`);
  const statements = statementsOf(text.replaceAll("**", "^").replaceAll("\n", ";"));
  if (statements.length === 0) throw new SyntaxError("write a formula, such as s = x*y + sin(x)");
  const defined = new Set<string>();
  const inputs: string[] = [];
  const used = new Set<string>();
  for (const { name, read } of statements) {
    for (const each of read) {
      if (!defined.has(each) && !inputs.includes(each)) inputs.push(each);
      used.add(each);
    }
    if (name === undefined) continue;
    if (defined.has(name) || inputs.includes(name)) throw new SyntaxError(`${name} is there already; give each result a name of its own`);
    defined.add(name);
  }
  if (inputs.length === 0) throw new SyntaxError("this formula reads no name; write one with an input, such as x^2");
  const results = statements.filter(({ name }) => name === undefined || !used.has(name));
  const outputs = results.map(({ name }, i) => name ?? `y${i + 1}`);
  const run = (...given: Tensor[]): Tensor[] => {
    const values = new Map<string, Value>(inputs.map((name, i) => [name, given[i]!]));
    const made: Tensor[] = [];
    for (const statement of statements) {
      const value = statement.value((name) => values.get(name)!);
      if (typeof value === "number") throw new SyntaxError(`${statement.name ?? "this"} is a plain number; write it where it is used`);
      const i = results.indexOf(statement);
      const name = statement.name ?? outputs[i]!;
      // A name for an input is that input.
      const named = given.includes(value) ? value.mul(1).named(name) : value.named(name);
      values.set(name, named);
      if (i >= 0) made.push(named);
    }
    return made;
  };
  return { inputs, outputs, run };
}
