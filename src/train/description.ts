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
  const isSize = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 1;
  const sizes = new Set(tensors.flatMap(({ shape }) => shape));
  const fault =
    !Array.isArray(inputShape) || inputShape.length === 0 || inputShape.length > 8 || !inputShape.every(isSize)
      ? "its inputShape is no list of sizes"
      : inputShape.reduce((a, b) => a * b, 1) > MOST_INPUTS
        ? `an example of ${inputShape.join(" x ")} numbers is too large`
        : !Array.isArray(classes) || !classes.every((name) => typeof name === "string")
          ? "its classes are no list of names"
          : task !== "classification" && task !== "regression"
            ? "its task is neither classification nor regression"
            : !isSize(outputs) || (task === "classification" && outputs !== classes.length && !(outputs === 1 && classes.length === 2))
              ? `it has ${outputs} outputs for ${classes.length} classes`
              : hidden.length > tensors.length
                ? `it has ${hidden.length} hidden layers and ${tensors.length} tensors`
                : [...hidden, outputs].find((n) => !sizes.has(n)) !== undefined
                  ? `no tensor has the size of one of its layers, ${[...hidden, outputs].find((n) => !sizes.has(n))}`
                  : undefined;
  if (fault) throw new Error(`${file}: its description is damaged: ${fault}`);
}
