/** @file The namespace `distributions`: log-probabilities, entropies, draws and divergences of probability distributions. */
export { Bernoulli, Binomial, Categorical, Geometric, Multinomial, Poisson } from "./discrete.ts";
export { Distribution, type ProbsOrLogits, type SampleOptions } from "./distribution.ts";
export { klDivergence } from "./kl.ts";
export { Cauchy, Gumbel, Laplace, LogNormal, Normal, StudentT, Uniform } from "./location-scale.ts";
export { type CovarianceOptions, Independent, MultivariateNormal } from "./multivariate.ts";
export { Beta, Dirichlet, Exponential, Gamma } from "./positive.ts";
