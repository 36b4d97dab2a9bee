/** A strict parser of Prometheus' text format 0.0.4. Throws for anything that the format does not allow. */

/** A metric family. */
export type Family = { type: string; help: string; samples: Map<string, number> }

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/

/** Metric families by name. Samples are keyed by the text of their labels, '' without labels. */
export function parseMetrics(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  let current: { name: string; family: Family } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    if (line.startsWith('# HELP ')) {
      const [, name = '', help = ''] = /^# HELP (\S+) (.+)$/.exec(line) ?? []
      if (!NAME.test(name)) throw new Error(`bad HELP: ${line}`)
      if (families.has(name)) throw new Error(`${name} comes twice`)
      current = { name, family: { type: '', help, samples: new Map() } }
      families.set(name, current.family)
    } else if (line.startsWith('# TYPE ')) {
      const [, name, type = ''] = /^# TYPE (\S+) (counter|gauge)$/.exec(line) ?? []
      if (current === undefined || name !== current.name || current.family.type !== '')
        throw new Error(`TYPE out of place: ${line}`)
      if (type === 'counter' && !name.endsWith('_total')) throw new Error(`a counter ends in _total: ${name}`)
      if (type === 'gauge' && name.endsWith('_total')) throw new Error(`a gauge does not end in _total: ${name}`)
      current.family.type = type
    } else {
      const [, name, labels = '', value = ''] = SAMPLE.exec(line) ?? []
      if (current === undefined || name !== current.name || current.family.type === '')
        throw new Error(`sample out of place or malformed: ${line}`)
      if (current.family.samples.has(labels)) throw new Error(`sample comes twice: ${line}`)
      if (current.family.type === 'counter' && !(Number(value) >= 0))
        throw new Error(`counters are not negative: ${line}`)
      current.family.samples.set(labels, value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value))
    }
  }
  for (const [name, { type, samples }] of families)
    if (type === '' || samples.size === 0) throw new Error(`${name} has no type or no sample`)
  return families
}

/** A parsed /metrics page: call it for a value; throws if there is no such sample. */
export type Page = { (name: string, labels?: string): number; families: Map<string, Family>; text: string }

/** Fetches a server's /metrics and gives values by name and labels. */
export async function scrape(url: string, init: RequestInit = {}): Promise<Page> {
  const response = await fetch(`${url.replace(/^ws/, 'http')}/metrics`, init)
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
  const text = await response.text()
  const families = parseMetrics(text)
  const tell = (name: string, labels = ''): number => {
    const value = families.get(name)?.samples.get(labels)
    if (value === undefined) throw new Error(`there is no ${name}{${labels}}`)
    return value
  }
  return Object.assign(tell, { families, text })
}
