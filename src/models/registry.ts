/** @file Models by name, as the command asks for them, made to fit a data set: the small ones of this library and the zoo. */
import { formatShape, sizeOf } from "../base/shape.ts";
import { dropoutLayers } from "../nn/dropout.ts";
import type { Layer } from "../nn/module.ts";
import { Cnn } from "./cnn.ts";
import { ConvNet } from "./convnet.ts";
import { Gpt } from "./gpt.ts";
import { LeNet5 } from "./lenet.ts";
import { Mlp } from "./mlp.ts";
import { Xor } from "./xor.ts";
import { type ZooEntry, zoo } from "./zoo.ts";

/** What a model must fit. */
export interface ModelTask {
  /** Shape of one example: [features], or [channels, height, width]. */
  readonly inputShape: readonly number[];
  /** Numbers that the model gives for one example: the number of classes, or of target values. */
  readonly outputs: number;
  /** Units of the hidden layers of an mlp. Default: by the size of the input. */
  readonly hidden?: readonly number[];
  /** Rate of dropout: behind the hidden layers of an mlp, in the dropout layers of others. Default: none in an mlp, the network's own in others. */
  readonly dropout?: number;
  /** Of gpt: layers, heads of attention, width. Default 4, 4 and 128. */
  readonly layers?: number;
  readonly heads?: number;
  readonly features?: number;
}

/** Makes a model for a task. */
export type ModelMaker = (task: ModelTask) => Layer;

/** What a model's maker was told beside the task. */
export const STRUCTURE = ["hidden", "dropout", "layers", "heads", "features"] as const;

const own: Readonly<Record<string, ModelMaker>> = {
  mlp: ({ inputShape, outputs, hidden = hiddenSizes(sizeOf(inputShape)), dropout }) =>
    new Mlp([sizeOf(inputShape), ...hidden, outputs], { dropout }),
  cnn: ({ inputShape, outputs }) => new Cnn(imageShape("cnn", inputShape, 2), outputs),
  convnet: ({ inputShape, outputs }) => new ConvNet(imageShape("convnet", inputShape, 8), outputs),
  gpt: ({ inputShape, outputs, layers, heads, features, dropout }) => {
    if (inputShape.length !== 1) throw new RangeError(`gpt: wants a text, characters [context], the data have ${formatShape(inputShape)}`);
    return new Gpt({ vocabulary: outputs, context: inputShape[0], layers, heads, features, dropout });
  },
  lenet5: ({ inputShape, outputs }) => {
    requireShape("lenet5", inputShape, [1, 28, 28]);
    return new LeNet5(outputs);
  },
  "lenet5-cosine": ({ inputShape, outputs }) => {
    requireShape("lenet5-cosine", inputShape, [1, 28, 28]);
    return new LeNet5(outputs, { activation: "cosine" });
  },
  xor: ({ inputShape, outputs }) => {
    requireShape("xor", inputShape, [2]);
    if (outputs !== 1) throw new RangeError(`xor: the model gives one number, the task wants ${outputs}`);
    return new Xor();
  },
};

const makers: Readonly<Record<string, ModelMaker>> = {
  ...own,
  ...Object.fromEntries(Object.entries(zoo).map(([name, entry]) => [name, (task: ModelTask) => fitted(name, entry, task)])),
};

/** Makers of models; each throws a RangeError if it cannot fit the task. */
export const models: Readonly<Record<string, ModelMaker>> = Object.fromEntries(
  Object.entries(makers).map(([name, make]) => [name, (task: ModelTask) => withDropout(name, make(task), task.dropout)]),
);

/** The model with this rate in all its dropout layers. @throws {RangeError} if it has none. */
function withDropout(name: string, model: Layer, rate: number | undefined): Layer {
  if (rate === undefined) return model;
  const layers = dropoutLayers(model);
  if (layers.length === 0) throw new RangeError(`${name}: has no dropout layers whose rate could be ${rate}`);
  for (const layer of layers) layer.rate = rate;
  return model;
}

/** Images up to this side get the stem for small images. */
const SMALL = 64;

/** A network of the zoo for the task's images and classes. */
function fitted(name: string, entry: ZooEntry, { inputShape, outputs }: ModelTask): Layer {
  const small = entry.leastSmall !== undefined && Math.max(...inputShape.slice(1)) <= SMALL;
  if (entry.exact && !small) requireShape(name, inputShape, [entry.input[0] === 1 ? 1 : inputShape[0], ...entry.input.slice(1)]);
  const [channels, imageSize] = imageShape(name, inputShape, small ? entry.leastSmall : entry.least);
  return entry.make({ classes: outputs, channels, smallImages: small, imageSize });
}

/** Hidden layers for inputs of this size: 784 pixels get 512 and 256 units, 64 get 128 and 64. */
function hiddenSizes(inputs: number): number[] {
  return inputs > 256 ? [512, 256] : [128, 64];
}

function imageShape(model: string, shape: readonly number[], least: number): readonly [number, number, number] {
  const [channels, height, width] = shape;
  if (shape.length !== 3 || height < least || width < least) {
    throw new RangeError(
      `${model}: want images [channels, height, width] of at least ${least}x${least} pixels, the data have ${formatShape(shape)}`,
    );
  }
  return [channels, height, width];
}

function requireShape(model: string, got: readonly number[], want: readonly number[]): void {
  if (formatShape(got) !== formatShape(want)) {
    throw new RangeError(`${model}: want inputs ${formatShape(want)}, the data have ${formatShape(got)}`);
  }
}
