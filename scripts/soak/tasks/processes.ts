/** Commands of every kind, on pipes and terminals. */
import process from 'node:process'
import { isAlive } from '../processes.ts'
import { shownLength, toWholeLines } from '../data.ts'
import { whole } from '../stream-check.ts'
import { endingWith, expectEnd, feed, shell, start, terminate, until, untilText } from '../work.ts'
import type { Task, Work } from '../work.ts'

const KiB = 1024
/** Less than what is kept of a process, so that nothing of it is ever missed. */
const KEPT = 900 * KiB
const SIGKILL_CODE = 128 + 9
/** Shorter than what is waited for at the end of a run. */
const DAEMON_SECONDS = 20
const DAEMON_LOOK_MS = 200

const pipes: Task = {
  name: 'command on pipes',
  weight: 20,
  run: async (work) => {
    const { random, data } = work
    const [bytes, code] = [random.size(1, KEPT), random.whole(0, 99)]
    const streams = { stdout: whole(data.lines.subarray(0, bytes)), stderr: whole(Buffer.from('done\n')) }
    const argv = shell('head -c "$0" "$1"; echo done >&2; exit "$2"', String(bytes), data.linesFile, String(code))
    await expectEnd(work, await start(work, argv, streams), code)
  },
}

const terminal: Task = {
  name: 'command on a terminal',
  weight: 12,
  run: async (work) => {
    const { random, data } = work
    const [bytes, code] = [toWholeLines(random.size(1, KEPT * 0.9)), random.whole(0, 99)]
    const streams = { pty: whole(data.terminalLines.subarray(0, shownLength(bytes))) }
    const argv = shell('head -c "$0" "$1"; exit "$2"', String(bytes), data.linesFile, String(code))
    await expectEnd(work, await start(work, argv, streams, { tty: true }), code)
  },
}

const echo: Task = {
  name: 'stdin echoed on pipes',
  weight: 8,
  run: async (work) => {
    const { random, data } = work
    const bytes = data.noise.subarray(0, random.size(1, KEPT))
    const argv = ['head', '-c', String(bytes.length)]
    const followed = await start(work, argv, { stdout: whole(bytes) }, { pipeStdin: true })
    await endingWith(work, followed, () => feed(work, followed, bytes))
    await expectEnd(work, followed, 0)
  },
}

const terminalEcho: Task = {
  name: 'stdin echoed on a terminal',
  weight: 6,
  run: async (work) => {
    const { random, data } = work
    const bytes = data.noise.subarray(0, random.size(1, 200 * KiB))
    const ready = Buffer.from('ready\n')
    const streams = { pty: whole(Buffer.concat([ready, bytes])) }
    const argv = shell('stty raw -echo; echo ready; exec head -c "$0"', String(bytes.length))
    const followed = await start(work, argv, streams, { tty: true })
    await endingWith(work, followed, async () => {
      await until(work, followed, () => followed.received('pty') >= ready.length || undefined, 'its readiness')
      await feed(work, followed, bytes)
    })
    await expectEnd(work, followed, 0)
  },
}

/** It lives for a while, with a word now and then: many of them run when a connection is cut. */
const conversation: Task = {
  name: 'a long conversation',
  weight: 4,
  run: async (work) => {
    const { random, data } = work
    const rounds = random.whole(2, 12)
    const bytes = data.noise.subarray(0, rounds * KiB)
    const followed = await start(
      work,
      ['head', '-c', String(bytes.length)],
      { stdout: whole(bytes) },
      { pipeStdin: true },
    )
    await endingWith(work, followed, async () => {
      for (let round = 0; round < rounds; round++) {
        const sent = (round + 1) * KiB
        await feed(work, followed, bytes.subarray(round * KiB, sent))
        await pause(random.pause(300))
      }
    })
    await expectEnd(work, followed, 0)
  },
}

const flood: Task = {
  name: 'a flood',
  weight: 2,
  run: async (work) => {
    const { random, data } = work
    const bytes = random.size(KiB * KiB, data.lines.length)
    const streams = { stdout: whole(data.lines.subarray(0, bytes)) }
    const followed = await start(work, ['head', '-c', String(bytes), data.linesFile], streams, { mayMiss: true })
    await expectEnd(work, followed, 0)
  },
}

const endlessFlood: Task = {
  name: 'a flood that is terminated',
  weight: 2,
  run: async (work) => {
    const { random, data } = work
    const tty = random.chance(0.5)
    const expected = { block: tty ? data.terminalLines : data.lines, length: Infinity }
    const argv = shell('while :; do cat "$0"; done', data.linesFile)
    const followed = await start(work, argv, tty ? { pty: expected } : { stdout: expected }, { tty, mayMiss: true })
    await endingWith(work, followed, () => pause(random.pause(200)))
    await expectTerminated(work, followed)
  },
}

async function expectTerminated(work: Work, followed: Awaited<ReturnType<typeof start>>): Promise<void> {
  await terminate(work, followed)
  await expectEnd(work, followed, SIGKILL_CODE, false)
}

const terminated: Task = {
  name: 'terminated, with what it started',
  weight: 5,
  run: async (work) => {
    const { random } = work
    const tty = random.chance(0.3)
    const stream = tty ? 'pty' : 'stdout'
    const argv = shell('trap "" TERM INT HUP; sleep 1000 & child=$!; setsid sleep 1000 & echo "$$ $child $!."; wait')
    const followed = await start(work, argv, { [stream]: 'text' }, { tty })
    await endingWith(work, followed, async () => {
      const [, ...pids] = await untilText(work, followed, /(\d+) (\d+) (\d+)\./, stream)
      await expectTerminated(work, followed)
      const alive = await work.ledger.gone('a terminate', () => pids.map(Number).filter(isAlive))
      for (const pid of alive) work.ledger.leave(`${pid} after the terminate of ${followed.processId}`)
    })
  },
}

const killed: Task = {
  name: 'a child that somebody kills',
  weight: 5,
  run: async (work) => {
    const tty = work.random.chance(0.3)
    const stream = tty ? 'pty' : 'stdout'
    const followed = await start(work, shell('echo "$$."; exec sleep 1000'), { [stream]: 'text' }, { tty })
    await endingWith(work, followed, async () => {
      const [, pid] = await untilText(work, followed, /(\d+)\./, stream)
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch (error) {
        // A server that has ended meanwhile has killed it; then this call fails with Over.
        await work.session.call('environment/status', {})
        throw error
      }
      await expectEnd(work, followed, SIGKILL_CODE)
    })
  },
}

const interrupted: Task = {
  name: 'interrupted',
  weight: 4,
  run: async (work) => {
    const { random, session } = work
    const tty = random.chance(0.5)
    const stream = tty ? 'pty' : 'stdout'
    const argv = shell(`trap 'trap "" INT; echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done`)
    const followed = await start(work, argv, { [stream]: 'text' }, { tty })
    await endingWith(work, followed, async () => {
      await untilText(work, followed, /ready/, stream)
      await session.call('process/signal', { processId: followed.processId, signal: 'interrupt' })
      await expectEnd(work, followed, 3)
    })
    if (!/^ready\r?\ncaught\r?\n$/.test(followed.text(stream).replace('^C', ''))) {
      work.ledger.fault(`an interrupted process said ${JSON.stringify(followed.text(stream))}`)
    }
  },
}

const lingering: Task = {
  name: 'output held by a background child',
  weight: 3,
  run: async (work) => {
    const streams = { stdout: whole(Buffer.from('first\nlast\n')) }
    const argv = shell('(sleep "$0"; echo last) & echo first; exit 4', String(work.random.whole(1, 9) / 10))
    await expectEnd(work, await start(work, argv, streams), 4)
  },
}

/** It holds nothing of ours, so its process is over; it goes on until it ends by itself, or the server does. */
const daemon: Task = {
  name: 'a daemon left running',
  weight: 1,
  run: async (work) => {
    const argv = shell('setsid sleep "$0" > /dev/null 2>&1 & echo "$!."', String(DAEMON_SECONDS))
    const followed = await start(work, argv, { stdout: 'text' })
    await expectEnd(work, followed, 0)
    await pause(DAEMON_LOOK_MS)
    const pid = Number.parseInt(followed.text('stdout'))
    if (isAlive(pid)) return
    // Unless its server has been ended meanwhile, which this tells.
    await work.session.call('environment/status', {})
    work.ledger.fault(`a daemon (${pid}) was killed when its process was over`)
  },
}

/** As older clients do it: all output by process/read. */
const longPoll: Task = {
  name: 'long polls',
  weight: 6,
  run: async (work) => {
    const { random, session } = work
    const lines = random.whole(1, 12)
    const text = Array.from({ length: lines }, (_, line) => `line ${line}\n`).join('')
    const script = 'i=0; while [ $i -lt "$0" ]; do sleep "$1"; echo "line $i"; i=$((i + 1)); done'
    const argv = shell(script, String(lines), String(random.whole(0, 20) / 100))
    const followed = await start(work, argv, { stdout: whole(Buffer.from(text)) })
    let [found, afterSeq] = ['', 0]
    await endingWith(work, followed, async () => {
      for (;;) {
        const maxBytes = random.chance(0.5) ? 7 : null
        const params = { processId: followed.processId, afterSeq, waitMs: random.whole(1, 2000), maxBytes }
        const { chunks, nextSeq, closed } = await session.call('process/read', params)
        for (const { chunk } of chunks) found += Buffer.from(chunk, 'base64').toString()
        afterSeq = nextSeq - 1
        if (closed && chunks.length === 0) break
      }
      await expectEnd(work, followed, 0)
    })
    if (found !== text)
      work.ledger.wrong(Math.max(1, text.length - found.length), `long polls found ${JSON.stringify(found)}`)
  },
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export const processTasks: readonly Task[] = [
  pipes,
  terminal,
  echo,
  terminalEcho,
  conversation,
  flood,
  endlessFlood,
  terminated,
  killed,
  interrupted,
  lingering,
  daemon,
  longPoll,
]
