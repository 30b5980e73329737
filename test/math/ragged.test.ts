/** @file Sequences of several lengths: a recurrent layer over a padded batch is each sequence alone, in value, state and gradient. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { checkGradients } from "../../src/inspect/check.ts";
import { manualSeed } from "../../src/math/random.ts";
import { gru } from "../../src/math/recurrent.ts";
import {
  GRU,
  LSTM,
  padSequence,
  type RecurrentLayerOptions,
  RNN,
  sequenceLengths,
  sequenceMask,
  unpadSequence,
} from "../../src/nn/index.ts";
import { stack, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { expectClose } from "../function/backends.ts";
import "../../src/runtime/evaluate.ts";

const [T, I, H] = [5, 3, 2];
const LENGTHS = [3, 5, 1];
const N = LENGTHS.length;

let state = 7;
function draw(...shape: number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
  return tensor(values, { shape });
}

type Result = { output: Tensor; h: Tensor; c?: Tensor };
type Ragged = RNN | LSTM | GRU;

function make(kind: "rnn" | "relu" | "lstm" | "gru", options: RecurrentLayerOptions): Ragged {
  if (kind === "lstm") return new LSTM(I, H, options);
  if (kind === "gru") return new GRU(I, H, options);
  return new RNN(I, H, { ...options, nonlinearity: kind === "rnn" ? "tanh" : "relu" });
}

function run(layer: Ragged, x: Tensor, start: readonly Tensor[] | undefined, lengths?: Tensor | number[]): Result {
  const options = lengths === undefined ? {} : { lengths };
  return layer instanceof LSTM
    ? layer.forward(x, start as readonly [Tensor, Tensor] | undefined, options)
    : layer.forward(x, start?.[0], options);
}

/** A padding that would be noticed: huge, infinite or no number. */
function padded(alone: readonly Tensor[], filler: number): Tensor {
  return padSequence(alone, { paddingValue: filler });
}

const pieces = ({ output, h, c }: Result): Tensor[] => (c ? [output, h, c] : [output, h]);

describe.each(["rnn", "relu", "lstm", "gru"] as const)("%s", (kind) => {
  // Small programs, each run once: compiling them would be most of the work.
  beforeAll(() => setBackend("interpreter"));
  afterAll(() => setBackend("wasm"));

  test.each([{}, { bidirectional: true, batchFirst: true }, { reverse: true, layers: 2 }, { bidirectional: true, layers: 2, bias: false }])(
    "with %o a padded batch is each sequence alone",
    (options: RecurrentLayerOptions) => {
      manualSeed(3);
      const layer = make(kind, options);
      const directions = options.bidirectional ? 2 : 1;
      const alone = LENGTHS.map((n) => draw(n, I).cast("f32"));
      const depth = (options.layers ?? 1) * directions;
      const start = [draw(depth, N, H).cast("f32"), draw(depth, N, H).cast("f32")];
      const weight = draw(T, N, directions * H).cast("f32");
      const parameters = layer.parameters();
      const cost = (results: readonly Tensor[], w: Tensor): Tensor =>
        results.reduce((sum, r, i) => sum.add((i === 0 ? r.mul(w) : r.square()).sum()), tensor(0));

      const batch = backward(() => {
        const x = padded(alone, Number.NaN);
        const result = run(layer, options.batchFirst ? x.moveAxis(0, 1) : x, start, LENGTHS);
        const [output, ...states] = pieces(result);
        return cost([options.batchFirst ? output.moveAxis(0, 1) : output, ...states], weight);
      }, parameters);
      const each = backward(
        () =>
          alone
            .map((x, i) => {
              const result = pieces(
                run(
                  layer,
                  x,
                  start.map((s) => s.select(1, i)),
                ),
              );
              return cost(result, weight.select(1, i).narrow(0, 0, LENGTHS[i]));
            })
            .reduce((a, b) => a.add(b)),
        parameters,
      );
      expectClose(batch.value, each.value, 1e-5);
      for (const [i, g] of batch.grads.entries()) expectClose(g, each.grads[i], 1e-4);

      const x = padded(alone, Number.POSITIVE_INFINITY);
      const { output } = run(layer, options.batchFirst ? x.moveAxis(0, 1) : x, undefined, LENGTHS);
      const timeFirst = options.batchFirst ? output.moveAxis(0, 1) : output;
      expect(
        timeFirst
          .select(1, 2)
          .narrow(0, 1, T - 1)
          .abs()
          .sum()
          .itemSync(),
      ).toBe(0);
    },
  );
});

describe("lengths", () => {
  const batch = draw(T, N, I).cast("f32");

  test("as a tensor they change without a new program", () => {
    manualSeed(1);
    const layer = new LSTM(I, H, { bidirectional: true });
    const forward = compile((x: Tensor, lengths: Tensor) => layer.forward(x, undefined, { lengths }).output);
    for (const lengths of [LENGTHS, [1, 1, 1], [5, 5, 5], [2, 4, 5]]) {
      const direct = layer.forward(batch, undefined, { lengths }).output;
      expectClose(forward(batch, tensor(Int32Array.from(lengths))), direct, 1e-6);
    }
    expect(forward.recompilations).toBe(1);
    const impossible = forward(batch, tensor(Int32Array.from([6, 5, 1])));
    expect([...impossible.isNaN().any([0, 2]).dataSync()], "longer than the input, seen too late for an error").toEqual([1, 0, 0]);
  });

  test("dropout between layers leaves the padding at 0, and what stands there changes nothing", () => {
    const outputs = [0, Number.NaN].map((filler) => {
      manualSeed(5);
      const layer = new GRU(I, 8, { layers: 3, dropout: 0.5 });
      const mask = sequenceMask(LENGTHS, T).unsqueeze(2);
      return layer.forward(mask.where(batch, filler), undefined, { lengths: LENGTHS });
    });
    expectClose(outputs[1].output, outputs[0].output, 0);
    expectClose(outputs[1].h, outputs[0].h, 0);
    expect(
      outputs[0].output
        .select(1, 2)
        .narrow(0, 1, T - 1)
        .abs()
        .sum()
        .itemSync(),
    ).toBe(0);
  });

  test("derivatives agree with differences, and are 0 in the padding", () => {
    const weights = [0, 1].map(() => ({ weightIh: draw(3 * H, I), weightHh: draw(3 * H, H), biasIh: draw(3 * H), biasHh: draw(3 * H) }));
    const start = draw(2, N, H);
    const fn = (x: Tensor, h0: Tensor): Tensor => {
      const { output, h } = gru(x, h0, weights, { bidirectional: true, lengths: LENGTHS });
      return output.square().sum().add(h.sum());
    };
    const report = checkGradients(fn, [draw(T, N, I), start]);
    expect(report.passed, report.toString()).toBe(true);
  });

  test("are mapped by vmap", () => {
    manualSeed(2);
    const layer = new RNN(I, H);
    const lengths = tensor(Int32Array.from([...LENGTHS, 2, 2, 4])).reshape([2, N]);
    const mapped = vmap((n: Tensor) => layer.forward(batch, undefined, { lengths: n }).h)(lengths);
    const each = [LENGTHS, [2, 2, 4]].map((n) => layer.forward(batch, undefined, { lengths: n }).h);
    expectClose(mapped, stack(each), 1e-6);
  });

  test.each([
    [[3, 5], "rnn: want lengths [3], one for each sequence, got f64[2]"],
    [[3, 5, 0], "lengths must be integers from 1 to 5, the number of steps, got 0 at 2"],
    [[3, 6, 1], "lengths must be integers from 1 to 5, the number of steps, got 6 at 1"],
    [[3, -1, 1], "got -1 at 1"],
    [[3, 2.5, 1], "got 2.5 at 1"],
    [[3, Number.NaN, 1], "got NaN at 1"],
    [["3", "5", "1"], "lengths must be a tensor or a list or typed array of numbers"],
    [null, "lengths must be a tensor or a list or typed array of numbers, got null"],
    [3, "lengths must be a tensor or a list or typed array of numbers, got 3"],
    [tensor([true, true, false]), "want lengths [3]"],
    [tensor([[3], [5], [1]]), "want lengths [3]"],
    [tensor([3, 7, 1]), "got 7 at 1"],
  ])("%o are refused", (lengths, message) => {
    const layer = new RNN(I, H);
    expect(() => layer.forward(batch, undefined, { lengths: lengths as number[] })).toThrow(message);
  });

  test("another third argument, and both directions at once, are refused", () => {
    const layer = new GRU(I, H);
    expect(() => layer.forward(batch, undefined, { length: LENGTHS } as object)).toThrow("GRU: want options { lengths }");
    expect(() => layer.forward(batch, undefined, LENGTHS as object)).toThrow("GRU: want options { lengths }");
    expect(() => new GRU(I, H, { bidirectional: true, reverse: true })).toThrow("leave reverse out");
  });

  test("of one sequence without a batch axis", () => {
    manualSeed(2);
    const layer = new LSTM(I, H, { bidirectional: true });
    const x = batch.select(1, 0);
    const { output, h } = layer.forward(x, undefined, { lengths: [3] });
    const alone = layer.forward(x.narrow(0, 0, 3));
    expectClose(output.narrow(0, 0, 3), alone.output, 1e-6);
    expectClose(h, alone.h, 1e-6);
  });
});

describe("padding", () => {
  const alone = LENGTHS.map((n) => draw(n, I));

  test.each([false, true])("and back, batchFirst %s", (batchFirst) => {
    const x = padSequence(alone, { batchFirst, paddingValue: 9 });
    expect(x.shape).toEqual(batchFirst ? [N, T, I] : [T, N, I]);
    const lengths = sequenceLengths(alone);
    expect([...lengths.dataSync()]).toEqual(LENGTHS);
    unpadSequence(x, lengths, { batchFirst }).forEach((piece, i) => {
      expectClose(piece, alone[i], 0);
    });
    const mask = sequenceMask(lengths, T, { batchFirst }).unsqueeze(2).broadcastTo(x.shape);
    expect(mask.where(9, x).eq(9).all().itemSync()).toBe(1);
  });

  test("refuses what is no list of like sequences", () => {
    expect(() => padSequence([])).toThrow("padSequence: want a list of at least one tensor");
    expect(() => padSequence([zeros([2, 3]), zeros([2, 4])])).toThrow("sequence 0 is f32[2, 3], sequence 1 is f32[2, 4]");
    expect(() => padSequence([zeros([2]), zeros([2], "i32")])).toThrow("sequences may differ in length only");
    expect(() => unpadSequence(zeros([2, 1]), [3])).toThrow("unpadSequence: lengths must be integers from 1 to 2");
  });
});
