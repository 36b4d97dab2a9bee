/** What is known of a message that has not come in whole: how much text it has, and where its long member is. */
import { release } from '../../core/base/bytes.ts'
import { LEADING_BYTES } from '../../protocol/wire/envelope.ts'
import { LongMemberFinder } from '../../protocol/wire/long-base64.ts'
import type { LongMember } from '../../protocol/wire/long-base64.ts'
import { MAX_TEXT_BYTES } from '../../protocol/limits.ts'

/** One message after another. */
export class PartialMessage {
  #finder = new LongMemberFinder()
  /** Bytes that have been looked at. */
  length = 0
  /** The beginning of a message that is not kept, as it will be refused. */
  beginning: Uint8Array | undefined

  /** Looks at the next bytes. */
  add(bytes: Uint8Array): void {
    this.#finder.push(bytes)
    this.length += bytes.length
  }

  /** Whether it has more text than a message may have. */
  get isRefused(): boolean {
    return this.#finder.textBytes > MAX_TEXT_BYTES
  }

  /** Keeps only the beginning of what has come so far, and releases the rest. */
  refuse(parts: readonly Buffer[]): void {
    const leading: Buffer[] = []
    for (let [index, bytes] = [0, 0]; bytes < LEADING_BYTES && index < parts.length; index++) {
      const part = (parts[index] as Buffer).subarray(0, LEADING_BYTES)
      leading.push(part)
      bytes += part.length
    }
    this.beginning ??= Buffer.concat(leading).subarray(0, LEADING_BYTES)
    for (const part of parts) release(part)
  }

  /** The next bytes belong to another message. */
  reset(): void {
    if (this.length === 0) return
    this.#finder = new LongMemberFinder()
    this.length = 0
    this.beginning = undefined
  }

  /** Its long member, once that has come in whole. */
  get member(): LongMember | undefined {
    return this.#finder.member
  }
}
