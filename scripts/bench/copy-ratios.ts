/**
 * How long `exec-server cp` takes beside tar and cat through `exec-server run`, as medians of turns in one run:
 *
 *     node scripts/bench/copy-ratios.ts EXECUTABLE [TURNS]
 *
 * 3,000 small files up, down and on the devbox, goal 1.5; 1 GiB up and down, goal 1.3. Needs 4 GiB in $TMPDIR. Both
 * sides are this machine. What is piped is not synced, as a user would do it; cp syncs.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { firstLine } from '../../test/support/first-line.ts'
import { median, timed } from './statistics.ts'

const SMALL_FILES = 3000
const SMALL_BYTES = 2000
const LARGE_MIB = 1024

const [executable, turns = '3'] = process.argv.slice(2)
if (executable === undefined) throw new Error('usage: node scripts/bench/copy-ratios.ts EXECUTABLE [TURNS]')

const folder = mkdtempSync(join(tmpdir(), 'copy-ratios-'))
const server = spawn(executable, [], { stdio: ['ignore', 'pipe', 'ignore'] })

async function shell(script: string): Promise<void> {
  const child = spawn('sh', ['-ec', script], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`exit code ${String(code)}: ${script}`)
}

function prepare(): void {
  for (let index = 0; index < SMALL_FILES; index++) {
    const place = join(folder, 'small', String(index % 50))
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, String(index)), randomBytes(SMALL_BYTES))
  }
  const fd = openSync(join(folder, 'large'), 'w')
  const block = randomBytes(1024 * 1024)
  for (let index = 0; index < LARGE_MIB; index++) writeSync(fd, block)
  closeSync(fd)
}

type Pair = { label: string; goal: number; piped: string; copied: string }

const pairs = (url: string): Pair[] => {
  const [run, cp] = [`'${executable}' run --url ${url}`, `'${executable}' cp --url ${url}`]
  const unpack = `${run} -- tar x -C '${folder}/piped'`
  const pack = `${run} -- tar c -C '${folder}' small`
  return [
    {
      label: '3,000 files up',
      goal: 1.5,
      piped: `tar c small | ${unpack}`,
      copied: `${cp} -r small ':${folder}/copied'`,
    },
    {
      label: '3,000 files down',
      goal: 1.5,
      piped: `${pack} | tar x -C piped`,
      copied: `${cp} -r ':${folder}/small' copied`,
    },
    {
      label: '3,000 files there',
      goal: 1.5,
      piped: `${pack} | ${unpack}`,
      copied: `${cp} -r ':${folder}/small' ':${folder}/copied'`,
    },
    {
      label: '1 GiB up',
      goal: 1.3,
      piped: `${run} -- sh -c 'cat >"$0"' '${folder}/piped/large' <large`,
      copied: `${cp} large ':${folder}/copied'`,
    },
    {
      label: '1 GiB down',
      goal: 1.3,
      piped: `${run} -- cat '${folder}/large' >piped/large`,
      copied: `${cp} ':${folder}/large' copied`,
    },
  ]
}

/** Both, one after the other, so that what else the machine does meets both. */
async function measure({ piped, copied }: Pair): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []]
  for (let turn = 0; turn < Number(turns); turn++)
    for (const [index, script] of [piped, copied].entries()) {
      await shell('rm -rf piped copied; mkdir piped copied; sync -f .')
      times[index]?.push(await timed(() => shell(script)))
    }
  return [median(times[0]), median(times[1])]
}

try {
  const url = await firstLine(server)
  prepare()
  for (const pair of pairs(url)) {
    const [piped, copied] = await measure(pair)
    const ratio = copied / piped
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
    const verdict = ratio <= pair.goal ? '' : ' MISSED'
    process.stdout.write(
      `${pair.label}: cp ${seconds(copied)}, piped ${seconds(piped)}, ratio ${ratio.toFixed(2)} (goal ${pair.goal})${verdict}\n`,
    )
  }
} finally {
  server.kill()
  rmSync(folder, { recursive: true, force: true })
}
