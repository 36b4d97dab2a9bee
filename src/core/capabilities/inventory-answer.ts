/** The answer to capabilities/discoverV2, within its bounds. */
import type { InstalledPlugin, Inventory } from '../../protocol/schemas/capability-roots.ts'
import type { Limits } from '../base/limits.ts'

/** How much an answer holds. */
export type AnswerBounds = Pick<Limits, 'inventoryEntries' | 'inventoryAnswerBytes' | 'inventoryWarnings'>

type Skill = Inventory['skills'][number]

/** A path may be as long, and the warnings come on top of what the size of the answer bounds. */
const MAX_WARNING_LENGTH = 4096 + 200

const utf8 = new TextEncoder()

/** Collects plugins and skills. What does not fit is left out, and a warning says so. */
export class InventoryAnswer {
  readonly #bounds: AnswerBounds
  readonly #inventory: Inventory = { plugins: [], skills: [], warnings: [] }
  #entries = 0
  #bytes = 0
  #isCut = false

  constructor(bounds: AnswerBounds) {
    this.#bounds = bounds
  }

  /** Whether nothing more fits. */
  get isFull(): boolean {
    return this.#entries >= this.#bounds.inventoryEntries
  }

  /** Adds a plugin with as many of its skills as there is room for. */
  addPlugin(plugin: InstalledPlugin): void {
    // The plugin counts as one, too.
    const room = Math.max(0, this.#bounds.inventoryEntries - this.#entries - 1)
    if (plugin.skills.length > room) this.#isCut = true
    const whole = { ...plugin, skills: plugin.skills.slice(0, room) }
    if (this.#admit(1 + whole.skills.length, whole)) this.#inventory.plugins.push(whole)
  }

  addSkill(skill: Skill): void {
    if (this.#admit(1, skill)) this.#inventory.skills.push(skill)
  }

  warn(warning: string): void {
    const { warnings } = this.#inventory
    if (warnings.length < this.#bounds.inventoryWarnings) warnings.push(warning.slice(0, MAX_WARNING_LENGTH))
  }

  /** The inventory. `isPartial`: not everything was looked at. */
  result(isPartial: boolean): Inventory {
    const { warnings } = this.#inventory
    if (isPartial || this.#isCut) warnings.unshift('there is more than the answer holds')
    return { ...this.#inventory, warnings: warnings.slice(0, this.#bounds.inventoryWarnings) }
  }

  #admit(count: number, value: object): boolean {
    const size = utf8.encode(JSON.stringify(value)).length
    const { inventoryEntries, inventoryAnswerBytes } = this.#bounds
    const fits = this.#entries + count <= inventoryEntries && this.#bytes + size <= inventoryAnswerBytes
    if (fits) {
      this.#entries += count
      this.#bytes += size
    } else this.#isCut = true
    return fits
  }
}
