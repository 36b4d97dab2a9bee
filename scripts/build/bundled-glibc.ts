/** Makes a runtime use a C library that comes with it, at a fixed place, for systems with musl. */
import { DT } from './elf.ts'
import type { Elf } from './elf.ts'
import { LOADER } from './glibc.ts'

/** Where the archive is unpacked. The loader's path replaces one of 27 or 26 characters in the file. */
export const MUSL_PREFIX = '/opt/exec-server'
export const MUSL_LIBRARIES = `${MUSL_PREFIX}/lib`

/**
 * Sets the loader and the folder of libraries. DT_RPATH, not DT_RUNPATH: that would not apply to the addon's libraries.
 * @throws Error if the file has no room
 */
export function useBundledGlibc(elf: Elf): void {
  elf.setInterpreter(`${MUSL_LIBRARIES}/${LOADER}`)
  const strings = elf.entry(DT.strtab).value
  const segment = elf.loads().find(({ address, fileBytes }) => strings >= address && strings < address + fileBytes)
  if (segment === undefined) throw new Error('no segment has the dynamic strings')
  // Behind the string table, so that the offset into it is positive.
  const path = elf.append(segment, Buffer.from(`${MUSL_LIBRARIES}\0`))
  elf.addEntry(DT.rpath, path - strings)
}
