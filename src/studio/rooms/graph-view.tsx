/** @file A graph of boxes: each vertex with its name, op and value, each edge with its partial derivative. */
import { createMemo, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { fixed } from "../ui/numbers.ts";
import type { GraphAnswer } from "../worker/graphs.ts";
import type { WeightedEdge } from "../worker/merge.ts";
import { BOX, graphLayout } from "./graph-layout.ts";

export interface GraphViewProps {
  readonly answer: GraphAnswer;
  readonly edges: readonly WeightedEdge[];
  /** Edges that stand out, as "from to". */
  readonly marked: ReadonlySet<string>;
  readonly gone?: readonly number[];
  readonly inner?: readonly number[];
  readonly pick?: (v: number) => void;
}

const OPS: Readonly<Record<string, string>> = {
  multiply: "×",
  mul: "×",
  add: "+",
  subtract: "−",
  sub: "−",
  divide: "÷",
  div: "÷",
  negate: "−",
  neg: "−",
  square: "x²",
};

export function GraphView(props: GraphViewProps): JSX.Element {
  const narrow = matchMedia("(max-width: 760px)");
  const [isDown, setDown] = createSignal(narrow.matches);
  const follow = (): void => void setDown(narrow.matches);
  narrow.addEventListener("change", follow);
  onCleanup(() => narrow.removeEventListener("change", follow));
  const layout = createMemo(() => graphLayout(props.answer.labels.length, props.answer.edges, props.answer.inputVertices, isDown()));
  const spot = (v: number) => layout().spots[v]!;
  /** Where an edge leaves a box and comes to the next: along first, then aside. */
  const ends = ({ from, to }: WeightedEdge): readonly [number, number, number, number] => {
    const [a, b] = [spot(from), spot(to)];
    return isDown() ? [a.y + BOX.height / 2, a.x, b.y - BOX.height / 2, b.x] : [a.x + BOX.width / 2, a.y, b.x - BOX.width / 2, b.y];
  };
  const path = (edge: WeightedEdge): string => {
    const [u0, v0, u1, v1] = ends(edge);
    const bend = Math.max(24, (u1 - u0) / 2);
    const at = (u: number, v: number): string => (isDown() ? `${v} ${u}` : `${u} ${v}`);
    return `M${at(u0, v0)}C${at(u0 + bend, v0)} ${at(u1 - bend, v1)} ${at(u1, v1)}`;
  };
  /** Just before the box that the edge leads to, where edges to it are apart. */
  const label = (edge: WeightedEdge): { x: number; y: number } => {
    const [u0, v0, u1, v1] = ends(edge);
    const t = 0.62;
    const [u, v] = [u0 + (u1 - u0) * t, v0 + (v1 - v0) * t * t * (3 - 2 * t)];
    return isDown() ? { x: v, y: u + 3 } : { x: u, y: v - 5 };
  };
  const isGone = (v: number): boolean => props.gone?.includes(v) ?? false;
  return (
    // The boxes below are the same to a keyboard and a screen reader as to a mouse.
    <section class="graph" aria-label="Graph" tabindex="0">
      <div class="graph-sheet" style={{ width: `${layout().width}px`, height: `${layout().height}px` }}>
        <svg width={layout().width} height={layout().height} aria-hidden="true">
          <For each={props.edges}>
            {(edge) => (
              <g classList={{ edge: true, low: edge.weight < 0, marked: props.marked.has(`${edge.from} ${edge.to}`) }}>
                <path class="edge-line" d={path(edge)} />
                <text x={label(edge).x} y={label(edge).y} text-anchor="middle">
                  {fixed(edge.weight, 3)}
                </text>
              </g>
            )}
          </For>
        </svg>
        <For each={props.answer.labels}>
          {(vertex, v) => (
            <button
              type="button"
              class="vertex"
              classList={{
                end: props.answer.inputVertices.includes(v()) || props.answer.outputVertices.includes(v()),
                gone: isGone(v()),
              }}
              disabled={props.pick === undefined || isGone(v()) || !props.inner?.includes(v())}
              style={{
                left: `${spot(v()).x - BOX.width / 2}px`,
                top: `${spot(v()).y - BOX.height / 2}px`,
                width: `${BOX.width}px`,
                height: `${BOX.height}px`,
              }}
              onClick={() => props.pick?.(v())}
            >
              <span class="vertex-name">
                {vertex.name}
                <Show when={vertex.op !== "input" && !/^v\d+$/.test(vertex.op)}>
                  <small>{OPS[vertex.op] ?? vertex.op}</small>
                </Show>
              </span>
              <span class="vertex-value">{fixed(vertex.value)}</span>
            </button>
          )}
        </For>
      </div>
    </section>
  );
}
