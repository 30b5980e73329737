/** @file Losses (row OPT-4) against golden cases, at extremes, and what they refuse. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { vjp } from "../../src/function/derivative.ts";
import * as losses from "../../src/nn/losses.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";
import { Golden, type GoldenCase } from "./golden.ts";

const golden = new Golden("losses");

type Attributes = GoldenCase["attrs"];
type Roles = Readonly<Record<string, Tensor>>;

/** The function of a golden case, or nothing if it asks for something that is not there yet. */
function lossOf({ op, attrs, inputs }: GoldenCase): ((x: Roles, attrs: Attributes) => Tensor) | undefined {
  if (Object.keys(inputs).some((role) => role !== "x" && role !== "target")) return undefined; // class weights
  switch (op) {
    case "mse_loss":
      return ({ x, target }, { reduction }) => losses.mseLoss(x, target, { reduction });
    case "l1_loss":
      return ({ x, target }, { reduction }) => losses.l1Loss(x, target, { reduction });
    case "huber_loss":
      return ({ x, target }, { reduction, delta }) => losses.huberLoss(x, target, { reduction, delta });
    case "nll_loss":
      return ({ x, target }, { reduction }) => losses.nllLoss(x, target, { reduction });
    case "binary_cross_entropy":
      return ({ x, target }, { reduction }) => losses.binaryCrossEntropy(x, target, { reduction });
    case "binary_cross_entropy_with_logits":
      return ({ x, target }, { reduction }) => losses.binaryCrossEntropyWithLogits(x, target, { reduction });
    case "cross_entropy":
      if (attrs.ignore_index != null) return undefined;
      return ({ x, target }, a) => losses.crossEntropy(x, target, { reduction: a.reduction, labelSmoothing: a.label_smoothing ?? 0 });
    default:
      return undefined;
  }
}

describe("golden", () => {
  const covered = golden.cases.filter((c) => lossOf(c));
  test.each(covered.map((c) => [c.id, c] as const))("%s", (_, c) => {
    const loss = lossOf(c)!;
    const x = Object.fromEntries(Object.entries(c.inputs).map(([role, name]) => [role, golden.tensor(name)]));
    const { value, pullback } = vjp((roles: Roles) => loss(roles, c.attrs))(x);
    golden.expectClose(value.dataSync(), c.outputs.out, c.tol.outputs.out);
    if (!c.cotangents) return;
    const [grads] = pullback(golden.tensor(c.cotangents.out).cast("f32"));
    for (const [role, name] of Object.entries(c.grads ?? {})) golden.expectClose(grads[role].dataSync(), name, c.tol.grads[role], role);
  });

  test("not covered yet", () => {
    const left = golden.cases.filter((c) => !lossOf(c));
    expect([...new Set(left.map((c) => c.op))].sort()).toMatchInlineSnapshot(`
      [
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cosine_embedding_loss",
        "cosine_similarity",
        "cross_entropy",
        "ctc_loss",
        "gaussian_nll_loss",
        "hinge_embedding_loss",
        "hinge_loss",
        "kl_div",
        "l2_penalty",
        "margin_ranking_loss",
        "multi_margin_loss",
        "multilabel_soft_margin_loss",
        "nll_loss",
        "pairwise_distance",
        "poisson_nll_loss",
        "smooth_l1_loss",
        "soft_margin_loss",
        "triplet_margin_loss",
      ]
    `);
  });
});

describe("classes out of range", () => {
  const logits = tensor([
    [1, 2, 3],
    [1, 2, 3],
  ]);

  test.each([-1, 3])("class %d is refused where it is known, and gives NaN within a program, never a wrong number", (wrong) => {
    const targets = tensor(Int32Array.of(0, wrong));
    expect(() => losses.crossEntropy(logits, targets)).toThrow(`crossEntropy: class ${wrong} at position 1 is out of range; there are 3`);
    expect(compile((y: Tensor) => losses.crossEntropy(logits, y))(targets).itemSync()).toBeNaN();
    const terms = compile((y: Tensor) => losses.crossEntropy(logits, y, { reduction: "none" }))(targets).dataSync();
    expect(terms[0]).toBeCloseTo(2.4076, 4);
    expect(terms[1]).toBeNaN();
  });
});

test("the quadratic cost of S3 is half the squared distance, per example", () => {
  const [a, y] = [
    tensor([
      [1, 2],
      [3, 5],
    ]),
    tensor([
      [0, 0],
      [3, 3],
    ]),
  ];
  expect([...losses.quadraticLoss(a, y, { reduction: "none" }).dataSync()]).toEqual([2.5, 2]);
  expect(losses.quadraticLoss(a, y).itemSync()).toBe(2.25);
});

describe("what is refused", () => {
  const classes = tensor(Int32Array.of(0, 1));
  test.each([
    [() => losses.mseLoss(zeros([4, 1]), zeros([4])), "mseLoss: predictions [4, 1] and targets [4] must have the same shape; use reshape"],
    [() => losses.crossEntropy(zeros([3]), classes), "crossEntropy: for predictions [3] targets must be class indices [], got i32[2]"],
    [
      () => losses.crossEntropy(zeros([3, 4]), classes),
      "crossEntropy: for predictions [3, 4] targets must be class indices [3], got i32[2]",
    ],
    [
      () => losses.crossEntropy(zeros([2, 4]), zeros([2])),
      "targets must be probabilities [2, 4] (or, as integers, class indices), got f32[2]",
    ],
    [() => losses.nllLoss(zeros([2, 4]), zeros([2, 4])), "nllLoss: targets must be class indices, got f32[2,4]"],
  ])("%s", (attempt, message) => {
    expect(attempt).toThrow(message);
  });
});

test("certain probabilities have finite losses and gradients", () => {
  const [x, target] = [tensor([0, 1, 0, 1]), tensor([0, 1, 1, 0])];
  const { value, pullback } = vjp((p: Tensor) => losses.binaryCrossEntropy(p, target, { reduction: "none" }))(x);
  expect([...value.dataSync()].map((v) => Math.abs(v))).toEqual([0, 0, 100, 100]);
  expect([...pullback(tensor([1, 1, 1, 1]))[0].dataSync()].every(Number.isFinite)).toBe(true);
});

test("logits of exactly 0 have the slope of the sigmoid", () => {
  const { pullback } = vjp((x: Tensor) => losses.binaryCrossEntropyWithLogits(x, tensor([1, 0]), { reduction: "none" }))(zeros([2]));
  expect([...pullback(tensor([1, 1]))[0].dataSync()]).toEqual([-0.5, 0.5]);
});
