/** @file The entry `nabla/models`: networks by class and by name. */
import "../runtime/evaluate.ts";

export { Cnn } from "./cnn.ts";
export { LeNet5 } from "./lenet.ts";
export { Mlp, type MlpOptions } from "./mlp.ts";
export { type ModelTask, models } from "./registry.ts";
export { exactXor, Xor } from "./xor.ts";
