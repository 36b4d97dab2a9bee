/** Which of a plugin's installed versions is in use. */

const NAME = /^[A-Za-z0-9._+-]+$/
const LOCAL = 'local'

/** The version among the names of a plugin's directories: `local`, else the highest. Undefined if none is a version. */
export function activeVersion(names: readonly string[]): string | undefined {
  const versions = names.filter((name) => NAME.test(name) && name !== '.' && name !== '..')
  return versions.includes(LOCAL) ? LOCAL : versions.sort(compareVersions).at(-1)
}

type Version = { numbers: bigint[]; pre: string[]; build: string[] }

const NUMBER = '(0|[1-9][0-9]*)'
const SEMANTIC = new RegExp(
  String.raw`^${NUMBER}\.${NUMBER}\.${NUMBER}(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$`,
)

/** By semantic versioning if both follow it, else as texts. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [parse(one), parse(other)]
  if (a === undefined || b === undefined) return compare(one, other)
  for (const [index, number] of a.numbers.entries()) {
    const order = compare(number, b.numbers[index] as bigint)
    if (order !== 0) return order
  }
  return comparePre(a.pre, b.pre) || compareParts(a.build, b.build)
}

function parse(text: string): Version | undefined {
  const match = SEMANTIC.exec(text)
  if (match === null) return undefined
  const [, major = '', minor = '', patch = '', pre, build] = match
  return { numbers: [major, minor, patch].map(BigInt), pre: pre?.split('.') ?? [], build: build?.split('.') ?? [] }
}

/** Without a pre-release a version is higher than with one. */
function comparePre(a: string[], b: string[]): number {
  return a.length === 0 || b.length === 0 ? Math.sign(b.length - a.length) : compareParts(a, b)
}

/** Part by part: numbers are lower than texts; if all are equal, the shorter list is lower. */
function compareParts(a: string[], b: string[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    const order = comparePart(part, other)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function comparePart(a: string, b: string): number {
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (isNumber && isOther) return compare(BigInt(a), BigInt(b))
  return isNumber === isOther ? compare(a, b) : isNumber ? -1 : 1
}

const compare = <T extends string | bigint>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
