/** How an intended difference is written, and which one explains what was found. */
import { ABSENT } from './compare.ts'
import type { Difference } from './compare.ts'
import type { Reference } from './reference.ts'

export type Intended = {
  reason: string
  /** The only release that it is about: one of {@link Reference.dialect} stands for all of its dialect. */
  release?: string
  method: RegExp
  /** Of the case's name and the request. */
  request?: RegExp
  at: RegExp
  /** Of what each side has there, as JSON. */
  reference?: RegExp
  ours?: RegExp
  /** Whether that, read, is as it is meant to be. */
  fits?(reference: unknown, ours: unknown): boolean
  /** What it explains does not count as compared. */
  uncounted?: true
}

export type Rest = Omit<Intended, 'reason' | 'method' | 'at'>

/** About one request's answer as a whole: an error's code, or `result`. */
export const outcome = (
  reason: string,
  method: RegExp,
  reference: string,
  ours: string,
  rest: Rest = {},
): Intended => ({
  reason,
  method,
  at: /^outcome$/,
  reference: new RegExp(`^(${reference})$`),
  ours: new RegExp(`^(${ours})$`),
  ...rest,
})

export const member = (
  reason: string,
  method: RegExp,
  at: string,
  reference: string,
  ours: string,
  rest: Rest = {},
): Intended => ({
  reason,
  method,
  at: new RegExp(`^${at}$`),
  reference: new RegExp(`^(${reference})$`),
  ours: new RegExp(`^(${ours})$`),
  ...rest,
})

export function explanation(
  list: readonly Intended[],
  { version, dialect }: Reference,
  method: string,
  request: string,
  difference: Difference,
): Intended | undefined {
  return list.find(
    (one) =>
      (one.release === undefined || one.release === dialect || one.release === version) &&
      one.method.test(method) &&
      (one.request?.test(request) ?? true) &&
      one.at.test(difference.at) &&
      (one.reference?.test(difference.reference) ?? true) &&
      (one.ours?.test(difference.ours) ?? true) &&
      (one.fits?.(read(difference.reference), read(difference.ours)) ?? true),
  )
}

/** Outcomes are no JSON, nor is what is absent. */
function read(text: string): unknown {
  if (text === ABSENT) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
