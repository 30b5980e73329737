/** @file Grey images in a terminal: half blocks in 24 greys where there are colours, characters of growing darkness elsewhere. */

export interface Picture {
  /** Grey values 0 to 1, row by row. */
  readonly pixels: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly caption: string;
}

const GAP = "   ";
const RAMP = " .:-=+*#%@";

/** Pictures side by side, each below its caption. */
export function drawPictures(pictures: readonly Picture[], colour: boolean): string {
  const blocks = pictures.map((picture) => ({ caption: picture.caption, ...(colour ? halfBlocks(picture) : characters(picture)) }));
  const rows = Math.max(...blocks.map(({ lines }) => lines.length));
  const captions = blocks.map(({ caption, width }) => caption.padEnd(width)).join(GAP);
  const lines = Array.from({ length: rows }, (_, i) =>
    blocks.map((block) => (block.lines[i] ?? "") + " ".repeat(Math.max(0, block.caption.length - block.width))).join(GAP),
  );
  return [captions, ...lines].join("\n");
}

interface Block {
  readonly lines: string[];
  /** Columns that a line takes. */
  readonly width: number;
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** A character for two pixels, one above the other: the upper one is the colour of "▀", the lower one its background. */
function halfBlocks({ pixels, width, height }: Picture): Block {
  // 232 to 255 are the greys of the 256-colour palette.
  const grey = (x: number, y: number): number => 232 + Math.round(23 * clamp(y < height ? pixels[y * width + x] : 0));
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = "";
    for (let x = 0; x < width; x++) line += `\x1b[38;5;${grey(x, y)};48;5;${grey(x, y + 1)}m▀`;
    lines.push(`${line}\x1b[0m`);
  }
  return { lines, width };
}

/** Characters are about twice as high as wide: small images take two per pixel, larger ones the mean of two rows. */
function characters({ pixels, width, height }: Picture): Block {
  const small = width <= 16;
  const rowStep = small ? 1 : 2;
  const lines: string[] = [];
  for (let y = 0; y < height; y += rowStep) {
    let line = "";
    for (let x = 0; x < width; x++) {
      const below = small || y + 1 >= height ? pixels[y * width + x] : pixels[(y + 1) * width + x];
      const value = clamp((pixels[y * width + x] + below) / 2);
      line += RAMP[Math.round(value * (RAMP.length - 1))].repeat(small ? 2 : 1);
    }
    lines.push(line);
  }
  return { lines, width: small ? 2 * width : width };
}
