/** Which requests are parts of a page. */
import * as assert from 'uvu/assert'
import { isPartOfPage } from '../../../src/server/http/refuse.ts'
import { test } from '../../support/suite.ts'

const part = (site: string, mode: string, destination: string): boolean =>
  isPartOfPage({ headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } })

test('what a page of another origin loads is a part of it, and a link that is followed is none', () => {
  for (const site of ['cross-site', 'same-site']) {
    assert.ok(part(site, 'no-cors', 'script'), site)
    assert.ok(part(site, 'no-cors', 'image'), site)
    assert.ok(part(site, 'navigate', 'iframe'), site)
    assert.not(part(site, 'navigate', 'document'), site)
  }
})

test('what the user asks for, the own origin, and programs load no parts', () => {
  assert.not(part('none', 'navigate', 'document'))
  assert.not(part('same-origin', 'cors', 'empty'))
  assert.not(isPartOfPage({ headers: {} }))
})

test.run()
