/**
 * When to leave although the command has not ended. Interrupts are for the command; but a devbox that does not answer
 * cannot take them, so the second in a row is for us.
 */
import type { ExecClient } from '../../../client/base/types.ts'
import { Method } from '../../../protocol/wire/methods.ts'
import { HANGUP_ANSWER_MS, LEAVE_ANSWER_MS, WAITING_MS } from '../base/limits.ts'
import { isTyped } from './key-presses.ts'

const CTRL_C = 3

export type LeavingOptions = {
  client: Pick<ExecClient, 'state' | 'call'>
  /** Whether there is no command yet that could take an interrupt. */
  isStarting: () => boolean
  /** Leaves with this exit code. */
  giveUp: (exitCode: number) => void
  /** Shows a message to the person who waits. */
  say: (message: string) => void
}

export type Leaving = {
  /** Counts an interrupt; true if it called `giveUp` at once. */
  interrupt(exitCode: number): boolean
  /** Stdin filter that counts each Ctrl-C; forwards everything. */
  countKeys(bytes: Uint8Array): Uint8Array
  /** The terminal is gone: leaves at once unless the devbox answers. */
  hangUp(exitCode: number): void
  /** Stops the timers. */
  end(): void
}

const INTERRUPTED = 130

/** Creates the counter of interrupts. */
export function createLeaving({ client, isStarting, giveUp, say }: LeavingOptions): Leaving {
  const timers = new Set<ReturnType<typeof setTimeout>>()
  /** Interrupts since the devbox has last answered. */
  let inRow = 0
  let question: Promise<void> | undefined

  const after = (ms: number, call: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      call()
    }, ms)
    timer.unref()
    timers.add(timer)
  }

  /** Asks for a sign of life, unless it has been asked. Any answer is one; so is the loss of the connection, after which the state tells. */
  function ask(): Promise<void> {
    const settle = (): void => {
      question = undefined
      if (client.state === 'connected') inRow = 0
    }
    return (question ??= client.call(Method.EnvironmentStatus, null).then(settle, settle))
  }

  /** Gives up if what is asked now, or has been, is not answered in time. */
  function giveUpUnlessAnswered(ms: number, exitCode: number): void {
    const asked = ask()
    let isAnswered = false
    void asked.then(() => (isAnswered = client.state === 'connected'))
    after(ms, () => {
      if (!isAnswered) giveUp(exitCode)
    })
  }

  function interrupt(exitCode: number): boolean {
    inRow++
    if (client.state === 'recovering' || isStarting()) {
      if (inRow < 2) return false
      giveUp(exitCode)
      return true
    }
    if (inRow > 1) giveUpUnlessAnswered(LEAVE_ANSWER_MS, exitCode)
    else {
      const asked = ask()
      after(WAITING_MS, () => {
        if (question === asked) say('the devbox does not answer; one more Ctrl-C leaves')
      })
    }
    return false
  }

  return {
    interrupt,
    countKeys(bytes) {
      for (const byte of isTyped(bytes) ? bytes : []) if (byte === CTRL_C) interrupt(INTERRUPTED)
      return bytes
    },
    hangUp(exitCode) {
      if (client.state !== 'connected' || isStarting()) giveUp(exitCode)
      else giveUpUnlessAnswered(HANGUP_ANSWER_MS, exitCode)
    },
    end() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
