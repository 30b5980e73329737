/** @file The picture of a view: its drawing, as SVG or at twice the screen's resolution as PNG. */
import { drawingOf } from "../ui/canvas.tsx";
import { palette } from "../ui/theme.ts";
import { SvgContext } from "./svg-context.ts";

/** What style sheets say of lines and texts, which a file of its own must carry. */
const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font", "text-anchor", "dominant-baseline", "visibility"];

/** An SVG of the page with its styles in it. */
function standalone(drawing: SVGSVGElement): string {
  const { width, height } = drawing.getBoundingClientRect();
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = drawing.querySelectorAll<SVGElement>("*");
  for (const [i, element] of copy.querySelectorAll<SVGElement>("*").entries()) {
    const found = getComputedStyle(originals[i]!);
    for (const name of STYLES) element.style.setProperty(name, found.getPropertyValue(name));
  }
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.style.background = palette().paper;
  return `${copy.outerHTML}\n`;
}

/** The view's drawing: the first one of its stage. @throws {Error} for a view that is a table or a text. */
export function svgOfView(): string {
  const drawing = document.querySelector<HTMLCanvasElement | SVGSVGElement>(".stage canvas, .stage svg:not(.icon)");
  if (!drawing) throw new Error("this view has no picture; save its table");
  if (drawing instanceof SVGSVGElement) return standalone(drawing);
  const { clientWidth: width, clientHeight: height } = drawing;
  const ctx = new SvgContext(width, height);
  drawingOf(drawing)?.(ctx as unknown as CanvasRenderingContext2D, { width, height }, palette());
  return ctx.picture(palette().paper);
}

/** Screens show one dot for each pixel, or several; files have two for each. */
const SCALE = 2;

export async function pngOfView(): Promise<Uint8Array<ArrayBuffer>> {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svgOfView())}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SCALE * image.width;
  canvas.height = SCALE * image.height;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
  if (!blob) throw new Error("this browser gave no picture");
  return new Uint8Array(await blob.arrayBuffer());
}
