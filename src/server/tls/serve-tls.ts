/** Keeps the certificate of a server up to date: reads its files again when they change. */
import { unwatchFile, watchFile } from 'node:fs'
import type { Log } from '../telemetry/log.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { readKeyPair } from './key-pair.ts'
import type { KeyPair, KeyPairFiles } from './key-pair.ts'
import { createTlsTerminator } from './tls-terminator.ts'
import type { TlsTerminator } from './tls-terminator.ts'

/** A pair that has been read, and where it is read again. */
export type TlsSource = { files: KeyPairFiles; pair: KeyPair }

/** Where what happens is reported, and how often the files are looked at. */
type TlsContext = { log: Log; onRefused: OnRefused; checkMs: number }

/**
 * Creates the terminator. A changed pair is used for the handshakes that follow; one that cannot be used is reported, and
 * the old one stays. Looking at the files also notices those that are replaced by links, as containers do.
 */
export function serveTls(
  { files, pair }: TlsSource,
  { log, onRefused, checkMs }: TlsContext,
): TlsTerminator & { close(): void } {
  const terminator = createTlsTerminator(pair, onRefused)
  let current = pair
  report('certificateLoaded')
  const reload = (): void => {
    let next: KeyPair
    try {
      next = readKeyPair(files)
    } catch (error) {
      log.write('warn', 'certificateNotReloaded', { why: (error as Error).message })
      return
    }
    if (next.certificate === current.certificate && next.key === current.key) return
    current = next
    terminator.replace(next)
    report('certificateReloaded')
  }
  for (const path of Object.values(files)) watchFile(path, { interval: checkMs, persistent: false }, reload)

  function report(event: string): void {
    const { fingerprint, expires } = current
    log.write('info', event, { fingerprint, expires: expires.toISOString() })
    if (expires.getTime() < Date.now()) log.write('warn', 'certificateExpired', { expires: expires.toISOString() })
  }

  return {
    ...terminator,
    close: () => {
      for (const path of Object.values(files)) unwatchFile(path, reload)
    },
  }
}
