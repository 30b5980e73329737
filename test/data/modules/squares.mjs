/** A source for the loader's threads: example i is [i, i²] of class i mod 3; some wait, so that answers come out of order. */
export default ({ count, slow = 0 }) => ({
  count,
  async example(i) {
    if (i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, slow));
    if (i === 666) throw new Error("example 666 cannot be read");
    return { input: Float32Array.of(i, i * i), target: i % 3 };
  },
});

/** The same kind of thing in memory. */
export const split = () => ({ inputs: Float32Array.of(1, 2, 3), targets: Float32Array.of(4, 5, 6), count: 3 });

export const stream = () =>
  function* () {
    yield { input: Float32Array.of(1), target: 0 };
  };

export const fails = () => {
  throw new Error("no such file");
};
