/** An MCP server over stdio, which writes into the file it is given what it is asked. */
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { commandLine } from '../caller.ts'
import { answerTo } from './mcp.ts'
import type { McpMessage } from './mcp.ts'
import { TOKEN } from '../token.ts'

const logFile = process.argv[2] as string
const whereabouts = JSON.stringify({ caller: commandLine(process.ppid), token: process.env[TOKEN] })

appendFileSync(logFile, `${process.pid}\n`)
// What is said on stderr is no part of the conversation.
console.error('this is not for the client')
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as McpMessage
  appendFileSync(logFile, `${message.method}\n`)
  const answer = answerTo(message, whereabouts)
  if (answer !== undefined) process.stdout.write(`${JSON.stringify(answer)}\n`)
}
