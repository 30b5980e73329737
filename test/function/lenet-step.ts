/** @file A step of LeNet with Adam as a file, for tests that run it in other hosts. */
import { backward, type Compiled, compile, manualSeed, models, nn, optim, saveAll, tensor } from "../../src/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

type Step = (x: Tensor, y: Tensor) => { loss: Tensor };

export interface LenetStep {
  readonly train: Compiled<Step>;
  readonly x: Tensor;
  readonly y: Tensor;
  readonly file: Uint8Array<ArrayBuffer>;
}

/** @param relaxed With fused multiply-adds, as the step itself is compiled where the host has them. */
export async function lenetStep(relaxed = false): Promise<LenetStep> {
  manualSeed(3);
  const model = new models.LeNet5();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const train = compile((x: Tensor, y: Tensor) => {
    const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), y), model.parameters());
    optimizer.step(grads);
    return { loss: value };
  });
  const x = tensor(
    Float32Array.from({ length: 64 * 784 }, (_, i) => Math.sin(i * i)),
    { shape: [64, 1, 28, 28] },
  );
  const y = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10));
  const file = new Uint8Array(await saveAll({ train }, { train: [x, y] }, { relaxed }));
  return { train, x, y, file };
}

/**
 * A program for a host of JavaScript that prints 20 losses of the file `lenet.wasm`, its inputs in `inputs.bin`: the images and then the classes. `read` gives a
 * file's bytes.
 */
export const program = (read: string): string => `import { load } from "nabla/step";
const read = async (name) => new Uint8Array(${read});
const step = await load(await read("lenet.wasm"));
const inputs = (await read("inputs.bin")).buffer;
const [x, y] = [new Float32Array(inputs, 0, 64 * 784), new Int32Array(inputs, 4 * 64 * 784)];
const losses = Array.from({ length: 20 }, () => {
  step.inputs.x.set(x);
  step.inputs.y.set(y);
  step.train();
  return step.outputs.loss[0];
});
console.log(JSON.stringify(losses));
`;

/** What {@link program} reads. */
export function inputsOf({ x, y }: LenetStep): Uint8Array {
  const [images, classes] = [x.dataSync() as Float32Array, y.dataSync() as Int32Array];
  const bytes = new Uint8Array(images.byteLength + classes.byteLength);
  bytes.set(new Uint8Array(images.buffer, images.byteOffset, images.byteLength));
  bytes.set(new Uint8Array(classes.buffer, classes.byteOffset, classes.byteLength), images.byteLength);
  return bytes;
}
