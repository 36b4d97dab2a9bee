/** Paths as text. */

/** Whether a normalized absolute path is `directory`, or below it. */
export const isWithin = (path: string, directory: string): boolean =>
  directory === '/' || path === directory || (path.startsWith(directory) && path[directory.length] === '/')
