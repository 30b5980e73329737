/** @file Scalars for TensorBoard, in an event file of a store. */
import { check, having, text } from "../base/check.ts";
import { eventFileHeader, readEvents, scalarEvent } from "../formats/tfevents.ts";
import type { EventSink } from "./record.ts";
import type { Store } from "./store.ts";

/** Writes `events.out.tfevents.nabla`; TensorBoard shows the folder that it is in as a run. A resumed run goes on in the same file. */
export class TensorboardSink implements EventSink {
  readonly #store: Store;
  readonly #name: string;
  #length = 0;
  #pending: Uint8Array[] = [];
  /** Whether the file goes on behind what is kept of it, with events to be forgotten. */
  #tail = false;

  constructor(store: Store, name = "events.out.tfevents.nabla") {
    check("TensorboardSink: store", store, having("a store of files", "list", "read", "write"));
    check("TensorboardSink: name", name, text);
    if (!name.includes("tfevents")) throw new Error(`TensorboardSink: TensorBoard reads files with "tfevents" in their names, got ${name}`);
    this.#store = store;
    this.#name = name;
  }

  async open(step: number): Promise<void> {
    const there = step > 0 && (await this.#store.list()).includes(this.#name);
    const bytes = there ? await this.#store.read(this.#name) : new Uint8Array();
    this.#length = eventsUpTo(bytes, step, this.#name);
    this.#tail = this.#length < bytes.length;
    this.#pending = this.#length === 0 ? [eventFileHeader()] : [];
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    this.#pending.push(scalarEvent(step, scalars));
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0 && !this.#tail) return;
    const bytes = joined(this.#pending);
    await this.#store.writeAt(this.#name, this.#length, bytes);
    this.#length += bytes.length;
    this.#pending = [];
    this.#tail = false;
  }
}

/** Bytes of the events up to a step. What follows is newer, or a record that a kill has cut short or damaged. */
function eventsUpTo(bytes: Uint8Array, step: number, what: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  while (end + 12 <= bytes.length) {
    const next = end + 16 + Number(view.getBigUint64(end, true));
    if (next > bytes.length || !isUpTo(bytes.subarray(end, next), step, what)) break;
    end = next;
  }
  return end;
}

function isUpTo(record: Uint8Array, step: number, what: string): boolean {
  try {
    return readEvents(record, what).every((event) => event.step <= step);
  } catch {
    return false;
  }
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
