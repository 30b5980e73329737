/** @file Lines in a terminal, of Braille dots: two columns and four rows of them in a character. */

// The dots of a Braille character by column and row, as bits above U+2800.
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];

/** A drawing of some characters; dots are counted from the upper left. */
export class BrailleCanvas {
  readonly #cells: readonly number[][];

  constructor(width: number, height: number) {
    this.#cells = Array.from({ length: height }, () => new Array<number>(width).fill(0));
  }

  /** Joins two dots. */
  line(x0: number, y0: number, x1: number, y1: number): void {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let i = 0; i <= steps; i++) {
      const [x, y] = [Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps)];
      this.#cells[y >> 2]![x >> 1]! |= DOTS[x & 1]![y & 3]!;
    }
  }

  /** A text for each row of characters, behind the label of its axis in `margin` columns. */
  rows(labels: readonly string[], margin: number): string[] {
    return this.#cells.map((row, i) => {
      const dots = row.map((cell) => String.fromCodePoint(0x2800 + cell)).join("");
      return `${labels[i]!.padStart(margin)} ┤${dots}`;
    });
  }
}
