/** @file The losses of a run in bounded memory: neighbours are put together when there are too many, so that the curve of a million steps is as long as that of a thousand. */

const MOST = 1024;

export class LossHistory {
  /** Steps in one entry. */
  #stride = 1;
  readonly #train: number[] = [];
  readonly #test: number[] = [];
  #sum = 0;
  #count = 0;
  #latestTest = Number.NaN;

  /** The loss before step number `#train.length * stride + count`. */
  add(loss: number): void {
    this.#sum += loss;
    if (++this.#count < this.#stride) return;
    this.#train.push(this.#sum / this.#count);
    this.#test.push(this.#latestTest);
    this.#sum = this.#count = 0;
    if (this.#train.length >= MOST) this.#halve();
  }

  /** The test loss as it was measured last. */
  test(loss: number): void {
    this.#latestTest = loss;
  }

  #halve(): void {
    const half = this.#train.length >> 1;
    for (let i = 0; i < half; i++) {
      this.#train[i] = (this.#train[2 * i]! + this.#train[2 * i + 1]!) / 2;
      this.#test[i] = this.#test[2 * i + 1]!;
    }
    this.#train.length = this.#test.length = half;
    this.#stride *= 2;
  }

  /** Forgets what came after `steps` steps. */
  truncate(steps: number): void {
    const keep = Math.floor(steps / this.#stride);
    if (keep >= this.#train.length) return;
    this.#train.length = this.#test.length = keep;
    this.#sum = this.#count = 0;
    // What is left of the entry at the cut is made up by its mean, so that the entries keep their places.
    const rest = steps - keep * this.#stride;
    const last = this.#train.at(-1) ?? 0;
    this.#sum = rest * last;
    this.#count = rest;
  }

  /** [n, 3]: the last step of each entry, training loss, test loss. */
  read(): Float32Array {
    const all = new Float32Array(3 * this.#train.length);
    for (let i = 0; i < this.#train.length; i++) all.set([(i + 1) * this.#stride, this.#train[i]!, this.#test[i]!], 3 * i);
    return all;
  }
}
