/** @file The numbers of the room Flow are those of the lectures and of the instruments; its remedies help. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { grad } from "../../src/function/derivative.ts";
import { functionalCall } from "../../src/nn/functional-call.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { FLOW_EXAMPLES, patchFor } from "../../src/studio/rooms/flow-nets.ts";
import { DEFAULT } from "../../src/studio/worker/config.ts";
import { type DeepNet, FIRST_NET, readNet } from "../../src/studio/worker/deep-net.ts";
import { type FlowAnswer, FlowDesk } from "../../src/studio/worker/flow.ts";
import { Session } from "../../src/studio/worker/session.ts";

const desk = new FlowDesk();
const ask = (net: Partial<DeepNet>): Promise<FlowAnswer> => desk.ask({ net: { ...FIRST_NET, ...net } });
const close = (a: number, b: number): boolean => Math.abs(a / b - 1) < 1e-4;

describe("a deep net", () => {
  test("ten sigmoids pass on at most 9.5e-7, and the gradient vanishes", async () => {
    const found = await ask({});
    expect(found.activations / 0.25 ** 10).toBeCloseTo(1, 2);
    expect(found.verdict).toBe("vanishing");
    expect(found.ratio).toBeLessThan(1e-6);
    expect(found.layers).toHaveLength(11);
    expect(found.widths).toEqual([2, ...new Array<number>(10).fill(16), 1]);
  });

  test.each(FLOW_EXAMPLES.map(({ name, net }) => [name, net] as const))(
    "%s: the truth lies between its bounds, at each layer",
    async (_, net) => {
      const found = await desk.ask({ net });
      for (const { gain, low, high } of found.factors) {
        expect(gain).toBeGreaterThanOrEqual(low * (1 - 1e-5));
        expect(gain).toBeLessThanOrEqual(high * (1 + 1e-5));
      }
      expect(found.bounds.lower).toBeLessThanOrEqual(found.bounds.truth * (1 + 1e-5));
      expect(found.bounds.upper).toBeGreaterThanOrEqual(found.bounds.truth * (1 - 1e-5));
      expect(found.bounds.lower === 0).toBe(found.bounds.vacuous !== undefined);
    },
  );

  test("orthogonal layers of linear units: bounds and gradient are one line", async () => {
    const { layers } = await ask({ depth: 12, width: 8, activation: "linear", initializer: "orthogonal" });
    for (const { gradient, upper, lower } of layers.slice(0, -1)) expect(close(upper, lower) && close(gradient, upper)).toBe(true);
  });

  test("a scale multiplies the gain of every layer", async () => {
    const linear = { depth: 6, activation: "linear", width: 8 } as const;
    const [one, two] = [await ask(linear), await ask({ ...linear, scale: 2 })];
    const gains = (found: FlowAnswer): number[] => found.factors.filter(({ kind }) => kind === "linear").map(({ gain }) => gain);
    expect(gains(two).every((gain, i) => close(gain, 2 * gains(one)[i]!))).toBe(true);
    expect((await ask({ depth: 15, width: 32, activation: "linear", initializer: "N(0, 1)" })).verdict).toBe("exploding");
  });

  test("the remedies that are offered change the net, and together they help", async () => {
    const before = await ask({});
    const patches = before.remedies.map(patchFor);
    expect(patches).not.toContain(undefined);
    expect((await ask(Object.assign({}, ...patches))).verdict).toBe("healthy");
    expect((await ask({ norm: "layer norm", residual: true })).verdict).toBe("healthy");
  });

  test("a row by matrices costs n², matrices by matrices n³", async () => {
    const { vectorFirst, matrixFirst } = await ask({ depth: 10, width: 16 });
    expect([vectorFirst, matrixFirst]).toEqual([9 * 16 ** 2 + 16, 8 * 16 ** 3 + 16 ** 2]);
  });

  test("what a link says wrongly is that of the first net", () => {
    expect(readNet({ depth: 51, width: 3, scale: "x", norm: "no", residual: 1, activation: "ReLU" })).toEqual({
      ...FIRST_NET,
      width: 3,
      activation: "ReLU",
    });
    expect(readNet(null)).toEqual(FIRST_NET);
  });
});

test("the net of the run: of one point the truth is the length of its own gradient", async () => {
  const session = new Session({ ...DEFAULT, count: 40 });
  session.advance(30);
  const { net, train } = session;
  const points = [train.xy[0]!, train.xy[1]!, train.labels[0]!];
  const found = await desk.ask({ config: session.config, weights: net.weights(), points });
  expect(found.widths).toEqual([2, 8, 8, 1]);
  const first = net.linears[0]!.weight;
  const loss = (w: Tensor): Tensor =>
    functionalCall(net.model, { "0.weight": w }, () => net.error(net.model.forward(tensor([points.slice(0, 2)])), tensor([[points[2]!]])))
      .result;
  const gradient = grad(loss)(first.value);
  expect(found.bounds.truth).toBeCloseTo(Math.hypot(...gradient.dataSync()), 6);
});
