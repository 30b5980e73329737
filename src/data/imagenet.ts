/**
 * @file The ImageNet protocol (SUM-2): what published networks are tested with. Images lie in a folder for each synset (`n01440764`), are resized
 * to a shorter side, cropped in the middle or ten times, and standardized by the mean and deviation of ImageNet's colours.
 */
import { text as aText, check, checkFields, optional, positiveInteger } from "../base/check.ts";
import { anImage, centreCrop, cropImage, type Image, mirrorImage, resizeShorterSide, withChannels } from "./image.ts";
import type { ImagePreparation, Standardization } from "./preprocessing.ts";

/** Mean and deviation of ImageNet's red, green and blue, 0 to 1: those of torchvision's published weights. */
export const IMAGENET: Standardization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** The four corners and the middle of an image, and their mirror images (Krizhevsky et al. 2012, §4.1). */
export function tenCrops(image: Image, preparation: ImagePreparation): Image[] {
  check("tenCrops: the image", image, anImage);
  checkFields("tenCrops: the preparation", preparation, {
    width: positiveInteger,
    height: positiveInteger,
    channels: positiveInteger,
    shorterSide: optional(positiveInteger),
  });
  const { width, height, channels, shorterSide, filter } = preparation;
  const side = shorterSide ?? Math.max(width, height);
  const whole = resizeShorterSide(withChannels(image, channels === 1 ? 1 : 3), side, filter);
  const [right, bottom] = [whole.width - width, whole.height - height];
  const corners = [
    [0, 0],
    [right, 0],
    [0, bottom],
    [right, bottom],
  ].map(([left, top]) => cropImage(whole, left, top, width, height));
  const five = [...corners, centreCrop(whole, width, height)];
  return [...five, ...five.map(mirrorImage)];
}

export interface ClassNames {
  /** In the order of the network's outputs. */
  readonly names: readonly string[];
  /** What the folders of the classes are called, if the file says so. */
  readonly synsets?: readonly string[];
}

const SYNSET = /^(n\d{8})[\s,:]+(\S.*)$/;

/**
 * Names of classes from a text: a line for each (`tench`, or `n01440764 tench, Tinca tinca`), or JSON, a list of names or the form of Keras,
 * `{"0": ["n01440764", "tench"]}`.
 * @param what Names the file in errors. @throws {Error} for anything else.
 */
export function classNames(text: string, what = "classes"): ClassNames {
  check("classNames: text", text, aText);
  const rows = /^\s*[[{]/.test(text) ? fromJson(text, what) : fromLines(text, what);
  if (rows.length === 0) throw new Error(`${what}: has no names; want one class per line`);
  const synsets = rows.flatMap(({ synset }) => (synset === undefined ? [] : [synset]));
  return { names: rows.map(({ name }) => name), ...(synsets.length === rows.length && { synsets }) };
}

interface Row {
  readonly name: string;
  readonly synset?: string;
}

function fromLines(text: string, what: string): Row[] {
  const lines = text.trimEnd().split(/\r?\n/);
  const empty = lines.findIndex((line) => line.trim() === "");
  if (empty >= 0 && text.trim() !== "") throw new Error(`${what}: line ${empty + 1} is empty; want one class per line`);
  return text.trim() === "" ? [] : lines.map((line) => rowOf(line.trim()));
}

function rowOf(line: string): Row {
  const [, synset, name] = SYNSET.exec(line) ?? [];
  return synset === undefined ? { name: line } : { name, synset };
}

function fromJson(text: string, what: string): Row[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what}: is not JSON: ${(error as Error).message}`);
  }
  const list = Array.isArray(value) ? value : numbered(value as Record<string, unknown>);
  return list.map((entry, i) => {
    if (typeof entry === "string") return rowOf(entry);
    const [synset, name] = Array.isArray(entry) ? entry : [];
    if (typeof synset === "string" && typeof name === "string") return { name, synset };
    throw new Error(`${what}: class ${i} is ${JSON.stringify(entry) ?? "missing"}; want a name, or a synset and a name`);
  });
}

const numbered = (value: Record<string, unknown>): unknown[] => Object.keys(value).map((_, i) => value[i]);
