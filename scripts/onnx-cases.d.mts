/** Folders that hold a `model.onnx`. */
export function findCases(folder: string): string[];
export function runCase(api: object, folder: string, options?: { readonly compiled?: boolean }): Promise<object>;
export function tally(results: readonly object[]): Record<string, { cases: number; passed: number; failed: number; unsupported: number }>;
export function opOfCase(name: string, graph: object | undefined, known: readonly string[]): string;
