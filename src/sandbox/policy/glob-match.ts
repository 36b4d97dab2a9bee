/** Matches paths against the tokens of a glob, in time that is bounded by the product of their lengths. */

/** Counts comparisons of a character or a path component with a part of a pattern. */
export type Meter = { steps: number }

/** A pattern as code points, so that surrogate pairs are not split. */
export type Characters = readonly string[]

/** `run`: any number of characters. `one`: a single character that `takes` accepts. `source` is a regular expression. */
export type Token =
  | { kind: 'run' }
  | { kind: 'literal'; character: string }
  | { kind: 'one'; source: string; takes: (character: string) => boolean }

/** One path component, or `names` for any number of components. */
export type Segment = 'names' | Token[]

/** Simulates an NFA: one pass over the names with the set of all reachable pattern positions. */
export function matchesPath(segments: readonly Segment[], names: readonly Characters[], meter: Meter): boolean {
  let states = closure(new Set([0]), segments)
  for (const name of names) {
    if (states.size === 0) return false
    meter.steps += states.size
    const next = new Set<number>()
    for (const state of states) {
      const segment = segments[state]
      if (segment === 'names') next.add(state)
      else if (segment !== undefined && matchesName(segment, name, meter)) next.add(state + 1)
    }
    states = closure(next, segments)
  }
  // A trailing `**` matches everything below the directory, but not the directory itself.
  return states.has(segments.length) && !(segments.at(-1) === 'names' && !matchesBelow(segments, names, meter))
}

/** Whether a trailing `**` takes at least one name. */
function matchesBelow(segments: readonly Segment[], names: readonly Characters[], meter: Meter): boolean {
  return names.length > 0 && matchesPath([...segments.slice(0, -1), 'names', [{ kind: 'run' }]], names, meter)
}

function closure(states: Set<number>, segments: readonly Segment[]): Set<number> {
  for (const state of states) if (segments[state] === 'names') states.add(state + 1)
  return states
}

/** Backtracks to the last `*` only, so the time is at most the product of the two lengths. */
function matchesName(tokens: readonly Token[], name: Characters, meter: Meter): boolean {
  let [t, n, run, mark] = [0, 0, -1, 0]
  while (n < name.length) {
    meter.steps++
    const token = tokens[t]
    if (token?.kind === 'run') [run, mark] = [t++, n]
    else if (token !== undefined && takes(token, name[n] as string)) [t, n] = [t + 1, n + 1]
    else if (run >= 0) [t, n] = [run + 1, ++mark]
    else return false
  }
  while (tokens[t]?.kind === 'run') t++
  return t === tokens.length
}

const takes = (token: Exclude<Token, { kind: 'run' }>, character: string): boolean =>
  token.kind === 'literal' ? token.character === character : token.takes(character)
