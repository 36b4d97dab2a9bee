/**
 * Shows the client library at work in a real browser.
 *
 *     node test/browser/client.ts            CHROMIUM=/path/to/chromium names the browser
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import { startProxy } from '../e2e/client/support/proxy.ts'
import { startServer } from '../support/server.ts'
import { findChromium, openPage } from './chromium.ts'
import type { Places } from './client-page.ts'

const PAGE_MS = 60_000

type Finding = { what: string; isSo: boolean; seen: string }

const chromium = findChromium()
if (chromium === undefined) {
  console.log('SKIPPED: there is no Chromium here; name one in $CHROMIUM')
  process.exit(0)
}
console.log(`the client library in ${chromium.version}`)

const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, 'client-page.ts')],
  bundle: true,
  write: false,
  platform: 'browser',
  format: 'esm',
  target: 'es2024',
})
const script = outputFiles[0]?.text ?? ''
const reported = Promise.withResolvers<Finding[]>()

let places: Places
const home = createServer((request, response) => {
  void (async () => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString()
    const [, kind, what] = (request.url ?? '').split('/')
    if (kind === 'report') reported.resolve(JSON.parse(body) as Finding[])
    if (kind === 'do' && (what === 'cut' || what === 'swallow' || what === 'swallowAnswers')) proxy[what]()
    if (kind === 'hello') return response.end(`${request.method} ${request.url} ${body}`)
    response.setHeader('content-type', 'text/html')
    return response.end(
      `<!doctype html><meta charset="utf-8"><script>const places = ${JSON.stringify(places)}</script><script type="module">${script.replaceAll('</script', '<\\/script')}</script>`,
    )
  })()
})
home.listen(0, '127.0.0.1')
await once(home, 'listening')
const origin = `http://127.0.0.1:${(home.address() as AddressInfo).port}`

const folder = mkdtempSync(join(tmpdir(), 'browser-client-'))
const server = await startServer(['--allow-origin', origin])
const other = await startServer(['--allow-origin', 'http://elsewhere.example'])
const proxy = await startProxy(server.url)
places = { allowed: server.url, proxied: proxy.url, refusing: other.url, web: origin, folder }

const close = openPage(chromium.program, `${origin}/page`, {})
const findings = await Promise.race([
  reported.promise,
  new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PAGE_MS)),
])
close()
proxy.close()
await server.stop()
await other.stop()
rmSync(folder, { recursive: true, force: true })

const all = findings ?? [{ what: 'the page told what it found', isSo: false, seen: `nothing within ${PAGE_MS} ms` }]
for (const { what, isSo, seen } of all)
  console.log(`${isSo ? 'ok      ' : 'FAILED  '}${what}${isSo ? '' : `\n        ${seen.slice(0, 300)}`}`)
const failed = all.filter(({ isSo }) => !isSo).length
console.log(`${all.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
