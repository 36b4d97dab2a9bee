/**
 * A stand-in for the model: an HTTP server with the part of the Responses API that Codex uses. What it
 * answers comes from a script, which yields one tool call after another and is given what each returned.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { readOutput, say } from './tools.ts'
import type { Step, ToolOutput } from './tools.ts'

/** A step that is returned is the last one. What it leads to is not waited for. */
export type Script = Generator<Step, Step | void, ToolOutput>

export type Model = {
  baseUrl: string
  /** The last request to it, as JSON. */
  told(): string
  /** Throws what the script threw, or an error if it was not played to its end. */
  assertPlayed(): void
  close(): void
}

export async function startModel(script: Script): Promise<Model> {
  const player = play(script)
  let told = ''
  const server = createServer((request, response) => {
    answer(request, response, player, (text) => (told = text)).catch((error: unknown) => {
      player.fail(error)
      response.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    told: () => told,
    assertPlayed: player.assertPlayed,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

type InputItem = { type: string; call_id?: string; output?: unknown; role?: string; content?: unknown }
type Player = { next(input: readonly InputItem[]): object; fail(error: unknown): void; assertPlayed(): void }

const FAREWELL = say('finished')

function play(script: Script): Player {
  let pending: Step | undefined
  let failure: unknown
  let started = false
  let ended = false

  const advance = (output?: ToolOutput): void => {
    started = true
    try {
      const { done, value } = output === undefined ? script.next() : script.next(output)
      pending = value ?? undefined
      ended = done === true
    } catch (error) {
      failure ??= error
      pending = undefined
      ended = true
    }
  }

  return {
    next: (input) => {
      if (!started) advance()
      else {
        // Without what the last step led to, this is the last request once more.
        const output = pending === undefined ? undefined : outcomeOf(pending, input)
        if (output !== undefined) advance(output)
      }
      return pending ?? FAREWELL
    },
    fail: (error) => (failure ??= error),
    assertPlayed: () => {
      if (failure !== undefined) throw failure
      if (!started) throw new Error('Codex asked the model nothing')
      if (!ended) throw new Error(`Codex stopped before it returned the output of ${JSON.stringify(pending)}`)
    },
  }
}

/** What a step led to: the output of a tool, or the next prompt, which comes with what was said before. */
function outcomeOf(step: Step, input: readonly InputItem[]): ToolOutput | undefined {
  if (step.type === 'message') {
    const [{ text }] = step.content
    const wasSaid = input.some(({ role, content }) => role === 'assistant' && JSON.stringify(content).includes(text))
    return wasSaid ? readOutput('') : undefined
  }
  const result = input.find((item) => item.call_id === step.call_id && item.type.endsWith('_output'))
  return result === undefined ? undefined : readOutput(result.output)
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  player: Player,
  tell: (told: string) => void,
): Promise<void> {
  if (request.method !== 'POST' || !request.url?.endsWith('/responses')) {
    request.resume()
    response.setHeader('content-type', 'application/json').end('{"object":"list","data":[],"models":[]}')
    return
  }
  const told = (await json(request)) as { input?: InputItem[]; tools?: unknown[] }
  const { input = [], tools } = told
  // Without a tool it is asked for the title of a thread.
  const isAside = tools?.length === 0
  if (!isAside) tell(JSON.stringify(told))
  const item = isAside ? FAREWELL : player.next(input)
  const usage = {
    input_tokens: 0,
    input_tokens_details: null,
    output_tokens: 0,
    output_tokens_details: null,
    total_tokens: 0,
  }
  const events = [
    { type: 'response.created', response: { id: 'answer' } },
    { type: 'response.output_item.done', item },
    { type: 'response.completed', response: { id: 'answer', usage } },
  ]
  response.setHeader('content-type', 'text/event-stream')
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}
