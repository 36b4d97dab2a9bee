/** What is kept of a case for the comparison. */

export type Outcome =
  | { kind: 'result'; value: unknown }
  | { kind: 'error'; code: number; message: string }
  /** No answer came; the text tells why. */
  | { kind: 'nothing'; why: string }

export type Entry = {
  /** Of the request or the notification; for files, `files`. */
  method: string
  /** As the case has written it, the same for both sides. */
  request: string
  /** A request, and not what was seen besides. */
  isRequest: boolean
  outcome: Outcome
}
