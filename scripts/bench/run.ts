/**
 * Measures the built executable side by side with the reference, in turns under the same client:
 *
 *   npm run bench -- [--runs N] [--reference VERSION | none] [--no-node] [--ours COMMAND] [--json] [NAME…]
 *   npm run bench -- --scale [--svg FILE] [--ours COMMAND] [--json] [CURVE…]
 *
 * A third column is plain Node doing the same, which shows the runtime's limit. A NAME chooses the rows that it is a part
 * of, or all rows of the measure of that name; a wrong one lists them. `--json` prints the table as JSON. `--scale`
 * measures ours while connections, processes, output or files become many.
 * `--ours` runs another command in our executable's place, for example under a profiler.
 */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { installReference } from './install-reference.ts'
import type { Measure, Row } from './measure.ts'
import { memoryMeasures } from './measure-memory.ts'
import { processMeasures } from './measure-processes.ts'
import { requestMeasures } from './measure-requests.ts'
import { sandboxMeasures } from './measure-sandbox.ts'
import { throughputMeasures } from './measure-throughput.ts'
import { runScale } from './scale/run.ts'
import { killEverything, pathDialect } from './servers.ts'
import type { Subject } from './servers.ts'
import { median } from './statistics.ts'
import { resultOf, table } from './table.ts'
import type { Line } from './table.ts'
import { plainNode } from './plain-node/subject.ts'
import { removeTemporaryFolder, temporaryFolder } from './temporary-folder.ts'

const MEASURE_MS = 180_000

const measures: readonly Measure[] = [
  ...requestMeasures,
  ...processMeasures,
  ...throughputMeasures,
  ...sandboxMeasures,
  ...memoryMeasures,
]

const { values, positionals: chosen } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    runs: { type: 'string', default: '3' },
    reference: { type: 'string', default: '0.171.0' },
    ours: { type: 'string' },
    node: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    svg: { type: 'string' },
  },
})

function oursSubject(): Subject {
  const program = join(dirname(dirname(import.meta.dirname)), 'dist', 'exec-server')
  return {
    name: 'ours',
    program,
    command: values.ours?.split(' ') ?? [program],
    path: pathDialect(values.reference),
    env: process.env,
  }
}

function referenceSubject(): Subject | undefined {
  if (values.reference === 'none') return undefined
  const program = installReference(values.reference)
  // Away from the user's settings.
  const home = join(temporaryFolder(), 'codex')
  mkdirSync(home)
  const command = [program, 'exec-server']
  return {
    name: 'reference',
    program,
    command,
    path: pathDialect(values.reference),
    env: { ...process.env, CODEX_HOME: home },
  }
}

/** In turns, so that whatever else goes on in the machine hits both alike. */
async function compare(measure: Measure, subjects: readonly Subject[], asked: number): Promise<Line[]> {
  const runs = Math.min(asked, measure.maxRuns ?? Infinity)
  const figures = new Map<Subject, (readonly number[])[]>(subjects.map((subject) => [subject, []]))
  for (let run = 0; run < runs; run++) {
    const measured = async (subject: Subject): Promise<void> => {
      const found = await inTime(measure.run(subject), `${measure.name} of ${subject.name}`)
      figures.get(subject)?.push(found)
      process.stderr.write(
        `${measure.name} ${run + 1}/${runs} ${subject.name}: ${found.map((value) => value.toFixed(2)).join(' ')}\n`,
      )
    }
    if (measure.together === true) await Promise.all(subjects.map(measured))
    else for (const subject of subjects) await measured(subject)
  }
  const of = (name: Subject['name']) => [...figures].find(([subject]) => subject.name === name)?.[1]
  const column = (found: (readonly number[])[] | undefined, index: number): number | undefined =>
    found === undefined ? undefined : median(found.map((row) => row[index] as number))
  return measure.rows.map((row, index) => ({
    ...row,
    measure: measure.name,
    ours: column(of('ours'), index) as number,
    reference: column(of('reference'), index),
    node: column(of('Node'), index),
  }))
}

/** A server that does not answer is to be named, not waited for. */
async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} took more than ${MEASURE_MS} ms`)), MEASURE_MS)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

async function main(): Promise<void> {
  const { json, scale, svg } = values
  if (scale) return await runScale(oursSubject(), { chosen, json, svg })
  if (svg !== undefined) throw new Error('--svg draws the curves of --scale')
  const runs = Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number from 1 on')
  const stranger = chosen.find((name) => !measures.some((measure) => measure.rows.some(isNamed(measure, name))))
  if (stranger !== undefined) throw new Error(`no row is called ${stranger}; there are\n${listed}`)

  const plain = values.node ? await plainNode(pathDialect(values.reference)) : undefined
  const subjects = [oursSubject(), referenceSubject()].filter((subject) => subject !== undefined)
  const withPlain = (measure: Measure): Subject[] =>
    measure.plain === true && plain !== undefined ? [...subjects, plain] : subjects
  const lines: Line[] = []
  for (const measure of measures)
    if (measure.rows.some(isChosen(measure)))
      lines.push(...(await compare(measure, withPlain(measure), runs)).filter(isChosen(measure)))
  const results = lines.map(resultOf)
  if (json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
  else
    process.stdout.write(
      `${runs} runs in turns, medians; the reference is Codex ${values.reference}\n\n${table(results)}\n`,
    )
}

/** Whether a row of a measure has this name. */
const isNamed =
  ({ name }: Measure, part: string) =>
  ({ label }: Row): boolean =>
    name === part || label.includes(part)

const isChosen = (measure: Measure) => (row: Row) =>
  chosen.length === 0 || chosen.some((part) => isNamed(measure, part)(row))

const listed = measures.map(({ name, rows }) => `  ${name}: ${rows.map(({ label }) => label).join('; ')}`).join('\n')

// However the end comes about.
process.on('exit', () => {
  killEverything()
  removeTemporaryFolder()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
