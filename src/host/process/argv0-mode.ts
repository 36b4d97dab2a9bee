/**
 * The hidden first argument of this program; the soft limit of open files, argv[0], the program's path and its arguments
 * follow. See argv0.ts.
 */
export const ARGV0_MODE = '__argv0'
