/** @file Golden cases (values and gradients by PyTorch in float64): reading them, and comparing by their own tolerances. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { type Entry, readSafetensors } from "../../src/formats/safetensors.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { goldenFolder } from "../golden/folder.ts";

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

type Names = Readonly<Record<string, string>>;

export interface GoldenCase {
  readonly id: string;
  readonly op: string;
  // biome-ignore lint/suspicious/noExplicitAny: attributes differ from op to op.
  readonly attrs: Readonly<Record<string, any>>;
  readonly problem?: string;
  readonly inputs: Names;
  readonly params?: Names;
  readonly outputs: Names;
  readonly cotangents?: Names;
  readonly grads?: Names;
  readonly final?: Names;
  readonly tol: Readonly<Record<string, Readonly<Record<string, Tolerance>>>>;
}

/** One group of golden cases. */
export class Golden {
  readonly cases: readonly GoldenCase[];
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(group: string) {
    const path = `${goldenFolder}${group}`;
    this.cases = JSON.parse(readFileSync(`${path}.json`, "utf8")).cases as GoldenCase[];
    this.#entries = readSafetensors(readFileSync(`${path}.safetensors`), group).entries;
  }

  /** Cases whose id is in the list, in that order. */
  select(ids: readonly string[]): GoldenCase[] {
    return ids.map((id) => {
      const found = this.cases.find((c) => c.id === id);
      if (!found) throw new Error(`golden: there is no case ${id}`);
      return found;
    });
  }

  entry(name: string): Entry {
    const found = this.#entries.get(name);
    if (!found) throw new Error(`golden: no tensor ${name}`);
    return found;
  }

  /** A stored tensor: F32 as f32, I32 as i32; expected values (F64) as f64. */
  tensor(name: string): Tensor {
    const { shape, data } = this.entry(name);
    return tensor(data as Float32Array, { shape });
  }

  /** Compares with the stored tensor: |got - want| <= atol + rtol·|want|, NaN meets NaN, infinities their like. */
  expectClose(got: ArrayLike<number>, name: string, { rtol, atol }: Tolerance, what: string = name): void {
    const want = this.entry(name).data as Float64Array;
    expect(got.length, what).toBe(want.length);
    for (let i = 0; i < want.length; i++) {
      const [g, w] = [got[i], want[i]];
      const same = Object.is(g, w) || g === w || Math.abs(g - w) <= atol + rtol * Math.abs(w);
      if (!same) expect.fail(`${what}[${i}]: got ${g}, want ${w} (rtol ${rtol}, atol ${atol})`);
    }
  }
}
