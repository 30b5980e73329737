/** @file Every network of the zoo in blocks. */
import { test } from "vitest";
import { models } from "../../src/index.ts";
import { expectSameBits } from "../onnx/in-blocks.ts";

test.each(Object.keys(models.zoo))("%s", expectSameBits);
