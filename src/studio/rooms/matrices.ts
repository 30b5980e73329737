/** @file Matrices of the room Spectra. */
import { FIRST_MATRIX, type MatrixChoice } from "../worker/matrix-choice.ts";

/** Matrices that are worth a look. */
export const MATRICES: readonly { readonly name: string; readonly matrix: MatrixChoice; readonly hint: string }[] = [
  {
    name: "Glorot, square",
    matrix: FIRST_MATRIX,
    hint: "The law ends at 2 and has the mean 8/(3π) = 0.8488: some directions are doubled, others are lost.",
  },
  {
    name: "He, 4/(n+m)",
    matrix: { ...FIRST_MATRIX, initializer: "He, both fans" },
    hint: "√2 times as large: it ends at 2.828 and has the mean 1.2004.",
  },
  {
    name: "Orthogonal",
    matrix: { ...FIRST_MATRIX, initializer: "orthogonal" },
    hint: "All singular values are 1: no direction is favoured.",
  },
  {
    name: "Wide: 50 by 200",
    matrix: { ...FIRST_MATRIX, rows: 50, columns: 200 },
    hint: "The narrower the matrix, the nearer its singular values lie: none comes near 0.",
  },
  {
    name: "A signal in noise",
    matrix: { ...FIRST_MATRIX, signal: 2 },
    hint: "Something of rank one was learned. It shows once it is stronger than the noise; weaken it, and it sinks into the bulk.",
  },
  {
    name: "A product of five",
    matrix: { ...FIRST_MATRIX, factors: 5 },
    hint: "Most directions are nearly lost, a few grow: a deep net at its start.",
  },
];
