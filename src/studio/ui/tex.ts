/** @file The mark of formulas in the sources. */
declare global {
  /** TeX as MathML. The build puts the result in the place of each call (scripts/studio.mjs). */
  function tex(parts: TemplateStringsArray): string;
}

export {};
