/** @file Models by name, as the command asks for them, made to fit a data set. */
import { formatShape, sizeOf } from "../base/shape.ts";
import type { Layer } from "../nn/module.ts";
import { Cnn } from "./cnn.ts";
import { LeNet5 } from "./lenet.ts";
import { Mlp } from "./mlp.ts";
import { Xor } from "./xor.ts";

/** What a model must fit. */
export interface ModelTask {
  /** Shape of one example: [features], or [channels, height, width]. */
  readonly inputShape: readonly number[];
  /** Numbers that the model gives for one example: the number of classes, or of target values. */
  readonly outputs: number;
}

/** Makers of models; each throws a RangeError if it cannot fit the task. */
export const models: Readonly<Record<string, (task: ModelTask) => Layer>> = {
  mlp: ({ inputShape, outputs }) => new Mlp([sizeOf(inputShape), ...hiddenSizes(sizeOf(inputShape)), outputs]),
  cnn: ({ inputShape, outputs }) => new Cnn(imageShape(inputShape), outputs),
  lenet5: ({ inputShape, outputs }) => {
    requireShape("lenet5", inputShape, [1, 28, 28]);
    return new LeNet5(outputs);
  },
  xor: ({ inputShape, outputs }) => {
    requireShape("xor", inputShape, [2]);
    if (outputs !== 1) throw new RangeError(`xor: the model gives one number, the task wants ${outputs}`);
    return new Xor();
  },
};

/** Hidden layers for inputs of this size: 784 pixels get 512 and 256 units, 64 get 128 and 64. */
function hiddenSizes(inputs: number): number[] {
  return inputs > 256 ? [512, 256] : [128, 64];
}

function imageShape(shape: readonly number[]): readonly [number, number, number] {
  const [channels, height, width] = shape;
  if (shape.length !== 3 || height < 2 || width < 2) {
    throw new RangeError(`cnn: want images [channels, height, width] of at least 2x2 pixels, the data have ${formatShape(shape)}`);
  }
  return [channels, height, width];
}

function requireShape(model: string, got: readonly number[], want: readonly number[]): void {
  if (formatShape(got) !== formatShape(want)) {
    throw new RangeError(`${model}: want inputs ${formatShape(want)}, the data have ${formatShape(got)}`);
  }
}
