/**
 * @file Shortens the programs of the studio's one file before they are packed: a name that stands in them often becomes one byte or two. LZMA makes a program of
 * 800 kB a twentieth smaller that way (235 kB became 224), and unpacks it faster. `src/studio/one/words.ts` spells them out again.
 */

/** A name, or a character that is none of ASCII. */
const WORD = /[A-Za-z_$][\w$]*|[^\0-\x7f]/gu;

/** Codes of one byte, which are no ASCII, and of two, whose first is a control character that no program has. */
const SINGLE = 128;
const LEADS = 8;
const SECOND = 200;
const FIRST_SECOND = 32;

/** Shorter or rarer names stay as they are; both give the least size among 3 to 4 and 3 to 300. */
const LEAST_LENGTH = 3;
const LEAST_COUNT = 5;

const bytesOf = (word) => Buffer.byteLength(word);

/** The words that have codes, those that save most first. */
function wordsOf(text) {
  const counts = new Map();
  for (const [word] of text.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const isForeign = (word) => word.codePointAt(0) > 127;
  const taken = [...counts].filter(([word, n]) => isForeign(word) || (word.length >= LEAST_LENGTH && n >= LEAST_COUNT));
  const saved = ([word, n]) => n * (bytesOf(word) - 1);
  taken.sort((a, b) => saved(b) - saved(a) || (a[0] < b[0] ? -1 : 1));
  const most = SINGLE + LEADS * SECOND;
  const [foreign, names] = [taken.filter(([word]) => isForeign(word)), taken.filter(([word]) => !isForeign(word))];
  if (foreign.length > most) throw new RangeError(`want at most ${most} different characters beside ASCII, got ${foreign.length}`);
  const kept = new Set([...foreign, ...names.slice(0, most - foreign.length)].map(([word]) => word));
  return taken.flatMap(([word]) => (kept.has(word) ? [word] : []));
}

const codeOf = (i) => (i < SINGLE ? [SINGLE + i] : [1 + Math.floor((i - SINGLE) / SECOND), FIRST_SECOND + ((i - SINGLE) % SECOND)]);

/** The words in UTF-8 with commas between them, a zero byte, and the text with their codes. @throws {RangeError} for a text with control characters below tab. */
export function shorten(text) {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0 && code <= LEADS) throw new RangeError(`want a text without control characters, got code ${code} at ${i}`);
  }
  const words = wordsOf(text);
  const codes = new Map(words.map((word, i) => [word, String.fromCharCode(...codeOf(i))]));
  const body = text.replaceAll(WORD, (word) => codes.get(word) ?? word);
  return Buffer.concat([Buffer.from(`${words.join(",")}\0`), Buffer.from(body, "latin1")]);
}
