/** @file The smallest models of other exporters; the slow suite has all. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { checkModelFolder, hasModel } from "./files.ts";

const folder = fileURLToPath(new URL("../fixtures/onnx", import.meta.url));
const SMALL = /scripted|nms|keras|qdq/;
const names = readdirSync(folder).filter((name) => SMALL.test(name) && hasModel(`${folder}/${name}`));

test.each(names)("%s: outputs, parameters and 20 steps", async (name) => await checkModelFolder(`${folder}/${name}`));
