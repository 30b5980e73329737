/** @file Rules of a whole data set: labels of all training examples, and examples that both train and test. */

import { sizeOf } from "../base/shape.ts";
import { checkDataset } from "../data/check.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { Finding } from "../train/finding.ts";
import { inputRules, labelRules } from "./rules.ts";

/** Test examples that are compared with the training split, at most; and the share of copies from which it is a fault. */
const [LOOKED, SHARE] = [2000, 0.05] as const;
/** Fewer test examples are a table of all inputs (xor) rather than a sample. */
const FEW = 20;
/** Inputs whose scale is looked at. */
const VALUES = 200_000;

/** What is wrong with the values of a data set. */
export function splitRules(data: Dataset): Finding[] {
  checkDataset("splitRules: the data set", data);
  const { train, classes, task } = data;
  const labels = task === "classification" ? labelRules(train.targets, classes.length, 0) : [];
  const inputs = train.read ? [] : inputRules(train.inputs.subarray(0, Math.min(train.inputs.length, VALUES)), train.count, 0);
  return [...inputs, ...labels, ...copies(data)];
}

/** A number for some elements of a row: equal rows have equal ones. */
function fingerprint(row: Split["inputs"]): number {
  let hash = 0;
  const step = Math.max(1, Math.floor(row.length / 24));
  for (let i = 0; i < row.length; i += step) hash = (Math.imul(hash, 31) + Math.round(row[i]! * 65536)) | 0;
  return hash;
}

function copies({ train, test, inputShape }: Dataset): Finding[] {
  if (train.read || test.read || test === train || test.count < FEW) return [];
  const width = sizeOf(inputShape);
  const row = ({ inputs }: Split, i: number): Split["inputs"] => inputs.subarray(i * width, (i + 1) * width);
  const rows = new Map<number, number[]>();
  for (let i = 0; i < train.count; i++) {
    const key = fingerprint(row(train, i));
    const known = rows.get(key);
    if (known) known.push(i);
    else rows.set(key, [i]);
  }
  const looked = Math.min(test.count, LOOKED);
  let found = 0;
  for (let i = 0; i < looked; i++) {
    const own = row(test, i);
    // A few candidates are enough: rows that are all alike have one fingerprint.
    if (
      rows
        .get(fingerprint(own))
        ?.slice(0, 8)
        .some((k) => row(train, k).every((v: number, j: number) => v === own[j]))
    )
      found++;
  }
  if (found < 3 || found <= SHARE * looked) return [];
  return [
    {
      rule: "data",
      where: "splits",
      step: 0,
      severity: "warning",
      evidence: { copies: found, of: looked },
      cause: `${found} of ${looked} test examples are in the training split too: what is measured on them is no measure of new data`,
      remedies: ["drop duplicates before the data are split, and split by what belongs together (a person, a day)"],
      confidence: "proved",
    },
  ];
}
