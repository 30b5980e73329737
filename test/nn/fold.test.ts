/** @file Batch normalizations folded into any network: the same answers, and none is left that could be folded. */
import { describe, expect, test } from "vitest";
import { keyOf, manualSeed, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

/** Statistics that are not those at the start. */
function unsettle(model: Layer): void {
  model.modules().forEach((module, i) => {
    if (!(module instanceof nn.BatchNorm2d)) return;
    const of = (j: number): Tensor => normal(keyOf(100 * i + j), module.running_mean!.shape);
    module.running_mean!.set(of(0).mul(0.1));
    module.running_var!.set(of(1).square().add(0.5));
    module.weight!.set(of(2).mul(0.2).add(1));
    module.bias!.set(of(3).mul(0.1));
  });
}

const normsIn = (model: Layer): number => model.modules().filter((module) => module instanceof nn.BatchNorm2d).length;

/** A residual block as ResNets have it, with a list of layers beside. */
class Block extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly more: nn.Module[];
  readonly downsample: nn.Sequential;

  constructor(channels: number, out: number) {
    super();
    this.conv1 = new nn.Conv2d(channels, out, 3, { padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(out);
    this.more = [new nn.Conv2d(out, out, 3, { padding: 1 }), new nn.BatchNorm2d(out)];
    this.downsample = new nn.Sequential(new nn.Conv2d(channels, out, 1), new nn.BatchNorm2d(out));
  }

  forward(x: Tensor): Tensor {
    const [conv2, bn2] = this.more as [nn.Conv2d, nn.BatchNorm2d];
    const y = bn2.forward(conv2.forward(this.bn1.forward(this.conv1.forward(x)).relu()));
    return y.add(this.downsample.forward(x)).relu();
  }
}

describe("foldBatchNorms", () => {
  test("residual blocks, lists of layers and sequences, whatever their properties are called", () => {
    manualSeed(5);
    const model = new nn.Sequential(new Block(3, 4), new Block(4, 2), new nn.Flatten(), new nn.Linear(32, 3)).eval();
    unsettle(model);
    const x = normal(keyOf(7), [2, 3, 4, 4]);
    const before = [...model.forward(x).dataSync()].map(Number);
    const folded = nn.foldBatchNorms(model); // the shape of an example is found
    expect(normsIn(folded)).toBe(0);
    [...folded.forward(x).dataSync()].forEach((y, i) => {
      expect(Number(y)).toBeCloseTo(before[i], 4);
    });
  });

  test("a result that is read elsewhere too is left alone, and so is a layer that is called twice", () => {
    class Twice extends nn.Module {
      readonly conv: nn.Conv2d = new nn.Conv2d(2, 2, 1);
      readonly bn: nn.BatchNorm2d = new nn.BatchNorm2d(2);
      readonly again: nn.Conv2d = new nn.Conv2d(2, 2, 1);
      readonly other: nn.BatchNorm2d = new nn.BatchNorm2d(2);
      forward(x: Tensor): Tensor {
        const y = this.conv.forward(x);
        const z = this.bn.forward(y).add(y);
        return this.other.forward(this.again.forward(this.again.forward(z)));
      }
    }
    const model = nn.foldBatchNorms(new Twice().eval(), { inputShape: [2, 4, 4] });
    expect(normsIn(model)).toBe(2);
  });

  test("no shape of an example that fits is an error that says how to give one", () => {
    class Strange extends nn.Module {
      readonly bn: nn.BatchNorm2d = new nn.BatchNorm2d(2);
      forward(x: Tensor): Tensor {
        return this.bn.forward(x);
      }
    }
    expect(() => nn.foldBatchNorms(new Strange())).toThrow("give one: foldBatchNorms(model, { inputShape: [3, 224, 224] })");
  });
});
