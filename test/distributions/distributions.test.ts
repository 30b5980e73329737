/** @file Distributions: log-probabilities and entropies of SciPy 1.17, divergences by its quadrature, draws, derivatives, programs, refusals. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import * as D from "../../src/distributions/index.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import * as random from "../../src/math/random-namespace.ts";
import { type Nested, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { expectClose } from "../function/backends.ts";
import { sized } from "../size.ts";

const f64 = (values: Nested): Tensor => tensor(values, { dtype: "f64" });
const list = (t: Tensor): number[] => [...t.dataSync()];
const key = random.keyOf(7);
const NEVER = Number.NEGATIVE_INFINITY;

/** Distribution, values, their log-probabilities and the entropy. */
const ROWS: readonly [string, D.Distribution, Nested, number[], number | undefined][] = [
  ["Normal", new D.Normal(f64(0.5), 2), [-1, 0.5, 3], [-1.893335713765, -1.612085713765, -2.393335713765], 2.1120857138],
  ["LogNormal", new D.LogNormal(f64(0.2), 0.7), [0.3, 1, 4], [-1.369657759722, -0.603079915797, -3.384572553676], 1.2622635893],
  ["Laplace", new D.Laplace(f64(0.5), 2), [-1, 0.5, 3], [-2.13629436112, -1.38629436112, -2.63629436112], 2.3862943611],
  ["Gumbel", new D.Gumbel(f64(0.5), 2), [-1, 0.5, 3], [-2.060147197173, -1.69314718056, -2.22965197742], 2.2703628455],
  ["Cauchy", new D.Cauchy(f64(0.5), 2), [-1, 0.5, 3], [-2.284164169038, -1.837877066409, -2.778860410874], 3.2241714275],
  ["StudentT", new D.StudentT(f64(4.5), 0.5, 2), [-1, 0.5, 3], [-1.991111217905, -1.66720786985, -2.48683123344], 2.3446829053],
  ["Uniform", new D.Uniform(f64(-1), 2), [-1, 0.5, 1.9], [-1.098612288668, -1.098612288668, -1.098612288668], 1.0986122887],
  ["Exponential", new D.Exponential(f64(1.5)), [0.1, 1, 3], [0.255465108108, -1.094534891892, -4.094534891892], 0.5945348919],
  ["Gamma", new D.Gamma(f64(2.5), 1.5), [0.1, 1, 3], [-2.874897739694, -0.771020100203, -2.1231016672], 1.3244828014],
  ["Beta", new D.Beta(f64(2.5), 0.7), [0.1, 0.5, 0.9], [-3.082414774643, -0.491921906522, 0.872589464562], -0.5619900677],
  ["Bernoulli", new D.Bernoulli({ probs: f64(0.3) }), [0, 1], [-0.356674943939, -1.203972804326], 0.6108643021],
  ["Binomial", new D.Binomial(7, { probs: f64(0.3) }), [0, 3, 7], [-2.496724607571, -1.483270127243, -8.427809630282], 1.5926972553],
  ["Geometric", new D.Geometric({ probs: f64(0.3) }), [0, 3, 7], [-1.203972804326, -2.273997636142, -3.700697411897], 2.0362143402],
  ["Poisson", new D.Poisson(f64(3.5)), [0, 3, 7], [-3.5, -1.533470563742, -3.255820581598], undefined],
  [
    "Multinomial",
    new D.Multinomial(6, { probs: f64([0.2, 0.3, 0.5]) }),
    [
      [1, 2, 3],
      [0, 0, 6],
    ],
    [-2.002480500544, -4.15888308336],
    2.7906567475,
  ],
  ["Dirichlet", new D.Dirichlet(f64([0.5, 2, 3])), [[0.2, 0.3, 0.5]], [0.906753634905], -1.914676991],
  [
    "MVN",
    new D.MultivariateNormal(f64([1, -1]), {
      covariance: f64([
        [2, 0.5],
        [0.5, 1],
      ]),
    }),
    [
      [0, 0],
      [1, 2],
    ],
    [-3.260542103234, -7.260542103234],
    3.1176849604,
  ],
];

test.each(ROWS)("%s", (name, d, values, logProbs, entropy) => {
  expectClose(d.logProb(f64(values)), logProbs, 1e-9);
  if (entropy === undefined) expect(() => d.entropy()).toThrow("the entropy has no closed form");
  else expectClose(d.entropy(), entropy, 1e-7);
  const n = sized(400, 20000);
  const draws = d.sample([n], { key });
  expect(draws.shape).toEqual([n, ...d.batchShape, ...d.eventShape]);
  if (name === "Cauchy") return;
  const z = list(draws.mean(0).sub(d.mean).div(d.variance.div(n).sqrt()));
  for (const each of z) expect(Math.abs(each)).toBeLessThan(4.5);
});

test("means of draws move with the parameters as they should", () => {
  const n = sized(2000, 20000);
  const slope = (make: (a: Tensor) => D.Distribution, at: number): number =>
    grad((a: Tensor) => make(a).rsample([n], { key }).mean())(f64(at)).itemSync();
  expect(slope((a) => new D.Gamma(a, 1.5), 2.5)).toBeCloseTo(1 / 1.5, 1);
  expect(slope((a) => new D.Gamma(a, 1), 0.3)).toBeCloseTo(1, 0);
  expect(slope((a) => new D.Beta(a, 2), 1.5)).toBeCloseTo(2 / 3.5 ** 2, 1);
  expect(slope((a) => new D.Normal(a, 1), 2)).toBeCloseTo(1, 12);
  expect(list(grad((a: Tensor) => new D.Normal(a, 1).sample([3], { key }).sum())(f64(2)))).toEqual([0]);
});

describe("klDivergence", () => {
  test.each<[D.Distribution, D.Distribution, number]>([
    [new D.Normal(f64(0), 1), new D.Normal(f64(0.5), 2), 0.349397181],
    [new D.Laplace(f64(0), 1), new D.Laplace(f64(0.5), 2), 0.24641251],
    [new D.Gumbel(f64(0), 1), new D.Gumbel(f64(0.5), 2), 0.292477245],
    [new D.Gamma(f64(2.5), 1.5), new D.Gamma(f64(1.2), 0.7), 0.125281401],
    [new D.Beta(f64(2.5), 1.7), new D.Beta(f64(1.2), 3), 1.061889313],
    [new D.Exponential(f64(1.5)), new D.Exponential(f64(0.5)), 0.431945622],
    [new D.Dirichlet(f64([2.5, 1.7])), new D.Dirichlet(f64([1.2, 3])), 1.061889313],
    [new D.Uniform(f64(0), 1), new D.Uniform(f64(-1), 1), Math.LN2],
    [new D.Bernoulli({ probs: f64(0.2) }), new D.Bernoulli({ probs: f64(0.5) }), 0.2 * Math.log(0.4) + 0.8 * Math.log(1.6)],
    [new D.Categorical({ probs: f64([0.2, 0.8]) }), new D.Categorical({ logits: f64([0, 0]) }), 0.2 * Math.log(0.4) + 0.8 * Math.log(1.6)],
    [new D.Poisson(f64(2)), new D.Poisson(f64(1)), 2 * Math.log(2) - 1],
    [new D.Cauchy(f64(0), 1), new D.Cauchy(f64(0), 3), Math.log(16 / 12)],
    [
      new D.MultivariateNormal(f64([0, 0]), {
        scaleTril: f64([
          [1, 0],
          [0, 1],
        ]),
      }),
      new D.MultivariateNormal(f64([0.5, 0.5]), {
        covariance: f64([
          [4, 0],
          [0, 4],
        ]),
      }),
      0.698794362,
    ],
    [new D.Independent(new D.Normal(f64([0, 0]), 1), 1), new D.Independent(new D.Normal(f64([0.5, 0.5]), 2), 1), 0.698794362],
  ])("%s", (p, q, want) => {
    expectClose(D.klDivergence(p, q), want, 1e-7);
    expectClose(D.klDivergence(p, p), 0, 1e-12);
  });

  test("other pairs", () => {
    expect(() => D.klDivergence(new D.Normal(), new D.Cauchy())).toThrow("there is no closed form for Normal and Cauchy");
    expect(() => D.klDivergence(new D.Gamma(1), new D.LogNormal())).toThrow("there is no closed form for Gamma and LogNormal");
    expect(() => D.klDivergence(new D.Poisson(1), new D.Gamma(1))).toThrow("there is no closed form for Poisson and Gamma");
    expect(D.klDivergence(new D.Uniform(0, 2), new D.Uniform()).itemSync()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("klDivergence of two classes", () => {
  const normal = new D.Normal(f64(0.3), 0.8);
  const gamma = new D.Gamma(f64(2.5), 1.5);
  const exponential = new D.Exponential(f64(1.5));
  const beta = new D.Beta(f64(2.5), 1.7);
  const uniform = new D.Uniform(f64(0.1), 0.7);
  const laplace = new D.Laplace(f64(0.5), 0.4);
  const gumbel = new D.Gumbel(f64(0.2), 1.3);
  const logNormal = new D.LogNormal(f64(0.2), 0.6);

  /** By the midpoint rule in u, x = u/(1 - u²) on the real line, on half of it, or x itself between bounds. */
  function byQuadrature(p: D.Distribution, q: D.Distribution, low: number, high: number): number {
    const n = 200_000;
    const u = Float64Array.from({ length: n }, (_, i) => (i + 0.5) / n);
    const [x, width] = Number.isFinite(high)
      ? [u.map((v) => low + (high - low) * v), u.map(() => high - low)]
      : Number.isFinite(low)
        ? [u.map((v) => v / (1 - v)), u.map((v) => 1 / (1 - v) ** 2)]
        : [u.map((v) => (2 * v - 1) / (1 - (2 * v - 1) ** 2)), u.map((v) => (2 * (1 + (2 * v - 1) ** 2)) / (1 - (2 * v - 1) ** 2) ** 2)];
    const at = tensor(x, { dtype: "f64" });
    const [lp, lq] = [p.logProb(at).dataSync(), q.logProb(at).dataSync()];
    let sum = 0;
    for (let i = 0; i < n; i++) if (lp[i]! > -700) sum += (Math.exp(lp[i]!) * (lp[i]! - lq[i]!) * width[i]!) / n;
    return sum;
  }

  const INF = Number.POSITIVE_INFINITY;
  const rows: [D.Distribution, D.Distribution, number, number][] = [
    ...[gamma, exponential, logNormal].map((p): [D.Distribution, D.Distribution, number, number] => [p, normal, 0, INF]),
    [beta, normal, 0, 1],
    [uniform, normal, 0.1, 0.7],
    [laplace, normal, -INF, INF],
    [gumbel, normal, -INF, INF],
    [gamma, exponential, 0, INF],
    [logNormal, exponential, 0, INF],
    [beta, exponential, 0, 1],
    [uniform, exponential, 0.1, 0.7],
    [exponential, gamma, 0, INF],
    [logNormal, gamma, 0, INF],
    [beta, gamma, 0, 1],
    [uniform, gamma, 0.1, 0.7],
    [new D.Uniform(f64(0), 1), gamma, 0, 1],
    [normal, gumbel, -INF, INF],
    [laplace, gumbel, -INF, INF],
    [exponential, gumbel, 0, INF],
    [gamma, gumbel, 0, INF],
    [uniform, gumbel, 0.1, 0.7],
    [normal, laplace, -INF, INF],
    [uniform, beta, 0.1, 0.7],
    [new D.Uniform(f64(0), 1), beta, 0, 1],
    [beta, new D.Uniform(f64(-1), 2), 0, 1],
  ];
  test.each(rows.map(([p, q, low, high]) => [p.constructor.name, q.constructor.name, p, q, low, high] as const))(
    "%s and %s: as by quadrature",
    (_, __, p, q, low, high) => {
      expect(D.klDivergence(p, q).itemSync()).toBeCloseTo(byQuadrature(p, q, low, high), 5);
    },
  );

  test("infinite where p has values that q has not, each of a batch by itself; shapes broadcast", () => {
    for (const q of [gamma, exponential, logNormal, beta, uniform]) expect(D.klDivergence(normal, q).itemSync()).toBe(INF);
    for (const q of [beta, uniform]) expect(D.klDivergence(gamma, q).itemSync()).toBe(INF);
    expect(D.klDivergence(new D.Laplace(f64(0), 2), new D.Gumbel(f64(0), 1)).itemSync()).toBe(INF);
    const some = list(D.klDivergence(new D.Uniform(f64([-0.5, 0.1]), f64([0.5, 0.7])), gamma));
    expect(some[0]).toBe(INF);
    expect(some[1]).toBeCloseTo(D.klDivergence(uniform, gamma).itemSync(), 10);
    expect(D.klDivergence(new D.Gamma(f64([[1], [2]]), 1), new D.Normal(f64([0, 1, 2]), 1)).shape).toEqual([2, 3]);
    expect(D.klDivergence(new D.Normal(f64([[1], [2]]), 1), new D.Gamma(f64([1, 2, 3]), 1)).shape).toEqual([2, 3]);
  });

  test("has derivatives by the parameters", () => {
    const slope = grad((a: Tensor) => D.klDivergence(new D.Gamma(a, 1.5), normal).sum())(f64(2.5)).itemSync();
    const at = (a: number): number => D.klDivergence(new D.Gamma(f64(a), 1.5), normal).itemSync();
    expect(slope).toBeCloseTo((at(2.5 + 1e-5) - at(2.5 - 1e-5)) / 2e-5, 6);
  });
});

describe("edges", () => {
  test("outside of the support the log-probability is -∞", () => {
    expect(list(new D.Uniform().logProb(f64([-0.1, 1])))).toEqual([NEVER, NEVER]);
    expect(list(new D.Exponential().logProb(f64([-1])))).toEqual([NEVER]);
    expect(list(new D.Poisson(2).logProb(f64([1.5, -1])))).toEqual([NEVER, NEVER]);
    expect(list(new D.Binomial(2, { probs: 0.5 }).logProb(f64([3])))).toEqual([NEVER]);
    expect(list(new D.Categorical({ probs: f64([0.5, 0.5]) }).logProb(f64([2, -1, 0.5])))).toEqual([NEVER, NEVER, NEVER]);
    expect(list(new D.LogNormal().logProb(f64([0])))).toEqual([NEVER]);
    expect(list(new D.Bernoulli({ probs: f64([0, 1]) }).logProb(f64([0, 1])))).toEqual([0, 0]);
    expect(list(grad((r: Tensor) => new D.Poisson(r).logProb(0).sum())(f64(0)))).toEqual([-1]);
    expectClose(new D.Bernoulli({ logits: f64([800, -800]) }).logProb(f64([0, 1])), [-800, -800]);
  });

  test("batches, programs, vmap", () => {
    const d = new D.Normal(f64([0, 1]), f64([[1], [2], [3]]));
    expect([d.batchShape, d.sample([4]).shape, d.logProb(0).shape]).toEqual([
      [3, 2],
      [4, 3, 2],
      [3, 2],
    ]);
    const f = (m: Tensor): Tensor => new D.Normal(m, 1).logProb(0);
    expectClose(compile(f)(f64(2)), f(f64(2)));
    expectClose(vmap(f)(f64([1, 2])), f(f64([1, 2])));
    expect(compile((m: Tensor) => new D.Gamma(m).rsample([5], { key }))(f64(2)).shape).toEqual([5]);
    expect(new D.Independent(d, 1).logProb(0).shape).toEqual([3]);
    expect(
      new D.Categorical({
        logits: f64([
          [0, 1, 2],
          [2, 1, 0],
        ]),
      }).logProb(1).shape,
    ).toEqual([2]);
    expectClose(new D.Normal(f64(1), 2).icdf(new D.Normal(f64(1), 2).cdf(2.5)), 2.5);
  });

  test.each<[() => unknown, string]>([
    [() => new D.Normal(0, -1), "Normal: scale must be a number above 0, got -1"],
    [() => new D.Bernoulli({ probs: 2 }), "Bernoulli: probs must be a number from 0 to 1, got 2"],
    [() => new D.Bernoulli({}), "Bernoulli: want either { probs } or { logits }"],
    [() => new D.Poisson(2).rsample(), "Poisson: draws are no smooth function of the parameters"],
    [() => new D.Normal("a" as never), "Normal: loc must be a tensor or a number"],
    [() => new D.Normal(f64([1, 2]), f64([1, 2, 3])), "Normal: parameters [2], [3] do not broadcast"],
    [() => new D.Dirichlet(1), "Dirichlet: want concentrations [..., K], got []"],
    [() => new D.MultivariateNormal(0, {}), "MultivariateNormal: want one of covariance, precision and scaleTril"],
    [() => new D.Independent(new D.Normal(), 1), "Independent: there are not 1 axes in the batch []"],
    [() => new D.Normal().sample([], { seed: 1 } as never), "Normal.sample: there is no option seed"],
  ])("%s", (call, message) => expect(call).toThrow(message));
});

describe("random", () => {
  test("randint, multinomial, poisson, binomial, geometric, shuffle", () => {
    const x = random.randint(key, [500], { low: -3, high: 4 });
    expect([x.dtype, x.min().itemSync(), x.max().itemSync()]).toEqual(["i32", -3, 3]);
    expect(list(random.multinomial(key, f64([0, 1, 2, 0]), 2)).sort()).toEqual([1, 2]);
    const many = list(random.multinomial(key, f64([0, 1, 3, 0]), 500, { replacement: true }));
    expect(new Set(many)).toEqual(new Set([1, 2]));
    expect(list(random.poisson(key, f64([0, -1]), [2]))).toEqual([0, Number.NaN]);
    expect(list(random.binomial(key, 5, f64([0, 1]), [2]))).toEqual([0, 5]);
    expect(random.geometric(key, 1, [3]).toArray()).toEqual([0, 0, 0]);
    expect(list(random.shuffle(key, f64([1, 2, 3]))).sort()).toEqual([1, 2, 3]);
    expect(() => random.randint(key, [1], { low: 3, high: 3 })).toThrow("randint: want low < high");
    expect(() => random.multinomial(key, f64([1]), 2)).toThrow("multinomial: 2 draws without replacement from 1 classes");
    expect(() => random.poisson(1 as never, 1, [])).toThrow("poisson: want a random key first");
    expect(list(vmap((k: Tensor) => random.poisson(k, 3, [2]))(key.expandFront(2)).select(0, 1))).toEqual(
      list(random.poisson(key, 3, [2])),
    );
  });
});
