/** @file Attention in ONNX's form (opsets 23 to 28): caches, groups of heads that share keys, masks, windows, and the scores as results; rotary positions. */
import { scan } from "../../function/control.ts";
import * as F from "../../math/index.ts";
import { repeatInterleave } from "../../math/rearrange.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { type Given, heldAs, isSequence, Live, range } from "../value.ts";

const NEVER = Number.NEGATIVE_INFINITY;

/** [N, T, heads·d] to [N, heads, T, d]; four axes stay. */
function apart(x: Tensor, heads: number): Tensor {
  if (x.rank === 4) return x;
  if (x.rank !== 3 || heads < 1 || x.shape[2] % heads !== 0)
    throw new RangeError(`${x.shape.length} axes of [${x.shape}] in ${heads} heads`);
  return x.reshape([x.shape[0], x.shape[1], heads, x.shape[2] / heads]).transpose([0, 2, 1, 3]);
}

const together = (x: Tensor): Tensor => x.transpose([0, 2, 1, 3]).reshape([x.shape[0], x.shape[2], x.shape[1] * x.shape[3]]);

/** Bools become what is added to scores, and what a mask says nothing of is not seen. */
function additive(mask: Tensor, keys: number, dtype: Tensor["dtype"]): Tensor {
  const zero = mask.constantOf({ shape: [], dtype }, 0);
  const own = mask.dtype === "bool" ? mask.where(zero, NEVER) : mask.cast(dtype);
  const missing = keys - own.shape[own.rank - 1];
  if (missing <= 0) return own;
  return own.concat([own.constantOf({ shape: own.shape.with(-1, missing), dtype }, NEVER)], own.rank - 1);
}

/** Rows i and columns j of the scores, and by how many keys the first query comes after the first key: one number, or one of each example [N, 1, 1, 1]. */
interface Places {
  readonly rows: Tensor;
  readonly columns: Tensor;
  readonly offset: Tensor;
}

function placesOf(queries: number, keys: number, offset: Tensor): Places {
  const line = (n: number, shape: number[]): Tensor => tensor(Int32Array.from(range(n)), { shape });
  return { rows: line(queries, [queries, 1]), columns: line(keys, [1, keys]), offset };
}

/** What is added to the scores: mask, causality, a window, and the padding of a cache. */
function biasOf(c: Call, queries: number, keys: number, past: number, dtype: Tensor["dtype"]): Tensor | undefined {
  const valid = c.has(6) ? c.tensor(6).cast("i32").reshape([-1, 1, 1, 1]) : undefined;
  const terms: Tensor[] = [];
  if (c.has(3)) terms.push(additive(c.tensor(3), keys, dtype));
  const q = c.tensor(0);
  const fixed = q.constantOf({ shape: [], dtype: "i32" }, past);
  const { rows, columns, offset } = placesOf(queries, keys, valid && past === 0 ? valid.sub(queries) : fixed);
  const at = rows.add(offset);
  const zero = q.constantOf({ shape: [], dtype }, 0);
  const only = (on: Tensor): void => void terms.push(on.where(zero, NEVER));
  if (c.flag("is_causal")) only(columns.le(at));
  const [left, right] = [c.int("left_window_size", -1), c.int("right_window_size", -1)];
  if (left >= 0) only(at.sub(columns).le(left));
  if (right >= 0) only(columns.sub(at).le(right));
  if (valid) only(columns.lt(valid));
  return terms.length === 0 ? undefined : terms.reduce((a, b) => a.add(b));
}

/** Softmax of which rows that see nothing are zeros. */
function shares(scores: Tensor, bias: Tensor | undefined): Tensor {
  if (!bias) return F.softmax(scores, -1);
  const some = bias.max(-1, { keepDims: true }).gt(NEVER);
  const safe = some.where(scores, 0);
  const top = safe.max(-1, { keepDims: true });
  const e = safe.sub(top.gt(NEVER).where(top, 0)).exp();
  const total = e.sum(-1, { keepDims: true });
  return some.where(e.div(total.gt(0).where(total, 1)), 0);
}

function attention(c: Call): Given[] {
  const flat = c.rank(0) === 3;
  const q = apart(c.tensor(0), c.int("q_num_heads", 0));
  const kv = c.int("kv_num_heads", 0);
  const joined = (i: number, pastAt: number): Tensor => {
    const own = apart(c.tensor(i), kv);
    return c.has(pastAt) ? c.tensor(pastAt).concat([own], 2) : own;
  };
  const [key, value] = [joined(1, 4), joined(2, 5)];
  const past = c.has(4) ? c.shape(4)[2] : 0;
  const repeats = q.shape[1] / key.shape[1];
  const shared = (x: Tensor): Tensor => (repeats > 1 ? repeatInterleave(x, repeats, 1) : x);
  const scale = Math.sqrt(c.scalar("scale") ?? 1 / Math.sqrt(q.shape[3]));
  const raw = q.mul(scale).matmul(shared(key).mul(scale).transpose([0, 1, 3, 2]));
  const cap = c.float("softcap", 0);
  const capped = cap > 0 ? raw.div(cap).tanh().mul(cap) : raw;
  const bias = biasOf(c, q.shape[2], key.shape[2], past, q.dtype);
  const biased = bias ? capped.add(bias) : capped;
  const precision = c.type("softmax_precision");
  const weights = shares(precision === "double" ? biased.cast("f64") : biased, bias).cast(q.dtype);
  const y = weights.matmul(shared(value));
  const mode = c.int("qk_matmul_output_mode", 0);
  // The first two are the same where nothing caps scores.
  const scores = [raw, capped, biased, weights][mode];
  if (!scores) throw unsupported(`the mode ${mode} of scores`);
  const type = c.dtype(0);
  return [flat ? together(y) : y, key, value, scores].map((x) => new Live(x.cast(heldAs(type)), type));
}

/** Pairs of features turned by angles (Su et al. 2021). */
function rotary(c: Call): Given {
  const x = c.tensor(0);
  const heads = c.int("num_heads", 0);
  const y = x.rank === 4 ? x.transpose([0, 2, 1, 3]) : x.reshape([x.shape[0], x.shape[1], heads, x.shape[2] / heads]);
  const size = y.shape[3];
  const dim = c.int("rotary_embedding_dim", 0) || size;
  const cache = (i: number): Tensor => (c.has(3) ? c.tensor(i).take(c.tensor(3).cast("i32"), 0) : c.tensor(i)).unsqueeze(2);
  const [cos, sin] = [cache(1), cache(2)];
  const [turned, rest] = [y.narrow(3, 0, dim), y.narrow(3, dim, size - dim)];
  const half = dim / 2;
  const interleaved = c.flag("interleaved");
  const pairs = interleaved ? turned.reshape([...turned.shape.slice(0, 3), half, 2]) : undefined;
  const [a, b] = pairs ? [pairs.select(4, 0), pairs.select(4, 1)] : [turned.narrow(3, 0, half), turned.narrow(3, half, half)];
  const [real, imaginary] = [cos.mul(a).sub(sin.mul(b)), sin.mul(a).add(cos.mul(b))];
  const out = interleaved
    ? real
        .unsqueeze(4)
        .concat([imaginary.unsqueeze(4)], 4)
        .reshape(turned.shape)
    : real.concat([imaginary], 3);
  const all = dim < size ? out.concat([rest], 3) : out;
  return x.rank === 4 ? all.transpose([0, 2, 1, 3]) : all.reshape(x.shape);
}

/** Attention whose state is one matrix of each head, from step to step (Katharopoulos et al. 2020; with gates and the delta rule, Yang et al. 2024). */
function linearAttention(c: Call): Given[] {
  const [heads, kv] = [c.int("q_num_heads", 0), c.int("kv_num_heads", 0)];
  const rule = c.text("update_rule", "gated_delta");
  const [gates, corrects] = [rule.startsWith("gated"), rule.endsWith("delta")];
  if (!["linear", "gated", "delta", "gated_delta"].includes(rule)) throw unsupported(`the rule "${rule}"`);
  const [n, steps] = c.shape(0);
  const [q, k, v] = [apart(c.tensor(0), heads), apart(c.tensor(1), kv), apart(c.tensor(2), kv)];
  const [dk, dv] = [k.shape[3], v.shape[3]];
  const first = (x: Tensor): Tensor => x.moveAxis(2, 0);
  const xs: Record<string, Tensor> = { q: first(q), k: first(k), v: first(v) };
  if (gates) xs.decay = first(apart(c.tensor(4), kv));
  if (corrects) xs.beta = first(apart(c.tensor(5), c.shape(5)[2]));
  const start = c.maybe(3) ?? q.constantOf({ shape: [n, kv, dk, dv], dtype: q.dtype }, 0);
  const scale = c.float("scale", 0) || 1 / Math.sqrt(dk);
  const repeats = heads / kv;
  const step = (state: Tensor, at: Record<string, Tensor>): readonly [Tensor, Tensor] => {
    const faded = gates ? state.mul(at.decay.exp().unsqueeze(3)) : state;
    const value = corrects ? at.beta.mul(at.v.sub(faded.mul(at.k.unsqueeze(3)).sum([2]))) : at.v;
    const next = faded.add(at.k.unsqueeze(3).mul(value.unsqueeze(2)));
    const read = repeats > 1 ? repeatInterleave(next, repeats, 1) : next;
    return [next, read.mul(at.q.unsqueeze(3)).sum([2]).mul(scale)];
  };
  const [state, ys] = scan(step, start, xs, { length: steps });
  return [ys.transpose([1, 0, 2, 3]).reshape([n, steps, heads * dv]), state];
}

/** Attention with graphs that change scores and weights. */
function flexAttention(c: Call): Given {
  const [q, key, value] = [c.tensor(0), c.tensor(1), c.tensor(2)];
  const repeats = q.shape[1] / key.shape[1];
  const shared = (x: Tensor): Tensor => (repeats > 1 ? repeatInterleave(x, repeats, 1) : x);
  const scale = Math.sqrt(c.scalar("scale") ?? 1 / Math.sqrt(q.shape[3]));
  const changed = (name: string, x: Tensor): Tensor => {
    if (c.attribute(name) === undefined) return x;
    const [y] = c.run(c.graph(name), [new Live(x)]);
    if (y === undefined || isSequence(y)) throw new Error(`the graph ${name} gives no tensor`);
    return y.tensor;
  };
  const wide = c.type("softmax_precision") === "double" ? "f64" : q.dtype;
  const scores = q
    .mul(scale)
    .matmul(shared(key).mul(scale).transpose([0, 1, 3, 2]))
    .cast(wide);
  const weights = changed("prob_mod", F.softmax(changed("score_mod", scores), -1));
  return new Live(weights.matmul(shared(value).cast(wide)).cast(value.dtype), c.dtype(2));
}

export const attentions: Readonly<Record<string, Op>> = {
  Attention: { since: 23, fixed: [3], run: attention },
  RotaryEmbedding: { since: 23, fixed: [1, 2], run: rotary },
  LinearAttention: { since: 27, run: linearAttention },
  "ai.onnx.preview.FlexAttention": { since: 1, domain: "ai.onnx.preview", run: flexAttention },
};
