/** @file What `fit` says before it trains: mistakes that training would not show, each with what was found and what to do. */
import { describe, expect, test } from "vitest";
import type { Dataset, Split } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { EMA, SGD } from "../../src/optim/index.ts";
import { checkTraining, fastDevRun, findLearningRate, fit, type Loss, overfitOneBatch } from "../../src/train/index.ts";

const N = 12;
const value = (i: number): number => ((7 * i) % 11) / 11;
const inputs = (change: (x: Float32Array) => void = () => {}): Float32Array => {
  const x = Float32Array.from({ length: 3 * N }, (_, i) => value(i));
  change(x);
  return x;
};
const classes = Int32Array.from({ length: N }, (_, i) => i % 2);
const values = (f: (i: number) => number = value): Float32Array => Float32Array.from({ length: N }, (_, i) => f(i));
const split = (x: Float32Array, y: Int32Array | Float32Array): Split => ({ inputs: x, targets: y, count: N });

function dataOf(task: Dataset["task"], train: Split, more: Partial<Dataset> = {}): Dataset {
  return { name: "toy", task, classes: task === "classification" ? ["a", "b"] : [], inputShape: [3], train, test: train, ...more };
}
const sorted = dataOf("classification", split(inputs(), classes));
const measured = dataOf("regression", split(inputs(), values()));

const net = (outputs: number): nn.Sequential => {
  manualSeed(0);
  return new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, outputs));
};

/** What training on `data` says before it begins: its error, or its warnings. */
async function said(data: Dataset, outputs: number, loss?: Loss, model: nn.Layer = net(outputs)): Promise<string> {
  try {
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    return (await checkTraining(model, data, { optimizer, ...(loss && { loss }) })).join("\n");
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

test("fit says so before its first step, on the console or where it is told to; `checks: false` trains without a look", async () => {
  const gap = inputs((x) => {
    x[4] = Number.NaN;
  });
  const model = net(3);
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const warnings: string[] = [];
  const steps: number[] = [];
  const options = {
    optimizer,
    epochs: 1,
    onWarning: (text: string) => void warnings.push(text),
    callbacks: [{ onStep: () => void steps.push(warnings.length) }],
  };
  await fit(model, sorted, options);
  expect(warnings).toEqual([expect.stringMatching(/^fit: the model gives 3 outputs/)]);
  expect(steps).toEqual([1]);
  const spoilt = { ...sorted, train: split(gap, classes) };
  await expect(fit(model, spoilt, options)).rejects.toThrow("input 1 of training example 1");
  // A model may know what to do with gaps; this one does not.
  await expect(fit(model, spoilt, { ...options, checks: false })).rejects.toThrow("the loss became NaN");
});

test("an average of weights that a run is too short for is a warning", async () => {
  const train = async (decay: number, epochs: number): Promise<string[]> => {
    const model = net(2);
    const warnings: string[] = [];
    const average = new EMA(model.parameters(), { decay });
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    await fit(model, sorted, { optimizer, epochs, batchSize: N, average, onWarning: (text) => void warnings.push(text) });
    return warnings;
  };
  expect(await train(0.999, 20)).toEqual([
    expect.stringMatching(/^fit: after all 20 updates the average of weights is still 98 % what it began with, .*decay: 0\.500 /),
  ]);
  expect(await train(0.9, 20)).toEqual([]);
});

test("sound data says nothing", async () => {
  expect(await said(sorted, 2)).toBe("");
  expect(await said(measured, 1)).toBe("");
});

describe("outputs", () => {
  test("of too few classes are an error, of too many a warning", async () => {
    expect(await said(sorted, 1)).toMatch(
      /^RangeError: the model gives outputs \[12, ?1\], 1 for an example, but toy has 2 classes: .*new Linear\(..., 2\)/,
    );
    expect(await said(sorted, 3)).toBe(
      "the model gives 3 outputs for an example, toy has 2 classes: class 2 never occurs; let its last layer have 2 outputs",
    );
    expect(await said(measured, 2)).toMatch(/want one output for each target value; .*new Linear\(..., 1\)/);
  });

  test("without their axis of values, or with classes last", async () => {
    class Flat extends nn.Module {
      readonly inner = net(1);
      forward(x: Tensor): Tensor {
        return this.inner.forward(x).squeeze(1);
      }
    }
    expect(await said(measured, 1, undefined, new Flat())).toContain("let forward end with .reshape([-1, 1])");
    class Tokens extends nn.Module {
      readonly inner = new nn.Linear(1, 2);
      forward(x: Tensor): Tensor {
        return this.inner.forward(x.unsqueeze(2));
      }
    }
    const tokens = dataOf("classification", { ...sorted.train, targets: Int32Array.from({ length: 3 * N }, (_, i) => i % 2) });
    expect(await said({ ...tokens, classes: ["a", "b", "c", "d"] }, 1, undefined, new Tokens())).toContain(
      "3 for an example, but toy has 4 classes",
    );
    class Nothing extends nn.Module {
      readonly inner = net(2);
      forward(x: Tensor): Tensor {
        this.inner.forward(x);
        return undefined as unknown as Tensor;
      }
    }
    expect(await said(sorted, 2, undefined, new Nothing())).toContain("forward must give a tensor, got nothing; is there a return?");
  });
});

describe("values", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("an input that is %s, in every split", async (bad) => {
    const spoilt = split(
      inputs((x) => {
        x[3 * 5 + 1] = bad;
      }),
      classes,
    );
    expect(await said({ ...sorted, train: spoilt }, 2)).toMatch(
      /^RangeError: toy: input 1 of training example 5 \(at \[1\] of \[3\]\) is -?(NaN|Infinity): the loss would be NaN; drop such examples, or fill/,
    );
    expect(await said({ ...sorted, test: spoilt }, 2)).toContain("test example 5");
    expect(await said({ ...sorted, validation: spoilt }, 2)).toContain("validation example 5");
    const onDisk = {
      ...spoilt,
      inputs: new Float32Array(0),
      read: async (at: Int32Array) => Float32Array.from([...at].flatMap((i) => [...spoilt.inputs.subarray(3 * i, 3 * i + 3)])),
    };
    expect(await said({ ...sorted, train: onDisk }, 2)).toContain("training example 5");
    const named = { ...sorted, train: spoilt, preprocessing: { columns: [{ name: "age" }, { name: "sex", categories: ["f", "m"] }] } };
    expect(await said(named, 2)).toContain('column "sex=f"');
    expect(
      await said(
        dataOf(
          "regression",
          split(
            inputs(),
            values((i) => (i === 4 ? bad : i)),
          ),
        ),
        1,
      ),
    ).toContain("target 0 of training example 4 is");
  });

  test("inputs that never change: columns, channels, everything", async () => {
    const constant = (...columns: number[]): Dataset => ({
      ...sorted,
      train: split(
        inputs().map((x, i) => (columns.includes(i % 3) ? 4 : x)),
        classes,
      ),
    });
    expect(await said(constant(1), 2)).toBe(
      "column 1 of the training inputs of toy never changes: it says nothing about the targets; leave it out, or look at how it is read",
    );
    expect(await said(constant(0, 2), 2)).toContain("columns 0, 2 of the training inputs of toy never change:");
    expect(await said(constant(0, 1, 2), 2)).toContain("all 12 training inputs of toy are 4 throughout: there is nothing to learn");
    const same = Float32Array.from({ length: 3 * N }, (_, i) => i % 3);
    expect(await said({ ...sorted, train: split(same, classes) }, 2)).toContain("training inputs of toy are the same");
    // Of images single pixels may rest (the corners of digits do), a channel may not.
    const images = { ...sorted, inputShape: [3, 1, 1] };
    expect(await said({ ...images, train: constant(2).train }, 2, undefined, new nn.Sequential(new nn.Flatten(), net(2)))).toContain(
      "channel 2 of",
    );
    const corners = { ...sorted, inputShape: [1, 1, 3], train: constant(2).train };
    expect(await said(corners, 2, undefined, new nn.Sequential(new nn.Flatten(), net(2)))).toBe("");
  });

  test("targets: out of range, all the same, classes without examples, whole numbers for regression", async () => {
    const outside = {
      ...sorted,
      train: split(
        inputs(),
        Int32Array.from(classes, (c) => 2 * c),
      ),
    };
    expect(await said(outside, 2)).toContain(
      "training example 1 has class 2, want 0 to 1; classes names 2: number them from 0, or name them all",
    );
    expect(await said({ ...sorted, train: split(inputs(), new Int32Array(N)) }, 2)).toContain(
      'all training examples of toy are of class "a"',
    );
    expect(await said({ ...sorted, classes: ["a", "b", "c"] }, 3)).toContain('no training example of toy is of class "c"');
    expect(
      await said(
        dataOf(
          "regression",
          split(
            inputs(),
            values(() => 3),
          ),
        ),
        1,
      ),
    ).toContain("every training target of toy is the same (3)");
    expect(
      await said(
        dataOf(
          "regression",
          split(
            inputs(),
            Int32Array.from({ length: N }, (_, i) => i),
          ),
        ),
        1,
      ),
    ).toBe("");
  });
});

describe("losses", () => {
  const wide = dataOf(
    "regression",
    split(
      inputs(),
      values((i) => i),
    ),
  );
  const rows: [string, Dataset, number, Loss, string][] = [
    [
      "probabilities",
      wide,
      1,
      nn.binaryCrossEntropyWithLogits,
      "target 0 of training example 2 is 2, and binaryCrossEntropyWithLogits wants targets from 0 to 1; scale",
    ],
    [
      "in other words",
      wide,
      1,
      (o, y) => nn.binaryCrossEntropy(o.sigmoid().squeeze(1), y.squeeze(1)),
      "binaryCrossEntropy wants targets from 0 to 1",
    ],
    [
      "signs",
      sorted,
      1,
      (o, y) => nn.hingeLoss(o.squeeze(1), y.cast("f32")),
      "example 0 is 0, and hingeLoss wants targets -1 or 1; use crossEntropy",
    ],
    [
      "counts",
      dataOf(
        "regression",
        split(
          inputs(),
          values((i) => i - 3),
        ),
      ),
      1,
      nn.poissonNllLoss,
      "poissonNllLoss wants targets of at least 0",
    ],
    [
      "values for classes",
      sorted,
      2,
      nn.mseLoss,
      "targets i32[12]: mseLoss: predictions [12, 2] and targets [12] must have the same shape; use reshape; targets are class indices, for crossEntropy",
    ],
    ["classes for values", measured, 1, nn.crossEntropy, "crossEntropy of one output is always 0: there is one class"],
  ];
  test.each(rows)("%s", async (_, data, outputs, loss, text) => {
    expect(await said(data, outputs, loss)).toContain(text);
  });

  test("several labels at once for a loss of one", async () => {
    const labels = dataOf(
      "regression",
      split(
        inputs(),
        Float32Array.from({ length: 2 * N }, () => 1),
      ),
    );
    expect(await said(labels, 2, nn.crossEntropy)).toContain(
      "targets of training example 0 of toy add up to 2, and crossEntropy takes them for probabilities",
    );
  });
});

describe("the optimizer", () => {
  test("of another model is an error, of a part a line, of frozen parts none", async () => {
    const model = net(2);
    const of = (parameters: nn.Parameter[]): Promise<string[]> =>
      checkTraining(model, sorted, { optimizer: new SGD(parameters, { lr: 0.1 }) });
    await expect(of(net(2).parameters())).rejects.toThrow(
      "the optimizer holds 4 parameters, none of which is one of the model's 4: nothing would be trained; make it from this model, as in new Adam(model.parameters())",
    );
    const [first, , last] = model
      .namedModules()
      .slice(1)
      .map(([, module]) => module);
    expect(await of(last.parameters())).toEqual([
      "the optimizer holds 2 of the model's 4 parameters; 0.weight, 0.bias will not be trained: give it all of model.parameters(), or freeze those that shall rest (module.freeze())",
    ]);
    first.freeze();
    expect(await of(last.parameters())).toEqual([]);
    await expect(of(first.parameters())).rejects.toThrow("every parameter that the optimizer holds is frozen");
    first.unfreeze();
  });

  test("fit, the finder, one batch by heart and the try-out all look", async () => {
    const optimizer = new SGD(net(2).parameters(), { lr: 0.1 });
    await expect(fit(net(2), sorted, { optimizer, epochs: 1 })).rejects.toThrow("nothing would be trained");
    await expect(fastDevRun(net(2), sorted, { optimizer, epochs: 1 })).rejects.toThrow("nothing would be trained");
    await expect(overfitOneBatch(net(2), sorted, { optimizer })).rejects.toThrow("nothing would be trained");
    await expect(findLearningRate(net(2), sorted, { optimizer })).rejects.toThrow("nothing would be trained");
  });
});
