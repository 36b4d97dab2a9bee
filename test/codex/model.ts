/**
 * A stand-in for the model: an HTTP server with the part of the Responses API that Codex uses. What it
 * answers comes from a script, which yields one tool call after another and is given what each returned.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { readOutput } from './tools.ts'
import type { ToolCall, ToolOutput } from './tools.ts'

export type Script = Generator<ToolCall, void, ToolOutput>

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

type InputItem = { type: string; call_id?: string; output?: unknown }
type Player = { next(input: readonly InputItem[]): object; fail(error: unknown): void; assertPlayed(): void }

const FAREWELL = {
  type: 'message',
  role: 'assistant',
  id: 'farewell',
  content: [{ type: 'output_text', text: 'finished' }],
}

function play(script: Script): Player {
  let pending: ToolCall | undefined
  let failure: unknown
  let started = false
  let ended = false

  const advance = (output?: ToolOutput): void => {
    started = true
    try {
      const { done, value } = output === undefined ? script.next() : script.next(output)
      pending = done === true ? undefined : value
    } catch (error) {
      failure ??= error
      pending = undefined
    }
    ended = pending === undefined
  }

  return {
    next: (input) => {
      if (!started) advance()
      else {
        // Without the output that is waited for, this is the last request once more.
        const result = input.find((item) => item.call_id === pending?.call_id && item.type.endsWith('_output'))
        if (pending !== undefined && result !== undefined) advance(readOutput(result.output))
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
  const told = (await json(request)) as { input?: InputItem[] }
  tell(JSON.stringify(told))
  const { input = [] } = told
  const item = player.next(input)
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
