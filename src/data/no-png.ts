/** @file What stands for the package pngjs in a page: it decodes images by itself, and bundlers would miss the modules of Node that the package asks for. */
export const PNG = undefined;
