/**
 * @file Operators of opsets 27 and 28 and of the preview domain, and those on words: SwiGLU, CausalConvWithState, LinearAttention and FlexAttention, against their definitions in
 * onnx/docs/Operators.md, written out as loops here.
 */
import { describe, expect, test } from "vitest";
import type { OnnxGraph } from "../../src/formats/onnx.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { type Attribute, close, ints, of, range, run, sigmoid, sum, wave } from "./one-node.ts";

test("SwiGLU is the gate's swish times the value; alpha scales inside the sigmoid", async () => {
  const [x, y] = [wave(2, 3), wave(2, 3).mul(0.7).add(0.2)];
  const want = (alpha: number): number[] => of(x).map((v, i) => v * sigmoid(alpha * v) * of(y)[i]!);
  close((await run("SwiGLU", 28, [x, y]))[0], want(1));
  close((await run("SwiGLU", 28, [x, y], { alpha: 1.7 }))[0], want(1.7));
});

test("TfIdfVectorizer counts single words and pairs, as in its documentation", async () => {
  const x = ints([1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8]);
  const pool = { mode: "TF", ngram_counts: [0, 4], ngram_indexes: range(7), pool_int64s: [2, 3, 5, 4, 5, 6, 7, 8, 6, 7] };
  const of = async (more: Record<string, Attribute>, input = x) => (await run("TfIdfVectorizer", 9, [input], { ...pool, ...more }))[0];
  close(await of({ min_gram_length: 2, max_gram_length: 2, max_skip_count: 0 }), [0, 0, 0, 0, 1, 1, 1]);
  close(await of({ min_gram_length: 2, max_gram_length: 2, max_skip_count: 5 }), [0, 0, 0, 0, 1, 3, 1]);
  const both = { min_gram_length: 1, max_gram_length: 2, max_skip_count: 5 };
  close(await of(both), [0, 3, 1, 0, 1, 3, 1]);
  const rows = await of(both, x.reshape([2, 6]));
  expect(rows!.shape).toEqual([2, 7]);
  close(rows, [0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1]);
  close(await of({ ...both, mode: "IDF", weights: [1, 2, 3, 4, 5, 6, 7] }), [0, 2, 3, 0, 5, 6, 7]);
  close(await of({ ...both, mode: "TFIDF", weights: [1, 2, 3, 4, 5, 6, 7] }), [0, 6, 3, 0, 5, 18, 7]);
  await expect(of({ ...both, mode: "BM25" })).rejects.toThrow("TF, IDF or TFIDF");
});

test("BitShift by all bits or more, or by less than none, leaves 0 or the sign", async () => {
  const shifted = async (direction: string, x: number[], by: number[]) =>
    of((await run("BitShift", 28, [ints(x), ints(by)], { direction }))[0]!);
  expect(await shifted("LEFT", [1, 1, -8], [31, 32, -1])).toEqual([-(2 ** 31), 0, 0]);
  expect(await shifted("RIGHT", [-8, -8, 8, 8], [1, 40, 32, -1])).toEqual([-4, -1, 0, 0]);
});

describe("CausalConvWithState", () => {
  const [N, C, L, K] = [2, 3, 5, 4];
  const [x, w, b] = [wave(N, C, L), wave(C, 1, K).mul(0.3), wave(C)];

  /** Output and the state behind it. */
  function want(past: number[] | undefined, bias: boolean, silu: boolean): [number[], number[]] {
    const at = (n: number, c: number, t: number): number =>
      t < K - 1 ? (past?.[(n * C + c) * (K - 1) + t] ?? 0) : of(x)[(n * C + c) * L + t - (K - 1)]!;
    const rows = range(N).flatMap((n) => range(C).map((c) => [n, c] as const));
    const y = rows.flatMap(([n, c]) =>
      range(L).map((t) => {
        const z = sum(range(K).map((k) => of(w)[c * K + k]! * at(n, c, t + k))) + (bias ? of(b)[c]! : 0);
        return silu ? z * sigmoid(z) : z;
      }),
    );
    return [y, rows.flatMap(([n, c]) => range(K - 1).map((t) => at(n, c, L + t)))];
  }

  test.each([
    ["none", false],
    ["silu", true],
    ["swish", true],
  ] as const)("activation %s, with and without past and bias", async (activation, silu) => {
    const past = wave(N, C, K - 1).mul(-0.4);
    for (const bias of [true, false])
      for (const state of [past, undefined]) {
        const [y, present] = await run("CausalConvWithState", 27, [x, w, bias ? b : undefined, state], { activation }, 2);
        const [wantY, wantPresent] = want(state && of(state), bias, silu);
        close(y, wantY);
        close(present, wantPresent);
      }
  });

  test("two calls in a row give what one gives, and another activation is refused", async () => {
    const [whole] = await run("CausalConvWithState", 27, [x, w, b], {}, 2);
    const [first, state] = await run("CausalConvWithState", 27, [x.narrow(2, 0, 2), w, b], {}, 2);
    const [second] = await run("CausalConvWithState", 27, [x.narrow(2, 2, 3), w, b, state], {}, 2);
    close(first!.concat([second!], 2), of(whole!));
    await expect(run("CausalConvWithState", 27, [x, w, b], { activation: "gelu" }, 2)).rejects.toThrow('the activation "gelu"');
  });
});

describe("LinearAttention", () => {
  const [N, T, HEADS, KV, DK, DV] = [2, 4, 4, 2, 3, 2];
  const scaled = (shape: number[], by: number): Tensor => wave(...shape).mul(by);
  const [q, k, v] = [scaled([N, T, HEADS * DK], 0.5), scaled([N, T, KV * DK], 0.4), scaled([N, T, KV * DV], 0.6)];
  const past = scaled([N, KV, DK, DV], 0.3);
  const decays = {
    "per head": scaled([N, T, KV], 0.2).abs().neg(),
    "per key": scaled([N, T, KV * DK], 0.2)
      .abs()
      .neg(),
  };
  const betas = { "per head": scaled([N, T, KV], 0.5).sigmoid(), shared: scaled([N, T, 1], 0.5).sigmoid() };

  interface Given {
    readonly past?: Tensor;
    readonly decay?: Tensor;
    readonly beta?: Tensor;
  }

  function want(given: Given, scale = 1 / Math.sqrt(DK)): [number[], number[]] {
    const y = new Array<number>(N * T * HEADS * DV).fill(0);
    const present: number[] = [];
    const of3 = (x: Tensor, n: number, t: number, i: number): number => of(x)[(n * T + t) * x.shape[2]! + i]!;
    for (const n of range(N))
      for (const h of range(KV)) {
        const s = range(DK).map((d) => range(DV).map((m) => (given.past ? of(given.past)[((n * KV + h) * DK + d) * DV + m]! : 0)));
        for (const t of range(T)) {
          const key = range(DK).map((d) => of3(k, n, t, h * DK + d));
          const fade = (d: number): number =>
            given.decay ? Math.exp(of3(given.decay, n, t, given.decay.shape[2] === KV ? h : h * DK + d)) : 1;
          for (const d of range(DK)) for (const m of range(DV)) s[d]![m]! *= fade(d);
          const value = range(DV).map((m) => {
            const own = of3(v, n, t, h * DV + m);
            if (!given.beta) return own;
            return of3(given.beta, n, t, given.beta.shape[2] === 1 ? 0 : h) * (own - sum(range(DK).map((d) => s[d]![m]! * key[d]!)));
          });
          for (const d of range(DK)) for (const m of range(DV)) s[d]![m]! += key[d]! * value[m]!;
          for (const g of range(HEADS / KV).map((i) => h * (HEADS / KV) + i))
            for (const m of range(DV))
              y[((n * T + t) * HEADS + g) * DV + m] = scale * sum(range(DK).map((d) => s[d]![m]! * of3(q, n, t, g * DK + d)));
        }
        present.push(...s.flat());
      }
    return [y, present];
  }

  const heads = { q_num_heads: HEADS, kv_num_heads: KV };
  async function expectWanted(rule: string, given: Given, more: Record<string, Attribute> = {}, scale?: number): Promise<void> {
    const inputs = [q, k, v, given.past, given.decay, given.beta];
    const [y, state] = await run("LinearAttention", 27, inputs, { ...heads, update_rule: rule, ...more }, 2);
    const [wantY, wantState] = want(given, scale);
    close(y, wantY);
    close(state, wantState);
  }

  test("linear: a sum of keys times values", async () => {
    await expectWanted("linear", {});
    await expectWanted("linear", { past }, { scale: 0.25 }, 0.25);
  });
  test.each(Object.entries(decays))("gated, a decay %s", async (_, decay) => await expectWanted("gated", { past, decay }));
  test.each(Object.entries(betas))("delta, a rate %s", async (_, beta) => await expectWanted("delta", { past, beta }));
  test.each(Object.entries(decays))("gated delta, a decay %s", async (_, decay) => {
    for (const beta of Object.values(betas)) await expectWanted("gated_delta", { past, decay, beta });
  });
  test("another rule is refused", async () =>
    await expect(run("LinearAttention", 27, [q, k, v], { ...heads, update_rule: "none" }, 2)).rejects.toThrow('the rule "none"'));
});

describe("FlexAttention", () => {
  const [N, HEADS, KV, L, S, D] = [1, 4, 2, 3, 3, 2];
  const [q, k, v] = [wave(N, HEADS, L, D).mul(0.5), wave(N, KV, S, D).mul(0.4), wave(N, KV, S, D)];

  function want(
    score: (s: number, l: number, at: number) => number = (s) => s,
    share = (p: number): number => p,
    scale = 1 / Math.sqrt(D),
  ): number[] {
    return range(HEADS).flatMap((h) =>
      range(L).flatMap((l) => {
        const kv = Math.floor(h / (HEADS / KV));
        const scores = range(S).map((s) =>
          score(scale * sum(range(D).map((d) => of(q)[(h * L + l) * D + d]! * of(k)[(kv * S + s) * D + d]!)), l, s),
        );
        const total = sum(scores.map(Math.exp));
        return range(D).map((d) => sum(scores.map((z, s) => share(Math.exp(z) / total) * of(v)[(kv * S + s) * D + d]!)));
      }),
    );
  }

  /** A graph of one node on its input and a constant. */
  const graph = (op: string, number: number): OnnxGraph => ({
    inputs: [{ name: "in" }],
    outputs: [{ name: "out" }],
    initializers: [{ name: "number", type: 1, dims: [], floats: [number] }],
    nodes: [{ op, inputs: ["in", "number"], outputs: ["out"] }],
  });
  const flex = "ai.onnx.preview.FlexAttention";

  test("without graphs it is attention with shared keys; scale is an attribute", async () => {
    close((await run(flex, 26, [q, k, v]))[0], want());
    close((await run(flex, 26, [q, k, v], { scale: 0.9 }))[0], want(undefined, undefined, 0.9));
  });

  test("score_mod changes scores before, prob_mod weights behind the softmax", async () => {
    close(
      (await run(flex, 26, [q, k, v], { score_mod: graph("Mul", 3) }))[0],
      want((s) => 3 * s),
    );
    close(
      (await run(flex, 26, [q, k, v], { prob_mod: graph("Mul", 0.5) }))[0],
      want(undefined, (p) => p / 2),
    );
    close(
      (await run(flex, 26, [q, k, v], { score_mod: graph("Mul", 3), prob_mod: graph("Mul", 2) }))[0],
      want(
        (s) => 3 * s,
        (p) => 2 * p,
      ),
    );
  });

  test("a causal score_mod", async () => {
    const mask: OnnxGraph = {
      inputs: [{ name: "in" }],
      outputs: [{ name: "out" }],
      initializers: [
        {
          name: "mask",
          type: 1,
          dims: [L, S],
          floats: range(L).flatMap((l) => range(S).map((s) => (s <= l ? 0 : Number.NEGATIVE_INFINITY))),
        },
      ],
      nodes: [{ op: "Add", inputs: ["in", "mask"], outputs: ["out"] }],
    };
    close(
      (await run(flex, 26, [q, k, v], { score_mod: mask }))[0],
      want((s, l, at) => (at <= l ? s : Number.NEGATIVE_INFINITY)),
    );
  });
});
