/**
 * The calls of a session: those in flight, and those that wait for their turn or for a connection. Whether there is a
 * connection is the session's state, not the queue's.
 */
import { RpcError } from '../../protocol/wire/errors.ts'
import { DisconnectedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Connection } from './connection.ts'
import { resolveParams } from './rpc-client.ts'
import type { CallOptions, Params, ParamsSource } from './rpc-client.ts'
import type { ServerProfile } from './server-profile.ts'

/** What the queue needs of its session. */
export type CallQueueOptions = {
  limits: ClientLimits
  profile: ServerProfile
  /** The connection to send on; undefined while calls must wait. */
  connection: () => Connection | undefined
  /** Called when a call was sent or has ended. */
  onChange: () => void
}

type Call = {
  readonly method: string
  readonly params: ParamsSource
  readonly options: CallOptions
  /** Both have no effect once the call is settled. */
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
  isSettled: boolean
}

/** The queue of a session's calls. */
export class CallQueue {
  readonly #options: CallQueueOptions
  /** In order. */
  readonly #waiting = new Set<Call>()
  /** Sent before those in #waiting. */
  readonly #urgent = new Set<Call>()
  readonly #inFlight = new Set<Call>()

  constructor(options: CallQueueOptions) {
    this.#options = options
  }

  /** Whether any call is in flight. */
  get isBusy(): boolean {
    return this.#inFlight.size > 0
  }

  /** Whether a call of one of these methods is in flight. */
  isCalling(...methods: string[]): boolean {
    for (const { method } of this.#inFlight) if (methods.includes(method)) return true
    return false
  }

  /** Sends a call, now or in its turn; see RpcClient.call. */
  add<T>(method: string, params: ParamsSource, options: CallOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      const abort = (): void => {
        this.#waiting.delete(call)
        this.#urgent.delete(call)
        call.reject(signal?.reason)
      }
      const settle = (): boolean => {
        if (call.isSettled) return false
        call.isSettled = true
        signal?.removeEventListener('abort', abort)
        return true
      }
      const call: Call = {
        method,
        params,
        options,
        resolve: (result) => settle() && resolve(result as T),
        reject: (error) => settle() && reject(error),
        isSettled: false,
      }
      if (signal?.aborted === true) return call.reject(signal.reason)
      signal?.addEventListener('abort', abort, { once: true })
      this.#begin(call)
    })
  }

  #begin(call: Call): void {
    const { urgent = false } = call.options
    const { callsInFlight, callsWaiting } = this.#options.limits
    const connection = this.#options.connection()
    if (connection !== undefined && (urgent || (this.#waiting.size === 0 && this.#inFlight.size < callsInFlight)))
      return this.#send(call, connection)
    if (this.#waiting.size + this.#urgent.size >= callsWaiting)
      return call.reject(new Error(`${callsWaiting} calls are waiting already`))
    const queue = urgent ? this.#urgent : this.#waiting
    queue.add(call)
  }

  #send(call: Call, connection: Connection): void {
    const { profile, onChange } = this.#options
    let params: Params
    try {
      params = resolveParams(call.params, profile.paths)
    } catch (error) {
      return call.reject(error)
    }
    this.#inFlight.add(call)
    onChange()
    const done = (): void => {
      this.#inFlight.delete(call)
      onChange()
      this.#sendWaiting()
    }
    connection.request(call.method, params, {
      resolve: (result) => {
        call.resolve(result)
        done()
      },
      reject: (error) => {
        if (error instanceof RpcError && this.#mustSendAgain(call, error)) return this.#send(call, connection)
        call.reject(error)
        done()
      },
      lost: (reason) => {
        // A repeatable call stays in flight, in order, to be sent again after the recovery.
        if (call.options.repeatable === true && call.options.connection === undefined && !call.isSettled) return
        this.#inFlight.delete(call)
        call.reject(new DisconnectedError(reason))
      },
    })
  }

  #mustSendAgain(call: Call, error: RpcError): boolean {
    return typeof call.params === 'function' && this.#options.profile.switchToUris(error)
  }

  #sendWaiting(): void {
    while (this.#inFlight.size < this.#options.limits.callsInFlight) {
      const connection = this.#options.connection()
      const queue = this.#urgent.size > 0 ? this.#urgent : this.#waiting
      const [call] = queue
      if (connection === undefined || call === undefined) return
      queue.delete(call)
      if (!call.isSettled) this.#send(call, connection)
    }
  }

  /** Call after a resumption: sends the calls that were in flight again, and those that wait. */
  resume(connection: Connection): void {
    const again = [...this.#inFlight]
    this.#inFlight.clear()
    for (const call of again) if (!call.isSettled) this.#send(call, connection)
    this.#sendWaiting()
    this.#options.onChange()
  }

  /** Call after the connection was lost: fails the waiting calls that are tied to it. */
  failTied(error: DisconnectedError): void {
    for (const call of [...this.#urgent, ...this.#waiting])
      if (call.options.connection !== undefined) call.reject(error)
  }

  /** Fails all calls. */
  failAll(error: Error): void {
    for (const call of [...this.#inFlight, ...this.#urgent, ...this.#waiting]) call.reject(error)
    this.#inFlight.clear()
    this.#waiting.clear()
    this.#urgent.clear()
  }
}
