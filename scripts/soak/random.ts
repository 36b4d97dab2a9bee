/** Randomness by a seed. Every part of a run draws from a source of its own, so that the parts do not disturb each other. */
import { createHash } from 'node:crypto'

export class Random {
  #state: number
  readonly #name: string

  constructor(name: string) {
    this.#name = name
    this.#state = createHash('sha256').update(name).digest().readUInt32LE()
  }

  /** A source for a part of this one's work; the same name gives the same source again. */
  fork(name: string | number): Random {
    return new Random(`${this.#name}/${name}`)
  }

  /** From 0 to 1, without 1. The generator is mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Mostly small ones, and now and then one near `high`: as sizes are in life. */
  size(low: number, high: number): number {
    return Math.round(low * (high / low) ** this.next())
  }

  /** The time until the next of events that come about every `mean` milliseconds. */
  pause(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from')
    return items[this.whole(0, items.length - 1)] as T
  }

  weighted<T extends { weight: number }>(items: readonly T[]): T {
    let left = this.next() * items.reduce((sum, { weight }) => sum + weight, 0)
    return items.find(({ weight }) => (left -= weight) < 0) ?? (items.at(-1) as T)
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) bytes[at] = this.whole(0, 255)
    return bytes
  }
}
