/** @file Frames and links come back as they were; damaged ones are told apart. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readPlace, writePlace } from "../../src/studio/state/url.ts";
import {
  ACTIVATIONS,
  type Config,
  DATA_NAMES,
  DEFAULT,
  FEATURES,
  INITIALIZERS,
  LOSSES,
  OPTIMIZERS,
  OUTPUTS,
  readConfig,
} from "../../src/studio/worker/config.ts";
import { decodeFrame, encodeFrame, type Frame, TAPS } from "../../src/studio/worker/protocol.ts";
import { sized } from "../size.ts";

const tap = fc
  .tuple(
    fc.constantFrom(...TAPS),
    fc.array(fc.nat(4), { maxLength: 4 }),
    fc.constantFrom(Uint8Array, Float32Array, Float64Array, Uint32Array, Int32Array),
  )
  .map(([id, shape, kind]) => {
    const data = new kind(shape.reduce((a, b) => a * b, 1));
    return { id, shape, data: data.map((_: number, i: number) => i % 251) };
  });
const frame = fc.record({ step: fc.nat(), seconds: fc.double({ noNaN: true }), taps: fc.array(tap, { maxLength: 6 }) });

describe("frames", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(frame, (given) => {
        expect(decodeFrame(encodeFrame(given as Frame))).toEqual(given);
      }),
      { numRuns: sized(200, 5000) },
    );
  });

  test("that are cut short or changed are refused, or are frames; nothing else happens", () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.nat(255), (given, at, byte) => {
        const bytes = encodeFrame(given as Frame);
        expect(() => decodeFrame(bytes.slice(0, at % bytes.length))).toThrow(/^decodeFrame: .*; want a frame of this version, whole$/);
        bytes[at % bytes.length] = byte;
        try {
          decodeFrame(bytes);
        } catch (error) {
          expect((error as Error).message).toMatch(/^decodeFrame: /);
        }
      }),
      { numRuns: sized(200, 5000) },
    );
  });

  test("a shape that is not that of the data is an error", () => {
    expect(() => encodeFrame({ step: 0, seconds: 0, taps: [{ id: "loss", shape: [2, 3], data: new Float32Array(5) }] })).toThrow(
      "encodeFrame: tap loss has 5 elements, want [2, 3]",
    );
  });
});

const layer = fc.record({ units: fc.integer({ min: 1, max: 8 }), activation: fc.constantFrom(...ACTIVATIONS) });
const config: fc.Arbitrary<Config> = fc.record({
  v: fc.constant(1 as const),
  seed: fc.nat(9999),
  data: fc.constantFrom(...DATA_NAMES.filter((name) => name !== "own")),
  count: fc.integer({ min: 4, max: 500 }),
  noise: fc.double({ min: 0, max: 0.5, noNaN: true }),
  features: fc.subarray([...FEATURES], { minLength: 1 }),
  layers: fc.array(layer, { maxLength: 6 }),
  output: fc.constantFrom(...OUTPUTS),
  loss: fc.constantFrom(...LOSSES),
  initializer: fc.constantFrom(...INITIALIZERS),
  optimizer: fc.constantFrom(...OPTIMIZERS),
  lr: fc.double({ min: 1e-5, max: 10, noNaN: true }),
  batch: fc.nat(500),
  l1: fc.constantFrom(0, 0.01),
  l2: fc.constantFrom(0, 0.3),
  dropout: fc.constantFrom(0, 0.5),
});

describe("links", () => {
  test("of random configurations come back as they were", async () => {
    await fc.assert(
      fc.asyncProperty(config, fc.nat(1e6), async (given, step) => {
        const hash = await writePlace({ room: "boundary", config: given, step, view: { look: "warp" }, hide: ["data"] });
        expect(hash.length).toBeLessThan(2000);
        const { place, fault } = await readPlace(`#${hash}`);
        expect(fault).toBe("");
        expect(place).toEqual({ room: "boundary", config: given, edits: [], step, view: { look: "warp" }, hide: ["data"] });
      }),
      { numRuns: sized(200, 1000) },
    );
  });

  test("the default is the room's name alone", async () => {
    expect(await writePlace({ room: "boundary", config: DEFAULT })).toBe("boundary");
  });

  test.each(["#boundary?c=%%%", "#boundary?c=AAAA", "#boundary?c=", "#", "#nowhere"])(
    "%s opens something, and says what is wrong",
    async (hash) => {
      const { place, fault } = await readPlace(hash);
      expect(place.config).toEqual(DEFAULT);
      expect(fault).toMatch(/c=./.test(hash) ? /^The link is damaged/ : /^$/);
    },
  );

  test("fields that cannot be are named and left out, the others stay", () => {
    expect(readConfig({ lr: -1, seed: 7, layers: [{ units: 99, activation: "tanh" }], weights: [1, 2] })).toEqual({
      config: { ...DEFAULT, seed: 7 },
      refused: ["lr", "layers", "weights"],
    });
    expect(readConfig({ data: "own" }).refused).toEqual(["points"]);
    expect(readConfig([]).refused).toEqual(["all of it"]);
  });
});
