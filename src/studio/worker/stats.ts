/** @file The numbers that every frame carries, in their order in the tap `stats`. */
export const STATS = [
  "end",
  "playing",
  "stepsPerSecond",
  "trainLoss",
  "trainAccuracy",
  "testLoss",
  "testAccuracy",
  "epoch",
  "failed",
] as const;
