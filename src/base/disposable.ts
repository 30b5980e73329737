/** @file `Symbol.dispose`, which `using` calls, for hosts that do not have it yet. */

(Symbol as { dispose?: symbol }).dispose ??= Symbol.for("Symbol.dispose");

declare global {
  // As @types/node and lib.esnext.disposable have it: programs with neither read these declarations too.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

export {};
