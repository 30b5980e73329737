/** @file Every network of the zoo as an ONNX file, imported again. */
import { test } from "vitest";
import { models } from "../../src/index.ts";
import { expectSameAgain } from "../onnx/zoo-case.ts";

test.each(Object.keys(models.zoo))("%s", async (name) => await expectSameAgain(name));
