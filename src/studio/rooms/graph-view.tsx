/** @file A graph of boxes: each vertex with its name, op and value, each edge with its partial derivative. */
import { createMemo, For, type JSX, Show } from "solid-js";
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
  const layout = createMemo(() => graphLayout(props.answer.labels.length, props.answer.edges, props.answer.inputVertices));
  const spot = (v: number) => layout().spots[v]!;
  const path = ({ from, to }: WeightedEdge): string => {
    const [a, b] = [spot(from), spot(to)];
    const [x0, x1] = [a.x + BOX.width / 2, b.x - BOX.width / 2];
    const bend = Math.max(24, (x1 - x0) / 2);
    return `M${x0} ${a.y}C${x0 + bend} ${a.y} ${x1 - bend} ${b.y} ${x1} ${b.y}`;
  };
  /** Just before the box that the edge leads to, where edges to it are apart. */
  const label = ({ from, to }: WeightedEdge): { x: number; y: number } => {
    const [a, b] = [spot(from), spot(to)];
    const t = 0.62;
    const [x0, x1] = [a.x + BOX.width / 2, b.x - BOX.width / 2];
    const s = t * t * (3 - 2 * t);
    return { x: x0 + (x1 - x0) * t, y: a.y + (b.y - a.y) * s - 5 };
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
