/** @file The namespace `random`: keys, bits and numbers of named distributions. */
export * from "./random.ts";
export {
  binomial,
  categorical,
  cauchy,
  dirichlet,
  exponential,
  geometric,
  gumbel,
  laplace,
  multinomial,
  poisson,
  randint,
  type Sampled,
  shuffle,
} from "./samplers.ts";
