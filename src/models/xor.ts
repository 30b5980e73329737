/** @file Networks for exclusive or (row MSC-1): one that learns it, and the solution that needs no learning. */
import { ReLU, Sigmoid, Tanh } from "../nn/activation.ts";
import { Linear } from "../nn/linear.ts";
import { Sequential } from "../nn/sequential.ts";
import { tensor } from "../ops/create.ts";

/** 2-8-1 with tanh and sigmoid: [N, 2] to [N, 1]. With eight hidden units it hardly ever gets stuck, with the two that suffice often. */
export class Xor extends Sequential {
  constructor() {
    super(new Linear(2, 8), new Tanh(), new Linear(8, 1), new Sigmoid());
  }
}

/** wᵀ·max(0, Wᵀx + c) + b with W = 1, c = (0, -1), w = (1, -2), b = 0 (Goodfellow, Bengio & Courville 2016, §6.1): exact on 0 and 1. */
export function exactXor(): Sequential {
  const model = new Sequential(new Linear(2, 2), new ReLU(), new Linear(2, 1));
  model.loadStateDict(
    new Map([
      [
        "0.weight",
        tensor([
          [1, 1],
          [1, 1],
        ]),
      ],
      ["0.bias", tensor([0, -1])],
      ["2.weight", tensor([[1, -2]])],
      ["2.bias", tensor([0])],
    ]),
  );
  return model;
}
