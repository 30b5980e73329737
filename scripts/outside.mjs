/**
 * @file `npm run outside [-- --only NAME --most 40 --numel 20000 --dtype float64]`: PyTorch's own operator, module and optimizer samples, computed by the Python of $TORCH_PYTHON, python3 or
 * /usr/bin/python3 that has torch (1.13 or later), against this library. `-- --extract` writes the small part that is kept in test/outside/data.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run, setUpOutside } from "./setup.mjs";

/** A few small samples of each operator, 2.4 MB in all. */
const EXTRACT = ["--most", "5", "--numel", "150"];

const hasTorch = (python) => spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0;
const python = [process.env.TORCH_PYTHON, "python3", "/usr/bin/python3", "python"].filter(Boolean).find(hasTorch);
if (!python) {
  console.error(
    "outside: there is no Python with torch; name one in $TORCH_PYTHON, or on Debian apt-get install python3-torch python3-scipy",
  );
  process.exit(2);
}

const wanted = process.argv.slice(2);
const extract = wanted.includes("--extract");
const folder = extract ? join(root, "test/outside/data") : mkdtempSync(join(tmpdir(), "nabla-outside-"));
const given = wanted.filter((argument) => argument !== "--extract");
let code = await run(python, [join(root, "scripts/outside.py"), folder, ...(extract ? EXTRACT : []), ...given]);
if (code === 0) {
  await setUpOutside();
  code = await run(process.execPath, [join(root, "test/outside/dist/main.js"), folder]);
}
if (!extract) rmSync(folder, { recursive: true, force: true });
process.exitCode = code;
