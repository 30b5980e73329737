/** @file What the one file begins with: unpacks the styles, the program of the page and that of its workers, and starts the page. */
import { unpack } from "./lzma.ts";
import { PACK, type PackedPage } from "./pack.ts";
import { spell } from "./words.ts";

const packed = Uint8Array.from(atob(document.getElementById(PACK)!.textContent!), (letter) => letter.charCodeAt(0));
const [page, worker, styles] = spell(unpack(packed)).split("\0") as [string, string, string];
(globalThis as PackedPage).nablaWorker = worker;
const sheet = new CSSStyleSheet();
sheet.replaceSync(styles);
// Unlike an element of styles it is not in the page's text, which may be saved.
document.adoptedStyleSheets = [sheet];
const script = document.createElement("script");
script.textContent = page;
document.body.append(script);
script.remove();
