/** @file Searches for a cheapest sequence of steps: best first, which proves what it finds (Hart, Nilsson & Raphael 1968), and in a beam, which does not. */

/** States and the steps between them; costs are whole numbers. */
export interface Problem<State, Step> {
  readonly start: State;
  /** Equal for states from which the same steps lead on at the same costs. */
  key(state: State): string;
  steps(state: State): Iterable<{ readonly step: Step; readonly cost: number; readonly next: State }>;
  /** What at least it costs to the end; 0 at the end alone. It falls by no more than a step costs. */
  bound(state: State): number;
  /** Which of the states of equal cost the beam keeps: the lower the better. */
  rank(state: State): number;
}

/** A sequence of steps, what it costs, and whether none costs less. */
export interface Found<Step> {
  readonly steps: readonly Step[];
  readonly cost: number;
  readonly optimal: boolean;
}

interface Node<State, Step> {
  readonly state: State;
  readonly cost: number;
  readonly step: Step | undefined;
  readonly parent: Node<State, Step> | undefined;
}

function stepsTo<State, Step>(end: Node<State, Step>): Step[] {
  const steps: Step[] = [];
  for (let node: Node<State, Step> | undefined = end; node?.step !== undefined; node = node.parent) steps.unshift(node.step);
  return steps;
}

/** The cheapest sequence; undefined if more than `most` states would have to be looked at, or if none costs less than `limit`. */
export function bestFirst<State, Step>(problem: Problem<State, Step>, most: number, limit: number): Found<Step> | undefined | "no better" {
  // Nodes by what they cost at least in all: a queue for each cost.
  const queues: Node<State, Step>[][] = [];
  const known = new Map<string, number>();
  let least = 0;
  const put = (node: Node<State, Step>): boolean => {
    // A bound that falls by more than a step costs must not lead back to a queue that is done.
    const total = Math.max(least, node.cost + problem.bound(node.state));
    const key = problem.key(node.state);
    if (total >= limit || (known.get(key) ?? Number.POSITIVE_INFINITY) <= node.cost) return true;
    known.set(key, node.cost);
    queues[total] ??= [];
    queues[total].push(node);
    return known.size <= most;
  };
  put({ state: problem.start, cost: 0, step: undefined, parent: undefined });
  for (let total = 0; total < queues.length; total++) {
    least = total;
    const queue = queues[total] ?? [];
    for (let node = queue.pop(); node; node = queue.pop()) {
      if (node.cost > known.get(problem.key(node.state))!) continue;
      if (problem.bound(node.state) === 0) return { steps: stepsTo(node), cost: node.cost, optimal: true };
      for (const { step, cost, next } of problem.steps(node.state))
        if (!put({ state: next, cost: node.cost + cost, step, parent: node })) return undefined;
    }
  }
  return "no better";
}

/** A sequence that is likely to be cheap: of the states of every cost only the `width` of the least rank go on. */
export function beam<State, Step>(problem: Problem<State, Step>, width: number): Found<Step> {
  const levels: Map<string, Node<State, Step>>[] = [new Map([["", { state: problem.start, cost: 0, step: undefined, parent: undefined }]])];
  for (let cost = 0; cost < levels.length; cost++) {
    const level = [...(levels[cost]?.values() ?? [])].map((node) => ({ node, rank: problem.rank(node.state) }));
    levels[cost] = new Map();
    for (const { node } of level.sort((a, b) => a.rank - b.rank).slice(0, width)) {
      if (problem.bound(node.state) === 0) return { steps: stepsTo(node), cost, optimal: false };
      for (const { step, cost: more, next } of problem.steps(node.state)) {
        levels[cost + more] ??= new Map();
        const key = problem.key(next);
        if (!levels[cost + more]!.has(key)) levels[cost + more]!.set(key, { state: next, cost: cost + more, step, parent: node });
      }
    }
  }
  throw new Error("internal: a search came to no end");
}
