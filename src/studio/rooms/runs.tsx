/** @file The room Runs: the training of the page, those that were kept, and the runs on disk, compared. */
import { createEffect, createMemo, createSignal, For, type JSX, Show } from "solid-js";
import type { Measure, RunCommand, RunList, RunRecord } from "../../train/run-record.ts";
import { curves, type DrawnCurve } from "../draw/curves.ts";
import { chosenRun, hasRuns, watchRuns } from "../source/runs.ts";
import { forget, keep, kept } from "../state/kept.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Num, Segments, Toggle } from "../ui/controls.tsx";
import { ICONS, Icon } from "../ui/icon.tsx";
import { counted, fixed, percent } from "../ui/numbers.ts";
import { Swatch } from "../ui/swatch.tsx";
import type { Room } from "./room.ts";
import { runOfPage } from "./run-of-page.ts";
import { LiveView, liveTable, liveWords } from "./runs-live.tsx";

const MEASURES = ["trainLoss", "testLoss", "testAccuracy"] as const satisfies readonly Measure[];
const NAMES = { trainLoss: "Training loss", testLoss: "Test loss", testAccuracy: "Test accuracy" } as const;

/** Views: of all runs the curves, of one that trains the others too. */
const VIEWS = ["curves", "layers", "mistakes"] as const;
type RunsView = (typeof VIEWS)[number];
const VIEW_NAMES = { curves: "Curves", layers: "Layers", mistakes: "Mistakes" } as const;

/** Runs that are drawn at first, the page's own among them. */
const FIRST = 5;

/** Runs that can be drawn: more are no picture. */
const MOST_DRAWN = 12;

/** What the table and the description show too. */
const [drawn, setDrawn] = createSignal<readonly RunRecord[]>([]);
const [shownView, setShownView] = createSignal<RunsView>("curves");

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [measure, setMeasure] = studio.view<(typeof MEASURES)[number]>("measure", "trainLoss");
  const [smoothing, setSmoothing] = studio.view<number>("smoothing", 0);
  const [isLog, setLog] = studio.view<boolean>("log", true);
  const [picked, setPicked] = studio.view<readonly string[] | undefined>("runs", undefined);
  const { list, fault, command } = watchRuns();
  studio.watch(() => [{ id: "loss" }]);
  const own = createMemo(() => runOfPage(studio.config(), studio.stats(), studio.step(), studio.tap("loss")?.data ?? []));
  const all = (): readonly RunRecord[] => [own(), ...kept(), ...list().runs];
  // A server that was asked for a run shows that run, and not the page's own training.
  const first = (): string[] => {
    const names = all().map(({ name }) => name);
    return chosenRun() === "" ? names.slice(0, FIRST) : [chosenRun()];
  };
  const shown = createMemo((): readonly RunRecord[] => {
    const names = new Set(picked() ?? first());
    return all()
      .filter(({ name }) => names.has(name))
      .slice(0, MOST_DRAWN);
  });
  const [view, setView] = studio.view<RunsView>("view", "curves");
  const now = (): RunsView => (list().live && VIEWS.includes(view()) ? view() : "curves");
  createEffect(() => setDrawn(shown()));
  createEffect(() => setShownView(now()));
  const toggle = (name: string): void => {
    const names = shown().map((run) => run.name);
    setPicked(names.includes(name) ? names.filter((each) => each !== name) : [...names, name]);
  };
  const lines = (): DrawnCurve[] => shown().map((run, series) => ({ points: run.curves[measure()] ?? [], series }));
  const isEmpty = (): boolean => lines().every(({ points }) => points.length === 0);
  return (
    <div class="room boundary list runs">
      <section class="stage" aria-label="Curves and differences">
        <Show when={list().live}>
          <div class="stage-head">
            <Segments label="View" value={now()} options={VIEWS} names={VIEW_NAMES} set={setView} />
          </div>
        </Show>
        <Show
          when={now() === "curves"}
          fallback={<LiveView studio={studio} view={now() as "layers" | "mistakes"} ended={list().live!.ended} />}
        >
          <div class="stage-head">
            <Segments label="What is drawn" value={measure()} options={MEASURES} names={NAMES} set={setMeasure} />
          </div>
          <div class="curve-box runs-curves">
            <Canvas
              label={`${NAMES[measure()]} over steps of ${shown().length} runs: ${inWords(shown())}`}
              draw={(ctx, box, palette) =>
                curves(ctx, box, lines(), { smoothing: smoothing(), isLog: isLog() && measure() !== "testAccuracy" }, palette)
              }
            />
            <Show when={isEmpty()}>
              <p class="empty-note">{emptyNote(measure(), shown())}</p>
            </Show>
          </div>
          <div class="runs-look">
            <Num label="Smoothing" value={smoothing()} min={0} max={0.99} step={0.01} set={setSmoothing} />
            <Toggle label="logarithmic" on={isLog()} set={setLog} />
          </div>
          <Differences runs={shown()} />
        </Show>
      </section>
      <section class="controls" aria-label="List of runs">
        <Live list={list()} command={command} />
        <Show when={fault()}>
          <p class="bad" role="alert">
            {fault()}
          </p>
        </Show>
        <ul class="run-list">
          <For each={all().map(({ name }) => name)}>
            {(name) => (
              <RunRow
                run={all().find((run) => run.name === name) ?? own()}
                place={shown().findIndex((run) => run.name === name)}
                toggle={() => toggle(name)}
              />
            )}
          </For>
        </ul>
        <button type="button" class="add" onClick={() => keep(own())} disabled={studio.step() === 0}>
          Keep this page’s run as it is
        </button>
        <p class="hint">
          {hasRuns()
            ? "Runs of the folder are read from its files; they go on when this page is closed."
            : "Press play, keep the run, change something, and compare. Runs of nabla train are shown too when the page is opened with: npx nabla studio runs"}
        </p>
      </section>
    </div>
  );
}

function emptyNote(measure: Measure, runs: readonly RunRecord[]): string {
  if (runs.length === 0) return "Choose a run.";
  return measure === "testAccuracy" ? "Runs of the page keep losses alone." : "No step has been taken yet: press play.";
}

const last = (run: RunRecord, measure: Measure): number => run.curves[measure]?.at(-1)?.[1] ?? Number.NaN;

/** The results of a run, in words. */
function partsOf(run: RunRecord): string[] {
  const { testLoss = last(run, "testLoss"), testAccuracy } = run.results;
  const train = last(run, "trainLoss");
  return [
    ...(Number.isFinite(train) ? [`training ${fixed(train, 3)}`] : []),
    ...(Number.isFinite(testLoss) ? [`test ${fixed(testLoss, 3)}`] : []),
    ...(testAccuracy !== undefined ? [percent(testAccuracy)] : []),
  ];
}

const inWords = (runs: readonly RunRecord[]): string => runs.map((run) => `${run.name} ${run.state} ${partsOf(run).join(", ")}`).join("; ");

function RunRow(props: { readonly run: RunRecord; readonly place: number; readonly toggle: () => void }): JSX.Element {
  const isDrawn = (): boolean => props.place >= 0;
  return (
    <li class="run-row">
      <label>
        <input type="checkbox" checked={isDrawn()} onChange={() => props.toggle()} />
        <Swatch place={props.place} />
        <span class="run-name">{props.run.name}</span>
        <span class={`run-state state-${props.run.state}`}>{props.run.state}</span>
        <span class="run-result">
          <For each={props.run.state === "damaged" ? [props.run.reason] : partsOf(props.run)} fallback="no step yet">
            {(part, i) => (
              <>
                {i() > 0 ? " · " : ""}
                <span>{part}</span>
              </>
            )}
          </For>
        </span>
      </label>
      <Show when={props.run.state === "kept"}>
        <button type="button" class="quiet" aria-label={`Forget ${props.run.name}`} onClick={() => forget(props.run.name)}>
          <Icon path={ICONS.close} />
        </button>
      </Show>
    </li>
  );
}

/** The run that the server can command. */
function Live(props: { readonly list: RunList; readonly command: (command: RunCommand) => void }): JSX.Element {
  return (
    <Show when={props.list.live}>
      {(live) => {
        const done = (): number => {
          const p = live().progress;
          return p ? ((p.epoch - 1) * p.steps + p.step) / (p.epochs * p.steps) : 0;
        };
        return (
          <section class="live" aria-label={`The run ${live().name}`}>
            <p>
              <strong>{live().name}</strong> {live().ended ? "has ended" : live().paused ? "is paused" : "trains"}
            </p>
            <progress value={done()} max={1} aria-label="Share of the run" />
            <Show when={live().progress} fallback={<p class="hint">The first step is being compiled.</p>}>
              {(p) => (
                <p class="hint">
                  epoch {counted(p().epoch)} of {counted(p().epochs)}, step {p().step} of {p().steps}, loss {fixed(p().loss, 3)}
                  {p().accuracy === null ? "" : `, ${percent(p().accuracy!)}`}, {counted(p().examplesPerSecond)} examples/s
                  {live().ended ? "" : `, ${duration(p().secondsLeft)} left`}
                </p>
              )}
            </Show>
            <Show when={!live().ended}>
              <div class="buttons">
                <button type="button" class="plain" onClick={() => props.command(live().paused ? "play" : "pause")}>
                  {live().paused ? "Go on" : "Pause"}
                </button>
                <button type="button" class="plain" onClick={() => props.command("stop")}>
                  Stop, to resume later
                </button>
              </div>
            </Show>
          </section>
        );
      }}
    </Show>
  );
}

/** A time in its largest fitting unit. */
function duration(seconds: number): string {
  if (seconds < 120) return `${counted(seconds)} s`;
  return seconds < 7200 ? `${counted(seconds / 60)} min` : `${counted(seconds / 3600)} h`;
}

const shownSetting = (value: unknown): string => (value === undefined ? "–" : Array.isArray(value) ? value.join(", ") : String(value));

/** Settings in which the runs differ; of one run all of them. */
export function differencesOf(runs: readonly RunRecord[]): [name: string, values: string[]][] {
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  return names
    .map((name): [string, string[]] => [name, runs.map(({ settings }) => shownSetting(settings[name]))])
    .filter(([, values]) => runs.length === 1 || new Set(values).size > 1);
}

function Differences(props: { readonly runs: readonly RunRecord[] }): JSX.Element {
  const rows = () => differencesOf(props.runs);
  return (
    <Show when={props.runs.length > 0}>
      <section class="differences" aria-label="Settings" tabindex="0">
        <table class="facts">
          <thead>
            <tr>
              <th scope="col">{props.runs.length === 1 ? "setting" : "differs in"}</th>
              <For each={props.runs}>{({ name }) => <th scope="col">{name}</th>}</For>
            </tr>
          </thead>
          <tbody>
            <For
              each={rows()}
              fallback={
                <tr>
                  <td colSpan={props.runs.length + 1}>These runs have the same settings.</td>
                </tr>
              }
            >
              {([name, values]) => (
                <tr>
                  <th scope="row">{name}</th>
                  <For each={values}>{(value) => <td>{value}</td>}</For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </section>
    </Show>
  );
}

export const runs: Room = {
  View,
  describe: () => (shownView() !== "curves" ? liveWords() : drawn().length === 0 ? "No run is chosen" : inWords(drawn())),
  table() {
    if (shownView() !== "curves") return liveTable();
    const rows = drawn().map((run) => [
      run.name,
      run.state,
      fixed(last(run, "trainLoss"), 3),
      fixed(run.results.testLoss ?? last(run, "testLoss"), 3),
      percent(run.results.testAccuracy ?? Number.NaN),
      counted(run.curves.trainLoss?.at(-1)?.[0] ?? 0),
    ]);
    return { caption: "Runs", head: ["run", "state", "training loss", "test loss", "test accuracy", "steps"], rows };
  },
};
