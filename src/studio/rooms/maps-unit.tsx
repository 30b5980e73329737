/** @file One unit of the room Maps: the sum that it is, its filter, and the images that excite it. */
import { type JSX, Show } from "solid-js";
import { cells, tileAt } from "../draw/maps.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Out } from "../ui/controls.tsx";
import { counted, exact, fixed, percent } from "../ui/numbers.ts";
import { FIRST_CONVOLUTION } from "../worker/convolve-choice.ts";
import { imageSide, MAP_NETS, type MapsAnswer, type UnitSum } from "../worker/maps-choice.ts";

/** The nets that see the same with other counts of weights. */
const SAME_FIELD: readonly string[] = [MAP_NETS[1], MAP_NETS[2]];

/** The largest kernel that the room Convolve takes. */
const MOST_KERNEL = 5;

/** The largest size of some numbers. */
const most = (of: readonly (readonly number[])[]): number => Math.max(...of.flat().map(Math.abs));

/** The share of the effective field outside of the middle half of the theoretical one, on each side. */
export function outer({ effective, field, choice }: MapsAnswer): number {
  const side = imageSide(choice);
  const isInner = (at: number, from: number): boolean => Math.abs(at + 0.5 - from - field.size / 2) <= field.size / 4;
  const all = effective.reduce((a, b) => a + b, 0);
  return effective.reduce((a, b, i) => (isInner(Math.floor(i / side), field.row) && isInner(i % side, field.column) ? a : a + b), 0) / all;
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** What each channel adds to the unit's sum. */
export const shares = ({ windows, weights }: UnitSum): number[] => windows.map((window, c) => dot(window, weights[c]!));

interface Shown {
  readonly answer: MapsAnswer;
  readonly studio: Studio;
}

/** The filter of the unit, what lies under it, and the sum. */
function Sum(props: Shown): JSX.Element {
  const sum = (): UnitSum | undefined => props.answer.sum;
  const strongest = (): number => {
    const sizes = shares(sum()!).map(Math.abs);
    return sizes.indexOf(Math.max(...sizes));
  };
  const drill = (): void => {
    const { windows, weights, bias } = sum()!;
    const round = (of: readonly number[]): number[] => of.map((x) => Number(x.toFixed(3)));
    const c = strongest();
    const image = round(windows[c]!);
    const convolution = { ...FIRST_CONVOLUTION, image, kernel: round(weights[c]!), bias: windows.length > 1 ? 0 : Number(bias.toFixed(3)) };
    void props.studio.open({ ...({ room: "convolve" } as const), view: { convolution } });
  };
  return (
    <Show when={sum()}>
      {(found) => (
        <>
          <div class="map-row sums">
            <span>
              under the kernel <small>× kernel</small>
            </span>
            <div class="map-tiles two" style={{ "--count": found().windows.length }}>
              <Canvas
                label={`The filter of the unit: ${found().windows.length} kernels of ${found().kernel} × ${found().kernel}, and what lies under them`}
                draw={(ctx, box, palette) => {
                  ctx.clearRect(0, 0, box.width, box.height);
                  const { windows, weights, kernel } = found();
                  const { size, step } = tileAt({ width: box.width, height: (box.height - 4) / 2 }, windows.length);
                  windows.forEach((values, c) => {
                    cells(ctx, [c * step, 0, size], { values, side: kernel, most: most(windows) }, palette);
                    cells(ctx, [c * step, size + 4, size], { values: weights[c]!, side: kernel, most: most(weights) }, palette);
                  });
                }}
              />
            </div>
          </div>
          <p class="sum">
            {found().windows.length * found().kernel ** 2} products + bias {exact(found().bias)} ={" "}
            <output data-out="sum">{fixed(shares(found()).reduce((a, b) => a + b, found().bias))}</output>{" "}
            <Show when={found().kernel <= MOST_KERNEL}>
              <button type="button" class="plain" onClick={drill}>
                Channel {strongest() + 1} in Convolve
              </button>
            </Show>
          </p>
        </>
      )}
    </Show>
  );
}

/** The images that excite it, with the place that does. */
function Excitements(props: Shown): JSX.Element {
  return (
    <div class="map-row exciting">
      <span>
        excite it most <small>of those learned</small>
      </span>
      <div class="map-tiles" style={{ "--count": props.answer.exciting.length }}>
        <Canvas
          label={`The images that channel ${props.answer.choice.channel + 1} answers most: ${props.answer.exciting.map(({ value }) => fixed(value, 3)).join(", ")}`}
          draw={(ctx, box, palette) => {
            ctx.clearRect(0, 0, box.width, box.height);
            const { exciting, field, choice } = props.answer;
            const side = imageSide(choice);
            const { size, step } = tileAt(box, exciting.length);
            exciting.forEach(({ pixels, row, column }, i) => {
              cells(ctx, [i * step, 0, size], { values: pixels, side, most: 1 }, palette);
              const [top, left] = [field.row + field.stride * (row - choice.row), field.column + field.stride * (column - choice.column)];
              const cut = (x: number): number => (Math.max(0, Math.min(side, x)) * size) / side;
              ctx.lineWidth = 1.5;
              ctx.strokeStyle = palette.ink;
              ctx.strokeRect(i * step + cut(left), cut(top), cut(left + field.size) - cut(left), cut(top + field.size) - cut(top));
            });
          }}
        />
      </div>
    </div>
  );
}

/** The unit: its sum, the filter that makes it, and the images that excite it. */
export function UnitPanel(props: Shown): JSX.Element {
  return (
    <>
      <Sum {...props} />
      <Excitements {...props} />
      <div class="outs">
        <Out label="the unit" name="value" value={fixed(props.answer.value)} />
        <Out label="it sees" name="field" value={`${props.answer.field.size} × ${props.answer.field.size}`} />
        <Out label="heat outside of the middle half" name="spread" value={percent(outer(props.answer))} />
        <Out label="weights and biases" name="parameters" value={counted(props.answer.parameters)} />
        <Show when={SAME_FIELD.includes(props.answer.choice.net)}>
          <Out label="three 3 × 3: 27 C²" name="three" value={counted(27 * props.answer.choice.channels ** 2)} />
          <Out label="one 7 × 7: 49 C²" name="one" value={counted(49 * props.answer.choice.channels ** 2)} />
        </Show>
        <Out label="right of other examples" name="accuracy" value={percent(props.answer.accuracy)} />
        <Out label="steps of training" name="steps" value={counted(props.answer.choice.steps)} />
      </div>
    </>
  );
}
