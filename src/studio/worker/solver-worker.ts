/** @file The worker that makes plans: it loads the solver, HiGHS, which `nabla studio` serves from its package, when it is first asked. */
import { scheduleCrews } from "../../demo/planning/crew-plan.ts";
import { planRails } from "../../demo/planning/rail-plan.ts";
import { crewKey, crewTask, entriesOf, type Gate, railKey, railNumbers, railTask, type Solved } from "./decide-choice.ts";

export type SolveCommand =
  | { readonly do: "rail"; readonly seed: number; readonly failure: number }
  | { readonly do: "crew"; readonly seed: number; readonly gate: Gate };

/** How long and how closely. */
const HOW = { gap: 1e-4, seconds: 60 } as const;

async function solved(command: SolveCommand): Promise<Solved> {
  if (command.do === "rail") {
    const { seed, failure } = command;
    const { cost, gap, policies } = await planRails(railTask(seed, failure), HOW);
    return { key: railKey(seed, failure), cost, gap, plan: railNumbers(policies) };
  }
  const { seed, gate } = command;
  const { cost, gap, sites } = await scheduleCrews({ ...crewTask(seed), entries: entriesOf(gate) }, HOW);
  return { key: crewKey(seed, gate), cost, gap, plan: sites.flatMap((days) => days.map((site) => site ?? -1)) };
}

interface Scope {
  onmessage: ((event: { readonly data: SolveCommand & { readonly id: number } }) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as Scope;
scope.onmessage = ({ data }) => {
  solved(data).then(
    (ok) => scope.postMessage({ id: data.id, ok }),
    (error: Error) => scope.postMessage({ id: data.id, error: error.message }),
  );
};
