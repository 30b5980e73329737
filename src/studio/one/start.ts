/** @file What the one file begins with: unpacks the program of the page and that of its workers, and starts the page. */
import { unpack } from "./lzma.ts";
import { PACK, type PackedPage } from "./pack.ts";

const packed = Uint8Array.from(atob(document.getElementById(PACK)!.textContent!), (letter) => letter.charCodeAt(0));
const [page, worker] = new TextDecoder().decode(unpack(packed)).split("\0") as [string, string];
(globalThis as PackedPage).nablaWorker = worker;
const script = document.createElement("script");
script.textContent = page;
document.body.append(script);
script.remove();
