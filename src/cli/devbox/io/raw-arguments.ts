/** Arguments that are not UTF-8: the runtime has replaced their bytes. */
import { readFileSync } from 'node:fs'
import { decodeName } from '../../../protocol/schemas/path-uri.ts'

const REPLACED = '\uFFFD'

/**
 * Returns the arguments, the last ones of this process, with lone surrogates for bytes that are not UTF-8 (decodeName).
 * Where the system does not tell the bytes, as they are.
 */
export function rawArguments(args: readonly string[], commandLine = readCommandLine): string[] {
  if (!args.some((arg) => arg.includes(REPLACED))) return [...args]
  const raw = splitAtZeros(commandLine()).slice(-args.length)
  const decoder = new TextDecoder()
  const areThese = raw.length === args.length && raw.every((bytes, index) => decoder.decode(bytes) === args[index])
  return areThese ? raw.map(decodeName) : [...args]
}

function readCommandLine(): Uint8Array {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return new Uint8Array()
  }
}

function splitAtZeros(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at)
    parts.push(bytes.subarray(at, end < 0 ? bytes.length : end))
    at = end < 0 ? bytes.length : end + 1
  }
  return parts
}
