/**
 * @file Bundles a page's module with one bundler, without configuration: `node bundle.mjs BUNDLER ENTRY FOLDER`. Prints one line of JSON: what the bundler complained of.
 */
const [bundler, entry, folder] = process.argv.slice(2);
const complaints = [];

const BUNDLERS = {
  async esbuild() {
    const { build } = await import("esbuild");
    const settings = {
      entryPoints: [entry],
      outdir: folder,
      bundle: true,
      minify: true,
      format: "esm",
      logLevel: "silent",
    };
    const { warnings } = await build({ ...settings, platform: "browser" }).catch(({ errors }) => ({ warnings: errors }));
    complaints.push(...warnings.map(({ text }) => text));
  },
  async webpack() {
    const { default: webpack } = await import("webpack");
    // Its advice on the size of pages is no complaint about the package. Without a page it cannot find out where its files are.
    const output = { path: folder, filename: entry.slice(2), publicPath: "/" };
    const settings = { mode: "production", entry, output, performance: { hints: false } };
    const stats = await new Promise((done, fail) => webpack(settings, (error, result) => (error ? fail(error) : done(result))));
    const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
    complaints.push(...[...errors, ...warnings].map(({ message, moduleName }) => `${moduleName}: ${message}`));
  },
  async rollup() {
    const [{ rollup }, { default: resolve }, { default: commonjs }] = await Promise.all(
      ["rollup", "@rollup/plugin-node-resolve", "@rollup/plugin-commonjs"].map((name) => import(name)),
    );
    const onwarn = ({ message }) => complaints.push(message);
    const made = await rollup({ input: entry, plugins: [resolve({ browser: true }), commonjs()], onwarn });
    await made.write({ dir: folder, format: "esm" });
  },
  async vite() {
    const { build, createLogger } = await import("vite");
    const customLogger = createLogger("warn");
    customLogger.warn = customLogger.warnOnce = customLogger.error = (message) => complaints.push(message);
    const lib = { entry, formats: ["es"], fileName: () => entry.slice(2) };
    await build({ configFile: false, customLogger, build: { outDir: folder, emptyOutDir: true, lib } });
  },
};

await BUNDLERS[bundler]();
console.log(JSON.stringify(complaints));
