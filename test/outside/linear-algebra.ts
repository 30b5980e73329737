/** @file Adapters of PyTorch's linear algebra and Fourier transforms. */
import * as nabla from "nabla";
import { fft, linalg, signal, Tensor } from "nabla";
import { type Adapter, axes, type Call, Uncovered } from "./call.ts";

const one =
  (f: (x: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(0));
const two =
  (f: (x: Tensor, y: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(0), c.t(1));
const T = (x: Tensor): Tensor => linalg.matrixTranspose(x);
const plus =
  (f: (c: Call) => Tensor): Adapter =>
  (c) => {
    const [alpha, beta] = [c.named("alpha", 1), c.named("beta", 1)];
    return c.t(0).mul(beta).add(f(c).mul(alpha));
  };
const matmul = two((x, y) => x.matmul(y));
/** A symmetric matrix as a function of all its elements, as PyTorch differentiates it; ours read one triangle. */
const symmetric = (x: Tensor): Tensor => x.add(T(x)).mul(0.5);
const cholesky: Adapter = (c) => {
  const l = linalg.cholesky(symmetric(c.t(0)));
  return c.at(1, "upper", false) ? T(l) : l;
};
const okay = (x: Tensor): Tensor => nabla.zeros(x.shape.slice(0, -2), "i32");
const withInfo =
  (f: Adapter): Adapter =>
  (c) =>
    [f(c) as Tensor, okay(c.t(0))].flat();
const svd: Adapter = (c) => {
  const full = c.named("full_matrices", true) && c.named("some", false) === false;
  const x = c.t(0);
  if (full && x.shape.at(-1) !== x.shape.at(-2)) throw new Uncovered("full matrices of the SVD");
  const { u, s, vt } = linalg.svd(x);
  return [s, u.mul(s.unsqueeze(-2)).matmul(vt)];
};
const eigh: Adapter = (c) => {
  c.ignore("eigenvectors");
  const { values, vectors } = linalg.eigh(oneTriangle(c));
  return [values, vectors.abs()];
};
/** The symmetric matrix that one triangle of the first argument tells; its derivative is shared by both triangles, as in PyTorch. */
function oneTriangle(c: Call): Tensor {
  const upper = c.named("UPLO", c.named("upper", true) && !c.has("UPLO") && c.has("upper") ? "U" : "L") === "U";
  const x = c.t(0);
  const half = upper ? nabla.triu(x) : nabla.tril(x);
  const own = half.add(T(half)).sub(
    nabla
      .diagonal(x)
      .unsqueeze(-1)
      .mul(nabla.eye(x.shape.at(-1)!, "f64")),
  );
  const shared = symmetric(x);
  return shared.add(own.sub(shared).stopGradient());
}
const lu: Adapter = (c) => {
  if (!c.named("pivot", true)) throw new Uncovered("LU without pivots");
  const { p, l, u } = linalg.lu(c.t(0));
  return [p, l, u];
};
const luFactor: Adapter = (c) => {
  if (!c.named("pivot", c.at(1, "", true))) throw new Uncovered("LU without pivots");
  const { lu: f, pivots } = linalg.luFactor(c.t(0));
  return [f, pivots.add(1)]; // LAPACK counts from 1
};
/** The permutation of rows from LAPACK's exchanges, which count from 1. */
function permutationOf(pivots: Tensor, rows = pivots.shape.at(-1)!): Tensor {
  const [k, flat] = [pivots.shape.at(-1)!, pivots.dataSync()];
  const all = Array.from({ length: flat.length / Math.max(1, k) }, (_, b) => {
    const order = Array.from({ length: rows }, (_, i) => i);
    for (let i = 0; i < k; i++) {
      const j = flat[b * k + i]! - 1;
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  });
  return nabla.tensor(Int32Array.from(all.flat()), { shape: [...pivots.shape.slice(0, -1), rows] });
}
const luSolve = (b: Tensor, f: Tensor, pivots: Tensor, options: linalg.LuSolveOptions = {}): Tensor =>
  linalg.luSolve({ lu: f, permutation: permutationOf(pivots) }, b, options);

function tolerance(c: Call): linalg.RankOptions {
  const read = (name: string): number | undefined => {
    const given = c.named<number | Tensor | undefined>(name, undefined);
    if (given instanceof Tensor && given.rank > 0) throw new Uncovered("a tolerance for each matrix");
    return given instanceof Tensor ? given.itemSync() : given;
  };
  const [absolute, relative] = [read("atol"), read("rtol")];
  return {
    ...(absolute === undefined ? {} : { absolute }),
    ...(relative === undefined ? {} : { relative }),
    hermitian: c.named("hermitian", false),
  };
}
const order = (given: unknown): linalg.MatrixNorm => {
  if (given === Number.POSITIVE_INFINITY) return "inf";
  return given === Number.NEGATIVE_INFINITY ? "-inf" : (given as linalg.MatrixNorm);
};
/** The norm of matrices over two axes, which go last. */
function matrixNorm(x: Tensor, ord: unknown, over: readonly number[], keepDims: boolean): Tensor {
  const [a, b] = over.map((i) => (i + x.rank) % x.rank) as [number, number];
  const rest = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const y = linalg.matrixNorm(x.transpose([...rest, a, b]), order(ord));
  return keepDims ? y.reshape(x.shape.map((d, i) => (i === a || i === b ? 1 : d))) : y;
}
/** By real part, and then imaginary part: the order of eigenvalues is free. */
const eigenOrder = (w: Tensor): Tensor => fft.real(w).add(fft.imag(w).mul(1e-3)).argsort(-1);
const inOrder = (w: Tensor, order: Tensor): Tensor => fft.complex(fft.real(w).takeAlong(order, -1), fft.imag(w).takeAlong(order, -1));
/** The norm over vectors, or matrices. */
const norm = (places: readonly [ord: string, i: number, dim: number, keep: number]): Adapter => {
  const [name, i, j, k] = places;
  return (c) => {
    const [x, ord] = [c.t(0), c.at<unknown>(i, name, undefined)];
    const over = axes(c.at<number | readonly number[] | undefined>(j, "dim", undefined));
    const keepDims = c.at(k, "keepdim", false);
    const isMatrix = Array.isArray(over) ? over.length === 2 : over === undefined && x.rank === 2;
    // torch.norm takes numbers as norms of vectors.
    const named = typeof ord === "string";
    if (isMatrix && (named || (name === "ord" && ord !== undefined)))
      return matrixNorm(x, ord, (over as readonly number[] | undefined) ?? [0, 1], keepDims);
    return nabla.norm(x, { p: named || ord === undefined ? 2 : (ord as number), ...(over === undefined ? {} : { axes: over }), keepDims });
  };
};
const triangular: Adapter = (c) => {
  const options = { upper: c.named("upper", false), unitDiagonal: c.named("unitriangular", false) };
  if (c.named("left", true)) return linalg.solveTriangular(c.t(0), c.t(1), options);
  return T(linalg.solveTriangular(T(c.t(0)), T(c.t(1)), { ...options, upper: !options.upper }));
};

// ---- Fourier: complex numbers are pairs of reals ------------------------------------------------------------------------------------

const complex = (x: Tensor): Tensor => fft.complex(x);
const once =
  (f: (x: Tensor, o: fft.FftOptions) => Tensor, prepare: (x: Tensor) => Tensor): Adapter =>
  (c) => {
    const n = c.named<number | undefined>("n", undefined);
    return f(prepare(c.t(0)), {
      axis: c.named("dim", -1),
      norm: c.named<fft.FftNorm>("norm", "backward"),
      ...(n === undefined ? {} : { n }),
    });
  };
const many =
  (f: (x: Tensor, o: fft.FftnOptions) => Tensor, prepare: (x: Tensor) => Tensor, two = false): Adapter =>
  (c) => {
    const sizes = c.named<number[] | undefined>("s", undefined);
    const given = c.named<number | number[] | undefined>("dim", two ? [-2, -1] : undefined);
    const over = typeof given === "number" ? [given] : given;
    return f(prepare(c.t(0)), {
      norm: c.named<fft.FftNorm>("norm", "backward"),
      ...(sizes === undefined ? {} : { sizes }),
      ...(over === undefined ? (sizes === undefined ? {} : { axes: sizes.map((_, i) => i - sizes.length) }) : { axes: over }),
    });
  };
const FLIPPED = { backward: "forward", ortho: "ortho", forward: "backward" } as const;
/** hfftn is irfftn of the conjugate with the norm of the other direction, ihfftn the conjugate of such an rfftn. */
const hermitian =
  (inverse: boolean, two: boolean): Adapter =>
  (c) => {
    const [forward, backward] = two ? [fft.rfft2, fft.irfft2] : [fft.rfftn, fft.irfftn];
    const flip = (o: fft.FftnOptions): fft.FftnOptions => ({ ...o, norm: FLIPPED[o.norm!] });
    const f = inverse
      ? (x: Tensor, o: fft.FftnOptions) => fft.conj(forward!(x, flip(o)))
      : (z: Tensor, o: fft.FftnOptions) => backward!(fft.conj(z), flip(o));
    return many(f, inverse ? (x) => x : complex, two)(c);
  };
const shift =
  (f: typeof fft.fftshift): Adapter =>
  (c) => {
    const over = c.named<number | number[] | undefined>("dim", undefined);
    return f(c.t(0), over === undefined ? {} : { axes: typeof over === "number" ? [over] : over });
  };

export const linearAlgebra: Readonly<Record<string, Adapter>> = {
  matmul,
  mm: matmul,
  mv: matmul,
  bmm: matmul,
  dot: matmul,
  vdot: matmul,
  __rmatmul__: (c) => c.t(1).matmul(c.t(0)),
  addmm: plus((c) => c.t(1).matmul(c.t(2))),
  addmv: plus((c) => c.t(1).matmul(c.t(2))),
  baddbmm: plus((c) => c.t(1).matmul(c.t(2))),
  addbmm: plus((c) => c.t(1).matmul(c.t(2)).sum(0)),
  addr: plus((c) => nabla.outer(c.t(1), c.t(2))),
  outer: two(nabla.outer),
  inner: two((x, y) => (x.rank === 0 || y.rank === 0 ? x.mul(y) : nabla.tensordot(x, y, [[-1], [-1]]))),
  kron: two(nabla.kron),
  cross: (c) => nabla.cross(c.t(0), c.t(1), c.named("dim", c.t(0).shape.indexOf(3))),
  "linalg.cross": (c) => nabla.cross(c.t(0), c.t(1), c.named("dim", -1)),
  tensordot: (c) => nabla.tensordot(c.t(0), c.t(1), c.named<number | [number[], number[]]>("dims", 2)),
  einsum: (c) => nabla.einsum(c.at(1, "equation", ""), ...c.at<Tensor[]>(0, "operands", [])),
  cdist: (c) => {
    c.at(3, "compute_mode", "");
    return nabla.functional.cdist(c.t(0), c.t(1), { p: c.at(2, "p", 2) });
  },
  cholesky,
  "linalg.cholesky": cholesky,
  "linalg.cholesky_ex": withInfo(cholesky),
  cholesky_inverse: (c) => linalg.choleskyInverse(c.t(0), { upper: c.at(1, "upper", false) }),
  cholesky_solve: (c) => linalg.choleskySolve(c.t(1), c.t(0), { upper: c.at(2, "upper", false) }),
  inverse: one(linalg.inverse),
  "linalg.inv": one(linalg.inverse),
  "linalg.inv_ex": withInfo(one(linalg.inverse)),
  "linalg.det": one(linalg.det),
  logdet: one(linalg.logdet),
  "linalg.slogdet": (c) => {
    const { sign, logabsdet } = linalg.slogdet(c.t(0));
    return [sign, logabsdet];
  },
  "linalg.cond": (c) => linalg.conditionNumber(c.t(0), order(c.at<unknown>(1, "p", 2))),
  "linalg.eigh": eigh,
  symeig: eigh,
  "linalg.eigvalsh": (c) => linalg.eigh(oneTriangle(c)).values,
  "linalg.eig": (c) => {
    const { values, vectors } = linalg.eig(c.t(0));
    const order = eigenOrder(values);
    return [inOrder(values, order), fft.magnitude(vectors).takeAlong(order.unsqueeze(-2).broadcastTo(vectors.shape.slice(0, -1)), -1)];
  },
  "linalg.eigvals": one((x) => {
    const w = linalg.eigvals(x);
    return inOrder(w, eigenOrder(w));
  }),
  "linalg.householder_product": two(linalg.householderProduct),
  ormqr: (c) => {
    const [all, tau, b] = [c.t(0), c.t(1), c.t(2)];
    const v = all.narrow(-1, 0, tau.shape.at(-1)!);
    const more = v.shape.at(-2)! - v.shape.at(-1)!;
    const none = (x: Tensor): number[] => x.shape.map(() => 0);
    const last = (x: Tensor): number[] => x.shape.map((_, i) => (i === x.rank - 1 ? more : 0));
    const q = linalg.householderProduct(v.pad(none(v), last(v)), tau.pad(none(tau), last(tau)));
    const own = c.at(4, "transpose", false) ? T(q) : q;
    return c.at(3, "left", true) ? own.matmul(b) : b.matmul(own);
  },
  "linalg.lstsq": (c) => {
    c.ignore("driver", "rcond");
    return linalg.lstsq(c.t(0), c.t(1));
  },
  "linalg.matrix_power": (c) => linalg.matrixPower(c.t(0), c.at(1, "n", 1)),
  matrix_exp: one(linalg.matrixExp),
  "linalg.multi_dot": (c) => linalg.multiDot(c.at<Tensor[]>(0, "tensors", [])),
  "linalg.norm": norm(["ord", 1, 2, 3]),
  "linalg.matrix_norm": (c) => matrixNorm(c.t(0), c.at(1, "ord", "fro"), c.at<number[]>(2, "dim", [-2, -1]), c.at(3, "keepdim", false)),
  "linalg.vector_norm": (c) => {
    const over = axes(c.at<number | readonly number[] | undefined>(2, "dim", undefined));
    return nabla.norm(c.t(0), { p: c.at(1, "ord", 2), ...(over === undefined ? {} : { axes: over }), keepDims: c.at(3, "keepdim", false) });
  },
  norm: norm(["p", 1, 2, 3]),
  "linalg.qr": (c) => {
    const { q, r } = linalg.qr(c.t(0));
    return [q, r];
  },
  qr: (c) => {
    const { q, r } = linalg.qr(c.t(0));
    return [q, r];
  },
  "linalg.vander": (c) => {
    const columns = c.named<number | undefined>("N", undefined);
    return nabla.vander(c.t(0), { increasing: true, ...(columns === undefined ? {} : { columns }) });
  },
  "linalg.vecdot": (c) => c.t(0).mul(c.t(1)).sum(c.named("dim", -1)),
  lu: (c) => {
    c.at(2, "get_infos", false);
    const y = luFactor(c) as Tensor[];
    return c.at(2, "get_infos", false) ? [...y, okay(c.t(0))] : y;
  },
  "linalg.lu_factor": luFactor,
  "linalg.lu_factor_ex": withInfo(luFactor),
  "linalg.lu": lu,
  lu_unpack: (c) => {
    const [f, pivots] = [c.t(0), c.t(1)];
    const [m, n] = f.shape.slice(-2) as [number, number];
    const k = Math.min(m, n);
    const p = permutationOf(pivots, m);
    const u = f.slice(new Array(f.rank).fill(0), [...f.shape.slice(0, -2), k, n]);
    const l = nabla.tril(f.slice(new Array(f.rank).fill(0), [...f.shape.slice(0, -1), k]), -1).add(nabla.eye(m, k, "f64"));
    return [p.oneHot(m, "f64").transpose([...p.shape.map((_, i) => i).slice(0, -1), p.rank, p.rank - 1]), l, nabla.triu(u)];
  },
  lu_solve: (c) => luSolve(c.t(0), c.t(1), c.t(2)),
  "linalg.lu_solve": (c) => {
    const [left, transposed] = [c.named("left", true), c.named("adjoint", false)];
    if (left) return luSolve(c.t(2), c.t(0), c.t(1), { transposed });
    return T(luSolve(T(c.t(2)), c.t(0), c.t(1), { transposed: !transposed }));
  },
  "linalg.solve": two(linalg.solve),
  "linalg.solve_ex": withInfo(two(linalg.solve)),
  "linalg.solve_triangular": triangular,
  triangular_solve: (c) => {
    const transposed = c.named("transpose", false);
    const upper = c.named("upper", true);
    const options = { upper: transposed ? !upper : upper, unitDiagonal: c.named("unitriangular", false) };
    return [linalg.solveTriangular(transposed ? T(c.t(1)) : c.t(1), c.t(0), options), c.t(1)];
  },
  "linalg.matrix_rank": (c) => linalg.matrixRank(c.named("hermitian", false) ? oneTriangle(c) : c.t(0), tolerance(c)),
  "linalg.pinv": (c) => linalg.pinv(c.named("hermitian", false) ? c.t(0).add(T(c.t(0))) : c.t(0), tolerance(c)),
  // The samples are a product of two thin matrices.
  "linalg.pinv.singular": (c) => linalg.pinv(c.t(0).matmul(T(c.t(1)))),
  pinverse: one((x) => linalg.pinv(x)),
  svd,
  "linalg.svd": svd,
  "linalg.svdvals": one(linalg.svdvals),
  "linalg.tensorinv": (c) => {
    const [x, ind] = [c.t(0), c.named("ind", 2)];
    const n = x.shape.slice(0, ind).reduce((a, b) => a * b, 1);
    return linalg.inverse(x.reshape([n, -1])).reshape([...x.shape.slice(ind), ...x.shape.slice(0, ind)]);
  },
  "linalg.tensorsolve": (c) => {
    const over = c.named<number[] | undefined>("dims", undefined);
    const [a, b] = [c.t(0), c.t(1)];
    const rest = a.shape.map((_, i) => i).filter((i) => !over?.includes(i));
    const moved = over ? a.transpose([...rest, ...over]) : a;
    return linalg.solve(moved.reshape([b.size, -1]), b.flatten()).reshape(moved.shape.slice(b.rank));
  },
  "fft.fft": once(fft.fft, complex),
  "fft.ifft": once(fft.ifft, complex),
  "fft.rfft": once(fft.rfft, (x) => x),
  "fft.irfft": once(fft.irfft, complex),
  "fft.hfft": once(fft.hfft, complex),
  "fft.ihfft": once(fft.ihfft, (x) => x),
  complex: two((re, im) => fft.complex(re, im)),
  view_as_complex: one((x) => x.identity()),
  polar: two((r, angle) => fft.complex(r.mul(angle.cos()), r.mul(angle.sin()))),
  "fft.fft2": many(fft.fft2, complex, true),
  "fft.ifft2": many(fft.ifft2, complex, true),
  "fft.rfft2": many(fft.rfft2, (x) => x, true),
  "fft.irfft2": many(fft.irfft2, complex, true),
  "fft.hfft2": hermitian(false, true),
  "fft.ihfft2": hermitian(true, true),
  "fft.hfftn": hermitian(false, false),
  "fft.ihfftn": hermitian(true, false),
  "fft.fftn": many(fft.fftn, complex),
  "fft.ifftn": many(fft.ifftn, complex),
  "fft.rfftn": many(fft.rfftn, (x) => x),
  "fft.irfftn": many(fft.irfftn, complex),
  "fft.fftshift": shift(fft.fftshift),
  "fft.ifftshift": shift(fft.ifftshift),
  stft: (c) => signal.stft(c.ignore("return_complex").t(0), frames(c)),
  istft: (c) => {
    const length = c.named<number | undefined>("length", undefined);
    if (c.named("return_complex", false)) throw new Uncovered("a complex signal");
    const z = c.t(0);
    return signal.istft(z, {
      ...frames(c),
      onesided: c.named("onesided", z.shape.at(-3) !== c.named("n_fft", 0)),
      ...(length === undefined ? {} : { length }),
    });
  },
};

function frames(c: Call): signal.IstftOptions {
  const [window, hopLength, winLength] = [
    c.maybe(-1, "window"),
    c.named<number | undefined>("hop_length", undefined),
    c.named<number | undefined>("win_length", undefined),
  ];
  return {
    nFft: c.named("n_fft", 0),
    center: c.named("center", true),
    onesided: c.named("onesided", true),
    ...(window === undefined ? {} : { window }),
    ...(hopLength === undefined ? {} : { hopLength }),
    ...(winLength === undefined ? {} : { winLength }),
  };
}
