/** @file What every worker of the page does with its messages. */
import "../../runtime/evaluate.ts";
import type { Demo } from "../../demo/demo.ts";
import type { DuelCommand, DuelDesk } from "./duel.ts";
import type { InstrumentCommand, Instruments } from "./instruments.ts";
import { type LessonCommand, Lessons } from "./lessons.ts";
import type { ModelCommand, ModelDesk } from "./model-desk.ts";
import { type Command, Server } from "./serve.ts";

type AnyCommand = Command | LessonCommand | InstrumentCommand | ModelCommand | DuelCommand;

interface Scope {
  onmessage: ((event: { readonly data: { readonly id: number } & AnyCommand }) => void) | null;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** What a worker has beside sessions. */
interface Parts {
  readonly demos?: readonly Demo[];
  readonly instruments?: Instruments;
  readonly models?: ModelDesk;
  /** What the room Duel asks, loaded when it does. */
  readonly duel?: () => Promise<DuelDesk>;
}

/** Answers commands of sessions, and of lessons and instruments where there are some. */
export function answer({ demos = [], instruments, models, duel }: Parts = {}): void {
  const scope = globalThis as unknown as Scope;
  const server = new Server((message) => scope.postMessage(message, message instanceof Uint8Array ? [message.buffer] : []));
  const lessons = new Lessons(demos);
  const reply = (id: number, found: Promise<unknown>): void => {
    found.then(
      (ok) => scope.postMessage({ id, ok }),
      (error: Error) => scope.postMessage({ id, error: error.message }),
    );
  };
  let duels: Promise<DuelDesk> | undefined;
  scope.onmessage = ({ data }) => {
    if (data.do === "list") scope.postMessage({ id: data.id, ok: lessons.list() });
    else if (data.do === "run") reply(data.id, lessons.run(data.name));
    else if (models && data.do === "model") reply(data.id, models.ask(data.text));
    else if (duel && data.do === "duel") {
      duels ??= duel();
      reply(
        data.id,
        duels.then((desk) => desk.ask(data)),
      );
    } else if (instruments?.takes(data)) reply(data.id, instruments.answer(data));
    else server.receive(data);
  };
}
