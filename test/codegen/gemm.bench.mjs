/**
 * @file GFLOP/s of a matrix product written in the kernel language, 4×8 register tile, and ns per element of elementwise kernels. Run after
 * `npm run build`: `node test/codegen/gemm.bench.mjs [n]`.
 */
import { features, instantiate } from "../../dist/codegen/wasm/instantiate.js";
import { compileProgram } from "../../dist/codegen/wasm/program.js";
import * as k from "../../dist/kernel/build.js";

const MEMORY = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
const f32 = (length, written) => ({ dtype: "f32", length, written });

function gemm(n) {
  k.fresh();
  const at = (row, column) => k.add(k.mul(row, k.int(n)), column);
  const tile = (i, j) => {
    const acc = Array.from({ length: 8 }, () => k.bind(k.splat(k.float(0))));
    const step = (p) => {
      const b = [0, 4].map((v) => k.bind(k.load(1, "f32", at(p, k.add(j, k.int(v))), { lanes: 4 })));
      const rows = [0, 1, 2, 3].flatMap((r) => {
        const a = k.splat(k.load(0, "f32", at(k.add(i, k.int(r)), p)));
        return k.letIn(a, (x) => b.map((y, v) => k.set(acc[2 * r + v].variable, k.fma(x, y.variable, acc[2 * r + v].variable))));
      });
      return [...b.map((y) => y.statement), ...rows];
    };
    const stores = acc.map(({ variable }, t) => k.store(2, at(k.add(i, k.int(t >> 1)), k.add(j, k.int(4 * (t & 1)))), variable));
    return [...acc.map((x) => x.statement), k.forLoop(n, step), ...stores];
  };
  const body = [k.forLoop(n, (j) => [k.forLoop(n, (i) => tile(i, j), { step: 4 })], { step: 8 })];
  return { name: "gemm", buffers: [f32(n * n, false), f32(n * n, false), f32(n * n, true)], body };
}

function map(n, f) {
  k.fresh();
  return {
    name: "map",
    buffers: [f32(n, false), f32(n, true)],
    body: [k.forLoop(n, (i) => [k.store(1, i, f(k.load(0, "f32", i, { lanes: 4 })))], { step: 4 })],
  };
}

/** Best seconds of a call, after the optimizing compiler has had its time. */
async function best(kernel, ...addresses) {
  const { relaxed } = features();
  const [run] = instantiate(compileProgram({ kernels: [kernel], steps: [], bindings: 0 }, { sharedMemory: true, relaxed }), MEMORY).kernels;
  for (let i = 0; i < 200; i++) run(...addresses);
  await new Promise((resolve) => setTimeout(resolve, 100));
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    run(...addresses);
    least = Math.min(least, performance.now() - start);
  }
  return least / 1000;
}

const n = Number(process.argv[2] ?? 256);
new Float32Array(MEMORY.buffer).forEach((_, i, all) => {
  all[i] = Math.sin(i);
});
const size = 4 * n * n;
console.log(`${process.version}, relaxed SIMD: ${features().relaxed}`);
console.log(`gemm ${n}: ${((2 * n ** 3) / (await best(gemm(n), 4096, 4096 + size, 4096 + 2 * size)) / 1e9).toFixed(1)} GFLOP/s`);
const gelu = (x) =>
  k.mul(k.mul(x, k.float(0.5)), k.add(k.tanh(k.mul(k.fma(k.mul(k.mul(x, x), x), k.float(0.044715), x), k.float(0.7978846))), k.float(1)));
for (const [name, f] of Object.entries({
  copy: (x) => x,
  relu: (x) => k.max(x, k.float(0)),
  exp: k.exp,
  log: k.log,
  tanh: k.tanh,
  sigmoid: k.sigmoid,
  erf: k.erf,
  sin: k.sin,
  gelu,
})) {
  const length = 1 << 16;
  const seconds = await best(map(length, f), 4096, 4096 + 4 * length);
  console.log(
    `${name.padEnd(8)} ${((seconds / length) * 1e9).toFixed(3)} ns per element, ${((8 * length) / seconds / 1e9).toFixed(1)} GB/s`,
  );
}
