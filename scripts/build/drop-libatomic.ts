/**
 * Takes libatomic.so.1 out of a Node runtime. Official Node needs it since 25, for one function, and minimal Debian and
 * Ubuntu systems do not have it (nodejs/node 60790).
 */
import { compareExchange } from './code/compare-exchange.ts'
import { DT, PF_EXECUTE } from './elf.ts'
import type { Elf } from './elf.ts'

const LIBRARY = 'libatomic.so.1'
const FUNCTION = '__atomic_compare_exchange'

/**
 * Removes the dependency and defines the function in the file itself.
 * @returns whether there was something to remove
 * @throws Error if it cannot be removed: another function is needed, too, or the file has no room
 */
export function dropLibatomic(elf: Elf): boolean {
  const entry = elf.dynamic().find(({ tag, value }) => tag === DT.needed && elf.dynamicString(value) === LIBRARY)
  if (entry === undefined) return false
  const need = elf.versionNeeds().find(({ library }) => library === LIBRARY)
  const versions = need?.versions.map(({ index }) => index) ?? []
  const symbols = elf
    .undefinedSymbols()
    .filter(({ name, version }) => versions.includes(version) || name.startsWith('__atomic_'))
  const foreign = symbols.filter(({ name }) => name !== FUNCTION)
  if (foreign.length > 0) {
    throw new Error(`cannot do without ${LIBRARY}: it also defines ${foreign.map(({ name }) => name).join(', ')}`)
  }
  const code = elf.loads().find(({ flags }) => (flags & PF_EXECUTE) !== 0)
  if (code === undefined) throw new Error('no segment of code')
  if (symbols.length > 0) {
    const address = elf.append(code, compareExchange(elf.arch))
    for (const symbol of symbols) elf.define(symbol, address)
  }
  if (need !== undefined) elf.removeVersionNeed(need)
  elf.removeEntry(entry)
  return true
}
