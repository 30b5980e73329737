/** @file `Symbol.dispose`, which `using` calls, for hosts that do not have it yet. */

(Symbol as { dispose?: symbol }).dispose ??= Symbol.for("Symbol.dispose");

export {};
