/** Tells one connection about all runs of the server: notifications in order, in bounded memory. */
import { mapResult } from '../../protocol/mapping/result-paths.ts'
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { notice } from '../base/json-fragments.ts'
import type { Notice } from '../base/json-fragments.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'
import type { Listener } from './process-events.ts'
import type { ProcessRegistry, RunChange } from './process-registry.ts'

/** Says that changes were missed: the client has to list again. */
const MISSED = notice(Method.ProcessListChanged, { process: null })

/** The subscription of a connection. */
export class RunFeed implements EventSource {
  readonly #listener: Listener
  readonly #bound: number
  readonly #pathMap: PathMap | undefined
  #queue: Notice[] = []
  #isMissed = false
  #stop: (() => void) | undefined

  /** `bound`: changes that wait for a client that does not read; beyond it they are replaced by one notification. */
  constructor(listener: Listener, bound: number, pathMap?: PathMap) {
    this.#pathMap = pathMap
    this.#listener = listener
    this.#bound = bound
  }

  /** Begins, once. */
  follow(registry: ProcessRegistry): void {
    this.#stop ??= registry.follow((change) => this.#add(change))
  }

  #add(change: RunChange): void {
    if (this.#queue.length >= this.#bound) {
      this.#queue = []
      this.#isMissed = true
    } else this.#queue.push(this.#shown(noticeOf(change)))
    this.#listener.eventsReady(this)
  }

  /** With the paths of the client. */
  #shown(change: Notice): Notice {
    return this.#pathMap === undefined
      ? change
      : notice(change.method, mapResult(change.method, change.params(), this.#pathMap))
  }

  takeEvent(): Notice | undefined {
    if (!this.#isMissed) return this.#queue.shift()
    this.#isMissed = false
    return MISSED
  }

  dispose(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#queue = []
  }
}

function noticeOf(change: RunChange): Notice {
  const { process } = change
  switch (change.kind) {
    case 'started':
      return notice(Method.ProcessStarted, { process })
    case 'failed':
      return notice(Method.ProcessFailed, { process, message: change.message })
    case 'changed':
      return notice(Method.ProcessListChanged, { process })
    case 'removed':
      return notice(Method.ProcessListChanged, { process, removed: true })
  }
}
