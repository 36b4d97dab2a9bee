/**
 * How long an answer takes on a connection that is left in peace. It runs in a thread of its own, so that what the
 * other clients have to do does not count.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { clientFrame, RawClient } from '../bench/raw-client.ts'

const PROBE_MS = 50
/** Far longer than any answer takes. */
const LOST_MS = 120_000

export type Probe = {
  readonly timesMs: number[]
  /** Settles with the number of requests that were sent and the failure, if any, once the probe has ended. */
  stop(): Promise<{ sent: number; failure: string | undefined }>
}

type Note = { ms: number } | { sent: number; failure: string | undefined }

/** In the main thread. */
export function startProbe(url: string): Probe {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url } })
  const timesMs: number[] = []
  const { promise, resolve } = Promise.withResolvers<{ sent: number; failure: string | undefined }>()
  worker.on('message', (note: Note) => ('ms' in note ? timesMs.push(note.ms) : resolve(note)))
  worker.on('error', (error) => resolve({ sent: 0, failure: String(error) }))
  worker.unref()
  return {
    timesMs,
    stop: () => {
      worker.postMessage('stop')
      return promise
    },
  }
}

/** In the thread. */
async function measure(url: string, tell: (note: Note) => void): Promise<void> {
  let isOver = false
  parentPort?.once('message', () => (isOver = true))
  let sent = 0
  let failure: string | undefined
  try {
    const client = await RawClient.connect(url)
    const ask = (method: string, params: object): Promise<string> =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no answer within ${LOST_MS} ms`)), LOST_MS)
        client.onMessage = (text) => {
          clearTimeout(timer)
          resolve(text)
        }
        client.onEnd = (reason) => reject(new Error(reason))
        client.send(clientFrame(JSON.stringify({ id: ++sent, method, params })))
      })
    await ask('initialize', { clientName: 'probe', resumeSessionId: null })
    client.send(clientFrame('{"method":"initialized","params":{}}'))
    while (!isOver) {
      const before = performance.now()
      const answer = await ask('environment/status', {})
      tell({ ms: performance.now() - before })
      if (!answer.includes('"result"')) throw new Error(`answered with ${answer}`)
      await sleep(PROBE_MS)
    }
    await client.close()
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
  }
  tell({ sent, failure })
}

if (!isMainThread) void measure(workerData.url, (note) => parentPort?.postMessage(note))
