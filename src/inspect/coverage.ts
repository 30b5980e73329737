/**
 * @file Which of the operators that PyTorch's operator database names have a counterpart here: the source of `docs/coverage.md`. A test finds every
 * counterpart in the package.
 */

/** Why some have none. */
const REASONS = {
  complex: "there are no complex dtypes; `fft` has complex numbers as pairs of reals",
  place: "tensors are immutable: there are no writes in place, views, strides or memory formats",
  sparse: "there are no sparse, nested or quantized tensors",
  lowered: "an inner form of another operator, which PyTorch tests by itself",
  polynomial: "orthogonal polynomials and Bessel functions of higher kinds: few users in deep learning",
  special: "a special function that is not there yet",
  decomposition: "a decomposition that is not there yet",
  half: "there are no 16-bit floats and no 64-bit integers",
} as const;

type Reason = keyof typeof REASONS;

/**
 * A line a name: `name = counterpart`, with `x.` before a method of `Tensor` and else the path from the package, or `name ! reason`. Several names with one
 * counterpart stand in one line; `; ` begins a remark.
 */
const FAMILIES: Readonly<Record<string, string>> = {
  "Elementwise, one operand": `
abs absolute = x.abs
acos arccos = x.acos
acosh arccosh = x.acosh
angle = fft.angle; of pairs of reals
asin arcsin = x.asin
asinh arcsinh = x.asinh
atan arctan = x.atan
atanh arctanh = x.atanh
bitwise_not logical_not = x.not
ceil = x.ceil
cos = x.cos
cosh = x.cosh
deg2rad rad2deg = x.mul
digamma special.psi special.digamma = digamma
erf special.erf = x.erf
erfc special.erfc = erfc
erfinv special.erfinv = erfinv
exp = x.exp
exp2 special.exp2 = x.exp2
expm1 special.expm1 = x.expm1
fix trunc = x.trunc
floor = x.floor
frac = frac
frexp = frexp
isfinite = x.isFinite
isinf isneginf isposinf = x.isInf
isnan = x.isNaN
isreal imag real conj conj_physical resolve_conj resolve_neg view_as_complex view_as_real polar complex ! complex
lgamma special.gammaln = lgamma
log = x.log
log10 = x.log10
log1p special.log1p = x.log1p
log2 = x.log2
logit special.logit = logit
mvlgamma special.multigammaln mvlgamma_mvlgamma_p_1 mvlgamma_mvlgamma_p_3 mvlgamma_mvlgamma_p_5 = special.multigammaln
nan_to_num = nanToNum
neg negative = x.neg
polygamma special.polygamma polygamma_polygamma_n_0 polygamma_polygamma_n_1 polygamma_polygamma_n_2 polygamma_polygamma_n_3 polygamma_polygamma_n_4 = polygamma
positive clone contiguous detach = x.identity
reciprocal = x.recip
round special.round round_decimals_0 = x.round
round_decimals_3 round_decimals_neg_3 = x.round; multiply by 10ⁿ before, divide after
rsqrt = x.rsqrt
sigmoid special.expit = x.sigmoid
sgn sign = x.sign
signbit = signbit
sin = x.sin
sinc special.sinc = sinc
sinh = x.sinh
special.entr = functional.entropy; summed over an axis
special.log_softmax log_softmax log_softmax_with_dtype = logSoftmax
special.softmax softmax softmax_with_dtype = softmax
sqrt = x.sqrt
square = x.square
tan = x.tan
tanh = x.tanh
special.bessel_j0 = special.besselJ0
special.bessel_j1 = special.besselJ1
special.bessel_y0 = special.besselY0
special.bessel_y1 = special.besselY1
special.airy_ai special.modified_bessel_k0 special.modified_bessel_k1 special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 special.spherical_bessel_j0 ! polynomial
special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w ! polynomial
i0 special.i0 special.modified_bessel_i0 = special.i0
special.i0e = special.i0e
special.i1 special.modified_bessel_i1 = special.i1
special.i1e = special.i1e
special.erfcx = special.erfcx
special.log_ndtr = special.logNdtr
special.ndtr = special.ndtr
special.ndtri = special.ndtri
igamma special.gammainc = special.igamma
igammac special.gammaincc = special.igammac
special.zeta ! special
bfloat16 half long chalf cdouble cfloat ! half
bool byte char double float int short to type_as = x.cast`,
  "Elementwise, several operands": `
add __radd__ = x.add
addcdiv addcmul = x.add; with div and mul
atan2 arctan2 = atan2
bitwise_and logical_and __rand__ = x.and
bitwise_left_shift = x.shl
bitwise_or logical_or __ror__ = x.or
bitwise_right_shift = x.shr
bitwise_xor logical_xor __rxor__ = x.xor
clamp clip = x.clamp
clamp_max fmin minimum min_binary = x.minimum; NaN stays, other than in fmin
clamp_min fmax maximum max_binary = x.maximum; NaN stays, other than in fmax
copysign = copysign
div true_divide divide __rdiv__ div_no_rounding_mode = trueDivide
div_floor_rounding floor_divide = floorDivide
div_trunc_rounding div_trunc_rounding_mode = x.div; of integers, else with trunc
eq = x.eq
equal = equal
float_power = floatPower
fmod = x.rem
gcd = gcd
ge greater_equal = x.ge
gt greater = x.gt
heaviside = heaviside
hypot = hypot
isclose = isclose
allclose = allclose
lcm = lcm
ldexp = ldexp
le less_equal = x.le
lerp = lerp
logaddexp = logAddExp
logaddexp2 = logAddExp2
lt less = x.lt
mul multiply __rmul__ = x.mul
ne not_equal = x.ne
nextafter = nextafter
pow __rpow__ = x.pow
remainder __rmod__ = mod
rsub sub subtract __rsub__ = x.sub
special.xlog1py = xlog1py
xlogy special.xlogy = xlogy
where = x.where
masked_fill = maskedFill`,
  "Reductions and statistics": `
all = x.all
amax = x.max
amin = x.min
aminmax = aminmax
any = x.any
argmax = x.argmax
argmin = x.argmin
bincount = bincount
corrcoef = corrcoef
count_nonzero = countNonzero
cov = cov
cummax = cummax
cummin = cummin
cumprod = cumprod
cumsum = x.cumsum
cumulative_trapezoid = cumulativeTrapezoid
diff = diff
dist = dist
gradient = gradient
histc histogram = histogram
histogramdd = histogramdd
kthvalue = kthValue
logcumsumexp = logCumSumExp
logsumexp special.logsumexp = logSumExp
max_reduction_no_dim = x.max
max_reduction_with_dim = x.maxWithIndex
mean = x.mean
median = medianWithIndex
min_reduction_no_dim = x.min
min_reduction_with_dim = x.minWithIndex
mode = mode
nanmean = nanMean
nanmedian = nanMedianWithIndex
nanquantile = nanQuantile
nansum = nanSum
norm norm_fro norm_inf norm_nuc linalg.norm linalg.norm_subgradients_at_zero linalg.vector_norm = norm
prod = x.prod
quantile = quantile
renorm = renorm
std std_unbiased std_mean std_mean_unbiased = x.std
sum sum_to_size = x.sum
topk = topk
trapezoid trapz = trapezoid
unique = unique
unique_consecutive = uniqueConsecutive
var var_unbiased var_mean var_mean_unbiased = x.var
masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize masked.prod masked.softmax masked.softmin masked.std masked.sum masked.var = x.where; choose the neutral element where the mask does not hold, then reduce`,
  "Indexing, sorting, searching": `
__getitem__ = at
argsort = x.argsort
argwhere nonzero nonzero_static = nonzero
bucketize = bucketize
gather = gather
index_add = indexAdd
index_copy = indexCopy
index_fill = indexFill
index_put = indexPut
index_reduce index_reduce_prod index_reduce_mean index_reduce_amax index_reduce_amin = scatterReduce; with the indices repeated
index_select = indexSelect
isin = isin
masked_scatter = maskedScatter
masked_select = maskedSelect
msort sort = x.sort
put = put
scatter = scatter
scatter_add = scatterAdd
scatter_reduce scatter_reduce_sum scatter_reduce_prod scatter_reduce_mean scatter_reduce_amax scatter_reduce_amin = scatterReduce
searchsorted = searchsorted
select select_scatter slice slice_scatter diagonal_scatter = at; writing with indexPut
take = take
take_along_dim = takeAlongAxis
trace = trace`,
  "Shapes and movement": `
T H mT mH t adjoint transpose transpose_copy t_copy permute permute_copy swapaxes swapdims movedim moveaxis = x.transpose
atleast_1d atleast_2d atleast_3d view view_as view_copy reshape reshape_as unflatten = x.reshape
block_diag = blockDiag
broadcast_tensors broadcast_to expand expand_as expand_copy = x.broadcastTo
broadcast_shapes ! lowered
cat concat = concatenate
chunk = chunk
column_stack = columns
combinations = combinations
cartesian_prod = cartesianProd
constant_pad_nd nn.functional.pad nn.functional.pad_constant nn.functional.pad_reflect nn.functional.pad_replicate nn.functional.pad_replicate_negative nn.functional.pad_circular = pad
diag = diag
diag_embed diagflat = diagEmbed
diagonal diagonal_copy linalg.diagonal = diagonal
dsplit hsplit vsplit tensor_split = tensorSplit
dstack = dstack
flatten ravel = x.flatten
flip = x.flip
fliplr = fliplr
flipud = flipud
hstack = hstack
meshgrid meshgrid_list_of_tensors meshgrid_variadic_tensors = meshgrid
narrow narrow_copy = x.narrow
repeat tile = tile
repeat_interleave = repeatInterleave; one count for all elements
roll = roll
rot90 = rot90
split split_list_args split_with_sizes split_with_sizes_copy unsafe_split unsafe_chunk unbind unbind_copy = splitAt
squeeze squeeze_copy squeeze_multiple = x.squeeze
stack = stack
tril = tril
tril_indices = trilIndices
triu = triu
triu_indices = triuIndices
unfold unfold_copy = slidingWindows
unsqueeze unsqueeze_copy = x.unsqueeze
vander = vander
vstack row_stack = vstack
alias_copy as_strided as_strided_copy as_strided_partial_views as_strided_scatter item resize_ resize_as_ copysign_ fill zero_ _chunk_cat _unsafe_masked_index _unsafe_masked_index_put_accumulate rename_ ! place
to_sparse sparse.mm sparse.mm_reduce sparse.sampled_addmm jiterator_binary jiterator_unary jiterator_2inputs_2outputs jiterator_4inputs_with_extra_args jiterator_binary_return_by_ref _segment_reduce_lengths _segment_reduce_offsets ! sparse`,
  "Tensors from nothing, random numbers": `
arange = arange
bernoulli = random.bernoulli
cauchy = random.cauchy
empty empty_like empty_permuted empty_strided new_empty new_empty_strided zeros zeros_like new_zeros = zeros
exponential = random.exponential
eye = eye
full full_like new_full scalar_tensor = full
geometric = random.geometric
linspace linspace_tensor_overload = linspace
log_normal = distributions.LogNormal
logspace logspace_tensor_overload = logspace
multinomial = random.multinomial
normal normal_in_place normal_number_mean randn randn_like = random.normal
ones ones_like new_ones = ones
rand_like uniform = random.uniform
randint randint_like = random.randint
signal.windows.bartlett = signal.bartlett
signal.windows.blackman = signal.blackman
signal.windows.cosine = signal.cosine
signal.windows.gaussian = signal.gaussian
signal.windows.hamming signal.windows.general_hamming = signal.hamming
signal.windows.hann = signal.hann
signal.windows.kaiser = signal.kaiser
signal.windows.exponential signal.windows.general_cosine signal.windows.nuttall ! special`,
  "Linear algebra": `
__rmatmul__ matmul mm mv bmm linalg.matmul = x.matmul
addbmm addmm addmm_decomposed addmv addr baddbmm = x.matmul; with add
cdist = functional.cdist
cholesky linalg.cholesky linalg.cholesky_ex = linalg.cholesky
cholesky_inverse = linalg.choleskyInverse
cholesky_solve = linalg.choleskySolve
cross linalg.cross = cross
dot inner vdot linalg.vecdot tensordot = tensordot
einsum = einsum
ger outer = outer
inverse linalg.inv linalg.inv_ex = linalg.inverse
kron = kron
linalg.cond = linalg.conditionNumber
linalg.det det = linalg.det
linalg.eigh linalg.eigvalsh symeig = linalg.eigh
linalg.lstsq linalg.lstsq_grad_oriented = linalg.lstsq
linalg.matrix_norm = linalg.matrixNorm
linalg.matrix_power = linalg.matrixPower
linalg.matrix_rank linalg.matrix_rank_hermitian = linalg.matrixRank
linalg.multi_dot chain_matmul = linalg.multiDot
linalg.pinv linalg.pinv_hermitian linalg.pinv_singular pinverse = linalg.pinv
linalg.qr qr = linalg.qr
linalg.slogdet slogdet = linalg.slogdet
logdet = linalg.logdet
linalg.solve linalg.solve_ex linalg.tensorsolve linalg.tensorinv = linalg.solve
linalg.solve_triangular triangular_solve = linalg.solveTriangular
linalg.svd svd svd_lowrank pca_lowrank = linalg.svd
linalg.svdvals = linalg.svdvals
linalg.vander = vander
matrix_exp linalg.matrix_exp = linalg.matrixExp
pdist nn.functional.pdist = pdist
linalg.eig = linalg.eig; of real matrices, pairs of reals
linalg.eigvals = linalg.eigvals
linalg.householder_product = linalg.householderProduct
linalg.lu lu lu_unpack = linalg.lu
linalg.lu_factor linalg.lu_factor_ex = linalg.luFactor
linalg.lu_solve lu_solve = linalg.luSolve
geqrf ormqr linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve ! decomposition`,
  "Fourier transforms": `
fft.fft = fft.fft
fft.fft2 = fft.fft2
fft.fftn = fft.fftn
fft.fftshift = fft.fftshift
fft.hfft fft.hfft2 fft.hfftn = fft.hfft
fft.ifft = fft.ifft
fft.ifft2 = fft.ifft2
fft.ifftn = fft.ifftn
fft.ifftshift = fft.ifftshift
fft.ihfft fft.ihfft2 fft.ihfftn = fft.ihfft
fft.irfft = fft.irfft
fft.irfft2 = fft.irfft2
fft.irfftn = fft.irfftn
fft.rfft = fft.rfft
fft.rfft2 = fft.rfft2
fft.rfftn = fft.rfftn
istft = signal.istft
stft = signal.stft`,
  "Layers as functions": `
nn.functional.adaptive_avg_pool1d = functional.adaptiveAvgPool1d
nn.functional.adaptive_avg_pool2d = functional.adaptiveAvgPool2d
nn.functional.adaptive_avg_pool3d = functional.adaptiveAvgPool3d
nn.functional.adaptive_max_pool1d = functional.adaptiveMaxPool1d; positions by adaptiveMaxPoolWithIndices
nn.functional.adaptive_max_pool2d = functional.adaptiveMaxPool2d
nn.functional.adaptive_max_pool3d = functional.adaptiveMaxPool3d
nn.functional.alpha_dropout nn.functional.feature_alpha_dropout_with_train nn.functional.feature_alpha_dropout_without_train = functional.alphaDropout
nn.functional.avg_pool1d = functional.avgPool1d
nn.functional.avg_pool2d = functional.avgPool2d
nn.functional.avg_pool3d = functional.avgPool3d
nn.functional.batch_norm nn.functional.batch_norm_without_cudnn native_batch_norm _native_batch_norm_legit _batch_norm_with_update = functional.batchNorm
nn.functional.bilinear = bilinear
nn.functional.binary_cross_entropy = functional.binaryCrossEntropy
nn.functional.binary_cross_entropy_with_logits = functional.binaryCrossEntropyWithLogits
nn.functional.celu = functional.celu
nn.functional.channel_shuffle nn.functional.native_channel_shuffle = functional.channelShuffle
nn.functional.conv1d = functional.conv1d
nn.functional.conv2d = functional.conv2d
nn.functional.conv3d = functional.conv3d
nn.functional.conv_transpose1d = functional.convTranspose1d
nn.functional.conv_transpose2d = functional.convTranspose2d
nn.functional.conv_transpose3d = functional.convTranspose3d
nn.functional.cosine_embedding_loss = functional.cosineEmbeddingLoss
nn.functional.cosine_similarity = functional.cosineSimilarity
nn.functional.cross_entropy = functional.crossEntropy
nn.functional.ctc_loss = functional.ctcLoss
nn.functional.dropout native_dropout_backward = functional.dropout
nn.functional.dropout2d nn.functional.dropout3d = functional.channelDropout
nn.functional.elu = functional.elu
nn.functional.embedding = functional.embedding
nn.functional.embedding_bag = functional.embeddingBag
nn.functional.fold = functional.fold
nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d ! lowered; random pools, which few networks use
nn.functional.gaussian_nll_loss = functional.gaussianNllLoss
nn.functional.gelu = functional.gelu
nn.functional.glu = functional.glu
nn.functional.grid_sample grid_sampler_2d grid_sampler_3d = functional.gridSample
nn.functional.group_norm = functional.groupNorm
nn.functional.hardshrink = functional.hardShrink
nn.functional.hardsigmoid = functional.hardSigmoid
nn.functional.hardswish = functional.hardSwish
nn.functional.hardtanh = functional.hardTanh
nn.functional.hinge_embedding_loss = functional.hingeEmbeddingLoss
nn.functional.huber_loss = functional.huberLoss
nn.functional.instance_norm = functional.instanceNorm
nn.functional.interpolate_area nn.functional.interpolate_bicubic nn.functional.interpolate_bilinear nn.functional.interpolate_linear nn.functional.interpolate_nearest nn.functional.interpolate_nearest-exact nn.functional.interpolate_trilinear nn.functional.upsample_bilinear nn.functional.upsample_nearest = functional.interpolate
_upsample_bilinear2d_aa _upsample_bicubic2d_aa = functional.interpolate; with antialias
nn.functional.kl_div = functional.klDiv
nn.functional.l1_loss = functional.l1Loss
nn.functional.layer_norm native_layer_norm = functional.layerNorm
nn.functional.leaky_relu = functional.leakyRelu
nn.functional.linear = functional.linear
nn.functional.local_response_norm = functional.localResponseNorm
nn.functional.logsigmoid = functional.logSigmoid
nn.functional.lp_pool1d nn.functional.lp_pool2d nn.functional.lp_pool3d = functional.lpPool2d
nn.functional.margin_ranking_loss = functional.marginRankingLoss
nn.functional.max_pool1d nn.functional.max_pool2d nn.functional.max_pool3d max_pool2d_with_indices_backward = functional.maxPoolWithIndices
nn.functional.max_unpool1d nn.functional.max_unpool1d_grad nn.functional.max_unpool2d nn.functional.max_unpool2d_grad nn.functional.max_unpool3d nn.functional.max_unpool3d_grad = functional.maxUnpool
nn.functional.mish = functional.mish
nn.functional.mse_loss = functional.mseLoss
nn.functional.multi_head_attention_forward = functional.multiHeadAttention
nn.functional.multi_margin_loss = functional.multiMarginLoss
nn.functional.multilabel_margin_loss = functional.multilabelMarginLoss
nn.functional.multilabel_soft_margin_loss = functional.multilabelSoftMarginLoss
nn.functional.nll_loss = functional.nllLoss
nn.functional.normalize = functional.normalize
nn.functional.one_hot = x.oneHot
nn.functional.pairwise_distance = functional.pairwiseDistance
nn.functional.pixel_shuffle = functional.pixelShuffle
nn.functional.pixel_unshuffle = functional.pixelUnshuffle
nn.functional.poisson_nll_loss = functional.poissonNllLoss
nn.functional.prelu = functional.prelu
nn.functional.relu = x.relu
nn.functional.relu6 = functional.relu6
nn.functional.rms_norm = functional.rmsNorm
nn.functional.rrelu = functional.rrelu
nn.functional.scaled_dot_product_attention torch.ops.aten._flash_attention_forward torch.ops.aten._efficient_attention_forward = functional.scaledDotProductAttention
nn.functional.selu = functional.selu
nn.functional.silu nn.functional.silu_complex = functional.silu
nn.functional.smooth_l1_loss = functional.smoothL1Loss
nn.functional.soft_margin_loss = functional.softMarginLoss
nn.functional.softmin nn.functional.softmin_with_dtype = functional.softmin
nn.functional.softplus = functional.softplus
nn.functional.softshrink = functional.softShrink
nn.functional.softsign = functional.softsign
nn.functional.tanhshrink = functional.tanhShrink
nn.functional.threshold = functional.threshold
nn.functional.triplet_margin_loss nn.functional.triplet_margin_with_distance_loss = functional.tripletMarginLoss
nn.functional.unfold = functional.unfold
_softmax_backward_data torch._scaled_mm torch.ops.aten._safe_softmax.default ! lowered`,
};

/** What of an operator or module that has a counterpart is not covered, by PyTorch's name. */
export const PARTLY: Readonly<Record<string, string>> = {
  MaxPool2d: "indices of the layer: `functional.maxPoolWithIndices` gives them",
  istft: "complex signals",
  "linalg.matrix_rank": "a tolerance for each matrix of a batch",
  "linalg.svd": "full matrices: U and V have as many columns as there are singular values",
  svd: "full matrices: U and V have as many columns as there are singular values",
};

/** One name of PyTorch's database. */
export interface Covered {
  readonly family: string;
  readonly name: string;
  /** A path from the package, or `x.` and a method; absent where there is none. */
  readonly counterpart?: string;
  /** What differs, or why there is none. */
  readonly remark: string;
}

/** The table, a row for each name. */
export function coverage(): Covered[] {
  return Object.entries(FAMILIES).flatMap(([family, text]) =>
    text
      .trim()
      .split("\n")
      .flatMap((line) => {
        const [, names, kind, rest] = /^(.*?) ([=!]) (.*)$/.exec(line) ?? [];
        if (!names || !rest) throw new Error(`internal: ${line} is no line of the table`);
        const [target, remark = ""] = rest.split("; ") as [string, string?];
        return names
          .split(" ")
          .map(
            (name): Covered =>
              kind === "=" ? { family, name, counterpart: target, remark } : { family, name, remark: remark || REASONS[target as Reason] },
          );
      }),
  );
}

/** `docs/coverage.md`. */
export function coverageTable(): string {
  const rows = coverage();
  const without = rows.filter((row) => !row.counterpart);
  const sections = Object.keys(FAMILIES).map((family) => {
    const lines = rows
      .filter((row) => row.family === family)
      .map(({ name, counterpart, remark }) => `| \`${name}\` | ${counterpart ? `\`${counterpart}\`` : "not covered"} | ${remark} |`);
    return `## ${family}\n\n| PyTorch | Nabla | |\n| --- | --- | --- |\n${lines.join("\n")}\n`;
  });
  const head = [
    "# Operators of PyTorch and their counterparts",
    "",
    `Names are those of PyTorch 2's operator database with its variants and aliases (\`op_db\` in \`torch.testing._internal\`). ${rows.length - without.length} of ${rows.length} have a counterpart; each of the others has its reason. \`x.\` stands for a method of \`Tensor\`,`,
    "other names for a path from the package. Made by `npm run docs`; a test finds every counterpart.",
  ];
  const partly = Object.entries(PARTLY).map(([name, what]) => `| \`${name}\` | ${what} |`);
  const part = `## Covered in part\n\n| PyTorch | not covered |\n| --- | --- |\n${partly.join("\n")}\n`;
  return `${head.join("\n")}\n\n${[...sections, part].join("\n")}`;
}
