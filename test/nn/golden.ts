/** @file Golden cases (values and gradients by PyTorch in float64): reading them, and comparing by their own tolerances. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Entry, readSafetensors } from "../../src/formats/safetensors.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const folder = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));

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

/** One group of golden cases. `present` is false where the data are not at hand; then `cases` is empty. */
export class Golden {
  readonly present: boolean;
  readonly cases: readonly GoldenCase[];
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(group: string) {
    const path = `${folder}${group}`;
    this.present = existsSync(`${path}.json`);
    this.cases = this.present ? (JSON.parse(readFileSync(`${path}.json`, "utf8")).cases as GoldenCase[]) : [];
    this.#entries = this.present ? readSafetensors(readFileSync(`${path}.safetensors`), group).entries : new Map();
  }

  /** Cases whose id is in the list, in that order; the list stands in the test even where the data are missing. */
  select(ids: readonly string[]): GoldenCase[] {
    return ids.map((id) => this.cases.find((c) => c.id === id)!);
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

export const SKIP_REASON = "skipped where ../shared/golden is not there";
