/** @file The directions in which the colours of a training set vary: what AlexNet's colour augmentation needs (`nn.pcaColour`). */

import { checkFields, listOf, object, positiveInteger, text } from "../base/check.ts";
import { decomposeSVD } from "../base/eigen.ts";
import { matrix } from "../base/linalg.ts";
import { sizeOf } from "../base/shape.ts";
import { checkInputs } from "./check.ts";
import type { Dataset } from "./dataset.ts";

/** Variances, the largest first, and their directions of length 1 in (red, green, blue): plain data. */
export interface PrincipalColours {
  readonly values: number[];
  readonly vectors: number[][];
}

/** Principal components of all pixels of the training split (Krizhevsky, Sutskever & Hinton 2012, §4.1). @throws {Error} unless images have 3 channels. */
export function principalColours(data: Pick<Dataset, "name" | "inputShape" | "train">): PrincipalColours {
  checkFields("principalColours: the data set", data, { name: text, inputShape: listOf(positiveInteger), train: object });
  checkInputs("principalColours: the training split", data.train, sizeOf(data.inputShape));
  const { name, inputShape, train } = data;
  if (inputShape.length !== 3 || inputShape[0] !== 3)
    throw new Error(`principalColours: want images [3, height, width], ${name} has [${inputShape.join(", ")}]`);
  const plane = inputShape[1] * inputShape[2];
  const n = train.count * plane;
  const at = (c: number, i: number): number => train.inputs[(Math.floor(i / plane) * 3 + c) * plane + (i % plane)];
  const mean = [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += at(c, i);
    return sum / n;
  });
  const covariance = matrix(3, 3);
  for (let i = 0; i < n; i++)
    for (let r = 0; r < 3; r++) for (let c = 0; c < 3; c++) covariance.data[3 * r + c] += ((at(r, i) - mean[r]) * (at(c, i) - mean[c])) / n;
  // Of a symmetric matrix without negative eigenvalues, the singular values are the eigenvalues.
  const { s, vt } = decomposeSVD(covariance);
  return { values: [...s], vectors: [0, 1, 2].map((i) => [...vt.data.subarray(3 * i, 3 * i + 3)]) };
}
