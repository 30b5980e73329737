/**
 * @file LeNet-5's training step with Adam as one file, and a page that trains it: `node examples/step.mjs FOLDER` writes step.wasm, the loader and index.html there. Any web
 * server can serve the folder; the page loads nothing else. The images are cells of the file too, so a run takes the number of a batch and gives a loss.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { backward, compile, data, functional, manualSeed, models, nn, optim, tensor } from "nabla";

const BATCH = 32;
manualSeed(1);
const { train } = await data.digits();
const count = BATCH * Math.floor(train.count / BATCH);
const images = new nn.State(tensor(Float32Array.from(train.inputs).subarray(0, count * 64), { shape: [count / BATCH, BATCH, 1, 8, 8] }), {
  label: "images",
});
const labels = new nn.State(tensor(Int32Array.from(train.targets).subarray(0, count), { shape: [count / BATCH, BATCH] }), {
  label: "labels",
});

const model = new models.LeNet5();
const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
const step = compile((batch) => {
  const x = functional.interpolate(images.value.take(batch, 0), { size: [28, 28], mode: "bilinear" });
  const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), labels.value.take(batch, 0)), model.parameters());
  optimizer.step(grads);
  return { loss: value };
});

/** The file, and how many batches it has. */
export const file = await step.save(undefined, tensor(0).cast("i32"));
export const batches = count / BATCH;
console.log(
  `step.wasm: ${file.length.toLocaleString("en")} bytes, of which ${(4 * count * 65).toLocaleString("en")} are ${count} images and their classes`,
);

const page = `<!doctype html>
<meta charset="utf-8">
<title>LeNet from one file</title>
<p>LeNet-5 trains on ${count} digits, ${BATCH} at a time, by step.wasm alone.</p>
<pre id="out"></pre>
<script type="module">
  import { load } from "./step.js";
  const step = await load(await (await fetch("step.wasm")).arrayBuffer());
  const out = document.getElementById("out");
  let sum = 0;
  const losses = (globalThis.losses = []);
  for (let i = 0; i < 10 * ${batches}; i++) {
    step.inputs.batch[0] = i % ${batches};
    step.run();
    losses.push(step.outputs.loss[0]);
    sum += step.outputs.loss[0];
    if ((i + 1) % ${batches} === 0) {
      out.textContent += "epoch " + (i + 1) / ${batches} + ": loss " + (sum / ${batches}).toFixed(4) + "\\n";
      sum = 0;
      await new Promise(requestAnimationFrame);
    }
  }
  globalThis.done = true;
</script>
`;

const folder = process.argv[2];
if (folder !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/step.wasm`, file);
  writeFileSync(`${folder}/index.html`, page);
  copyFileSync(fileURLToPath(import.meta.resolve("nabla/step")), `${folder}/step.js`);
  console.log(`${folder}/index.html is the page`);
}
