/** @file Names of the optimizers on the command line. */

export type OptimizerName =
  | ("sgd" | "adam" | "adamw" | "nadam" | "radam" | "adamax" | "lamb" | "lion" | "rmsprop")
  | ("adagrad" | "adadelta" | "asgd" | "rprop" | "adafactor" | "muon");
