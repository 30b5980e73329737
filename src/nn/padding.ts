/** @file Padding layers, with PyTorch's names and order of sides. */
import { anyNumber, check, type Expectation, expectation } from "../base/check.ts";
import { type PadMode, pad } from "../math/rearrange.ts";
import type { Tensor } from "../ops/tensor.ts";
import { inputError, Module } from "./module.ts";

/** One number for all sides, or two for each axis of space, the last axis first: [left, right, top, bottom, front, back]. */
export type Padding = number | readonly number[];

const sides = (spatial: number): Expectation =>
  expectation(
    `an integer, or ${2 * spatial} of them, [left, right${spatial > 1 ? ", top, bottom" : ""}${spatial > 2 ? ", front, back" : ""}]`,
    (value) => Number.isInteger(value) || (Array.isArray(value) && value.length === 2 * spatial && value.every(Number.isInteger)),
  );

/** More elements around [N, C, ...space] (or [C, ...space]); negative numbers take some away. */
abstract class Pad extends Module {
  readonly padding: readonly number[];
  readonly value: number;
  readonly #spatial: number;
  readonly #mode: PadMode;

  constructor(spatial: number, padding: Padding, mode: PadMode, value = 0) {
    super();
    check(`${new.target.name}: padding`, padding, sides(spatial));
    [this.#spatial, this.#mode, this.value] = [spatial, mode, value];
    this.padding = typeof padding === "number" ? new Array<number>(2 * spatial).fill(padding) : [...padding];
  }

  /** @throws {RangeError} unless x has the layer's axes of space behind channels, and (mirrored, from the other side) enough elements. */
  forward(x: Tensor): Tensor {
    if (x.rank !== this.#spatial + 1 && x.rank !== this.#spatial + 2) {
      const want = `[batch, channels${", size".repeat(this.#spatial)}]`;
      throw inputError(this.constructor.name, want, x.shape, `this layer pads ${this.#spatial} axes`);
    }
    const widths = Array.from({ length: this.#spatial }, (_, i): [number, number] => [this.padding[2 * i]!, this.padding[2 * i + 1]!]);
    return pad(x, widths.reverse(), this.#mode, this.value);
  }

  protected override details(): string {
    const same = this.padding.every((p) => p === this.padding[0]);
    return same ? `${this.padding[0]}` : this.padding.join(", ");
  }
}

/** Zeros around sequences [N, C, L]. */
export class ZeroPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, "constant");
  }
}

/** Zeros around images [N, C, H, W]. */
export class ZeroPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, "constant");
  }
}

/** Zeros around volumes [N, C, D, H, W]. */
export class ZeroPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, "constant");
  }
}

/** The mirror image, without the edge, around sequences [N, C, L]. */
export class ReflectionPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, "reflect");
  }
}

/** The mirror image, without the edge, around images [N, C, H, W]. */
export class ReflectionPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, "reflect");
  }
}

/** The mirror image, without the edge, around volumes [N, C, D, H, W]. */
export class ReflectionPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, "reflect");
  }
}

/** The edge again around sequences [N, C, L]. */
export class ReplicationPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, "replicate");
  }
}

/** The edge again around images [N, C, H, W]. */
export class ReplicationPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, "replicate");
  }
}

/** The edge again around volumes [N, C, D, H, W]. */
export class ReplicationPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, "replicate");
  }
}

/** The other side around sequences [N, C, L]. */
export class CircularPad1d extends Pad {
  constructor(padding: Padding) {
    super(1, padding, "circular");
  }
}

/** The other side around images [N, C, H, W]. */
export class CircularPad2d extends Pad {
  constructor(padding: Padding) {
    super(2, padding, "circular");
  }
}

/** The other side around volumes [N, C, D, H, W]. */
export class CircularPad3d extends Pad {
  constructor(padding: Padding) {
    super(3, padding, "circular");
  }
}

/** A number around sequences [N, C, L]. */
export class ConstantPad1d extends Pad {
  constructor(padding: Padding, value: number) {
    check("ConstantPad1d: value", value, anyNumber);
    super(1, padding, "constant", value);
  }
}

/** A number around images [N, C, H, W]. */
export class ConstantPad2d extends Pad {
  constructor(padding: Padding, value: number) {
    check("ConstantPad2d: value", value, anyNumber);
    super(2, padding, "constant", value);
  }
}

/** A number around volumes [N, C, D, H, W]. */
export class ConstantPad3d extends Pad {
  constructor(padding: Padding, value: number) {
    check("ConstantPad3d: value", value, anyNumber);
    super(3, padding, "constant", value);
  }
}
