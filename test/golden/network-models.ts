/**
 * @file The networks of the golden groups `networks` and `training` as their notes describe them, written with `nn` and sized by their stored
 * weights.
 */
import { functional as F, nn, type Tensor } from "nabla";
import type { Attributes } from "./adapter.ts";

/** Shapes of a network's cells by name. */
export type Shapes = (name: string) => readonly number[];

export type Network = nn.Module & { forward(x: Tensor): Tensor };

const linear = (shapes: Shapes, name: string, bias = true): nn.Linear => {
  const [out, features] = shapes(`${name}.weight`);
  return new nn.Linear(features!, out!, { bias });
};

type ConvOptions = nn.Conv2dOptions & { readonly groups?: number };

const conv = (shapes: Shapes, name: string, options: ConvOptions = {}): nn.Conv2d => {
  const [out, perGroup, ...kernel] = shapes(`${name}.weight`);
  return new nn.Conv2d(perGroup! * (options.groups ?? 1), out!, kernel, options);
};

const depthwise = (shapes: Shapes, name: string, options: ConvOptions = {}): nn.Conv2d => {
  const [out, , k] = shapes(`${name}.weight`);
  return conv(shapes, name, { ...options, groups: out!, padding: (k! - 1) / 2 });
};

const bn = (shapes: Shapes, name: string, { bn_eps: eps, bn_momentum: momentum }: Attributes): nn.BatchNorm2d =>
  new nn.BatchNorm2d(shapes(`${name}.weight`)[0]!, { eps, momentum });

const within =
  (shapes: Shapes, prefix: string): Shapes =>
  (name) =>
    shapes(`${prefix}.${name}`);

const globalMean = (x: Tensor): Tensor => x.mean([2, 3]);

type Activation = (x: Tensor) => Tensor;

/** A module of given children whose forward is a function of them. */
function network<C extends Readonly<Record<string, nn.Module | nn.Parameter>>>(children: C, forward: (c: C, x: Tensor) => Tensor): Network {
  class Made extends nn.Module {
    constructor() {
      super();
      Object.assign(this, children);
    }
    forward(x: Tensor): Tensor {
      return forward(children, x);
    }
  }
  return new Made();
}

export function mlp(shapes: Shapes, activation: Activation): Network {
  const layers = { fc1: linear(shapes, "fc1"), fc2: linear(shapes, "fc2"), fc3: linear(shapes, "fc3") };
  return network(layers, ({ fc1, fc2, fc3 }, x) => fc3.forward(activation(fc2.forward(activation(fc1.forward(x))))));
}

export function lenet5(shapes: Shapes): Network {
  const dense = mlp(shapes, (x) => x.tanh());
  const pool = new nn.AvgPool2d(2);
  const convs = { conv1: conv(shapes, "conv1", { padding: 2 }), conv2: conv(shapes, "conv2") };
  const { fc1, fc2, fc3 } = dense as unknown as Record<"fc1" | "fc2" | "fc3", nn.Linear>;
  return network({ ...convs, fc1, fc2, fc3 }, ({ conv1, conv2 }, x) => {
    const h = pool.forward(conv1.forward(x).tanh());
    return dense.forward(pool.forward(conv2.forward(h).tanh()).flatten(1));
  });
}

/** relu(bn2(conv2(relu(bn1(conv1 x)))) + (down(x) or x)) */
function basicBlock(shapes: Shapes, a: Attributes, stride: number, projects: boolean): Network {
  const body = {
    conv1: conv(shapes, "conv1", { stride, padding: 1, bias: false }),
    bn1: bn(shapes, "bn1", a),
    conv2: conv(shapes, "conv2", { padding: 1, bias: false }),
    bn2: bn(shapes, "bn2", a),
  };
  const down = projects ? projection(shapes, a, stride) : undefined;
  return network({ ...body, ...(down ? { down } : {}) }, ({ conv1, bn1, conv2, bn2 }, x) => {
    const y = bn2.forward(conv2.forward(bn1.forward(conv1.forward(x)).relu()));
    return y.add(down ? down.forward(x) : x).relu();
  });
}

const projection = (shapes: Shapes, a: Attributes, stride: number): nn.Sequential =>
  new nn.Sequential(conv(shapes, "down.0", { stride, bias: false }), bn(shapes, "down.1", a));

export function bnResnet(shapes: Shapes, a: Attributes): Network {
  const layers = {
    conv1: conv(shapes, "conv1", { padding: 1, bias: false }),
    bn1: bn(shapes, "bn1", a),
    block1: basicBlock(within(shapes, "block1"), a, 1, false),
    block2: basicBlock(within(shapes, "block2"), a, 2, true),
    fc: linear(shapes, "fc"),
  };
  return network(layers, ({ conv1, bn1, block1, block2, fc }, x) => {
    const h = bn1.forward(conv1.forward(x)).relu();
    return fc.forward(globalMean(block2.forward(block1.forward(h))));
  });
}

function bottleneck(shapes: Shapes, a: Attributes, projects: boolean): Network {
  const { stride, groups } = a;
  const layers = {
    conv1: conv(shapes, "conv1", { bias: false }),
    bn1: bn(shapes, "bn1", a),
    conv2: conv(shapes, "conv2", { stride, padding: 1, groups, bias: false }),
    bn2: bn(shapes, "bn2", a),
    conv3: conv(shapes, "conv3", { bias: false }),
    bn3: bn(shapes, "bn3", a),
  };
  const down = projects ? projection(shapes, a, stride) : undefined;
  return network({ ...layers, ...(down ? { down } : {}) }, ({ conv1, bn1, conv2, bn2, conv3, bn3 }, x) => {
    const h = bn2.forward(conv2.forward(bn1.forward(conv1.forward(x)).relu())).relu();
    return bn3
      .forward(conv3.forward(h))
      .add(down ? down.forward(x) : x)
      .relu();
  });
}

function inception(shapes: Shapes): Network {
  const layers = {
    b1: conv(shapes, "b1"),
    r3: conv(shapes, "r3"),
    b3: conv(shapes, "b3", { padding: 1 }),
    r5: conv(shapes, "r5"),
    b5: conv(shapes, "b5", { padding: 2 }),
    pp: conv(shapes, "pp"),
  };
  const pool = new nn.MaxPool2d(3, { stride: 1, padding: 1 });
  return network(layers, ({ b1, r3, b3, r5, b5, pp }, x) => {
    const three = b3.forward(r3.forward(x).relu()).relu();
    const five = b5.forward(r5.forward(x).relu()).relu();
    return b1
      .forward(x)
      .relu()
      .concat([three, five, pp.forward(pool.forward(x)).relu()], 1);
  });
}

/** x * sigmoid(fc2(act(fc1(global mean)))); dense layers, or 1×1 convolutions, as the weights are. */
function squeezeExcite(shapes: Shapes, activation: Activation): Network {
  const flat = shapes("fc1.weight").length === 2;
  const make = (name: string): Network => (flat ? linear(shapes, name) : conv(shapes, name));
  return network({ fc1: make("fc1"), fc2: make("fc2") }, ({ fc1, fc2 }, x) => {
    const pooled = globalMean(x);
    const s = flat ? pooled : pooled.reshape([...pooled.shape, 1, 1]);
    const gate = fc2.forward(activation(fc1.forward(s))).sigmoid();
    return x.mul(gate.reshape([...pooled.shape, 1, 1]));
  });
}

function mbconv(shapes: Shapes, a: Attributes): Network {
  const se = within(shapes, "se");
  const layers = {
    expand: conv(shapes, "expand", { bias: false }),
    bn0: bn(shapes, "bn0", a),
    dw: depthwise(shapes, "dw", { stride: a.stride, bias: false }),
    bn1: bn(shapes, "bn1", a),
    se: squeezeExcite(se, (x) => new nn.SiLU().forward(x)),
    project: conv(shapes, "project", { bias: false }),
    bn2: bn(shapes, "bn2", a),
  };
  const silu = new nn.SiLU();
  return network(layers, (c, x) => {
    const h = silu.forward(c.bn0.forward(c.expand.forward(x)));
    const d = c.se.forward(silu.forward(c.bn1.forward(c.dw.forward(h))));
    const y = c.bn2.forward(c.project.forward(d));
    return a.stride === 1 && y.shape[1] === x.shape[1] ? y.add(x) : y;
  });
}

/** A layer's work on [N, H, W, C] for x [N, C, H, W]. */
const channelsLast = (x: Tensor, work: (x: Tensor) => Tensor): Tensor => work(x.moveAxis(1, -1)).moveAxis(-1, 1);

/** pw1 and pw2 are dense layers over channels, or 1×1 convolutions, as the weights are. */
function convnext(shapes: Shapes, version: 1 | 2): Network {
  const flat = shapes("pw1.weight").length === 2;
  const make = (name: string): Network => (flat ? linear(shapes, name) : conv(shapes, name));
  const own = (name: string): nn.Parameter => new nn.Parameter(nn.initializers.zeros(shapes(name)), name);
  const extra: Record<string, nn.Parameter> =
    version === 1 ? { layer_scale: own("layer_scale") } : { grn_gamma: own("grn_gamma"), grn_beta: own("grn_beta") };
  const parts = {
    dw: depthwise(shapes, "dw"),
    norm: new nn.LayerNorm(shapes("norm.weight"), { eps: 1e-6 }),
    pw1: make("pw1"),
    pw2: make("pw2"),
  };
  const gelu = new nn.GELU();
  const pointwise = (layer: Network, x: Tensor): Tensor => (flat ? channelsLast(x, (y) => layer.forward(y)) : layer.forward(x));
  const flatOf = (name: string): Tensor => extra[name]!.value.reshape([-1]);
  return network({ ...extra, ...parts }, (_, x) => {
    const normed = channelsLast(parts.dw.forward(x), (y) => parts.norm.forward(y));
    const wide = gelu.forward(pointwise(parts.pw1, normed));
    if (version === 1) return x.add(pointwise(parts.pw2, wide).mul(flatOf("layer_scale").reshape([-1, 1, 1])));
    const responded = F.globalResponseNorm(wide, { weight: flatOf("grn_gamma"), bias: flatOf("grn_beta") });
    return x.add(pointwise(parts.pw2, responded));
  });
}

/** Layers k while there are weights: norm{k}a relu conv{k}a norm{k}b relu conv{k}b, concatenated after the input; then a transition. */
function denseBlock(shapes: Shapes, a: Attributes, has: (name: string) => boolean): Network {
  const layers: Record<string, Network> = {};
  let depth = 0;
  for (; has(`conv${depth}a.weight`); depth++) {
    layers[`norm${depth}a`] = bn(shapes, `norm${depth}a`, a);
    layers[`conv${depth}a`] = conv(shapes, `conv${depth}a`, { bias: false });
    layers[`norm${depth}b`] = bn(shapes, `norm${depth}b`, a);
    layers[`conv${depth}b`] = conv(shapes, `conv${depth}b`, { padding: 1, bias: false });
  }
  layers.tnorm = bn(shapes, "tnorm", a);
  layers.tconv = conv(shapes, "tconv", { bias: false });
  const pool = new nn.AvgPool2d(2);
  const part = (c: Record<string, Network>, x: Tensor, name: string): Tensor =>
    c[`conv${name}`]!.forward(c[`norm${name}`]!.forward(x).relu());
  return network(layers, (c, x) => {
    let y = x;
    for (let k = 0; k < depth; k++) y = y.concat([part(c, part(c, y, `${k}a`), `${k}b`)], 1);
    return pool.forward(c.tconv!.forward(c.tnorm!.forward(y).relu()));
  });
}

function separable(shapes: Shapes, a: Attributes): Network {
  const relu6 = new nn.ReLU6();
  const layers = {
    dw: depthwise(shapes, "dw", { bias: false, stride: a.stride ?? 1 }),
    bn1: bn(shapes, "bn1", a),
    pw: conv(shapes, "pw", { bias: false }),
    bn2: bn(shapes, "bn2", a),
  };
  return network(layers, ({ dw, bn1, pw, bn2 }, x) => {
    const h = relu6.forward(bn1.forward(dw.forward(x)));
    return relu6.forward(bn2.forward(pw.forward(h)));
  });
}

function miniAlexnet(shapes: Shapes): Network {
  const layers = {
    conv1: conv(shapes, "conv1", { stride: 2, padding: 2 }),
    conv2: conv(shapes, "conv2", { padding: 1, groups: 2 }),
    fc: linear(shapes, "fc"),
  };
  const norm = new nn.LocalResponseNorm(5, { alpha: 1e-4, beta: 0.75, k: 2 });
  const [pool, adaptive] = [new nn.MaxPool2d(3, { stride: 2 }), new nn.AdaptiveAvgPool2d(3)];
  return network(layers, ({ conv1, conv2, fc }, x) => {
    const h = pool.forward(norm.forward(conv1.forward(x).relu()));
    return fc.forward(adaptive.forward(conv2.forward(h).relu()).flatten(1));
  });
}

function convAutoencoder(shapes: Shapes): Network {
  const up = (name: string): nn.ConvTranspose2d => {
    const [channels, out, ...kernel] = shapes(`${name}.weight`);
    return new nn.ConvTranspose2d(channels!, out!, kernel, { stride: 2, padding: 1, outputPadding: 1 });
  };
  const half = { stride: 2, padding: 1 };
  const layers = { e1: conv(shapes, "e1", half), e2: conv(shapes, "e2", half), d1: up("d1"), d2: up("d2") };
  const leaky = new nn.LeakyReLU({ negativeSlope: 0.1 });
  return network(layers, ({ e1, e2, d1, d2 }, x) => {
    const code = leaky.forward(e2.forward(leaky.forward(e1.forward(x))));
    return d2.forward(leaky.forward(d1.forward(code))).sigmoid();
  });
}

/** The network of a case, or nothing if there is no such one. */
export function buildNetwork(name: string, shapes: Shapes, a: Attributes, has: (name: string) => boolean): Network | undefined {
  const builders: Record<string, () => Network> = {
    lenet5: () => lenet5(shapes),
    mlp: () => mlp(shapes, (x) => x.tanh()),
    mlp_relu: () => mlp(shapes, (x) => x.relu()),
    mlp_tanh: () => mlp(shapes, (x) => x.tanh()),
    mlp_selu: () => mlp(shapes, F.selu),
    bn_resnet: () => bnResnet(shapes, a),
    bottleneck: () => bottleneck(shapes, a, has("down.0.weight")),
    inception: () => inception(shapes),
    se_block: () => squeezeExcite(shapes, (x) => x.relu()),
    mbconv: () => mbconv(shapes, a),
    convnext_v1: () => convnext(shapes, 1),
    convnext_v2: () => convnext(shapes, 2),
    dense_block: () => denseBlock(shapes, a, has),
    separable: () => separable(shapes, a),
    mini_alexnet: () => miniAlexnet(shapes),
    conv_autoencoder: () => convAutoencoder(shapes),
  };
  return Object.hasOwn(builders, name) ? builders[name]!() : undefined;
}
