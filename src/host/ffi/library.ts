/** Opens the C library through the foreign functions of Node or Deno. */
import process from 'node:process'
import { isDeno } from '../../base/runtime.ts'
import type { CType, Lookup } from './symbols.ts'

/** Finds nothing, where the runtime has no foreign functions. */
const noLibrary: Lookup = () => undefined

/** Opens the C library. Never throws: without foreign functions, nothing is found in it. */
export function openLibrary(): Lookup {
  // Suppresses Node's warning that its foreign functions are experimental; the calls used here are tested.
  const emitWarning = process.emitWarning
  process.emitWarning = () => {}
  try {
    return isDeno ? openWithDeno() : openWithNode()
  } catch {
    return noLibrary
  } finally {
    process.emitWarning = emitWarning
  }
}

function openWithNode(): Lookup {
  const ffi = process.getBuiltinModule?.('node:ffi') as typeof import('node:ffi') | undefined
  if (ffi === undefined) return noLibrary
  const library = new ffi.DynamicLibrary(null)
  return (name, signature) => library.getFunction(name, signature)
}

/**
 * The address of an array's bytes. They must be used after it is, or they may have been freed: pass them to the same call.
 * Undefined where the runtime does not tell.
 */
export function addressOf(bytes: Uint8Array): bigint | undefined {
  const ffi = process.getBuiltinModule?.('node:ffi') as Partial<typeof import('node:ffi')> | undefined
  return isDeno ? undefined : ffi?.getRawPointer?.(bytes)
}

/** A part of Deno's types. */
type DenoFfi = { dlopen(path: string, symbols: object): { symbols: object } }

function openWithDeno(): Lookup {
  const { dlopen } = Reflect.get(globalThis, 'Deno') as DenoFfi
  const path = process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6'
  return (name, { arguments: types, return: result }) => {
    const { symbols } = dlopen(path, { [name]: { parameters: types.map(denoType), result: denoType(result) } })
    return Reflect.get(symbols, name)
  }
}

const denoType = (type: CType): string => (type === 'pointer' ? 'buffer' : type)
