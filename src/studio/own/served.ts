/** @file The data that the server of the page was given. */
import type { Studio } from "../state/studio.ts";
import { takeFiles } from "./own.ts";

/** Opens the files of `nabla studio --data`. Their names are in the page, paths below the folder that was given included. */
export async function takeServed(studio: Studio): Promise<void> {
  const text = document.querySelector<HTMLMetaElement>("meta[name=nabla-data]")?.content;
  if (!text) return;
  try {
    const paths = JSON.parse(text) as string[];
    const files = await Promise.all(
      paths.map(async (path, i) => {
        const answer = await fetch(`data/${i}`);
        if (!answer.ok) throw new Error(`${path}: the server answered ${answer.status}`);
        const file = new File([await answer.arrayBuffer()], path.split("/").at(-1)!);
        Object.defineProperty(file, "webkitRelativePath", { value: path });
        return file;
      }),
    );
    await takeFiles(studio, files);
  } catch (error) {
    studio.say((error as Error).message);
  }
}
