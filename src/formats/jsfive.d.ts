/** What is used of the package jsfive, which has no types of its own. */
declare module "jsfive" {
  export class Group {
    readonly attrs: Readonly<Record<string, unknown>>;
    readonly keys: readonly string[];
    get(name: string): Group | Dataset;
  }
  export class Dataset {
    readonly attrs: Readonly<Record<string, unknown>>;
    readonly shape: readonly number[];
    readonly dtype: unknown;
    readonly value: ArrayLike<unknown>;
  }
  export class File extends Group {
    constructor(bytes: ArrayBuffer, name: string);
  }
}
