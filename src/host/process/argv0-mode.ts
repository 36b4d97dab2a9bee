/** The hidden first argument: argv[0], the program's path, and the program's arguments follow. See argv0.ts. */
export const ARGV0_MODE = '__argv0'
