/** Arbitrary characters for property tests. */
import fc from 'fast-check'

/**
 * A unit for `fc.string`: any code point except surrogates. Equivalent to fast-check's unit 'binary', which takes
 * several seconds to set up.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0xffff }),
    fc.integer({ min: 0x10000, max: 0x10ffff }),
  )
  .map((code) => String.fromCodePoint(code))
