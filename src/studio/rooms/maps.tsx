/** @file The room Maps: what every layer of a small convolutional net makes of an image, and what one of its units sees, is, and likes. */
import { createEffect, createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { imageOver, mapRow, unitAt } from "../draw/maps.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, Num, NumWithin, Segments } from "../ui/controls.tsx";
import { latest } from "../ui/latest.ts";
import { fixed, percent } from "../ui/numbers.ts";
import {
  drawnOf,
  FIRST_MAPS,
  imageSide,
  MAP_DATA,
  MAP_LIMITS,
  MAP_NETS,
  type MapLayer,
  type MapsAnswer,
  type MapsChoice,
  readMaps,
} from "../worker/maps-choice.ts";
import { outer, shares, UnitPanel } from "./maps-unit.tsx";
import type { Room } from "./room.ts";

/** What the table and the description show too. */
const [shown, setShown] = createSignal<MapsAnswer>();

const OVERLAYS = ["field", "effective", "saliency", "Grad-CAM"] as const;
type Overlay = (typeof OVERLAYS)[number];

/** Steps of training between two pictures. */
const STRIDE = 20;

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<MapsChoice>("maps", FIRST_MAPS);
  const [overlay, setOverlay] = studio.view<Overlay>("over", "effective");
  const choice = createMemo(() => readMaps(given()));
  const set = (patch: Partial<MapsChoice>): void => setGiven({ ...choice(), ...patch });
  // The net is seen while it learns: the picture is made anew after some steps, until all are taken.
  const net = createMemo(() => JSON.stringify([choice().net, choice().data, choice().channels, choice().seed]));
  const [reached, setReached] = createSignal(0);
  createEffect((before) => {
    if (net() !== before) setReached(0);
    return net();
  }, net());
  studio.watch(() => []);
  const { answer, isBusy } = latest(
    () => ({ ...choice(), steps: Math.min(choice().steps, reached() + STRIDE) }),
    (question) => desk().send<MapsAnswer>({ do: "maps", question }),
    (error) => void studio.say(error.message),
  );
  createEffect(() => {
    const found = answer();
    setShown(found);
    if (found && found.choice.steps < choice().steps) setReached(found.choice.steps);
  });
  return (
    <div class="room boundary maps">
      <section class="stage" aria-label="The maps" aria-busy={isBusy()}>
        <Show when={answer()} fallback={<p class="hint">Training the net …</p>}>
          {(found) => (
            <>
              <div class="maps-view">
                <Picture answer={found()} overlay={overlay()} setOverlay={setOverlay} set={set} />
                <div class="map-rows">
                  <For each={found().layers.map((_, i) => i)}>{(i) => <Row answer={found()} at={i} set={set} />}</For>
                </div>
              </div>
              <UnitPanel answer={found()} studio={studio} />
            </>
          )}
        </Show>
      </section>
      <Controls choice={choice()} answer={answer()} set={set} />
    </div>
  );
}

type Set = (patch: Partial<MapsChoice>) => void;

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

interface Pen {
  readonly rubs: () => string;
  readonly setRubs: (to: string) => void;
  /** The pixel that it is at; undefined while it is not used by key. */
  readonly at: () => number | undefined;
  readonly events: JSX.CanvasHTMLAttributes<HTMLCanvasElement>;
}

/** A pen that draws over the image, by key, drag and touch. */
function pencil(props: { readonly answer: MapsAnswer; readonly set: Set }): Pen {
  const [rubs, setRubs] = createSignal("pen");
  const [pen, setPen] = createSignal<number>();
  const side = (): number => imageSide(props.answer.choice);
  /** What is drawn in one go; the answers come later. */
  let now = new Float32Array();
  let isHeld = false;
  const paint = (place: number): void => {
    now[place] = rubs() === "pen" ? 1 : 0;
    props.set({ drawn: drawnOf(now) });
  };
  const at = (event: PointerEvent): void => {
    const { left, top, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [r, c] = [event.clientY - top, event.clientX - left].map((x) => Math.floor((x / width) * side())) as [number, number];
    if (r >= 0 && c >= 0 && r < side() && c < side()) paint(r * side() + c);
  };
  const press = (event: KeyboardEvent): void => {
    const place = pen() ?? Math.floor((side() * (side() + 1)) / 2);
    const move = MOVES[event.key];
    if (!move && event.key !== "Enter") return;
    event.preventDefault();
    const within = (x: number): number => Math.max(0, Math.min(side() - 1, x));
    setPen(move ? within(Math.floor(place / side()) + move[0]) * side() + within((place % side()) + move[1]) : place);
    if (move) return;
    now = props.answer.image.slice();
    paint(place);
  };
  const release = (): void => {
    isHeld = false;
  };
  const events: Pen["events"] = {
    tabindex: "0",
    role: "application",
    style: { cursor: "crosshair" },
    onKeyDown: press,
    onBlur: () => setPen(undefined),
    onPointerDown: (event) => {
      isHeld = true;
      now = props.answer.image.slice();
      event.currentTarget.setPointerCapture(event.pointerId);
      at(event);
    },
    onPointerMove: (event) => isHeld && at(event),
    onPointerUp: release,
    onPointerCancel: release,
  };
  return { rubs, setRubs, at: pen, events };
}

/** The image with what the unit sees of it. */
function Picture(props: {
  readonly answer: MapsAnswer;
  readonly overlay: Overlay;
  readonly setOverlay: (to: Overlay) => void;
  readonly set: Set;
}): JSX.Element {
  const pen = pencil(props);
  const side = (): number => imageSide(props.answer.choice);
  const heat = (): ArrayLike<number> =>
    ({ field: [], effective: props.answer.effective, saliency: props.answer.saliency, "Grad-CAM": props.answer.cam })[props.overlay];
  const found = (): number => props.answer.probabilities.indexOf(Math.max(...props.answer.probabilities));
  return (
    <div class="maps-image">
      <Segments label="Over the image" value={props.overlay} options={OVERLAYS} set={props.setOverlay} />
      <div class="square">
        <Canvas
          label={`The image, taken for ${props.answer.classes[found()]}; the unit sees ${props.answer.field.size} × ${props.answer.field.size} pixels. Draw on it: arrow keys and Enter`}
          draw={(ctx, box, palette) =>
            imageOver(
              ctx,
              box,
              { image: props.answer.image, side: side(), heat: heat(), field: props.answer.field, pen: pen.at() },
              palette,
            )
          }
          events={pen.events}
        />
      </div>
      <div class="tools">
        <Segments label="Tool" value={pen.rubs()} options={["pen", "rubber"]} set={pen.setRubs} />
        <button type="button" class="plain" onClick={() => props.set({ drawn: "0".repeat(side() ** 2) })}>
          Clear
        </button>
      </div>
      <Likely answer={props.answer} />
    </div>
  );
}

/** The likeliest classes. */
function Likely(props: { readonly answer: MapsAnswer }): JSX.Element {
  const likeliest = (): number[] =>
    Array.from(props.answer.probabilities.keys())
      .sort((a, b) => props.answer.probabilities[b]! - props.answer.probabilities[a]!)
      .slice(0, 4);
  return (
    <ol class="likely" aria-label="Classes">
      <For each={likeliest()}>
        {(i) => (
          <li classList={{ true: i === props.answer.label }}>
            <span>
              {props.answer.classes[i]} {i === props.answer.label ? "✓" : ""}
            </span>
            <meter min="0" max="1" value={props.answer.probabilities[i]} aria-label={`Probability of ${props.answer.classes[i]}`} />
            <output>{percent(props.answer.probabilities[i]!)}</output>
          </li>
        )}
      </For>
    </ol>
  );
}

const shapeOf = ({ channels, side }: MapLayer): string => (side > 1 ? `${channels} × ${side} × ${side}` : String(channels));

/** The maps of a layer. */
function Row(props: { readonly answer: MapsAnswer; readonly at: number; readonly set: Set }): JSX.Element {
  const layer = (): MapLayer => props.answer.layers[Math.min(props.at, props.answer.layers.length - 1)]!;
  const isChosen = (): boolean => props.answer.choice.layer === props.at;
  let isHeld = false;
  const pick = (event: PointerEvent): void => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const unit = unitAt({ width, height }, layer().channels, layer().side, event.clientX - left, event.clientY - top);
    if (unit) props.set({ layer: props.at, ...unit });
  };
  return (
    <div class="map-row" classList={{ flat: layer().side === 1, chosen: isChosen() }}>
      <span>
        {layer().name} <small>{shapeOf(layer())}</small>
      </span>
      <div class="map-tiles" style={{ "--count": layer().channels }}>
        <Canvas
          label={`${layer().name}, ${shapeOf(layer())}`}
          draw={(ctx, box, palette) => mapRow(ctx, box, { ...layer(), chosen: isChosen() ? props.answer.choice : undefined }, palette)}
          events={{
            style: { cursor: "pointer", "touch-action": "pan-y" },
            onPointerDown: (event) => {
              isHeld = true;
              pick(event);
            },
            onPointerMove: (event) => isHeld && pick(event),
            onPointerUp: () => {
              isHeld = false;
            },
            onPointerLeave: () => {
              isHeld = false;
            },
          }}
        />
      </div>
    </div>
  );
}

interface ChoiceOf {
  readonly choice: MapsChoice;
  readonly answer: MapsAnswer | undefined;
  readonly set: Set;
}

const whole = { step: 1, whole: true } as const;

/** Which unit is looked at. */
function UnitChoice(props: ChoiceOf): JSX.Element {
  const layer = (): MapLayer | undefined => props.answer?.layers[Math.min(props.choice.layer, props.answer.layers.length - 1)];
  return (
    <div class="group">
      <Num
        label="Layer"
        value={Math.min(props.choice.layer, (props.answer?.layers.length ?? 1) - 1)}
        min={0}
        max={(props.answer?.layers.length ?? 2) - 1}
        {...whole}
        unit={layer()?.name ?? ""}
        set={(to) => props.set({ layer: to })}
      />
      <Num
        label="Channel"
        value={props.answer?.choice.channel ?? 0}
        min={0}
        max={Math.max(1, (layer()?.channels ?? 2) - 1)}
        {...whole}
        set={(channel) => props.set({ channel })}
      />
      <Show when={(layer()?.side ?? 1) > 1}>
        <Num label="Row" value={props.answer!.choice.row} min={0} max={layer()!.side - 1} {...whole} set={(row) => props.set({ row })} />
        <Num
          label="Column"
          value={props.answer!.choice.column}
          min={0}
          max={layer()!.side - 1}
          {...whole}
          set={(column) => props.set({ column })}
        />
      </Show>
    </div>
  );
}

function Controls(props: ChoiceOf): JSX.Element {
  return (
    <section class="controls" aria-label="The net and its unit">
      <Choice
        label="Net"
        value={props.choice.net}
        options={MAP_NETS}
        names={{ "conv, pool, conv, pool": "two conv + pool" }}
        set={(net) => props.set({ net, drawn: "", ...(net === "LeNet-5" && props.choice.data === "shapes" && { layer: 2 }) })}
      />
      <Choice label="Images" value={props.choice.data} options={MAP_DATA} set={(data) => props.set({ data, drawn: "" })} />
      <NumWithin
        label="Example"
        value={props.choice.example}
        range={MAP_LIMITS.example}
        {...whole}
        set={(example) => props.set({ example, drawn: "" })}
      />
      <NumWithin label="Steps" value={props.choice.steps} range={MAP_LIMITS.steps} {...whole} set={(steps) => props.set({ steps })} />
      <Show when={props.choice.net !== "LeNet-5"}>
        <NumWithin
          label="Channels"
          value={props.choice.channels}
          range={MAP_LIMITS.channels}
          {...whole}
          set={(channels) => props.set({ channels })}
        />
      </Show>
      <NumWithin label="Seed" value={props.choice.seed} range={MAP_LIMITS.seed} {...whole} set={(seed) => props.set({ seed })} />
      <UnitChoice {...props} />
    </section>
  );
}

export const maps: Room = {
  View,
  describe() {
    const found = shown();
    if (!found) return "The maps of a convolutional net";
    const best = found.probabilities.indexOf(Math.max(...found.probabilities));
    return `After ${found.choice.steps} steps the image is taken for ${found.classes[best]}; the unit is ${fixed(found.value)} and sees ${found.field.size} × ${found.field.size} pixels`;
  },
  table() {
    const found = shown();
    if (!found) return { caption: "Maps and unit", head: ["what", "value"], rows: [] };
    const { choice, layers } = found;
    const most = ({ values }: MapLayer): number => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return {
      caption: "The unit, the classes and the layers",
      head: ["what", "value"],
      rows: [
        [`${layers[choice.layer]!.name}, channel ${choice.channel}, row ${choice.row}, column ${choice.column}`, fixed(found.value)],
        ["it sees, pixels on a side", String(found.field.size)],
        ["heat outside of the middle half", percent(outer(found))],
        ["right of other examples", percent(found.accuracy)],
        ...found.classes.map((name, i) => [`probability of ${name}`, percent(found.probabilities[i]!)]),
        ...layers.map((layer, i) => [`${i} ${layer.name}, ${shapeOf(layer)}: largest`, fixed(most(layer))]),
        ...(found.sum ? shares(found.sum).map((x, c) => [`channel ${c} adds`, fixed(x)]) : []),
        ...found.exciting.map(({ value }, i) => [`exciting image ${i + 1}`, fixed(value)]),
      ],
    };
  },
};
