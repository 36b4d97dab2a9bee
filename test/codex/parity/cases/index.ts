/** All cases, in the order of play. */
import type { Case } from '../case.ts'
import { envelope } from './envelope.ts'
import { fsOpen } from './fs-open.ts'
import { fsRead } from './fs-read.ts'
import { fsWrite } from './fs-write.ts'
import { handshake } from './handshake.ts'
import { http } from './http.ts'
import { installed } from './installed.ts'
import { processIo } from './process-io.ts'
import { processStart } from './process-start.ts'
import { sandbox } from './sandbox.ts'
import { surroundings } from './surroundings.ts'
import { walks } from './walk.ts'
import { watching } from './watch.ts'

export const cases: readonly Case[] = [
  ...handshake,
  ...envelope,
  ...surroundings,
  ...installed,
  ...processStart,
  ...processIo,
  ...fsRead,
  ...fsWrite,
  ...fsOpen,
  ...walks,
  ...watching,
  ...sandbox,
  ...http,
]
