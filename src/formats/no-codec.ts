/** @file What stands for packages that decode images in a page: it decodes images by itself, and bundlers would miss the modules of Node that the packages ask for. */
export const PNG = undefined;
export const decode = undefined;
export default undefined;
