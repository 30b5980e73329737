/** @file Operators on sequences of words, as numbers. */
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import type { Given } from "../value.ts";

/** A sequence of words that is counted, the column of its count, and its weight. */
interface Gram {
  readonly words: readonly number[];
  readonly column: number;
  readonly weight: number;
}

/** The sequences of the pool, which has all single words first, then all pairs, and so on, from the places that `ngram_counts` names. */
function gramsOf(c: Call): Gram[] {
  const pool = c.ints("pool_int64s");
  if (!pool) throw unsupported("a pool of texts");
  const [starts, columns] = [c.ints("ngram_counts") ?? [], c.ints("ngram_indexes") ?? []];
  const weights = c.ints("weights");
  const grams: Gram[] = [];
  for (const [i, start] of starts.entries()) {
    for (let at = start; at < (starts[i + 1] ?? pool.length); at += i + 1) {
      const j = grams.length;
      grams.push({ words: pool.slice(at, at + i + 1), column: columns[j], weight: weights?.[j] ?? 1 });
    }
  }
  return grams;
}

/** How often a sequence stands in each row of x [N, C], with up to so many words left out between its own. */
function countOf(x: Tensor, words: readonly number[], skips: number): Tensor {
  const [rows, length] = x.shape as [number, number];
  let count = x.constantOf({ shape: [rows], dtype: "f32" }, 0);
  for (let skip = 0; skip <= (words.length > 1 ? skips : 0); skip++) {
    const places = length - (words.length - 1) * (skip + 1);
    if (places < 1) break;
    const found = words.map((word, k) => x.narrow(1, k * (skip + 1), places).eq(word)).reduce((a, b) => a.and(b));
    count = count.add(found.cast("f32").sum(1));
  }
  return count;
}

/** Counts of sequences of words in each row (TF), whether they are there (IDF), or counts by their weights (TFIDF). */
function tfIdf(c: Call): Given {
  const given = c.tensor(0);
  const x = (given.rank === 1 ? given.unsqueeze(0) : given).cast("i32");
  const mode = c.text("mode", "");
  if (!["TF", "IDF", "TFIDF"].includes(mode)) throw new Error(`the mode must be TF, IDF or TFIDF, got "${mode}"`);
  const grams = gramsOf(c);
  const [least, most] = [c.int("min_gram_length", 1), c.int("max_gram_length", 1)];
  const columns = new Map<number, Tensor>();
  for (const { words, column, weight } of grams) {
    if (words.length < least || words.length > most) continue;
    const count = countOf(x, words, c.int("max_skip_count", 0));
    columns.set(column, mode === "TF" ? count : (mode === "IDF" ? count.gt(0).cast("f32") : count).mul(weight));
  }
  const none = x.constantOf({ shape: [x.shape[0]], dtype: "f32" }, 0);
  const width = Math.max(...grams.map(({ column }) => column)) + 1;
  const all = Array.from({ length: width }, (_, i) => (columns.get(i) ?? none).unsqueeze(1));
  const y = all[0].concat(all.slice(1), 1);
  return given.rank === 1 ? y.squeeze(0) : y;
}

export const texts: Readonly<Record<string, Op>> = { TfIdfVectorizer: { since: 9, run: tfIdf } };
