/** @file What the one file has in the place of the views of a run in Node, which only a server can show: nothing. */

export const LiveView = (): undefined => undefined;
export const liveWords = (): string => "";
export const liveTable = (): object => ({});
