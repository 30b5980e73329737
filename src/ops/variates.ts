/** @file Random counts from given bits, and the derivative of gamma variates. The host computes them, element by element. */
import { tuple } from "../base/tuple.ts";
import { binomialVariate, poissonVariate, gammaSlope as slopeOf } from "../base/variates.ts";
import { defineOp, expandAll, type Op } from "./op.ts";

const U32 = [0, 4e9] as const;

/** Poisson counts. Operands: rate, and two words of random bits (u32), all of one shape. */
export const poissonCount: Op<3, undefined> = defineOp<3, undefined>("poissonCount", {
  doc: "Poisson counts of given rates from 64 random bits each; NaN for a negative rate",
  arity: 3,
  derivative: "none",
  type: ([rate]) => ({ shape: [...rate.shape], dtype: rate.dtype }),
  batch(operands, mapped, _, n) {
    const all = expandAll(operands, mapped, n);
    return all[0]!.bind(poissonCount, tuple(all, 3));
  },
  lower: {
    kind: "host",
    run([rate, a, b], [y]) {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = poissonVariate(rate!.data[i]!, a!.data[i]!, b!.data[i]!);
    },
  },
  samples: [
    {
      operands: [
        { shape: [4], dtype: "f64", domain: [0.5, 30] },
        { shape: [4], dtype: "u32", domain: U32 },
        { shape: [4], dtype: "u32", domain: U32 },
      ],
      params: undefined,
    },
  ],
});

/** Binomial counts. Operands: numbers of trials, probabilities, and two words of random bits (u32), all of one shape. */
export const binomialCount: Op<4, undefined> = defineOp<4, undefined>("binomialCount", {
  doc: "binomial counts of n trials with probability p from 64 random bits each; NaN for what is no probability",
  arity: 4,
  derivative: "none",
  type: ([n]) => ({ shape: [...n!.shape], dtype: n!.dtype }),
  batch(operands, mapped, _, n) {
    const all = expandAll(operands, mapped, n);
    return all[0]!.bind(binomialCount, all);
  },
  lower: {
    kind: "host",
    run([n, p, a, b], [y]) {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = binomialVariate(n!.data[i]!, p!.data[i]!, a!.data[i]!, b!.data[i]!);
    },
  },
  samples: [
    {
      operands: [
        { shape: [4], dtype: "f64", domain: [1, 60] },
        { shape: [4], dtype: "f64", domain: [0, 1] },
        { shape: [4], dtype: "u32", domain: U32 },
        { shape: [4], dtype: "u32", domain: U32 },
      ],
      params: undefined,
    },
  ],
});

/** d log x / d a of gamma variates, from operands a and log x of one shape. */
export const gammaSlope: Op<2, undefined> = defineOp<2, undefined>("gammaSlope", {
  doc: "how the logarithm of a gamma variate moves with its shape a at fixed probability, from a and log x",
  arity: 2,
  derivative: "none",
  type: ([a]) => ({ shape: [...a.shape], dtype: a.dtype }),
  batch(operands, mapped, _, n) {
    const all = expandAll(operands, mapped, n);
    return all[0]!.bind(gammaSlope, tuple(all, 2));
  },
  lower: {
    kind: "host",
    run([a, logX], [y]) {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = slopeOf(a!.data[i]!, logX!.data[i]!);
    },
  },
  samples: [
    {
      operands: [
        { shape: [4], dtype: "f64", domain: [0.2, 5] },
        { shape: [4], dtype: "f64", domain: [-2, 2] },
      ],
      params: undefined,
    },
  ],
});
