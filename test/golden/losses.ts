/**
 * @file Adapters of the golden group `losses`.
 */
import { functional as F, type Tensor } from "nabla";
import type { Adapter, Group } from "./adapter.ts";

/** Losses of predictions and targets with options that need no translation. */
const plain =
  (f: (x: Tensor, target: Tensor, options: F.LossOptions & Record<string, unknown>) => Tensor): Adapter =>
  ({ x, target, weight }, { reduction, ...rest }) =>
    f(x!, target!, { reduction, ...rest, ...(weight ? { weight } : {}) });

export const losses: Group = {
  // Targets tell by their dtype.
  remarks: ["soft_targets"],
  adapters: {
    mse_loss: plain(F.mseLoss),
    l1_loss: plain(F.l1Loss),
    smooth_l1_loss: plain(F.smoothL1Loss),
    huber_loss: plain(F.huberLoss),
    binary_cross_entropy: plain(F.binaryCrossEntropy),
    binary_cross_entropy_with_logits: ({ x, target, weight, pos_weight }, { reduction }) =>
      F.binaryCrossEntropyWithLogits(x!, target!, { reduction, weight, posWeight: pos_weight }),
    nll_loss: ({ x, target, weight }, { reduction, ignore_index }) =>
      F.nllLoss(x!, target!, { reduction, weight, ignoreIndex: ignore_index ?? undefined }),
    cross_entropy: ({ x, target, weight }, { reduction, label_smoothing, ignore_index }) =>
      F.crossEntropy(x!, target!, { reduction, weight, labelSmoothing: label_smoothing, ignoreIndex: ignore_index ?? undefined }),
    kl_div: ({ x, target }, { reduction, log_target }) => F.klDiv(x!, target!, { reduction, logTarget: log_target }),
    hinge_loss: plain(F.hingeLoss),
    hinge_embedding_loss: plain(F.hingeEmbeddingLoss),
    soft_margin_loss: plain(F.softMarginLoss),
    multi_margin_loss: plain(F.multiMarginLoss),
    multilabel_soft_margin_loss: plain(F.multilabelSoftMarginLoss),
    multilabel_margin_loss: plain(F.multilabelMarginLoss),
    margin_ranking_loss: ({ x1, x2, target }, { margin, reduction }) => F.marginRankingLoss(x1!, x2!, target!, { margin, reduction }),
    cosine_embedding_loss: ({ x1, x2, target }, { margin, reduction }) => F.cosineEmbeddingLoss(x1!, x2!, target!, { margin, reduction }),
    triplet_margin_loss: ({ a, p, n }, attrs) => F.tripletMarginLoss(a!, p!, n!, attrs),
    poisson_nll_loss: ({ x, target }, { log_input, full, reduction }) =>
      F.poissonNllLoss(x!, target!, { logInput: log_input, full, reduction }),
    gaussian_nll_loss: ({ x, target, var: variance }, { full, eps, reduction }) =>
      F.gaussianNllLoss(x!, target!, variance!, { full, eps, reduction }),
    cosine_similarity: ({ x1, x2 }, { axis, eps }) => F.cosineSimilarity(x1!, x2!, { axis, eps }),
    pairwise_distance: ({ x1, x2 }, { p, eps }) => F.pairwiseDistance(x1!, x2!, { p, eps }),
    l2_penalty: ({ w }) => F.l2Penalty(w!),
    ctc_loss: ({ x, targets, input_lengths, target_lengths }, { blank, reduction }) =>
      F.ctcLoss(F.logSoftmax(x!, -1), targets!, input_lengths!, target_lengths!, { blank, reduction }),
  },
};
