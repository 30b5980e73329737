/** @file What a model file says of itself, compared with what it holds. */
import type { DataDescription } from "../data/dataset.ts";

/** An example larger than this is not one that was trained with. */
const MOST_INPUTS = 2 ** 28;

/**
 * Compares what a file says of itself with its tensors, before a model is made from it: sizes that no tensor has would be a model of any size.
 * @throws {Error} one line for what cannot be.
 */
export function checkDescription(
  { inputShape, classes, task, outputs, hidden = [] }: DataDescription & { readonly outputs: number; readonly hidden?: readonly number[] },
  tensors: readonly { readonly shape: readonly number[] }[],
  file: string,
): void {
  const fault = faultOfInputs(inputShape) ?? faultOfOutputs(classes, task, outputs) ?? faultOfLayers([...hidden, outputs], tensors);
  if (fault) throw new Error(`${file}: its description is damaged: ${fault}`);
}

const isSize = (n: unknown): boolean => typeof n === "number" && Number.isSafeInteger(n) && n >= 1;

function faultOfInputs(inputShape: readonly number[]): string | undefined {
  if (!Array.isArray(inputShape) || inputShape.length === 0 || inputShape.length > 8 || !inputShape.every(isSize))
    return "its inputShape is no list of sizes";
  return inputShape.reduce((a, b) => a * b, 1) > MOST_INPUTS ? `an example of ${inputShape.join(" x ")} numbers is too large` : undefined;
}

function faultOfOutputs(classes: readonly string[], task: string, outputs: number): string | undefined {
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === "string")) return "its classes are no list of names";
  if (task !== "classification" && task !== "regression") return "its task is neither classification nor regression";
  // One output tells two classes apart.
  const fits = task !== "classification" || outputs === classes.length || (outputs === 1 && classes.length === 2);
  return isSize(outputs) && fits ? undefined : `it has ${outputs} outputs for ${classes.length} classes`;
}

/** `widths` are those of the hidden layers and of the last one. */
function faultOfLayers(widths: readonly number[], tensors: readonly { readonly shape: readonly number[] }[]): string | undefined {
  if (widths.length - 1 > tensors.length) return `it has ${widths.length - 1} hidden layers and ${tensors.length} tensors`;
  const sizes = new Set(tensors.flatMap(({ shape }) => shape));
  const missing = widths.find((n) => !sizes.has(n));
  return missing === undefined ? undefined : `no tensor has the size of one of its layers, ${missing}`;
}
