/**
 * @file A transformer that tells the next character (Radford et al. 2019, "Language models are unsupervised multitask learners", at a small size), with
 * nanoGPT's parameter names (Karpathy 2022), and text from it: with keys and values of what was read kept, so that a character costs one position.
 */
import {
  aNumber,
  type Checks,
  check,
  checkOptions,
  expectation,
  integer,
  naturalNumber,
  nonNegative,
  positiveInteger,
} from "../base/check.ts";
import { keyFromSeed, threefry2x32 } from "../base/random.ts";
import { formatShape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { gelu } from "../math/activation.ts";
import { scaledDotProductAttention } from "../math/attention.ts";
import { linear } from "../math/linear.ts";
import { Dropout } from "../nn/dropout.ts";
import { Embedding } from "../nn/embedding.ts";
import { normal, zeros } from "../nn/initializers.ts";
import { checkSizes, Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { ModuleList } from "../nn/module-list.ts";
import { LayerNorm } from "../nn/norm.ts";
import type { Parameter } from "../nn/parameter.ts";
import { tensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";

export interface GptOptions {
  /** Different characters. */
  readonly vocabulary: number;
  /** Characters that it sees at most. Default 64. */
  readonly context?: number;
  /** Default 4. */
  readonly layers?: number;
  /** Default 4. */
  readonly heads?: number;
  /** Width, a multiple of the heads. Default 128. */
  readonly features?: number;
  /** Rate of dropout. Default 0.1. */
  readonly dropout?: number;
}

const GPT_OPTIONS: Checks<GptOptions> = {
  vocabulary: positiveInteger,
  context: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  features: positiveInteger,
  dropout: aNumber,
};

/** Keys and values of one layer, [1, heads, context, features/heads] each. */
export interface GptCache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

const dense = (inputs: number, outputs: number, std = 0.02): Linear =>
  new Linear(inputs, outputs, { weightInitializer: normal(0, std), biasInitializer: zeros });

/** Self-attention that does not look ahead. */
export class GptAttention extends Module {
  readonly c_attn: Linear;
  readonly c_proj: Linear;
  readonly heads: number;
  readonly weightDropout: Dropout;

  constructor(features: number, heads: number, std: number, dropout: number) {
    super();
    this.c_attn = dense(features, 3 * features);
    this.c_proj = dense(features, features, std);
    [this.heads, this.weightDropout] = [heads, new Dropout(dropout)];
  }

  /** [N, T, E] to queries, keys and values [N, heads, T, E/heads]. */
  #split(x: Tensor): [Tensor, Tensor, Tensor] {
    const [n, t, e] = x.shape;
    const all = this.c_attn.forward(x);
    return [0, 1, 2].map((i) =>
      all
        .narrow(2, i * e, e)
        .reshape([n, t, this.heads, e / this.heads])
        .moveAxis(2, 1),
    ) as [Tensor, Tensor, Tensor];
  }

  #joined(x: Tensor): Tensor {
    const [n, heads, t, d] = x.shape;
    return this.c_proj.forward(x.moveAxis(1, 2).reshape([n, t, heads * d]));
  }

  forward(x: Tensor): Tensor {
    const [q, k, v] = this.#split(x);
    const onWeights = this.training ? (w: Tensor): Tensor => this.weightDropout.forward(w) : undefined;
    return this.#joined(scaledDotProductAttention(q, k, v, { causal: true, onWeights }));
  }

  /** One position [1, 1, E], with what was kept of those before it. */
  step(x: Tensor, position: Tensor, { keys, values }: GptCache): { y: Tensor; kept: GptCache } {
    const [q, k, v] = this.#split(x);
    const here = keys.iotaLike(2).eq(position);
    const kept = { keys: here.where(k.broadcastTo(keys.shape), keys), values: here.where(v.broadcastTo(values.shape), values) };
    const past = keys.narrow(3, 0, 1).squeeze(3).iotaLike(2).le(position).unsqueeze(2); // [1, heads, 1, context]
    return { y: this.#joined(scaledDotProductAttention(q, kept.keys, kept.values, { mask: past })), kept };
  }
}

/** Two dense layers with GELU between. */
export class GptFeedForward extends Module {
  readonly c_fc: Linear;
  readonly c_proj: Linear;

  constructor(features: number, std: number) {
    super();
    this.c_fc = dense(features, 4 * features);
    this.c_proj = dense(4 * features, features, std);
  }

  forward(x: Tensor): Tensor {
    return this.c_proj.forward(gelu(this.c_fc.forward(x)));
  }
}

/** Attention and a small net, each normalized before and added to what came in. */
export class GptBlock extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: GptAttention;
  readonly ln_2: LayerNorm;
  readonly mlp: GptFeedForward;
  readonly drop: Dropout;

  constructor({ features, heads, layers, dropout }: Required<GptOptions>) {
    super();
    // What adds to the sum of all layers starts smaller, the more of them there are (Radford et al. 2019, §2.3).
    const std = 0.02 / Math.sqrt(2 * layers);
    this.ln_1 = new LayerNorm(features);
    this.attn = new GptAttention(features, heads, std, dropout);
    this.ln_2 = new LayerNorm(features);
    this.mlp = new GptFeedForward(features, std);
    this.drop = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return this.#feed(x.add(this.drop.forward(this.attn.forward(this.ln_1.forward(x)))));
  }

  step(x: Tensor, position: Tensor, kept: GptCache): { y: Tensor; kept: GptCache } {
    const { y, kept: next } = this.attn.step(this.ln_1.forward(x), position, kept);
    return { y: this.#feed(x.add(y)), kept: next };
  }

  #feed(x: Tensor): Tensor {
    return x.add(this.drop.forward(this.mlp.forward(this.ln_2.forward(x))));
  }
}

/** Embeddings, layers and the last normalization. */
export class GptTrunk extends Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: ModuleList<GptBlock>;
  readonly ln_f: LayerNorm;

  constructor(options: Required<GptOptions>) {
    super();
    const { vocabulary, context, features, layers, dropout } = options;
    this.wte = new Embedding(vocabulary, features, { weightInitializer: normal(0, 0.02) });
    this.wpe = new Embedding(context, features, { weightInitializer: normal(0, 0.02) });
    this.drop = new Dropout(dropout);
    this.h = new ModuleList(Array.from({ length: layers }, () => new GptBlock(options)));
    this.ln_f = new LayerNorm(features);
  }

  forward(tokens: Tensor): Tensor {
    const positions = this.wpe.weight.value.narrow(0, 0, tokens.shape[1]);
    let x = this.drop.forward(this.wte.forward(tokens).add(positions));
    for (const block of this.h) x = block.forward(x);
    return this.ln_f.forward(x);
  }
}

/** The embedding's weight once more, as the last layer (Press & Wolf 2017). */
export class GptHead extends Module {
  readonly weight: Parameter;

  constructor(weight: Parameter) {
    super();
    this.weight = weight;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight);
  }
}

/**
 * Numbers of characters [N, T], T at most the context, to logits of the next ones [N, vocabulary, T]: position t has seen characters 0 to t. With the
 * default sizes and 65 characters it has 809,856 parameters.
 */
export class Gpt extends Module {
  readonly transformer: GptTrunk;
  readonly lm_head: GptHead;
  readonly vocabulary: number;
  readonly context: number;
  readonly #cacheShape: readonly number[];

  /** @throws {RangeError} unless the heads divide the features. */
  constructor(options: GptOptions) {
    checkOptions(new.target.name, options, GPT_OPTIONS, "vocabulary");
    super();
    const { vocabulary, context = 64, layers = 4, heads = 4, features = 128, dropout = 0.1 } = options;
    checkSizes("Gpt", { vocabulary, context, layers, heads, features });
    if (features % heads !== 0) throw new RangeError(`Gpt: ${heads} heads do not divide ${features} features`);
    this.transformer = new GptTrunk({ vocabulary, context, layers, heads, features, dropout });
    this.lm_head = new GptHead(this.transformer.wte.weight);
    [this.vocabulary, this.context] = [vocabulary, context];
    this.#cacheShape = [1, heads, context, features / heads];
  }

  /** Whole numbers, as i32 or as floats. @throws {RangeError} unless x is [N, T] with T at most the context. */
  forward(x: Tensor): Tensor {
    if (x.rank !== 2 || x.shape[1] < 1 || x.shape[1] > this.context)
      throw new RangeError(`Gpt: want numbers of characters [batch, 1 to ${this.context}], got ${formatShape(x.shape)}`);
    return this.lm_head.forward(this.transformer.forward(x.cast("i32"))).moveAxis(-1, 1);
  }

  /** Nothing read yet: what {@link step} takes first. */
  start(): readonly GptCache[] {
    const { wte, h } = this.transformer;
    const none = wte.weight.value.constantOf({ shape: this.#cacheShape, dtype: "f32" }, 0);
    return Array.from({ length: h.length }, () => ({ keys: none, values: none }));
  }

  /** Logits [vocabulary] behind the character `token` i32[1] at `position` i32[], from 0, and what is kept for the next. For evaluation mode. */
  step(token: Tensor, position: Tensor, kept: readonly GptCache[]): { logits: Tensor; kept: readonly GptCache[] } {
    const { wte, wpe, h, ln_f } = this.transformer;
    let x = wte.forward(token).add(wpe.forward(position.reshape([1]))).unsqueeze(0); // biome-ignore format: one thought
    const next: GptCache[] = [];
    for (const block of h) {
      const result = block.step(x, position, kept[next.length]);
      x = result.y;
      next.push(result.kept);
    }
    return { logits: this.lm_head.forward(ln_f.forward(x)).reshape([this.vocabulary]), kept: next };
  }
}

// ---- text ---------------------------------------------------------------------------------------------------------------------------

export interface GenerateOptions {
  /** How many characters. Default 200. */
  readonly tokens?: number;
  /** What logits are divided by; 0 takes the most probable character always. Default 1. */
  readonly temperature?: number;
  /** Draw among so many of the most probable characters. Default all. */
  readonly topK?: number;
  /** Of the draws: the same seed gives the same text. Default 0. */
  readonly seed?: number;
  /** Keep keys and values; without, all that is seen is computed anew for every character. The text is the same. Default true. */
  readonly cache?: boolean;
}

const GENERATE_OPTIONS: Checks<GenerateOptions> = {
  tokens: naturalNumber,
  temperature: nonNegative,
  topK: positiveInteger,
  seed: integer,
  cache: expectation("true or false", (value) => typeof value === "boolean"),
};

/**
 * Characters that follow a prompt (numbers, at least one), one after another. The model sees the last ones up to its context: when that is full, it goes
 * on from the last half. The model must be in evaluation mode.
 * @throws {RangeError} for an empty prompt or a number that is no character.
 */
export async function* generate(
  model: Gpt,
  prompt: ArrayLike<number>,
  options: GenerateOptions = {},
): AsyncGenerator<number, void, undefined> {
  checkOptions("generate", options, GENERATE_OPTIONS);
  check(
    "generate: the model",
    model,
    expectation("a Gpt", (value) => value instanceof Gpt),
  );
  const { tokens = 200, temperature = 1, topK, seed = 0, cache = true } = options;
  const seen = Array.from(prompt);
  if (seen.length === 0) throw new RangeError("generate: the prompt is empty; want at least one character to go on from");
  for (const token of seen)
    if (!(Number.isInteger(token) && token >= 0 && token < model.vocabulary))
      throw new RangeError(`generate: ${token} is no character; want numbers from 0 to ${model.vocabulary - 1}`);
  if (model.training) throw new TypeError("generate: the model is in training mode, and would drop units; call model.eval() first");
  const read = cache ? cachedReader(model) : plainReader(model);
  const random = uniformNumbers(seed);
  for (let i = 0; i < tokens; i++) {
    const token = drawn(await read(seen), temperature, topK, random);
    yield token;
    seen.push(token);
  }
}

/** Logits of what follows all that was seen, which grows by one from call to call. */
type Reader = (seen: readonly number[]) => Promise<ArrayLike<number>>;

/** Programs belong to their model, so that a second text compiles nothing; they go with it. */
const programs = new WeakMap<Gpt, Programs>();

interface Programs {
  readonly step: (token: Tensor, position: Tensor, kept: readonly GptCache[]) => ReturnType<Gpt["step"]>;
  readonly forward: (x: Tensor) => Tensor;
}

function programsOf(model: Gpt): Programs {
  const known = programs.get(model);
  if (known) return known;
  const made = {
    step: compile((token: Tensor, position: Tensor, kept: readonly GptCache[]) => model.step(token, position, kept)),
    forward: compile((x: Tensor) => model.forward(x)),
  };
  programs.set(model, made);
  return made;
}

/** Where the window starts in which the last of `length` characters is seen. */
function windowStart(length: number, context: number): number {
  if (length <= context) return 0;
  const moved = Math.max(1, Math.ceil(context / 2));
  return Math.ceil((length - context) / moved) * moved;
}

function cachedReader(model: Gpt): Reader {
  const { step } = programsOf(model);
  let kept: readonly GptCache[] = [];
  let [start, done] = [-1, 0];
  return async (seen) => {
    const from = windowStart(seen.length, model.context);
    if (from !== start) [start, done, kept] = [from, from, model.start()];
    let logits: Tensor | undefined;
    for (; done < seen.length; done++) {
      const result = step(tensor([seen[done]], { dtype: "i32" }), tensor(done - start, { dtype: "i32" }), kept);
      [logits, kept] = [result.logits, result.kept];
    }
    return logits!.data();
  };
}

function plainReader(model: Gpt): Reader {
  const { forward } = programsOf(model);
  return async (seen) => {
    const window = seen.slice(windowStart(seen.length, model.context));
    // What stands behind the last character is not seen; so one program serves all lengths.
    const padded = Int32Array.from({ length: model.context }, (_, i) => window[i] ?? 0);
    const logits = elementsOf(forward(tensor(padded, { shape: [1, model.context] })));
    return Float64Array.from({ length: model.vocabulary }, (_, c) => logits[c * model.context + window.length - 1]);
  };
}

/** Numbers in [0, 1): word 0 of the block at counter i. */
function uniformNumbers(seed: number): () => number {
  const key = keyFromSeed(seed);
  let i = 0;
  return () => threefry2x32(key, [i++, 0])[0] / 2 ** 32;
}

/** A character from the shares that the logits give. Of equal logits the first comes first. */
function drawn(logits: ArrayLike<number>, temperature: number, topK: number | undefined, random: () => number): number {
  const order = Array.from(logits, (_, i) => i).sort((a, b) => logits[b] - logits[a] || a - b);
  const among = temperature === 0 ? 1 : Math.min(topK ?? order.length, order.length);
  const top = logits[order[0]];
  if (Number.isNaN(top)) throw new Error("generate: the model gives NaN; its weights are damaged, or its training diverged");
  const shares = order.slice(0, among).map((i) => (among === 1 ? 1 : Math.exp((logits[i] - top) / temperature)));
  let left = random() * shares.reduce((a, b) => a + b, 0);
  for (const [i, share] of shares.entries()) {
    left -= share;
    if (left < 0) return order[i];
  }
  return order[among - 1];
}
