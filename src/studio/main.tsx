/** @file The studio's page: opens what the link, the file or the server says, and shows it. */
import { render } from "solid-js/web";
import "./style/index.css";
import { stateIn } from "./export/one-file.ts";
import { takeServed } from "./own/served.ts";
import { ROOMS } from "./rooms/index.ts";
import { Shell } from "./shell.tsx";
import { servedModel } from "./source/model-file.ts";
import { chosenRun } from "./source/runs.ts";
import { LocalSource, startWorker } from "./source/source.ts";
import { createStudio, type Studio } from "./state/studio.ts";
import { readPlace } from "./state/url.ts";
import { drawTimes } from "./ui/canvas.tsx";
import { startTheme } from "./ui/theme.ts";

async function main(): Promise<void> {
  startTheme();
  const studio = createStudio(
    new LocalSource(startWorker("worker")),
    ROOMS.map(({ id }) => id),
  );
  render(() => <Shell studio={studio} rooms={ROOMS} />, document.getElementById("app")!);
  // What goes wrong from here on is told in the page.
  await begin(studio).catch((error: Error) => void studio.say(error.message));
  // For measurements of the page from outside.
  Object.assign(globalThis, { nablaStudio: { studio, drawTimes } });
}

/** Opens what was asked for. */
async function begin(studio: Studio): Promise<void> {
  const { place, fault } = await readPlace(location.hash);
  const saved = location.hash === "" ? stateIn(document) : undefined;
  // A server that was asked for a run or a model shows it first.
  const asked = servedModel() !== undefined ? "model" : chosenRun() !== "" ? "runs" : "";
  const first = location.hash === "" && asked !== "" ? { ...place, room: asked } : place;
  await studio.open(saved ?? first);
  // What moves at once says what the page is for. A link and a saved page show what was sent, and wait.
  if (!saved && asked === "" && location.hash === "" && !matchMedia("(prefers-reduced-motion: reduce)").matches) studio.play();
  if (fault !== "") studio.say(fault);
  await takeServed(studio);
}

void main();
