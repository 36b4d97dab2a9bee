/** Messages as such: what a request is, its id, and what is malformed. */
import { Buffer } from 'node:buffer'
import { script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'

const request = (id: string, more = ''): string => `{"id":${id},"method":"fs/unknown","params":{}${more}}`

const ids = [
  '0',
  '-5',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '""',
  '"text"',
  '"\\u00e9\\n"',
  '"1"',
]
const noIds = ['1.5', '1.0', '1e3', 'null', 'true', '[1]', '{}', '9223372036854775808', '-9223372036854775809']

const nested = (depth: number): string =>
  `{"id":1,"method":"fs/unknown","params":${'['.repeat(depth)}${']'.repeat(depth)}}`

/** Answered with id -1 by both releases. */
const malformed: Record<string, string | Uint8Array> = {
  'no JSON': 'not-json',
  'nothing at all': '',
  'white space': ' \n\t ',
  'a number': '5',
  text: '"text"',
  null: 'null',
  'an empty object': '{}',
  'a batch': `[${request('1')}]`,
  'two objects': `${request('1')}${request('2')}`,
  'an object cut short': request('1').slice(0, -1),
  NaN: '{"id":1,"method":"fs/unknown","params":NaN}',
  'a trailing comma': '{"id":1,"method":"fs/unknown",}',
  'single quotes': "{'id':1}",
  'a byte order mark': `\ufeff${request('1')}`,
  'a lone surrogate': '{"id":1,"method":"\\ud800"}',
  'a control character': '{"id":1,"method":"a\nb"}',
  'an id alone': '{"id":1}',
  'deep nesting': nested(200),
  'bytes that are no UTF-8': Buffer.from('{"id":1,"method":"\xff"}', 'latin1'),
}

const wellFormed: Record<string, string | Uint8Array> = {
  'the jsonrpc member': request('1', ',"jsonrpc":"2.0"'),
  'a strange jsonrpc member': request('1', ',"jsonrpc":5'),
  'unknown members': request('1', ',"more":{"a":[1]}'),
  'a trace': request('1', ',"trace":{"traceparent":"00-a-b-01","tracestate":null}'),
  'a trace of null': request('1', ',"trace":null'),
  'members in another order': '{"params":{},"method":"fs/unknown","id":1}',
  'white space around': `  ${request('1')}\n`,
  bytes: Buffer.from(request('1')),
  'some nesting': nested(100),
  'no params': '{"id":1,"method":"fs/unknown"}',
}

/** The older release takes them for notifications, and closes. */
const newer: Record<string, string> = {
  'a trace of text': request('1', ',"trace":"text"'),
  'a number for a method': '{"id":1,"method":5}',
  'null for a method': '{"id":1,"method":null}',
  'an id twice': '{"id":1,"id":2,"method":"fs/unknown","params":{}}',
  'a param twice': '{"id":1,"method":"fs/getMetadata","params":{"path":"file:///a","path":"file:///"}}',
  'a large exponent': '{"id":1,"method":"fs/unknown","params":1e400}',
  'an answer and a request': '{"id":1,"method":"fs/unknown","result":1}',
  'an error that is none': '{"id":1,"error":{"code":"x"}}',
}

const closing: Record<string, string> = {
  'an answer that nobody waits for': '{"id":77,"result":{}}',
  'an error that nobody waits for': '{"id":77,"error":{"code":-1,"message":"x"}}',
}

function each(name: string, table: Record<string, string | Uint8Array>, release?: string): Case {
  return script(
    `messages: ${name}`,
    async (scene) => {
      let talk = await scene.connect()
      for (const message of Object.values(table)) {
        if (!talk.isOpen) talk = await scene.connect()
        await talk.raw(message)
      }
    },
    release,
  )
}

const byText = (texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(texts.map((text) => [text, request(text)]))

export const envelope: readonly Case[] = [
  each('ids', byText(ids)),
  each('what is no id', byText(noIds)),
  each('malformed', malformed),
  each('well-formed', wellFormed),
  each('stricter since 0.150', newer, NEW),
  each('closing', closing),
  script('messages: malformed before initialize', async (scene) => {
    const talk = await scene.open()
    await talk.raw('not-json')
    await talk.raw('{"id":1,"method":"initialize","params":{"clientName":"x"}}')
    await talk.raw('[]')
  }),
  script('params by position', async (scene) => {
    const talk = await scene.open()
    await talk.ask('initialize', ['x', null])
    await talk.quietly('initialize', { clientName: 'x' })
    await talk.tell('initialized', [])
    await talk.ask('process/terminate', ['none'])
    await talk.ask('process/read', ['none', 0, null, null])
  }),
]
