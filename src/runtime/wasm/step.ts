/**
 * @file The entry `nabla/step`: runs a file that `save` of a compiled function wrote, without the library. It is kept short so that a page can inline it.
 */

/** Elements in the memory of a step. The memory never grows, so the arrays stay valid. */
export type StepArray = (Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array) & { readonly shape: readonly number[] };

/** A step with its memory. */
export interface LoadedStep {
  /** The inputs by name; write them before a run. */
  readonly inputs: Record<string, StepArray>;
  /** The outputs by name; read them after a run. */
  readonly outputs: Record<string, StepArray>;
  /** Parameters, the optimizer's state, its learning rate; by the names of their state dicts. */
  readonly cells: Record<string, StepArray>;
  /** Runs the function. In a file with several functions, each is a property of its name. */
  readonly run: () => void;
  readonly [name: string]: Record<string, StepArray> | (() => void);
}

/** Loads a step from the bytes of a file, or from a module compiled from them. @throws {Error} for a damaged file. */
export async function load(source: BufferSource | WebAssembly.Module): Promise<LoadedStep> {
  // biome-ignore lint/suspicious/noExplicitAny: every cast here is a byte of the loader.
  const math: any = {
    exp2: (x: number) => 2 ** x,
    rem: (x: number, y: number) => x % y,
    pow: (x: number, y: number) => (x === 1 ? 1 : x ** y),
  };
  // biome-ignore lint/suspicious/noExplicitAny: as above
  for (const name of Object.getOwnPropertyNames(Math)) math[name] ??= (Math as any)[name];
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const made: any = await WebAssembly.instantiate(source as BufferSource, { math });
  const { memory, ...all } = (made.instance ?? made).exports;
  // Names come from the file, so these objects have no prototype that a name could reach.
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const own = (fields = {}): any => Object.assign(Object.create(null), fields);
  const step = own({ inputs: own(), outputs: own(), cells: own() });
  const types = own({ f32: Float32Array, f64: Float64Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array, bool: Uint8Array });
  for (const key in all) {
    const [, kind, name, dtype, dims] = /^(inputs|outputs|cells) (.*) (\w+)\[([\d,]*)]$/.exec(key) ?? [];
    if (!kind) {
      step[key] = all[key];
      continue;
    }
    const shape = dims ? dims.split(",").map(Number) : [];
    const count = shape.reduce((a, b) => a * b, 1);
    try {
      const array = new types[dtype!](memory.buffer, all[key].value, count);
      // What is called memory may be none.
      if (array.length - count) throw 0;
      step[kind][name!] = Object.assign(array, { shape });
    } catch {
      throw Error(`step: the file has no elements at ${key}`);
    }
  }
  return step;
}
