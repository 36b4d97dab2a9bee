/**
 * Guesses whether a sandboxed command failed because of its sandbox. There is no certain sign; clients ask the user for
 * more rights when it is likely. The heuristic is the one that they know: a non-zero exit and a typical denial message.
 */
import type { Chunk } from '../base/chunk.ts'

const WORDS = [
  'operation not permitted',
  'permission denied',
  'read-only file system',
  'seccomp',
  'sandbox',
  'landlock',
  'failed to write file',
].join('|')

/** 128 + SIGSYS: killed by the seccomp filter. */
const KILLED_BY_FILTER = 159

/**
 * Whether a failed command was probably denied by its sandbox. `output` is called only if the exit code does not decide
 * it.
 */
export function wasSandboxDenied(exitCode: number, output: () => readonly Chunk[]): boolean {
  if (exitCode === 0) return false
  if (exitCode === KILLED_BY_FILTER) return true
  const texts = new Map<string, string>()
  const decoder = new TextDecoder('latin1')
  for (const { stream, bytes } of output()) texts.set(stream, (texts.get(stream) ?? '') + decoder.decode(bytes))
  const refusal = new RegExp(WORDS, 'i')
  return [...texts.values()].some((text) => refusal.test(text))
}
