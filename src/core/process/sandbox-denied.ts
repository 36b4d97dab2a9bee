/**
 * Whether a confined command failed because of its sandbox. Nothing tells for sure; clients ask the user for
 * more rights when it is likely, so the guess is the one that they know: a failure, and words of a refusal.
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

/** 128 + SIGSYS: killed by the filter of system calls. */
const KILLED_BY_FILTER = 159

export function wasSandboxDenied(exitCode: number, output: () => readonly Chunk[]): boolean {
  if (exitCode === 0) return false
  if (exitCode === KILLED_BY_FILTER) return true
  const texts = new Map<string, string>()
  const decoder = new TextDecoder('latin1')
  for (const { stream, bytes } of output()) texts.set(stream, (texts.get(stream) ?? '') + decoder.decode(bytes))
  const refusal = new RegExp(WORDS, 'i')
  return [...texts.values()].some((text) => refusal.test(text))
}
