/** @file The model file of the server: read again whenever it has changed, so that it can be written in an editor and watched here. */
import { type Accessor, createSignal, onCleanup } from "solid-js";

/** Milliseconds between two looks. */
const EVERY = 1000;

/** The name of the file that the server was given; undefined for none. */
export const servedModel = (): string | undefined => document.querySelector<HTMLMetaElement>("meta[name=nabla-model]")?.content;

/** Its text while the caller lives; undefined until it has come, and without such a file. */
export function watchModel(fail: (line: string) => void): Accessor<string | undefined> {
  const [text, setText] = createSignal<string>();
  if (servedModel() === undefined) return text;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let version = "";
  const look = async (): Promise<void> => {
    try {
      const response = await fetch("model", { headers: version === "" ? {} : { "if-none-match": version } });
      if (response.status !== 304) {
        const found = await response.text();
        if (!response.ok) throw new Error(found);
        version = response.headers.get("etag") ?? "";
        setText(found);
      }
    } catch (error) {
      fail(error instanceof TypeError ? "The server does not answer; what has come is still here." : (error as Error).message);
    }
    if (!isOver) timer = setTimeout(look, EVERY);
  };
  void look();
  onCleanup(() => {
    isOver = true;
    clearTimeout(timer);
  });
  return text;
}
