/** Resources that a client follows: looked at every second while there are any. */
import { MAX_SUBSCRIPTIONS, SUBSCRIPTION_POLL_MS } from '../limits.ts'
import { ToolError } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { nameOf } from './read-resource.ts'

/** The subscriptions of one client. State: what each resource was like when it was looked at last. */
export class Subscriptions {
  readonly #workspace: Workspace
  readonly #notify: (uri: string) => void
  readonly #seen = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined

  /** `notify` is called with the URI of a resource that has changed. */
  constructor(workspace: Workspace, notify: (uri: string) => void) {
    this.#workspace = workspace
    this.#notify = notify
  }

  /** @throws {McpError | ToolError} if the URI names no resource, or there are too many */
  async add(uri: string): Promise<void> {
    nameOf(uri)
    if (!this.#seen.has(uri) && this.#seen.size >= MAX_SUBSCRIPTIONS)
      throw new ToolError(`there are ${MAX_SUBSCRIPTIONS} subscriptions: end some of them`)
    this.#seen.set(uri, await this.#look(uri))
    this.#timer ??= this.#wait()
  }

  remove(uri: string): void {
    this.#seen.delete(uri)
    if (this.#seen.size === 0) this.clear()
  }

  clear(): void {
    this.#seen.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** The next look waits for the end of this one: on a slow devbox looks do not pile up. */
  #wait(): NodeJS.Timeout {
    const timer = setTimeout(() => void this.#lookAtAll(), SUBSCRIPTION_POLL_MS)
    timer.unref()
    return timer
  }

  async #lookAtAll(): Promise<void> {
    for (const [uri, before] of this.#seen) {
      const now = await this.#look(uri)
      if (this.#seen.get(uri) !== before || now === before) continue
      this.#seen.set(uri, now)
      this.#notify(uri)
    }
    if (this.#timer !== undefined) this.#timer = this.#wait()
  }

  /** What changes when the resource does. */
  async #look(uri: string): Promise<string> {
    const name = nameOf(uri)
    if (name.kind === 'run') {
      const run = this.#workspace.runs.all().find(({ id }) => id === name.id)
      return run === undefined ? 'none' : `${run.output.total} ${run.state}`
    }
    const { client, files } = this.#workspace
    const { signal } = new AbortController()
    return client.fs.getMetadata(name.path, files(signal)).then(
      ({ size, modifiedAtMs }) => `${size} ${modifiedAtMs}`,
      () => 'none',
    )
  }
}
