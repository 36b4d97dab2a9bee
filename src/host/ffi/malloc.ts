/** How the C library treats memory that was freed. Only glibc has these functions. */
import { functions } from './functions.ts'

/** Options of `mallopt`. */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3

/**
 * Lets the C library keep up to `bytes` of freed memory at hand, and take larger blocks than usual from it. By default
 * it returns memory above 128 KiB with almost every `free`: then each buffer is made of new pages, and the kernel clears
 * each of them first.
 */
export function keepFreedMemory(bytes: number, largestBlock: number, calls = functions()): void {
  calls.mallopt?.(M_TRIM_THRESHOLD, bytes)
  calls.mallopt?.(M_MMAP_THRESHOLD, largestBlock)
}

/** Returns freed memory to the operating system. */
export function mallocTrim(calls = functions()): void {
  calls.malloc_trim?.(0n)
}
