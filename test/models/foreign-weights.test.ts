/** @file Weights that other libraries wrote, in models that are the same networks: the outputs are theirs. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Entry, readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { loadWeights } from "../../src/models/index.ts";
import type { LoadWeightsOptions } from "../../src/models/weights.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const fixture = (name: string): Uint8Array => {
  const bytes = readFileSync(new URL(`../fixtures/weights/${name}`, import.meta.url));
  return new Uint8Array(name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
};

class Unnamed extends nn.Module {
  readonly rnn = new nn.RNN(4, 5, { batchFirst: true });
  readonly convolutions = new nn.Sequential(new nn.Conv1d(5, 6, 3), new nn.Conv1d(6, 7, 2));
  readonly head = new nn.Sequential(
    new nn.Linear(7, 8),
    new nn.ReLU(),
    new nn.Linear(8, 8),
    new nn.ReLU(),
    new nn.Linear(8, 2, { bias: false }),
  );

  forward(x: Tensor): Tensor {
    const { output } = this.rnn.forward(x);
    return this.head.forward(this.convolutions.forward(output.transpose([0, 2, 1])).mean(2));
  }
}

class Lstm extends nn.Module {
  readonly first = new nn.LSTM(5, 8, { batchFirst: true });
  readonly norm = new nn.LayerNorm(8, { eps: 1e-3 });
  readonly both = new nn.LSTM(8, 6, { batchFirst: true, bidirectional: true });
  readonly last = new nn.Linear(12, 3);

  forward(x: Tensor): Tensor {
    const { h } = this.both.forward(this.norm.forward(this.first.forward(x).output));
    return this.last.forward(h.transpose([1, 0, 2]).reshape([-1, 12]));
  }
}

const cnn = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 4, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.BatchNorm2d(4, { eps: 1e-3 }),
    new nn.Conv2d(4, 8, 3, { groups: 4 }),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 8, 3, { groups: 8, bias: false }),
    new nn.Conv2d(8, 6, 1),
    new nn.ConvTranspose2d(6, 5, 3, { stride: 2 }),
    new nn.Flatten(),
    new nn.Linear(245, 10),
    new nn.Softmax(),
  );

/** How far outputs are from Keras's in double precision, and the network's inputs. */
function misses(model: nn.Layer, net: string, prepare = (x: Tensor): Tensor => x): number {
  const { entries } = readSafetensors(fixture(`keras-${net}.safetensors`));
  const [input, want] = [entries.get("in")!, entries.get("out")!];
  const got = model
    .eval()
    .forward(prepare(tensor(input.data, { shape: input.shape })))
    .dataSync();
  return Math.max(...Array.from(got, (v, i) => Math.abs(v - Number(want.data[i]))));
}

const load = async (model: nn.Module, file: string, options: LoadWeightsOptions = {}): Promise<string[]> => {
  const notes: string[] = [];
  await loadWeights(model, fixture(file), { onNote: (text) => notes.push(text), ...options });
  return notes;
};

describe("Keras", () => {
  test.each(["model.h5", "model.weights.h5", "model.keras"])("automatic names, %s", async (file) => {
    const model = new Unnamed();
    const [note] = await load(model, `keras-unnamed-${file}.gz`);
    expect(note).toContain(
      "simple_rnn → rnn, conv1d → convolutions.0, conv1d_1 → convolutions.1, dense → head.0, dense_1 → head.2, dense_2 → head.4",
    );
    expect(misses(model, "unnamed")).toBeLessThan(1e-6);
  });

  test("recurrent and bidirectional layers", async () => {
    const model = new Lstm();
    await load(model, "keras-lstm-model.weights.h5.gz");
    expect(misses(model, "lstm")).toBeLessThan(1.5e-6);
  });

  const images = (x: Tensor): Tensor => x.transpose([0, 3, 1, 2]);
  test("convolutions of four kinds, and a dense layer behind a Flatten", async () => {
    const model = cnn();
    const [note] = await load(model, "keras-cnn-model.h5.gz");
    expect(note).toContain("the inputs of last were put from the order [7, 7, 5] into that of channels first");
    expect(misses(model, "cnn", images)).toBeLessThan(1e-6);
    await load(model, "keras-cnn-model.h5.gz", { flatten: false });
    expect(misses(model, "cnn", images)).toBeGreaterThan(1e-3);
  });

  test("a map says what is what", async () => {
    const model = new Unnamed();
    await load(model, "keras-unnamed-model.h5.gz", { map: { "head.2": "dense_1", rnn: "simple_rnn" } });
    expect(misses(model, "unnamed")).toBeLessThan(1e-6);
    const map = { "head.2": "dense" };
    await expect(load(model, "keras-unnamed-model.h5.gz", { map })).rejects.toThrow(
      "map: head.2 (Linear) and the file's \"dense\": its weight is [8, 7], the module's [8, 8]",
    );
    await expect(load(model, "keras-unnamed-model.h5.gz", { map: { nothing: "dense" } })).rejects.toThrow(
      'map: the model has no module "nothing"',
    );
    await expect(load(model, "keras-unnamed-model.h5.gz", { map: { rnn: "nothing" } })).rejects.toThrow(
      'map: the file has no layer "nothing"',
    );
  });

  test("another network is told apart, layer by layer", async () => {
    await expect(load(new nn.Linear(7, 8), "keras-unnamed-model.h5.gz")).rejects.toThrow(
      /its layers do not fit Linear: the model \(Linear\) and the file's "simple_rnn": a simple_rnn is no Linear; the file has simple_rnn \(simple_rnn: \[4, 5\] \[5, 5\] \[5\]\)/,
    );
  });

  test("GRUs that reset before and behind the recurrent product", async () => {
    class Gru extends nn.Module {
      readonly words = new nn.Embedding(20, 6);
      readonly after = new nn.GRU(6, 8, { batchFirst: true });
      readonly before;
      readonly last = new nn.Linear(7, 4);

      constructor(resetAfter: boolean) {
        super();
        this.before = new nn.GRU(8, 7, { batchFirst: true, resetAfter });
      }

      forward(x: Tensor): Tensor {
        const { h } = this.before.forward(this.after.forward(this.words.forward(x)).output);
        return this.last.forward(h.squeeze(0)).tanh();
      }
    }
    const model = new Gru(false);
    await load(model, "keras-gru-model.weights.h5.gz");
    expect(misses(model, "gru")).toBeLessThan(1e-6);
    await expect(load(new Gru(true), "keras-gru-model.weights.h5.gz")).rejects.toThrow(
      'before (GRU) and the file\'s "before": its reset_after is False: make the module with { resetAfter: false }',
    );
  });

  test("TensorFlow.js's layers match in the same way", async () => {
    const f32 = (shape: readonly number[]): { shape: readonly number[]; data: Float32Array } => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    });
    const tensors = { "dense_Dense1/kernel": f32([2, 3]), "dense_Dense1/bias": f32([3]) };
    const manifest = Object.entries(tensors).map(([name, { shape }]) => ({ name, shape, dtype: "float32" }));
    const bin = new Uint8Array(Float32Array.from(Object.values(tensors).flatMap(({ data }) => [...data])).buffer);
    const topology = {
      model_config: { class_name: "Sequential", config: { layers: [{ class_name: "Dense", config: { name: "dense_Dense1" } }] } },
    };
    const file = new TextEncoder().encode(
      JSON.stringify({ modelTopology: topology, weightsManifest: [{ paths: ["a.bin"], weights: manifest }] }),
    );
    const model = new nn.Linear(2, 3);
    await loadWeights(model, file, { files: async () => bin, onNote: () => {} });
    expect([...model.weight.value.dataSync()]).toEqual([0, 3, 1, 4, 2, 5]);
  });
});

describe("names", () => {
  const state = (names: readonly string[]): Uint8Array => {
    const entries = new Map<string, Entry>();
    for (const name of names)
      entries.set(
        name,
        name.endsWith("bias")
          ? { dtype: "F32", shape: [3], data: new Float32Array(3) }
          : { dtype: "F64", shape: [3, 2], data: new Float64Array(6).fill(2) },
      );
    return writeSafetensors(entries);
  };
  const notesOf = async (
    names: readonly string[],
    options: LoadWeightsOptions = {},
    model: nn.Module = new nn.Linear(2, 3),
  ): Promise<string[]> => {
    const notes: string[] = [];
    await loadWeights(model, state(names), { onNote: (text) => notes.push(text), ...options });
    return notes;
  };

  test("prefixes of wrappers are taken off if the names then fit, and it is said", async () => {
    expect(await notesOf(["weight", "bias"])).toEqual([]);
    expect(await notesOf(["module.weight", "module.bias"])).toEqual(['weights: "module." was taken off its names']);
    expect(await notesOf(["module._orig_mod.model.weight", "module._orig_mod.model.bias"])).toEqual([
      'weights: "module._orig_mod.model." was taken off its names',
    ]);
    expect(await notesOf(["net.weight", "net.bias"], { strip: "net." })).toEqual([]);
    expect(await notesOf(["my.weight", "my.bias"], { strip: "my." })).toEqual([]);
  });

  test("what is part of the model's own names stays", async () => {
    class Wrapped extends nn.Module {
      readonly model = new nn.Linear(2, 3);
      forward(x: Tensor): Tensor {
        return this.model.forward(x);
      }
    }
    expect(await notesOf(["model.weight", "model.bias"], {}, new Wrapped())).toEqual([]);
    expect(await notesOf(["module.model.weight", "module.model.bias"], {}, new Wrapped())).toEqual([
      'weights: "module." was taken off its names',
    ]);
  });

  test("what does not fit is an error as before", async () => {
    await expect(notesOf(["my.weight", "my.bias"])).rejects.toThrow(
      '"weight" is missing (and 1 more of the kind); are these the weights of Linear?',
    );
    await expect(notesOf(["module.weight", "module.bias"], { strip: false })).resolves.toEqual([]);
    await expect(notesOf(["weight", "bias", "extra"])).rejects.toThrow('the model has no "extra"');
    await expect(notesOf(["weight", "bias"], { stripp: "a" } as never)).rejects.toThrow("stripp");
  });
});
