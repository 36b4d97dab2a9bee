/** The C library's functions, looked up on first use. */
import { openLibrary } from './library.ts'
import { resolveSymbols } from './symbols.ts'
import type { Functions } from './symbols.ts'

let loaded: Functions | undefined

/** The functions of the C library that are there. */
export function functions(): Functions {
  loaded ??= resolveSymbols(openLibrary())
  return loaded
}
