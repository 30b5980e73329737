/** @file Rules of a whole data set: labels of all training examples, and examples that both train and test. */

import { sizeOf } from "../base/shape.ts";
import { checkDataset } from "../data/check.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { Finding } from "../train/finding.ts";
import { inputRules, labelRules, momentsOf, targetRules, VALUES } from "./value-rules.ts";

/** Test examples that are compared with the training split, at most; and the share of copies from which it is a fault. */
const [LOOKED, SHARE] = [2000, 0.05] as const;
/** Fewer test examples are a table of all inputs (xor) rather than a sample. */
const FEW = 20;

/** What is wrong with the values of a data set. */
export function splitRules(data: Dataset): Finding[] {
  checkDataset("splitRules: the data set", data);
  const { train, classes, task } = data;
  const labels = task === "classification" ? labelRules(train.targets, classes.length, 0) : [];
  const inputs = train.read ? [] : inputRules(train.inputs.subarray(0, Math.min(train.inputs.length, VALUES)), train.count, 0);
  const targets = task === "regression" ? targetRules(train.targets, 0) : [];
  if (train.read) return [...labels, ...targets];
  const { kinds, first } = kindsOf(train, sizeOf(data.inputShape));
  return [...inputs, ...labels, ...targets, ...copies(data, kinds), ...shifted(data), ...contradictions(data, first)];
}

/** Deviations by which the mean of the test inputs may lie elsewhere, and how many times as wide they may be. */
const [APART, WIDER] = [1.5, 4] as const;

/** Test inputs of another scale than the training inputs: they were not prepared alike. */
function shifted({ train, test }: Dataset): Finding[] {
  if (test.read || test === train || test.count < FEW || train.inputs instanceof Int32Array) return [];
  const [own, other] = [train, test].map(({ inputs }) => momentsOf(inputs));
  const [gap, ratio] = [Math.abs(other!.mean - own!.mean) / own!.deviation, other!.deviation / own!.deviation];
  if (!(own!.deviation > 0) || (gap < APART && ratio < WIDER && ratio > 1 / WIDER)) return [];
  return [
    {
      rule: "data",
      where: "splits",
      step: 0,
      severity: "warning",
      evidence: {
        "mean of training": own!.mean,
        deviation: own!.deviation,
        "mean of test": other!.mean,
        "deviation of test": other!.deviation,
      },
      cause: "test inputs have another scale than training inputs: the model is tested on what it has not learned",
      remedies: ["prepare both splits alike, by the mean and the deviation of the training split"],
      confidence: "measured",
    },
  ];
}

/** Share of answers that contradict each other from which it is said, and the best accuracy below which it is a fault. */
const [AMONG, BEST] = [0.05, 0.75] as const;

/** Training examples with equal inputs and different classes: nothing can answer all of them. */
function contradictions({ train, task }: Dataset, first: Int32Array): Finding[] {
  const { inputs, targets, count } = train;
  if (task !== "classification" || inputs instanceof Int32Array || targets.length !== count || count < FEW) return [];
  const groups = new Map<number, Map<number, number>>();
  for (let i = 0; i < count; i++) {
    const counts = groups.get(first[i]!) ?? new Map<number, number>();
    groups.set(first[i]!, counts.set(targets[i]!, (counts.get(targets[i]!) ?? 0) + 1));
  }
  const right = [...groups.values()].reduce((sum, counts) => sum + Math.max(...counts.values()), 0);
  const best = right / count;
  if (1 - best < AMONG) return [];
  return [
    {
      rule: "data",
      where: "labels",
      step: 0,
      severity: best < BEST ? "warning" : "note",
      evidence: { contradictions: count - right, of: count, "best accuracy": best },
      cause: "examples with the same inputs have different labels: no answer suits all of them",
      remedies: ["look at how inputs and labels are put together", "inputs that tell these examples apart"],
      confidence: "proved",
    },
  ];
}

/** A number for some elements of a row: equal rows have equal ones. */
function fingerprint(row: Split["inputs"]): number {
  let hash = 0;
  const step = Math.max(1, Math.floor(row.length / 24));
  for (let i = 0; i < row.length; i += step) hash = (Math.imul(hash, 31) + Math.round(row[i]! * 65536)) | 0;
  return hash;
}

/** Training examples by fingerprint: the first of each kind of inputs. */
type Kinds = ReadonlyMap<number, readonly number[]>;

const rowOf = ({ inputs }: Split, i: number, width: number): Split["inputs"] => inputs.subarray(i * width, (i + 1) * width);

/** The training example with these inputs, if there is one among the few of the same fingerprint. */
function sameIn(train: Split, kinds: Kinds, own: Split["inputs"]): number | undefined {
  const candidates = kinds.get(fingerprint(own))?.slice(0, 8);
  return candidates?.find((k) => rowOf(train, k, own.length).every((v: number, j: number) => v === own[j]));
}

/** The kinds, and for each training example the first one with the same inputs. */
function kindsOf(train: Split, width: number): { kinds: Kinds; first: Int32Array } {
  const kinds = new Map<number, number[]>();
  const first = Int32Array.from({ length: train.count }, (_, i) => {
    const own = rowOf(train, i, width);
    const known = sameIn(train, kinds, own);
    if (known !== undefined) return known;
    const key = fingerprint(own);
    const others = kinds.get(key);
    if (others) others.push(i);
    else kinds.set(key, [i]);
    return i;
  });
  return { kinds, first };
}

function copies({ train, test, inputShape }: Dataset, kinds: Kinds): Finding[] {
  if (test.read || test === train || test.count < FEW) return [];
  const width = sizeOf(inputShape);
  const looked = Math.min(test.count, LOOKED);
  let found = 0;
  for (let i = 0; i < looked; i++) if (sameIn(train, kinds, rowOf(test, i, width)) !== undefined) found++;
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
