/**
 * @file Adapters of the golden group `activations`.
 */
import { functional as F } from "nabla";
import type { Group } from "./adapter.ts";

export const activations: Group = {
  adapters: {
    sigmoid: ({ x }) => F.sigmoid(x!),
    tanh: ({ x }) => F.tanh(x!),
    relu: ({ x }) => F.relu(x!),
    relu6: ({ x }) => F.relu6(x!),
    leaky_relu: ({ x }, a) => F.leakyRelu(x!, { negativeSlope: a.negative_slope }),
    elu: ({ x }, a) => F.elu(x!, { alpha: a.alpha }),
    celu: ({ x }, a) => F.celu(x!, { alpha: a.alpha }),
    selu: ({ x }) => F.selu(x!),
    gelu: ({ x }, a) => F.gelu(x!, { approximate: a.approximate }),
    silu: ({ x }) => F.silu(x!),
    swish: ({ x }, a) => F.swish(x!, { beta: a.beta }),
    mish: ({ x }) => F.mish(x!),
    softplus: ({ x }, a) => F.softplus(x!, { beta: a.beta, threshold: a.threshold }),
    softsign: ({ x }) => F.softsign(x!),
    hardtanh: ({ x }, a) => F.hardTanh(x!, { minVal: a.min_val, maxVal: a.max_val }),
    hardsigmoid: ({ x }) => F.hardSigmoid(x!),
    hardswish: ({ x }) => F.hardSwish(x!),
    logsigmoid: ({ x }) => F.logSigmoid(x!),
    tanhshrink: ({ x }) => F.tanhShrink(x!),
    softshrink: ({ x }, a) => F.softShrink(x!, { lambda: a.lambd }),
    hardshrink: ({ x }, a) => F.hardShrink(x!, { lambda: a.lambd }),
    threshold: ({ x }, a) => F.threshold(x!, { threshold: a.threshold, value: a.value }),
    prelu: ({ x, weight }) => F.prelu(x!, weight!),
    softmax: ({ x }, a) => F.softmax(x!, a.axis, { temperature: a.temperature }),
    log_softmax: ({ x }, a) => F.logSoftmax(x!, a.axis, { temperature: a.temperature }),
    softmin: ({ x }, a) => F.softmin(x!, a.axis),
    maxout: ({ x }, a) => F.maxout(x!, { pieces: a.pieces, axis: a.axis }),
    absolute_value_rectification: ({ x }) => F.absolute(x!),
    rbf_unit: ({ x, w }, a) => F.rbf(x!, w!, { sigma: a.sigma }),
    glu: ({ x }, a) => F.glu(x!, { axis: a.axis }),
  },
};
