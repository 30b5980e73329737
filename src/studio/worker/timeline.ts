/** @file Which stage works on which batch when: with backpropagation each waits for those above it, with guessed gradients none does. A pass through a stage, either way, takes one slot. */

export interface Slot {
  readonly stage: number;
  readonly slot: number;
  readonly batch: number;
  readonly kind: "forward" | "backward";
}

/** Work in the first `slots` slots. Locked stages update when the gradient has come back; others with their guess, right after their way forward. */
export function timeline(stages: number, isLocked: boolean, slots: number): Slot[] {
  const all: Slot[] = [];
  const period = isLocked ? 2 * stages : 2;
  for (let batch = 0; batch * period < slots; batch++) {
    for (let stage = 0; stage < stages; stage++) {
      const forward = batch * period + (isLocked ? stage : 2 * stage);
      const backward = isLocked ? batch * period + 2 * stages - 1 - stage : forward + 1;
      all.push({ stage, slot: forward, batch, kind: "forward" }, { stage, slot: backward, batch, kind: "backward" });
    }
  }
  return all.filter(({ slot }) => slot < slots);
}

/** The share of slots in which a stage works, once the first batch has come to the last stage. */
export const busyShare = (stages: number, isLocked: boolean): number => {
  const slots = 8 * stages;
  const from = 2 * stages;
  const work = timeline(stages, isLocked, slots).filter(({ slot }) => slot >= from).length;
  return work / (stages * (slots - from));
};
