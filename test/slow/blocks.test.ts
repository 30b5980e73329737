/** @file Networks of each kind in blocks; all of the zoo nightly. */
import { test } from "vitest";
import { expectSameBits } from "../onnx/in-blocks.ts";

test.each(["lenet1", "alexnet", "resnet20", "mobilenet_v2", "squeezenet1_1", "convnextv2_atto"])("%s", expectSameBits);
