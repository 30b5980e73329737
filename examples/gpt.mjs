/** @file A small transformer learns a text character by character, and goes on with it. Run it with `node examples/gpt.mjs FILE` after `npm run build`. */
import { readFileSync } from "node:fs";
import { data, manualSeed, models, optim, train } from "nabla";

const rhyme = "Round and round the rugged rock the ragged rascal ran.\n";
const text = process.argv[2]?.endsWith(".txt") ? readFileSync(process.argv[2], "utf8") : rhyme.repeat(100);

manualSeed(1);
const context = 64;
const set = data.textDataset("text", text, { context });
const model = new models.Gpt({ vocabulary: set.classes.length, context, layers: 2, features: 64, dropout: 0 });
const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-3 });
const { epochs } = await train.fit(model, set, { optimizer, epochs: 16, batchSize: 8 });

export const bits = epochs.at(-1).testLoss / Math.LN2;
console.log(`${bits.toFixed(3)} bits per character`);

const number = new Map(set.classes.map((character, i) => [character, i]));
let written = "";
for await (const token of models.generate(model.eval(), [number.get(text[0])], { tokens: 54, temperature: 0 }))
  written += set.classes[token];
export const line = text[0] + written;
console.log(line);
