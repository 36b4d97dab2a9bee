/** Building blocks of the params schemas. */
import * as v from 'valibot'
import { invalidParams } from '../wire/errors.ts'
import { isJsonObject } from '../wire/json.ts'
import type { JsonValue } from '../wire/json.ts'
import { Base64Text } from '../wire/long-base64.ts'
import { PathMap } from './path-map.ts'
import { ForeignPathError, parsePath, PathSyntaxError } from './path-uri.ts'

const U64_MAX = 2n ** 64n - 1n

/** An unsigned 64-bit integer without rounding: a number or a bigint. */
export const exactU64 = v.custom<number | bigint>(
  (value) =>
    (typeof value === 'number' && value >= 0) || (typeof value === 'bigint' && value >= 0n && value <= U64_MAX),
  'expected an unsigned 64-bit integer',
)

/**
 * An unsigned 64-bit integer as a number. Values above 2^53 are rounded to doubles: they limit counts, bytes or
 * milliseconds, where the last digit does not matter.
 */
export const u64 = v.pipe(exactU64, v.transform(Number))

/** An object with any members. valibot's own schema also accepts arrays. */
export const anObject = v.custom<object>((value) => isJsonObject(value as JsonValue), 'expected an object')

/** An optional member: absent and null are equivalent. */
export const optional = <S extends v.GenericSchema>(schema: S) => v.nullish(schema)

/**
 * Decodes standard, padded base64.
 * @throws {SyntaxError} for white space, other alphabets, missing padding or stray trailing bits
 */
export function decodeBase64(text: string | Base64Text): Uint8Array {
  if (typeof text !== 'string') return text.bytes
  const bytes = Uint8Array.fromBase64(text, { alphabet: 'base64', lastChunkHandling: 'strict' })
  // The decoder skips white space, which shows as fewer bytes than the length implies.
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (bytes.length !== (text.length / 4) * 3 - padding) throw new SyntaxError('white space in base64')
  return bytes
}

/** A base64 string, not yet decoded or validated. */
export const base64Text = v.custom<string | Base64Text>(
  (value) => typeof value === 'string' || value instanceof Base64Text,
  'expected a base64 string',
)

/** Base64, decoded to bytes. Invalid base64 is an error of the params (-32602). */
export const base64 = v.pipe(
  base64Text,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return decodeBase64(dataset.value)
    } catch {
      addIssue({ message: 'expected standard, padded base64' })
      return NEVER
    }
  }),
)

/** The output of {@link pathOrForeign} for a file on another machine. */
export const FOREIGN = ''

const pathUnless = (isForeign: (error: unknown) => boolean) =>
  v.pipe(
    v.string('expected a path string'),
    v.rawTransform(({ dataset, config, addIssue, NEVER }) => {
      try {
        const path = parsePath(dataset.value)
        return pathMapOf(config)?.toOwn(path) ?? path
      } catch (error) {
        if (isForeign(error)) return FOREIGN
        if (!(error instanceof PathSyntaxError)) throw error
        addIssue({ message: error.message })
        return NEVER
      }
    }),
  )

/** An absolute path or file URI, decoded to a normalised absolute path of this machine. */
export const path = pathUnless(() => false)

/** Like {@link path}, but a file on another machine is not an error: it gives {@link FOREIGN}. */
export const pathOrForeign = pathUnless((error) => error instanceof ForeignPathError)

/**
 * A map of strings, e.g. environment variables. valibot's own record schema drops names such as `constructor`, which
 * are valid variable names.
 */
export const stringMap = v.pipe(
  v.custom<Record<string, string>>((value) => {
    return (
      isJsonObject(value as JsonValue) && Object.values(value as object).every((member) => typeof member === 'string')
    )
  }, 'expected a map of strings'),
  v.transform((map) => new Map(Object.entries(map))),
)

/** The map that {@link decode} was called with, for an action that gets this config. */
export const pathMapOf = (config: object): PathMap | undefined =>
  'pathMap' in config && config.pathMap instanceof PathMap ? config.pathMap : undefined

/** Decodes a value; with a map, paths of the client become those of this machine. */
export function decode<S extends v.GenericSchema>(schema: S, value: unknown, pathMap?: PathMap): v.SafeParseResult<S> {
  if (pathMap === undefined) return v.safeParse(schema, value, { abortEarly: true })
  // `safeParse` passes on only the members of a config that it knows.
  const config = { abortEarly: true, pathMap }
  const { typed, value: output, issues } = schema['~run']({ value }, config)
  return { typed, success: issues === undefined, output, issues } as v.SafeParseResult<S>
}

/**
 * Decodes params with a schema.
 * @throws {RpcError} -32602 that names the first invalid member
 */
export function decodeParams<S extends v.GenericSchema>(
  schema: S,
  params: JsonValue,
  pathMap?: PathMap,
): v.InferOutput<S> {
  const parsed = decode(schema, params, pathMap)
  if (parsed.success) return parsed.output
  const issue = parsed.issues[0]
  const at = v.getDotPath(issue)
  throw invalidParams(at === null ? issue.message : `${at}: ${issue.message}`)
}

/** Whether `value` is an object with a member of that name. */
export function hasMember(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && name in value
}

/** Whether an optional value is absent or null. */
export function isNothing(value: unknown): value is null | undefined {
  return value === null || value === undefined
}
