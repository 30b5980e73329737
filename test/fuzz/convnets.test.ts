/** @file Some random convolutional networks; thousands in `npm run test:nightly`. */
import { expect, test } from "vitest";
import { sized } from "../size.ts";
import { faultOfNet } from "./convnets.ts";

test("gradients of random convolutional networks are those of f64, on one thread and on two", () => {
  for (let seed = 1; seed <= sized(3, 60); seed++) expect(faultOfNet(seed) ?? "agrees").toBe("agrees");
});
