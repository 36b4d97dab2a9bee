/** The names of the assets that hold a part of the bundle. */

/** The asset with the source: an expression, a function `(require, requireFrom) => modules`. */
export const sourceAsset = (part: string): string => `${part}.js`

/** The asset with V8's code cache of it. A runtime that cannot be run when the executable is built has none. */
export const cacheAsset = (part: string): string => `${part}.cache`

/** The part's name in the stack of an error. */
export const partFile = (part: string): string => `exec-server:${part}`
