/** @file Affine maps of image coordinates, one for all images or one for each, and images taken at the places of a map. */
import { arange } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

/** A number for all examples, or one for each, [N]. */
export type Scalar = number | Tensor;

/** The place (a·x + b·y + c, d·x + e·y + f) in pixels, from the centre of the first. */
export type AffineMap = readonly [a: Scalar, b: Scalar, c: Scalar, d: Scalar, e: Scalar, f: Scalar];

/** Rows and columns of an image. */
export type ImageSize = readonly [height: number, width: number];

/** Sums and products that leave out zeros and ones, so that a flip costs no more than a flip. */
export const plus = (p: Scalar, q: Scalar): Scalar => {
  if (typeof p === "number") return typeof q === "number" ? p + q : p === 0 ? q : q.add(p);
  return q === 0 ? p : p.add(q);
};
export const times = (p: Scalar, q: Scalar): Scalar => {
  if (p === 0 || q === 0) return 0;
  if (typeof p === "number") return typeof q === "number" ? p * q : p === 1 ? q : q.mul(p);
  return q === 1 ? p : p.mul(q);
};
const dot = (...pairs: (readonly [Scalar, Scalar])[]): Scalar => pairs.reduce<Scalar>((sum, [p, q]) => plus(sum, times(p, q)), 0);

/** First q, then p. */
export function compose([a, b, c, d, e, f]: AffineMap, q: AffineMap): AffineMap {
  const row = (u: Scalar, v: Scalar, w: Scalar): [Scalar, Scalar, Scalar] => [
    dot([u, q[0]], [v, q[3]]),
    dot([u, q[1]], [v, q[4]]),
    plus(dot([u, q[2]], [v, q[5]]), w),
  ];
  return [...row(a, b, c), ...row(d, e, f)];
}

export const IDENTITY: AffineMap = [1, 0, 0, 0, 1, 0];

/** A linear map about the image's centre. */
export function aboutCentre(a: Scalar, b: Scalar, d: Scalar, e: Scalar, [h, w]: ImageSize): AffineMap {
  const [x, y] = [(w - 1) / 2, (h - 1) / 2];
  return compose([1, 0, x, 0, 1, y], compose([a, b, 0, d, e, 0], [1, 0, -x, 0, 1, -y]));
}

/** Pixels of x [N, C, H, W] at the places of a map, bilinear between pixels unless all places are whole: [N, C, ...size]. */
export function resample(x: Tensor, [a, b, c, d, e, f]: AffineMap, [oh, ow]: ImageSize, exact: boolean, fill: "zeros" | "border"): Tensor {
  const [n, channels, h, w] = x.shape;
  const columns = arange(ow, "f32").reshape([1, 1, ow]);
  const rows = arange(oh, "f32").reshape([1, oh, 1]);
  const each = (s: Scalar): Scalar => (typeof s === "number" ? s : s.reshape([n, 1, 1]));
  const place = (u: Scalar, v: Scalar, t: Scalar): Tensor => {
    const p = plus(plus(times(each(u), columns), times(each(v), rows)), each(t)) as Tensor;
    return p.broadcastTo([n, oh, ow]);
  };
  const [px, py] = [place(a, b, c), place(d, e, f)];
  const pixels = x.reshape([n, channels, h * w]);
  const at = (iy: Tensor, ix: Tensor): Tensor => {
    const inside = iy
      .ge(0)
      .and(iy.le(h - 1))
      .and(ix.ge(0))
      .and(ix.le(w - 1));
    const flat = iy
      .clamp(0, h - 1)
      .mul(w)
      .add(ix.clamp(0, w - 1))
      .cast("i32")
      .reshape([n, 1, oh * ow]);
    const y = pixels.takeAlongInside(flat.broadcastTo([n, channels, oh * ow]), 2).reshape([n, channels, oh, ow]);
    return fill === "border" ? y : inside.unsqueeze(1).where(y, 0);
  };
  if (exact) return at(py.round(), px.round());
  const [x0, y0] = [px.floor(), py.floor()];
  const [dx, dy] = [px.sub(x0).unsqueeze(1), py.sub(y0).unsqueeze(1)];
  const across = (iy: Tensor): Tensor => {
    const left = at(iy, x0);
    return left.add(at(iy, x0.add(1)).sub(left).mul(dx));
  };
  const top = across(y0);
  return top.add(across(y0.add(1)).sub(top).mul(dy));
}
