/**
 * @file Damaged files of steps: the loader gives arrays that lie in the memory of the file, or one error of one line; a name in a file reaches nothing but the step's own fields.
 */
import { expect, test } from "vitest";
import { saveAll } from "../../src/function/save.ts";
import { backward, compile, nn, optim, type Tensor, tensor } from "../../src/index.ts";
import { load, type StepArray } from "../../src/runtime/wasm/step.ts";
import { type Damage, mutated } from "../formats/mutate.ts";
import { sized } from "../size.ts";

const model = new nn.Sequential(new nn.Linear(3, 2));
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
const train = compile((x: Tensor, y: Tensor) => {
  const { value, grads } = backward(() => nn.quadraticLoss(model.forward(x), y), model.parameters());
  optimizer.step(grads);
  return { loss: value };
});
const file = await saveAll({ train }, { train: [tensor([[1, 2, 3]]), tensor([[1, 2]])] });

/** Characters of the names that say where elements are, of which there are as many after as before. */
const damageNames: Damage = (bytes, dice) => {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const names = [...text.matchAll(/(?:inputs|outputs|cells) [\w. ]+\[[\d,]*\]/g)];
  if (names.length === 0) return bytes;
  const copy = bytes.slice();
  const { index, 0: name } = dice.pick(names);
  const piece = dice.pick([
    "9",
    "9999",
    "[",
    "]",
    ",",
    " ",
    "-1",
    "f32",
    "f64",
    "u8",
    "x32",
    "\n",
    "\0",
    "cells ",
    "__proto__ ",
    "constructor ",
    "\u00ff",
  ]);
  const at = index + dice.below(name.length);
  for (let i = 0; i < piece.length && at + i < index + name.length; i++) copy[at + i] = piece.charCodeAt(i);
  return copy;
};

const damaged = (seed: number): Uint8Array => mutated({ files: [file], damages: [damageNames], read: () => undefined }, seed);

/** How the loader takes bytes. */
async function outcomeOf(bytes: Uint8Array): Promise<"read" | "refused" | { readonly fault: string }> {
  const started = performance.now();
  let arrays: StepArray[];
  try {
    const step = await load(bytes.slice());
    arrays = [step.inputs, step.outputs, step.cells].flatMap((fields) => Object.values(fields));
  } catch (error) {
    // The engine says what is wrong with a module, the loader what is wrong with a name.
    const { message, stack } = error as Error;
    const ofEngine = [WebAssembly.CompileError, WebAssembly.LinkError, WebAssembly.RuntimeError, RangeError];
    return (ofEngine.some((kind) => error instanceof kind) || message.startsWith("step: ")) && /^.{5,400}$/u.test(message)
      ? "refused"
      : { fault: stack ?? message };
  }
  if (performance.now() - started > 10_000) return { fault: "took more than 10 s" };
  const wrong = arrays.find((x) => x.shape.reduce((a, b) => a * b, 1) !== x.length);
  return wrong ? { fault: `shape [${wrong.shape}] with ${wrong.length} elements` } : "read";
}

test("the good file is read", async () => {
  const { inputs, cells } = await load(file.slice());
  expect(Object.keys(inputs)).toEqual(["x", "y"]);
  expect(Object.keys(cells)).toEqual(["0.weight", "0.bias", "lr"]);
  expect(await outcomeOf(file)).toBe("read");
});

test("damage that was taken for a step, or for a fault, once", async () => {
  for (const seed of [42874, 54748, 65878, 94976]) expect(await outcomeOf(damaged(seed)), `seed ${seed}`).toBe("refused");
});

test("two thousand damaged files, a hundred thousand in the nightly suite", async () => {
  const before = Object.getOwnPropertyNames(Object.prototype).join();
  const faults: string[] = [];
  const counts = { read: 0, refused: 0 };
  for (let seed = 0; seed < sized(2000, 100_000); seed++) {
    const outcome = await outcomeOf(damaged(seed));
    if (typeof outcome === "string") counts[outcome]++;
    else faults.push(`seed ${seed}: ${outcome.fault}`);
  }
  expect(faults).toEqual([]);
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(0);
  expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
}, 7_200_000);
