/**
 * @file Adapters of the golden group `higher_order`: Jacobians, Hessians, directional derivatives and derivatives of derivatives, by the functions
 * of functions that a user would call.
 */
import {
  cumprod,
  functional,
  gnvp,
  grad,
  hessian,
  hvp,
  indexSelect,
  jacfwd,
  jacrev,
  jvp,
  logAddExp,
  logSoftmax,
  logSumExp,
  nn,
  norm,
  softmax,
  stack,
  type Tensor,
  tensor,
  vjp,
  vmap,
} from "nabla";
import { type Adapter, type Group, Uncovered, type Values } from "./adapter.ts";
import { convTranspose, perChannel, standardize } from "./layer-formulas.ts";

type VectorFunction = (x: Tensor, others: Values) => Tensor;

const lookup = <F>(table: Readonly<Record<string, F>>, name: string): F => {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!found) throw new Uncovered(`no adapter for ${name}`);
  return found;
};

const at = (x: Tensor, i: number): Tensor => x.select(0, i);

const VECTOR_FUNCTIONS: Readonly<Record<string, VectorFunction>> = {
  "v1=x0*x1; v2=sin(v1); v3=v1*v2; v4=cos(v3); v5=exp(v3); outputs (v4, v5)": (x) => {
    const v1 = at(x, 0).mul(at(x, 1));
    const v3 = v1.mul(v1.sin());
    return stack([v3.cos(), v3.exp()]);
  },
  softmax: (x) => softmax(x),
  log_softmax: (x) => logSoftmax(x),
  "W2 tanh(W1 x + b1), weights in the inputs": (x, { W1, b1, W2 }) => W2!.matmul(W1!.matmul(x).add(b1!).tanh()),
  "(r cos t, r sin t)": (x) => stack([at(x, 0).mul(at(x, 1).cos()), at(x, 0).mul(at(x, 1).sin())]),
  "layer_norm over the vector, eps 1e-5": (x) => standardize(x, [0], 1e-5),
  "tanh(conv1d(x, K, padding 1)), K in the inputs": (x, { K }) =>
    x
      .reshape([1, 1, x.size])
      .conv(K!.reshape([1, 1, K!.size]), { padding: 1 })
      .flatten()
      .tanh(),
  cumprod: (x) => cumprod(x, 0),
  "x/||x||": (x) => x.div(norm(x)),
  "gelu (erf)": (x) => x.mul(x.div(Math.SQRT2).erf().add(1).mul(0.5)),
};

const SCALAR_FUNCTIONS: Readonly<Record<string, VectorFunction>> = {
  "sum_i 100 (x_{i+1}-x_i^2)^2 + (1-x_i)^2": (x) => {
    const [head, tail] = [x.slice([0], [-1]), x.slice([1])];
    return tail.sub(head.square()).square().mul(100).add(head.neg().add(1).square()).sum();
  },
  "(sin(x0/x1) + x0/x1 - exp(x1)) * (x0/x1 - exp(x1))": (x) => {
    const ratio = at(x, 0).div(at(x, 1));
    const rest = ratio.sub(at(x, 1).exp());
    return ratio.sin().add(rest).mul(rest);
  },
  "ln(x0) + x0*x1 - sin(x1)": (x) =>
    at(x, 0)
      .log()
      .add(at(x, 0).mul(at(x, 1)))
      .sub(at(x, 1).sin()),
  logsumexp: (x) => logSumExp(x),
  "1/2 x^T A x + y^T x; the Hessian is (A+A^T)/2": (x, { A, y }) => x.matmul(A!.matmul(x)).mul(0.5).add(y!.matmul(x)),
  "cross entropy of logits x with class 1": (x) => at(logSoftmax(x), 1).neg(),
  "sum of BCE-with-logits against 1": (x) => logAddExp(x.neg(), x.like(0)).sum(),
  "product of all entries": (x) => x.prod(),
  "||x||_2": (x) => norm(x),
  "||tanh(W1 x + b1)||^2": (x, { W1, b1 }) => W1!.matmul(x).add(b1!).tanh().square().sum(),
};

const ELEMENTWISE: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sin: (x) => x.sin(),
  exp_sin: (x) => x.sin().exp(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  x_pow_5: (x) => x.pow(5),
  log1p_sq: (x) => x.square().log1p(),
  softplus: (x) => logAddExp(x, x.like(0)),
  rsqrt: (x) => x.square().add(1).rsqrt(),
  erf: (x) => x.erf(),
  silu: (x) => x.mul(x.sigmoid()),
};

/** What `double_backward` differentiates twice; x first, the weight (if any) second. */
const INNER: Readonly<Record<string, (x: Tensor, w: Tensor, cot: Tensor) => Tensor>> = {
  conv2d: (x, w, cot) => x.conv(w, { padding: [2, 3].map((i) => (cot.shape[i]! - x.shape[i]! + w.shape[i]! - 1) / 2) }),
  matmul: (x, w) => x.matmul(w),
  softmax: (x) => softmax(x),
  batch_norm: (x, w) => {
    const y = standardize(
      x,
      x.shape.map((_, i) => i).filter((i) => i !== 1),
      1e-5,
    );
    return y.mul(perChannel(w, y));
  },
  layer_norm: (x) => standardize(x, [-1], 1e-5),
  max_pool: (x) => functional.maxPool2d(x, 2).square(),
  conv_transpose: (x, w, cot) => {
    const stride = [2, 3].map((i) => Math.round((cot.shape[i]! - w.shape[i]!) / (x.shape[i]! - 1)));
    return convTranspose(x, w, { stride, padding: [0, 0], outputPadding: [0, 0] });
  },
  mul_broadcast: (x, w) => x.mul(w).mul(x),
  gather: (x) => indexSelect(x, 1, tensor(Int32Array.of(0, 1, 1))).pow(3),
  logsumexp: (x) => logSumExp(x, -1),
  var: (x) => x.var(-1),
  cumsum: (x) => x.square().cumsum(0),
};

const vectorFunction: Adapter = ({ x, v, u, ...others }, { formula }) => {
  const f = (z: Tensor): Tensor => lookup(VECTOR_FUNCTIONS, formula)(z, others);
  const { value, tangent } = jvp(f)([x!], [v!]);
  return {
    out: value,
    jvp: tangent,
    vjp: vjp(f)(x!).pullback(u!)[0],
    jacobian: jacfwd(f)(x!),
    hessians: jacfwd(jacrev(f))(x!),
  };
};

const scalarFunction: Adapter = ({ x, v, ...others }, { formula }) => {
  const f = (z: Tensor): Tensor => lookup(SCALAR_FUNCTIONS, formula)(z, others);
  const product = hvp(f)([x!], v!);
  return {
    out: f(x!),
    grad: grad(f)(x!),
    directional: jvp(f)([x!], [v!]).tangent,
    hessian: hessian(f)(x!),
    hvp: product,
    vhv: product.mul(v!).sum(),
  };
};

const nthDerivative: Adapter = ({ x }, { function: name, order }) => {
  const derivatives: ((x: Tensor) => Tensor)[] = [lookup(ELEMENTWISE, name)];
  for (let i = 0; i < order; i++) {
    const f = derivatives[i]!;
    derivatives.push(grad((z: Tensor) => f(z).sum()));
  }
  return Object.fromEntries(derivatives.map((f, i) => [`d${i}`, f(x!)]));
};

const doubleBackward: Adapter = ({ x, w, cot }, { inner }) => {
  const f = lookup(INNER, inner);
  const inputs = w ? [x!, w] : [x!];
  const slopes = grad((z: Tensor[]) => f(z[0]!, z[1]!, cot!).mul(cot!).sum())(inputs);
  return slopes.map((slope) => slope.square().sum()).reduce((a, b) => a.add(b));
};

const gradientPenalty: Adapter = ({ x, w1, b1_, w2 }) => {
  const score = (image: Tensor): Tensor => {
    const h = image.conv(w1!, { padding: 1 });
    return functional
      .avgPool2d(h.add(perChannel(b1_!, h)).tanh(), 2)
      .flatten(1)
      .matmul(w2!)
      .sum();
  };
  const slope = grad(score)(x!).flatten(1);
  return norm(slope, { axes: 1 }).sub(1).square().mean();
};

const gaussNewton: Adapter = ({ X, target, W1, W2, v1, v2 }) => {
  const net = ([a, b]: Tensor[]): Tensor => X!.matmul(a!.transpose()).tanh().matmul(b!.transpose());
  const loss = (logits: Tensor): Tensor => nn.crossEntropy(logits, target!);
  const [g1, g2] = gnvp(net, loss)([[W1!, W2!]], [v1!, v2!]);
  const [h1, h2] = hvp((weights: Tensor[]) => loss(net(weights)))([[W1!, W2!]], [v1!, v2!]);
  return { gauss_newton_W1: g1!, gauss_newton_W2: g2!, hessian_W1: h1!, hessian_W2: h2! };
};

export const higherOrder: Group = {
  // What was stored, in words.
  remarks: ["formula"],
  adapters: {
    vector_function: vectorFunction,
    scalar_function: scalarFunction,
    nth_derivative: nthDerivative,
    double_backward: doubleBackward,
    gradient_penalty: gradientPenalty,
    per_sample_grads: ({ X, Y, W }) => {
      const loss = (w: Tensor, x: Tensor, y: Tensor): Tensor => w.matmul(x).sub(y).square().sum();
      return vmap(grad(loss), { inAxes: [null, 0, 0] })(W!, X!, Y!);
    },
    gauss_newton_product: gaussNewton,
  },
};
