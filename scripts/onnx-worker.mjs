/** @file A thread of `npm run onnx`: runs the cases that it is sent, so that one that hangs or takes all memory ends this thread alone. */
import { parentPort, workerData } from "node:worker_threads";
import * as nabla from "../dist/node.js";
import * as onnx from "../dist/onnx/index.js";
import { runCase } from "./onnx-cases.mjs";

if (workerData.backend) nabla.setBackend(workerData.backend);
const api = { onnx, tensor: nabla.tensor, compile: nabla.compile, ops: onnx.operators, manualSeed: nabla.random.manualSeed };

parentPort.on("message", async (folder) => parentPort.postMessage(await runCase(api, folder, workerData)));
parentPort.postMessage("ready");
