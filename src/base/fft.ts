/**
 * @file Discrete Fourier transforms of one row of complex numbers, real and imaginary parts in arrays of their own, in f64. Lengths whose prime factors
 * are small go through a self-sorting mixed radix algorithm (Stockham; Temperton 1983), others through a convolution with a chirp (Bluestein 1970):
 * n log n for any n. Roots of unity come from angles of at most π/4, so each is right to the last place or two.
 */

/** A transform of one length: e^(-2πi jk/n), without a factor, in place. */
export interface Transform {
  readonly n: number;
  /** cos 2πk/n and sin 2πk/n. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
  run(re: Float64Array, im: Float64Array): void;
}

/** The largest prime factor that is done directly; beyond it the chirp takes fewer operations. */
const LARGEST_RADIX = 61;
/** Transforms that are kept; a tool uses few lengths at a time. */
const KEPT = 24;
const kept = new Map<number, Transform>();

/** The transform of length n >= 1. Those used last are kept. */
export function transformOf(n: number): Transform {
  const known = kept.get(n);
  if (known) {
    kept.delete(n);
    kept.set(n, known);
    return known;
  }
  const radices = radicesOf(n);
  const made = radices.every((r) => r <= LARGEST_RADIX) ? mixedRadix(n, radices) : chirp(n);
  kept.set(n, made);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return made;
}

/** The least n' >= n of which 5 is the largest prime factor. */
export function fastLength(n: number): number {
  for (let m = Math.max(1, n); ; m++) {
    let rest = m;
    for (const p of [2, 3, 5]) while (rest % p === 0) rest /= p;
    if (rest === 1) return m;
  }
}

/** Prime factors, with fours for pairs of twos. */
function radicesOf(n: number): number[] {
  const radices: number[] = [];
  let rest = n;
  for (let p = 4; rest > 1; ) {
    if (rest % p === 0) {
      radices.push(p);
      rest /= p;
    } else if (p === 4) p = 2;
    else if (p === 2) p = 3;
    else if (p * p > rest) p = rest;
    else p += 2;
  }
  return radices;
}

/** cos and sin of 2πk/n for k < n. The octant that k lies in is found in integers. */
function roots(n: number): { cos: Float64Array; sin: Float64Array } {
  const cos = new Float64Array(n);
  const sin = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const quarter = Math.round((4 * k) / n);
    const angle = (Math.PI / 2) * ((4 * k - quarter * n) / n);
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const turn = quarter % 4;
    cos[k] = turn === 0 ? c : turn === 1 ? -s : turn === 2 ? -c : s;
    sin[k] = turn === 0 ? s : turn === 1 ? c : turn === 2 ? -s : -c;
  }
  return { cos, sin };
}

interface Row {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

const row = (n: number): Row => ({ re: new Float64Array(n), im: new Float64Array(n) });

/** One stage: `m` butterflies of `radix` rows for each of `s` interleaved transforms of length radix·m. */
type Stage = (x: Row, y: Row, m: number, s: number, w: { readonly cos: Float64Array; readonly sin: Float64Array }) => void;

function mixedRadix(n: number, radices: readonly number[]): Transform {
  const w = roots(n);
  const other = row(n);
  const stages = radices.map((r): Stage => (r === 2 ? byTwo : r === 4 ? byFour : byPrime(r)));
  return {
    n,
    ...w,
    run(re, im) {
      let [x, y]: [Row, Row] = [{ re, im }, other];
      let m = n;
      let s = 1;
      radices.forEach((r, i) => {
        m /= r;
        stages[i]!(x, y, m, s, w);
        s *= r;
        [x, y] = [y, x];
      });
      if (x.re !== re) {
        re.set(x.re);
        im.set(x.im);
      }
    },
  };
}

const byTwo: Stage = (x, y, m, s, { cos, sin }) => {
  for (let p = 0; p < m; p++) {
    const [c, d] = [cos[p * s]!, -sin[p * s]!];
    for (let q = 0; q < s; q++) {
      const [a, b] = [q + s * p, q + s * (p + m)];
      const [ar, ai, br, bi] = [x.re[a]!, x.im[a]!, x.re[b]!, x.im[b]!];
      const to = q + s * 2 * p;
      y.re[to] = ar + br;
      y.im[to] = ai + bi;
      const [dr, di] = [ar - br, ai - bi];
      y.re[to + s] = dr * c - di * d;
      y.im[to + s] = dr * d + di * c;
    }
  }
};

const byFour: Stage = ({ re: xr, im: xi }, { re: yr, im: yi }, m, s, { cos, sin }) => {
  for (let p = 0; p < m; p++) {
    const at = p * s;
    const c1 = cos[at]!;
    const d1 = -sin[at]!;
    const c2 = cos[2 * at]!;
    const d2 = -sin[2 * at]!;
    const c3 = cos[3 * at]!;
    const d3 = -sin[3 * at]!;
    for (let q = 0; q < s; q++) {
      const a = q + at;
      const b = a + s * m;
      const c = b + s * m;
      const d = c + s * m;
      const sumR = xr[a]! + xr[c]!;
      const sumI = xi[a]! + xi[c]!;
      const difR = xr[a]! - xr[c]!;
      const difI = xi[a]! - xi[c]!;
      const oddR = xr[b]! + xr[d]!;
      const oddI = xi[b]! + xi[d]!;
      // -i (b - d)
      const turnR = xi[b]! - xi[d]!;
      const turnI = xr[d]! - xr[b]!;
      const to = q + 4 * at;
      yr[to] = sumR + oddR;
      yi[to] = sumI + oddI;
      const r1 = difR + turnR;
      const i1 = difI + turnI;
      yr[to + s] = r1 * c1 - i1 * d1;
      yi[to + s] = r1 * d1 + i1 * c1;
      const r2 = sumR - oddR;
      const i2 = sumI - oddI;
      yr[to + 2 * s] = r2 * c2 - i2 * d2;
      yi[to + 2 * s] = r2 * d2 + i2 * c2;
      const r3 = difR - turnR;
      const i3 = difI - turnI;
      yr[to + 3 * s] = r3 * c3 - i3 * d3;
      yi[to + 3 * s] = r3 * d3 + i3 * c3;
    }
  }
};

/** An odd prime r: of the terms j and r - j the sums and differences are made once, which halves the products. */
function byPrime(r: number): Stage {
  const { cos: cr, sin: sr } = roots(r);
  const half = (r - 1) / 2;
  const fresh = (): Float64Array => new Float64Array(half + 1);
  const [sumR, sumI, difR, difI] = [fresh(), fresh(), fresh(), fresh()];
  return ({ re: xr, im: xi }, { re: yr, im: yi }, m, s, { cos, sin }) => {
    const store = (to: number, at: number, re: number, im: number): void => {
      yr[to] = re * cos[at]! + im * sin[at]!;
      yi[to] = im * cos[at]! - re * sin[at]!;
    };
    for (let p = 0; p < m; p++) {
      for (let q = 0; q < s; q++) {
        const from = q + s * p;
        const [r0, i0] = [xr[from]!, xi[from]!];
        let [totalR, totalI] = [r0, i0];
        for (let j = 1; j <= half; j++) {
          const [a, b] = [from + s * m * j, from + s * m * (r - j)];
          totalR += sumR[j] = xr[a]! + xr[b]!;
          totalI += sumI[j] = xi[a]! + xi[b]!;
          difR[j] = xr[a]! - xr[b]!;
          difI[j] = xi[a]! - xi[b]!;
        }
        const to = q + s * r * p;
        store(to, 0, totalR, totalI);
        for (let k = 1; k <= half; k++) {
          let [evenR, evenI, oddR, oddI] = [r0, i0, 0, 0];
          for (let j = 1, t = k; j <= half; j++, t = (t + k) % r) {
            evenR += sumR[j]! * cr[t]!;
            evenI += sumI[j]! * cr[t]!;
            oddR += difI[j]! * sr[t]!;
            oddI -= difR[j]! * sr[t]!;
          }
          store(to + k * s, p * k * s, evenR + oddR, evenI + oddI);
          store(to + (r - k) * s, p * (r - k) * s, evenR - oddR, evenI - oddI);
        }
      }
    }
  };
}

/** jk = (j² + k² - (k - j)²)/2 makes the transform a convolution with e^(πi k²/n), done by transforms of a power of two. */
function chirp(n: number): Transform {
  const length = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const inner = mixedRadix(length, radicesOf(length));
  const twice = roots(2 * n);
  const [cos, sin] = [new Float64Array(n), new Float64Array(n)];
  const b = row(length);
  for (let k = 0, square = 0; k < n; square = (square + 2 * k + 1) % (2 * n), k++) {
    cos[k] = twice.cos[square]!;
    sin[k] = twice.sin[square]!;
    for (const at of k === 0 ? [0] : [k, length - k]) {
      b.re[at] = cos[k]!;
      b.im[at] = sin[k]!;
    }
  }
  inner.run(b.re, b.im);
  const { re, im } = row(length);
  return {
    n,
    cos: twice.cos.filter((_, k) => k % 2 === 0),
    sin: twice.sin.filter((_, k) => k % 2 === 0),
    run(xr, xi) {
      re.fill(0, n);
      im.fill(0, n);
      for (let k = 0; k < n; k++) {
        re[k] = xr[k]! * cos[k]! + xi[k]! * sin[k]!;
        im[k] = xi[k]! * cos[k]! - xr[k]! * sin[k]!;
      }
      inner.run(re, im);
      // The conjugate of the product: a transform of it is the conjugate of the inverse.
      for (let k = 0; k < length; k++) {
        const r = re[k]! * b.re[k]! - im[k]! * b.im[k]!;
        im[k] = -(re[k]! * b.im[k]! + im[k]! * b.re[k]!);
        re[k] = r;
      }
      inner.run(re, im);
      for (let k = 0; k < n; k++) {
        const [r, i] = [re[k]! / length, -im[k]! / length];
        xr[k] = r * cos[k]! + i * sin[k]!;
        xi[k] = i * cos[k]! - r * sin[k]!;
      }
    },
  };
}

/** The first ⌊n/2⌋ + 1 terms of the transform of n real numbers; the others are their conjugates. */
export function realTransform(x: Float64Array, re: Float64Array, im: Float64Array): void {
  const n = x.length;
  const h = n / 2;
  if (n % 2 === 1) {
    const [wideR, wideI] = [Float64Array.from(x), new Float64Array(n)];
    transformOf(n).run(wideR, wideI);
    re.set(wideR.subarray(0, re.length));
    im.set(wideI.subarray(0, re.length));
    return;
  }
  // Even elements as real, odd ones as imaginary parts of half as many numbers.
  const zr = Float64Array.from({ length: h }, (_, j) => x[2 * j]!);
  const zi = Float64Array.from({ length: h }, (_, j) => x[2 * j + 1]!);
  transformOf(h).run(zr, zi);
  const { cos, sin } = halfRoots(n);
  for (let k = 0; k <= h; k++) {
    const [a, b] = [k % h, (h - k) % h];
    const [evenR, evenI] = [(zr[a]! + zr[b]!) / 2, (zi[a]! - zi[b]!) / 2];
    const [oddR, oddI] = [(zi[a]! + zi[b]!) / 2, (zr[b]! - zr[a]!) / 2];
    const [c, s] = [cos[k]!, sin[k]!];
    re[k] = evenR + oddR * c + oddI * s;
    im[k] = k === 0 || k === h ? 0 : evenI + oddI * c - oddR * s;
  }
}

/** Σ over all n terms of a spectrum with the first ⌊n/2⌋ + 1 given and the others their conjugates: n real numbers, n times the inverse. */
export function realInverse(re: Float64Array, im: Float64Array, x: Float64Array): void {
  const n = x.length;
  const h = n / 2;
  im[0] = 0;
  if (n % 2 === 1) {
    const [wideR, wideI] = [new Float64Array(n), new Float64Array(n)];
    for (let k = 0; k < n; k++) {
      const [at, sign] = k <= n / 2 ? [k, 1] : [n - k, -1];
      wideR[k] = re[at]!;
      wideI[k] = -sign * im[at]!;
    }
    transformOf(n).run(wideR, wideI);
    x.set(wideR);
    return;
  }
  im[h] = 0;
  const { cos, sin } = halfRoots(n);
  const [zr, zi] = [new Float64Array(h), new Float64Array(h)];
  for (let k = 0; k < h; k++) {
    const [sumR, sumI] = [re[k]! + re[h - k]!, im[k]! - im[h - k]!];
    const [difR, difI] = [re[k]! - re[h - k]!, im[k]! + im[h - k]!];
    const [oddR, oddI] = [difR * cos[k]! - difI * sin[k]!, difI * cos[k]! + difR * sin[k]!];
    zr[k] = sumR - oddI;
    // Conjugated, so that the forward transform makes the inverse.
    zi[k] = -(sumI + oddR);
  }
  transformOf(h).run(zr, zi);
  for (let j = 0; j < h; j++) {
    x[2 * j] = zr[j]!;
    x[2 * j + 1] = -zi[j]!;
  }
}

const keptRoots = new Map<number, { cos: Float64Array; sin: Float64Array }>();

/** cos and sin of 2πk/n for k <= n/2; the last used is kept. */
function halfRoots(n: number): { cos: Float64Array; sin: Float64Array } {
  const known = keptRoots.get(n);
  if (known) return known;
  const all = roots(n);
  const half = { cos: all.cos.slice(0, n / 2 + 1), sin: all.sin.slice(0, n / 2 + 1) };
  if (keptRoots.size >= KEPT) keptRoots.clear();
  keptRoots.set(n, half);
  return half;
}
