/** @file The links of the lessons: every point of the lectures leads to the room that shows it, or is listed here as one that no room shows yet. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { demos } from "../../src/demo/index.ts";
import { LINKS } from "../../src/studio/lessons/links.ts";
import { MODEL_EXAMPLES } from "../../src/studio/rooms/model-examples.ts";
import { readPlace, writePlace } from "../../src/studio/state/url.ts";
import { DEFAULT, readConfig } from "../../src/studio/worker/config.ts";
import { formulaOf } from "../../src/studio/worker/expression.ts";
import { Session } from "../../src/studio/worker/session.ts";

/** Points that no room shows, and why. Their cards compute them all the same. */
const WITHOUT_ROOM: Readonly<Record<string, readonly string[]>> = {
  "renormalization shows that its two differences are 0": ["batch-renormalization"],
  "the checks of the room List are of one derivative at a time": [
    "gradient-check",
    "automatic-is-not-numerical",
    "reverse-memory",
    "paths-growth",
  ],
  "whole networks of the zoo: nabla summary": [
    "vgg-columns",
    "googlenet-stem",
    "googlenet-parameters",
    "auxiliary-heads",
    "global-average-pooling",
  ],
  "nets that make images: the room Duel shows points": ["gan-digits", "vae", "generated-augmentation"],
  "a race of two nets": ["relu-trains-faster", "zig-zag"],
  "needs a data set of a thousand classes": ["top-5-error"],
};

const missing = Object.values(WITHOUT_ROOM).flat();
const ofPages = demos.filter(({ document }) => /^S\d$/.test(document)).map(({ name }) => name);

test("every point of the five lectures is linked, or listed as one without a room", () => {
  const known = new Set([...Object.keys(LINKS), ...missing]);
  expect(ofPages.filter((name) => !known.has(name))).toEqual([]);
  const names = new Set(demos.map(({ name }) => name));
  expect([...known].filter((name) => !names.has(name))).toEqual([]);
});

test.each(Object.entries(LINKS))("%s: the link opens as it is meant", async (_name, place) => {
  const config = place.config ?? DEFAULT;
  expect(readConfig(config)).toEqual({ config, refused: [] });
  if (place.room === "boundary") expect(Number.isFinite(new Session(config).measure(new Session(config).train).loss)).toBe(true);
  const { formula, code } = (place.view ?? {}) as { formula?: string; code?: string };
  if (formula !== undefined) expect(formulaOf(formula).inputs.length).toBeGreaterThan(0);
  // Code of the page itself runs at once.
  if (code !== undefined) expect(MODEL_EXAMPLES.map(({ text }) => text)).toContain(code);
  const { view = {} } = place;
  const back = await readPlace(await writePlace({ room: place.room!, config, view }));
  expect(back.fault).toBe("");
  expect([back.place.room, back.place.config, back.place.view ?? {}]).toEqual([place.room, config, view]);
});

test("exclusive or with the crossed feature is learnt by one unit; L1 sets useless weights to 0", () => {
  const xor = new Session(readConfig(LINKS["polynomial-features"]!.config).config);
  xor.seek(500);
  expect(xor.measure(xor.train).accuracy).toBe(1);
  const sparse = new Session(readConfig(LINKS["regularizer-gradient"]!.config).config);
  sparse.seek(2000);
  const weights = Array.from(sparse.net.weights());
  const small = weights.slice(0, -1).filter((w) => Math.abs(w) < 0.05).length;
  expect(small).toBeGreaterThanOrEqual(3);
  expect(sparse.measure(sparse.test).accuracy).toBeGreaterThan(0.9);
});

test("a net that is too large learns its few points and errs on others; one without hidden layers does neither", () => {
  const over = new Session(readConfig(LINKS["early-stopping"]!.config).config);
  over.seek(2000);
  expect(over.measure(over.train).accuracy).toBe(1);
  expect(over.measure(over.test).loss).toBeGreaterThan(10 * over.measure(over.train).loss);
  const under = new Session(readConfig({ data: "circles", noise: 0.1, layers: [] }).config);
  under.seek(1000);
  expect(under.measure(under.train).accuracy).toBeLessThan(0.75);
});
