/** @file `nabla generate`: text from a trained gpt; and the samples that its training shows. */
import type { Dataset } from "../data/dataset.ts";
import { encodeText } from "../data/text.ts";
import { clean, cleanLines } from "../formats/clean.ts";
import { type GenerateOptions, Gpt, generate } from "../models/gpt.ts";
import type { Layer } from "../nn/module.ts";
import type { Callback } from "../train/callback.ts";
import { loadTrained } from "./trained.ts";

export interface GenerateFlags extends Omit<GenerateOptions, "cache"> {
  readonly prompt?: string;
  readonly json?: boolean;
}

/** Where a text starts if nothing is given: behind a line end, if there are such. */
const usualPrompt = (characters: readonly string[]): string => (characters.includes("\n") ? "\n" : characters[0]);

/** Prints what the model writes behind the prompt, the prompt included, character by character; gives the exit code. */
export async function generateCommand(path: string, { prompt, json, ...options }: GenerateFlags): Promise<number> {
  const { model, about, path: file } = await loadTrained(path);
  if (!(model instanceof Gpt)) throw new Error(`${file}: writes no text; want a model that nabla train gpt has trained`);
  if (prompt === "") throw new Error("--prompt is empty; leave it out, or give at least one character to go on from");
  const start = prompt ?? usualPrompt(about.classes);
  const show = (text: string): void => {
    if (!json) process.stdout.write(cleanLines(text));
  };
  const numbers = encodeText(start, about.classes, "--prompt");
  if (prompt !== undefined) show(start);
  let text = "";
  for await (const token of generate(model, numbers, options)) {
    text += about.classes[token];
    show(about.classes[token]);
  }
  if (json) console.log(JSON.stringify({ prompt: start, text, ...options }));
  else show("\n");
  return 0;
}

/** What a model writes from nothing, in whatever mode it is. */
export async function sampleText(model: Gpt, characters: readonly string[], options: GenerateOptions): Promise<string> {
  const { training } = model;
  model.eval();
  try {
    let text = "";
    const start = encodeText(usualPrompt(characters), characters, "sample");
    for await (const token of generate(model, start, { temperature: 0.8, ...options })) text += characters[token];
    return text;
  } finally {
    model.train(training);
  }
}

/** Shows after every epoch what the model writes. A live bar has no room for it. */
export function samples(model: Layer, { classes }: Dataset): Callback[] {
  if (!(model instanceof Gpt) || process.stdout.isTTY) return [];
  return [
    {
      async onEpoch(_, { epoch }) {
        console.log(`  it writes: ${JSON.stringify(clean(await sampleText(model, classes, { tokens: 60, seed: epoch })))}`);
      },
    },
  ];
}
