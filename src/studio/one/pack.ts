/** @file Where the one file has its programs. */

/** The element whose text is the packed programs of the page and of its workers, in base64. */
export const PACK = "nabla-pack";

export interface PackedPage {
  /** The program of all workers; undefined where they are files of their own. */
  nablaWorker?: string;
}
