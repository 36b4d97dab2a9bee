/** Whether this runs on Deno, which cannot use file descriptors opened by an addon or the C library. */
export const isDeno = 'Deno' in globalThis
