/**
 * Tells members of a request that this server does not know, and must not pass over: they ask for a confinement or for
 * another way of start. All others are ignored, as the reference does, since newer clients send what older servers need
 * not know: so far they sent what confines a command only to servers that offer it.
 */
import { isJsonObject } from '../wire/json.ts'
import type { JsonValue } from '../wire/json.ts'

/** Parts of names, in lower case and without separators, that speak of a confinement or of another way of start. */
const TELLING = [
  'sandbox',
  'confine',
  'isolat',
  'restrict',
  'permission',
  'polic',
  'seccomp',
  'landlock',
  'seatbelt',
  'bwrap',
  'bubblewrap',
  'jail',
  'chroot',
  'container',
  'namespace',
  'cgroup',
  'rlimit',
  'privileg',
  'network',
  'proxy',
  'proxies',
  'firewall',
  'egress',
  'readonly',
  'writable',
  'readable',
  'deny',
  'denied',
  'forbid',
  'elevat',
  'prepare',
  'dryrun',
  'masking',
]

/**
 * Ends of names of what describes a request, and asks for nothing: `networkHints`, `sandboxLabel`, `permissionRequestId`. From
 * 0.121 to 0.171 such members came in `metadata`. An id alone is none: `sandboxProfileId` may name what to apply.
 */
const DESCRIPTIVE =
  /(?:hint|label|tag|note|title|description|reason|metadata|annotation|telemetry|trace|span|stat|statistic|metric|timing|timeout|durationms|timeoutms|event)s?$|(?:request|call|trace|span|correlation)id$/

/** Words with another meaning than the part of them that is in `TELLING`. */
const HARMLESS =
  /toolnamespace|(?:human|machine)readable|(?:approval|retry|truncation|output|retention|cache|log)(?:policy|policies)/g

/** Members whose text is a choice, such as `"mode": "sandboxed"`. Other texts may hold anything. */
const CHOICES = ['mode', 'kind', 'type', 'start', 'launch', 'exec', 'run', 'strategy', 'profile']

/** Texts that ask for nothing, like null and false. */
const NOTHING: readonly unknown[] = ['', 'none', 'off', 'disabled', 'direct']

/** Deeper names are details of what the names above them ask for. */
const MAX_LEVELS = 3

/** The first member that is not among the known ones and must not be ignored; undefined if there is none. */
export function tellingMember(params: object, known: ReadonlySet<string>): string | undefined {
  return Object.entries(params as Record<string, JsonValue>).find(
    ([name, value]) => !known.has(name) && isTelling(name, value, MAX_LEVELS),
  )?.[0]
}

function isTelling(name: string, value: JsonValue, levels: number): boolean {
  const plain = squeezed(name)
  if (asksForNothing(value) || DESCRIPTIVE.test(plain)) return false
  if (mentions(plain.replace(HARMLESS, ''), TELLING)) return true
  if (typeof value === 'string') return mentions(plain, CHOICES) && mentions(squeezed(value), TELLING)
  if (levels === 0) return false
  if (Array.isArray(value)) return value.some((item) => isTelling(name, item, levels - 1))
  return isJsonObject(value) && Object.entries(value).some(([inner, item]) => isTelling(inner, item, levels - 1))
}

/** Whether there is no value in it, however it is nested. */
function asksForNothing(value: JsonValue): boolean {
  if (value === null || value === false || NOTHING.includes(value)) return true
  if (Array.isArray(value)) return value.every(asksForNothing)
  return isJsonObject(value) && Object.values(value).every(asksForNothing)
}

/** In lower case and without separators. */
const squeezed = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '')

const mentions = (text: string, parts: readonly string[]): boolean => parts.some((part) => text.includes(part))
