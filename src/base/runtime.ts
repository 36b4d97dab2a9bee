/** Whether this runs on Deno, which knows nothing of descriptors that an addon or the C library has made. */
export const isDeno = 'Deno' in globalThis
