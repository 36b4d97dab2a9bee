/** The rewriting of response heads, at every way to cut the bytes. */
import * as assert from 'uvu/assert'
import { ResponseHead } from '../../../src/host/http/response-head.ts'
import { HTTP_HEADER_BYTES } from '../../../src/host/limits.ts'
import { test } from '../../support/suite.ts'

function rewritten(pieces: readonly string[]): string {
  const head = new ResponseHead()
  const out = pieces.map((piece) => head.rewrite(Buffer.from(piece, 'latin1')).toString('latin1'))
  return out.join('') + head.end().toString('latin1')
}

/** Whole, in two pieces cut anywhere, and byte by byte. */
function* cuts(text: string): Generator<string[]> {
  yield [text]
  yield [...text]
  for (let at = 1; at < text.length; at++) yield [text.slice(0, at), text.slice(at)]
}

function becomes(text: string, expected: string): void {
  for (const pieces of cuts(text)) assert.is(rewritten(pieces), expected, JSON.stringify(pieces))
}

const BODY = '\nbody\r\n\ncontent-length: 1\ncontent-length: 1\n\n'

test('bare line feeds of a head become CRLF, and those of the body stay', () => {
  becomes(`HTTP/1.1 200 OK\nx-a: b\nx-c: é\n\n${BODY}`, `HTTP/1.1 200 OK\r\nx-a: b\r\nx-c: é\r\n\r\n${BODY}`)
  becomes(`HTTP/1.1 200\r\nx-a: b\n\r\n${BODY}`, `HTTP/1.1 200\r\nx-a: b\r\n\r\n${BODY}`)
  becomes(`\n\r\nHTTP/1.0 404 no\r\nx: y\r\n\n${BODY}`, `\r\n\r\nHTTP/1.0 404 no\r\nx: y\r\n\r\n${BODY}`)
})

test('heads of interim responses are rewritten like the one that follows; 101 is the last', () => {
  becomes(
    `HTTP/1.1 100\n\nHTTP/1.1 103 Early\na: b\n\nHTTP/1.1 200 OK\nc: d\n\n${BODY}`,
    `HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\nc: d\r\n\r\n${BODY}`,
  )
  becomes(`HTTP/1.1 101 x\nupgrade: y\n\n${BODY}`, `HTTP/1.1 101 x\r\nupgrade: y\r\n\r\n${BODY}`)
})

test('equal content-lengths become one; different ones, and what is no number, stay for the parser', () => {
  const head = (...lines: string[]): string => ['HTTP/1.1 200 OK', ...lines, '', BODY].join('\r\n')
  becomes(
    head('Content-Length: 5', 'a: b', 'CONTENT-LENGTH:5 ', 'content-length: 05, 5'),
    head('Content-Length: 5', 'a: b'),
  )
  becomes(head('content-length: 7,7 , 7'), head('content-length: 7'))
  for (const kept of [
    ['content-length: 5', 'content-length: 6'],
    ['content-length: 5, 6'],
    ['content-length: +5', 'content-length: +5'],
    ['content-length:', 'content-length:'],
    ['content-length : 5', 'content-length : 5'],
    ['content-lengths: 5', 'content-lengths: 5'],
    ['content-length: 5\r\n 6'],
  ]) {
    becomes(head(...kept), head(...kept))
  }
})

test('what is no head is passed on at once, and so is a line that is not about the length', () => {
  const head = new ResponseHead()
  assert.is(head.rewrite(Buffer.from('SSH-2')).toString(), 'SSH-2')
  assert.ok(head.isOver)
  const partial = new ResponseHead()
  partial.rewrite(Buffer.from('HTTP/1.1 200 OK\n'))
  assert.is(partial.rewrite(Buffer.from('x-a: part\r')).toString(), 'x-a: part')
  assert.is(partial.rewrite(Buffer.from('\ncontent-length: ')).toString(), '\r\n')
  const long = 'content-length: '.padEnd(1000, ' ')
  assert.is(rewritten(['HTTP/1.1 200 OK\n', long]), `HTTP/1.1 200 OK\r\n${long}`)
})

test('what needs no change is the same bytes, not a copy', () => {
  const chunk = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\n${BODY}`)
  assert.is(new ResponseHead().rewrite(chunk), chunk)
})

test('a head that is too long is passed on as it is from there', () => {
  const head = new ResponseHead()
  const line = `x-a: ${'y'.repeat(1000)}\n`
  for (let sent = 0; sent <= HTTP_HEADER_BYTES; sent += line.length) {
    assert.not(head.isOver)
    head.rewrite(Buffer.from(sent === 0 ? `HTTP/1.1 200 OK\n${line}` : line))
  }
  assert.ok(head.isOver)
  assert.is(head.rewrite(Buffer.from(line)).toString(), line)
})

test.run()
