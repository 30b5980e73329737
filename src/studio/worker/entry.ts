/** @file What every worker of the page does with its messages. */
import "../../runtime/evaluate.ts";
import type { Demo } from "../../demo/demo.ts";
import { type LessonCommand, Lessons } from "./lessons.ts";
import { type Command, Server } from "./serve.ts";

interface Scope {
  onmessage: ((event: { readonly data: { readonly id: number } & (Command | LessonCommand) }) => void) | null;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** Answers commands of sessions, and of lessons where there are some. */
export function answer(demos: readonly Demo[] = []): void {
  const scope = globalThis as unknown as Scope;
  const server = new Server((message) => scope.postMessage(message, message instanceof Uint8Array ? [message.buffer] : []));
  const lessons = new Lessons(demos);
  scope.onmessage = ({ data }) => {
    if (data.do === "list") scope.postMessage({ id: data.id, ok: lessons.list() });
    else if (data.do === "run") {
      lessons.run(data.name).then(
        (ok) => scope.postMessage({ id: data.id, ok }),
        (error: Error) => scope.postMessage({ id: data.id, error: error.message }),
      );
    } else server.receive(data);
  };
}
