/** @file A drawing context that writes SVG: what the drawings of this page call of a canvas, so that each of them is also a picture of lines. */
import { escaped } from "../../figures/svg.ts";

interface Style {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  lineJoin: string;
  lineCap: string;
  globalAlpha: number;
  font: string;
  textAlign: string;
  textBaseline: string;
  dash: readonly number[];
  clip: string;
}

const FIRST: Style = {
  fillStyle: "#000",
  strokeStyle: "#000",
  lineWidth: 1,
  lineJoin: "miter",
  lineCap: "butt",
  globalAlpha: 1,
  font: "10px sans-serif",
  textAlign: "start",
  textBaseline: "alphabetic",
  dash: [],
  clip: "",
};

const ANCHORS: Readonly<Record<string, string>> = { center: "middle", right: "end", end: "end" };
const BASELINES: Readonly<Record<string, string>> = { middle: "central", top: "text-before-edge", bottom: "text-after-edge" };

const short = (x: number): string => String(Math.round(x * 100) / 100);

/** The subset of CanvasRenderingContext2D that the drawings use. Colours and widths are its fields, as they are a canvas's. */
export class SvgContext {
  imageSmoothingEnabled = true;
  readonly #elements: string[] = [];
  readonly #saved: Style[] = [];
  readonly #width: number;
  readonly #height: number;
  #path: string[] = [];
  #clips = 0;
  #style: Style = { ...FIRST };

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    for (const name of Object.keys(FIRST) as (keyof Style)[])
      if (name !== "dash" && name !== "clip")
        Object.defineProperty(this, name, {
          get: () => this.#style[name],
          set: (value) => {
            this.#style = { ...this.#style, [name]: value };
          },
        });
  }

  // ---- state --------------------------------------------------------------------------------------------------------------------------

  save(): void {
    this.#saved.push(this.#style);
  }

  restore(): void {
    this.#style = this.#saved.pop() ?? this.#style;
  }

  setTransform(): void {}

  setLineDash(dash: readonly number[]): void {
    this.#style = { ...this.#style, dash };
  }

  // ---- paths --------------------------------------------------------------------------------------------------------------------------

  beginPath(): void {
    this.#path = [];
  }

  moveTo(x: number, y: number): void {
    this.#path.push(`M${short(x)} ${short(y)}`);
  }

  lineTo(x: number, y: number): void {
    this.#path.push(`${this.#path.length === 0 ? "M" : "L"}${short(x)} ${short(y)}`);
  }

  closePath(): void {
    this.#path.push("Z");
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.#path.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
  }

  /** Whole turns as two halves, since an arc of SVG that ends where it begins is nothing. */
  arc(x: number, y: number, r: number, from: number, to: number): void {
    const at = (angle: number): string => `${short(x + r * Math.cos(angle))} ${short(y + r * Math.sin(angle))}`;
    const middle = (from + to) / 2;
    const arcTo = (angle: number): string => `A${short(r)} ${short(r)} 0 0 ${to > from ? 1 : 0} ${at(angle)}`;
    this.#path.push(`${this.#path.length === 0 || to - from >= 2 * Math.PI ? "M" : "L"}${at(from)}${arcTo(middle)}${arcTo(to)}`);
  }

  clip(): void {
    const id = `clip${++this.#clips}`;
    this.#elements.push(`<clipPath id="${id}"><path d="${this.#path.join("")}"/></clipPath>`);
    this.#style = { ...this.#style, clip: ` clip-path="url(#${id})"` };
  }

  // ---- ink ----------------------------------------------------------------------------------------------------------------------------

  #add(element: string): void {
    const { clip, globalAlpha } = this.#style;
    this.#elements.push(element.replace(/\/?>/, (end) => `${clip}${globalAlpha < 1 ? ` opacity="${short(globalAlpha)}"` : ""}${end}`));
  }

  fill(): void {
    if (this.#path.length > 0) this.#add(`<path d="${this.#path.join("")}" fill="${this.#style.fillStyle}"/>`);
  }

  stroke(): void {
    const { strokeStyle, lineWidth, lineJoin, lineCap, dash } = this.#style;
    if (this.#path.length === 0) return;
    const dashes = dash.length > 0 ? ` stroke-dasharray="${dash.join(" ")}"` : "";
    this.#add(
      `<path d="${this.#path.join("")}" fill="none" stroke="${strokeStyle}" stroke-width="${short(lineWidth)}" stroke-linejoin="${lineJoin}" stroke-linecap="${lineCap}"${dashes}/>`,
    );
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.#add(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${this.#style.fillStyle}"/>`);
  }

  clearRect(): void {}

  fillText(text: string, x: number, y: number): void {
    const { fillStyle, font, textAlign, textBaseline } = this.#style;
    const anchor = ANCHORS[textAlign] ? ` text-anchor="${ANCHORS[textAlign]}"` : "";
    const baseline = BASELINES[textBaseline] ? ` dominant-baseline="${BASELINES[textBaseline]}"` : "";
    this.#add(
      `<text x="${short(x)}" y="${short(y)}" fill="${fillStyle}" style="font:${escaped(font)}"${anchor}${baseline}>${escaped(text)}</text>`,
    );
  }

  drawImage(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    const smooth = this.imageSmoothingEnabled ? "" : ' style="image-rendering:pixelated"';
    this.#add(
      `<image x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" preserveAspectRatio="none" href="${image.toDataURL()}"${smooth}/>`,
    );
  }

  /** The whole picture. @param paper Its background. */
  picture(paper: string): string {
    const [w, h] = [short(this.#width), short(this.#height)];
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}"><rect width="${w}" height="${h}" fill="${paper}"/>${this.#elements.join("")}</svg>\n`;
  }
}
