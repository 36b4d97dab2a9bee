/** Joins two connections. */
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'

/**
 * Passes on every byte both ways, as fast as the slower end takes them. An end that is lost takes the other with it; an end
 * of file is passed on behind what came before.
 */
export function joinStreams(one: Duplex, other: Duplex): void {
  pipeline(one, other, () => {})
  pipeline(other, one, () => {})
}
