/**
 * @file Adapters of the golden group `normalisation`.
 */
import { functional as F } from "nabla";
import type { Group, Values } from "./adapter.ts";

export const normalisation: Group = {
  // Weights are there or not.
  remarks: ["affine"],
  adapters: {
    batch_norm({ x, weight, bias, running_mean, running_var }, { momentum, eps, training }): Values {
      const result = F.batchNorm(x!, { weight, bias, runningMean: running_mean, runningVar: running_var, momentum, eps, training });
      const { y, runningMean, runningVar } = result;
      if (!training || !runningMean || !runningVar) return { out: y };
      return { out: y, running_mean_after: runningMean, running_var_after: runningVar };
    },
    layer_norm: ({ x, weight, bias }, { normalized_shape, eps }) => F.layerNorm(x!, normalized_shape, { weight, bias, eps }),
    layer_norm_channels_first: ({ x, weight, bias }, { eps }) => F.layerNormChannelsFirst(x!, { weight, bias, eps }),
    group_norm: ({ x, weight, bias }, { num_groups, eps }) => F.groupNorm(x!, num_groups, { weight, bias, eps }),
    instance_norm: ({ x, weight, bias }, { eps }) => F.instanceNorm(x!, { weight, bias, eps }),
    rms_norm: ({ x, weight }, { eps }) => F.rmsNorm(x!, x!.shape.slice(-1), { weight, eps }),
    weight_norm: ({ v, g_ }, { axis }) => F.weightNorm(v!, g_!, { axis }),
    spectral_norm: ({ w }) => F.spectralNorm(w!),
    batch_renorm({ x, weight, bias, running_mean, running_std }, { r_max, d_max, eps, momentum }): Values {
      const { y, r, d, runningMean, runningStd } = F.batchRenorm(x!, {
        weight,
        bias,
        runningMean: running_mean!,
        runningStd: running_std!,
        rMax: r_max,
        dMax: d_max,
        eps,
        momentum,
      });
      return { out: y, r, d, running_mean_after: runningMean, running_std_after: runningStd };
    },
    normalize: ({ x }, { p, axis, eps }) => F.normalize(x!, { p, axis, eps }),
    global_response_norm: ({ x, gamma, beta }, { eps, layout }) =>
      F.globalResponseNorm(x!, { weight: gamma!, bias: beta!, eps, channelAxis: layout === "NHWC" ? -1 : 1 }),
    local_response_norm: ({ x }, { size, alpha, beta, k }) => F.localResponseNorm(x!, size, { alpha, beta, k }),
  },
};
