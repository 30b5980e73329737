/** @file `nabla evaluate --weights`: the ImageNet protocol (SUM-2), top-1 and top-5 of published weights on a folder of images by synset. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { imageInput } from "../data/image.ts";
import { openImageFolder } from "../data/image-folder.ts";
import { prepareImage } from "../data/image-source.ts";
import { tenCrops } from "../data/imagenet.ts";
import { softmax } from "../math/softmax.ts";
import { tensor } from "../ops/create.ts";
import { outputsOf } from "../train/evaluate.ts";
import { pictureFrom, standardized } from "./inputs.ts";
import { outputFile } from "./output.ts";
import { loadPublished, type Published, type PublishedFlags } from "./published.ts";

export interface ImagenetFlags extends PublishedFlags {
  /** A folder with one for each class in it; or with those in `val` or `test`. */
  readonly data?: string;
  /** Ten crops, their probabilities averaged, instead of the middle one. */
  readonly tenCrop?: boolean;
  readonly json?: string;
}

export async function imagenetCommand(flags: ImagenetFlags): Promise<number> {
  const { data: folder, tenCrop = false, json } = flags;
  if (folder === undefined) throw new Error("want --data with a folder of images, a sub-folder for each class (ImageNet: each synset)");
  const output = json === undefined ? undefined : outputFile(json, [flags.weights, flags.classes, folder]);
  const published = await loadPublished(flags);
  const { paths, labels } = await labelled(await partOf(folder), published);
  const hits = { top1: 0, top5: 0 };
  let at = 0;
  for await (const probabilities of probabilitiesOf(paths, published, tenCrop)) {
    const rank = rankOf(probabilities, labels[at++]);
    if (rank < 1) hits.top1++;
    if (rank < 5) hits.top5++;
  }
  const images = paths.length;
  const report = {
    model: flags.model,
    weights: flags.weights,
    data: folder,
    images,
    tenCrop,
    top1: hits.top1 / images,
    top5: hits.top5 / images,
  };
  const crops = tenCrop ? "ten crops" : "centre crop";
  console.log(
    `${flags.model} (${flags.weights}) on the ${images.toLocaleString("en-US")} images of ${folder}, ${cropping(published)}, ${crops}`,
  );
  console.log(`top-1      ${percent(report.top1)}\ntop-5      ${percent(report.top5)}`);
  await output?.write(`${JSON.stringify(report, null, 2)}\n`);
  return 0;
}

/** To a hundredth: ImageNet has 50,000 test images. */
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function cropping({ about }: Published): string {
  const { width, height, shorterSide } = about.preprocessing!.image!;
  return shorterSide === undefined ? `${width}x${height}` : `shorter side ${shorterSide}, ${width}x${height}`;
}

/** Where a data set has its parts apart, that which is not for training. */
async function partOf(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const part = ["val", "test"].find((name) => names.includes(name));
  return part === undefined ? folder : join(folder, part);
}

/** The images and the positions of their classes among the model's outputs. */
async function labelled(folder: string, { about, synsets }: Published): Promise<{ paths: readonly string[]; labels: number[] }> {
  const { paths, labels, classes: folders } = await openImageFolder(folder);
  const known = synsets ?? about.classes;
  // Without names, the folders in their order are the classes: so ImageNet numbers its own.
  const nameless = about.classes.every((name, i) => name === `class ${i}`);
  if (nameless && folders.length !== known.length)
    throw new Error(
      `${folder}: has ${folders.length} folders, the model ${known.length} classes; give --classes with a file that says which synset is which`,
    );
  const positions = folders.map((name, i) => (nameless ? i : known.indexOf(name)));
  const strange = positions.indexOf(-1);
  if (strange >= 0)
    throw new Error(
      `${join(folder, folders[strange])}: is none of the ${known.length} classes of the model (${known.slice(0, 3).join(", ")}, ...)`,
    );
  return { paths, labels: [...labels].map((label) => positions[label]) };
}

/** Softmax of what the model gives for each image, over ten crops averaged (Krizhevsky et al. 2012, §4.1). */
async function* probabilitiesOf(paths: readonly string[], { model, about }: Published, tenCrop: boolean): AsyncGenerator<Float64Array> {
  const image = about.preprocessing!.image!;
  async function* crops(): AsyncGenerator<Float32Array> {
    for (const path of paths) {
      const cut = await pictureFrom(path, (whole) => (tenCrop ? tenCrops(whole, image) : [prepareImage(whole, image, image)]));
      for (const crop of cut) yield standardized(imageInput(crop), about.preprocessing);
    }
  }
  const count = tenCrop ? 10 : 1;
  let [sum, seen] = [new Float64Array(about.classes.length), 0];
  for await (const outputs of outputsOf(model, about.inputShape, crops(), tenCrop ? 10 : undefined)) {
    const row = softmax(tensor(outputs), 0).dataSync();
    sum = sum.map((s, i) => s + Number(row[i]) / count);
    if (++seen % count > 0) continue;
    yield sum;
    sum = new Float64Array(about.classes.length);
  }
}

/** How many classes are more probable; of equal ones those before it count as more. */
function rankOf(probabilities: Float64Array, label: number): number {
  const own = probabilities[label];
  return probabilities.reduce((n, p, i) => n + (p > own || (p === own && i < label) ? 1 : 0), 0);
}
