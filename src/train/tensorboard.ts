/** @file Scalars for TensorBoard, in an event file of a store. */
import { eventFileHeader, readEvents, scalarEvent } from "../formats/tfevents.ts";
import type { EventSink } from "./record.ts";
import type { Store } from "./store.ts";

/** Writes `events.out.tfevents.nabla`; TensorBoard shows the folder that it is in as a run. A resumed run goes on in the same file. */
export class TensorboardSink implements EventSink {
  readonly #store: Store;
  readonly #name: string;
  #length = 0;
  #pending: Uint8Array[] = [];

  constructor(store: Store, name = "events.out.tfevents.nabla") {
    if (!name.includes("tfevents")) throw new Error(`TensorboardSink: TensorBoard reads files with "tfevents" in their names, got ${name}`);
    this.#store = store;
    this.#name = name;
  }

  async open(step: number): Promise<void> {
    this.#length = 0;
    this.#pending = [eventFileHeader()];
    if (step === 0 || !(await this.#store.list()).includes(this.#name)) return;
    for (const event of wholeEvents(await this.#store.read(this.#name), this.#name)) {
      if (event.fileVersion === undefined && event.step <= step) this.#pending.push(scalarEvent(event.step, event.scalars, event.wallTime));
    }
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    this.#pending.push(scalarEvent(step, scalars));
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const bytes = joined(this.#pending);
    await this.#store.writeAt(this.#name, this.#length, bytes);
    this.#length += bytes.length;
    this.#pending = [];
  }
}

/** The events of a file whose last record a kill may have cut short. */
function wholeEvents(bytes: Uint8Array, what: string): ReturnType<typeof readEvents> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  while (end + 12 <= bytes.length) {
    const next = end + 16 + Number(view.getBigUint64(end, true));
    if (next > bytes.length) break;
    end = next;
  }
  return readEvents(bytes.subarray(0, end), what);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
