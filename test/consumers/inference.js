import { tensor } from "nabla";
import { readSafetensors } from "nabla/formats";
import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "nabla/nn";

/** A file of tensors, as a page would fetch it. */
function file(shapes) {
  let end = 0;
  const header = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const start = end;
    end += 4 * shape.reduce((a, b) => a * b);
    header[name] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  const values = Float32Array.from({ length: end / 4 }, (_, i) => Math.sin(i));
  bytes.set(new Uint8Array(values.buffer), 8 + text.length);
  return bytes;
}

const model = new Sequential(new Conv2d(1, 2, 3), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(18, 3));
model.loadStateDict(readSafetensors(file({ "0.weight": [2, 1, 3, 3], "0.bias": [2], "4.weight": [3, 18], "4.bias": [3] })).entries);
model.eval();
const image = tensor(
  Float32Array.from({ length: 64 }, (_, i) => i % 7),
  { shape: [1, 1, 8, 8] },
);
console.log(model.forward(image).argmax(1).itemSync());
