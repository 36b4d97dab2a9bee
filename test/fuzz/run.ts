/**
 * `npm run test:fuzz`: a million inputs, shared among the families. `-- --inputs N --seed S --only FAMILY` for others.
 * The last line says how many there were and how many failed; the exit code is 1 if any did.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { families } from './families/index.ts'
import { runFamily } from './family.ts'
import { makePlace } from './place.ts'
import { saved } from './saved.ts'
import { describe } from './subject.ts'

/** Sessions end after a second, and memory that they held is given back. */
const REST_MS = 3000

const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '1000000' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const total = Number(values.inputs)
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
const chosen = families.filter(({ name }) => values.only === undefined || values.only === name)
if (chosen.length === 0 || !(total >= 1) || !Number.isInteger(seed))
  throw new Error(`--inputs N, --seed S, --only ${families.map(({ name }) => name).join('|')}`)

const shares = chosen.reduce((sum, { share }) => sum + share, 0)
const place = await makePlace({ sandboxes: true })
let [inputs, failures] = [0, 0]
const summary: string[] = []
console.log(`seed ${seed}`)
for (const family of chosen) {
  const outcome = await runFamily(family, place, {
    inputs: Math.ceil((total * family.share) / shares),
    seed,
    restMs: REST_MS,
  })
  inputs += outcome.inputs
  const speed = `${family.name}: ${outcome.inputs} inputs in ${Math.round(outcome.seconds)} s`
  console.log(outcome.leaks === undefined ? speed : `${speed}; ${describe(outcome.leaks)}`)
  if (outcome.leaks !== undefined) summary.push(`${family.name} ${describe(outcome.leaks)}`)
  const { failure } = outcome
  if (failure === undefined) continue
  failures++
  console.log(`FAILED: ${failure.message}`)
  console.log(
    `  again with: npm run test:fuzz -- --only ${family.name} --seed ${failure.seed}   (path ${failure.path})`,
  )
  console.log(
    `  for seeds.json: ${JSON.stringify({ family: family.name, found: '', mode: failure.mode, inputs: saved(failure.inputs, place) })}`,
  )
}
await place.remove()
console.log(`${inputs} inputs, ${failures} failures; ${summary.join('; ')}`)
process.exit(failures === 0 ? 0 : 1)
