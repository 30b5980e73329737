/** @file Streams of examples: shuffled through a buffer, and as batches. */
import { type Key, threefry2x32 } from "../base/random.ts";
import { type Batch, collate } from "./batch.ts";
import type { Example, ExampleStream } from "./dataset.ts";

/** The examples in an order that `key` decides: each is drawn from the `size` next ones, so none comes more than `size` - 1 places early. */
export function shuffledStream(stream: ExampleStream, size: number, key: Key): ExampleStream {
  return async function* () {
    const buffer: Example[] = [];
    let drawn = 0;
    const draw = (): Example => {
      const at = Math.floor((threefry2x32(key, [drawn++, 0])[0] / 2 ** 32) * buffer.length);
      const example = buffer[at];
      const last = buffer.pop()!;
      if (at < buffer.length) buffer[at] = last;
      return example;
    };
    for await (const example of stream()) {
      buffer.push(copyOf(example));
      if (buffer.length >= size) yield draw();
    }
    while (buffer.length > 0) yield draw();
  };
}

/** A stream may write each example into the same array. */
function copyOf({ input, target, ...rest }: Example): Example {
  return { ...rest, input: input.slice(), target: typeof target === "number" ? target : target.slice() };
}

/** Batches of a stream; `indices` count from its start. */
export async function* streamBatches(
  stream: ExampleStream,
  { batchSize, dropLast = false }: { readonly batchSize: number; readonly dropLast?: boolean },
): AsyncGenerator<Batch, void, undefined> {
  let waiting: Example[] = [];
  let done = 0;
  const flush = (): Batch => {
    const batch = collate(
      waiting,
      Int32Array.from(waiting, (_, i) => done + i),
    );
    done += waiting.length;
    waiting = [];
    return batch;
  };
  for await (const example of stream()) {
    waiting.push(copyOf(example));
    if (waiting.length === batchSize) yield flush();
  }
  if (waiting.length > 0 && !dropLast) yield flush();
}
