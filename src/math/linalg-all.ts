/** @file The namespace `linalg`: matrices in the last two axes; leading axes are batches. */
export * from "./linalg.ts";
export * from "./linalg-factors.ts";
