import type { Labels, LabelValue } from './labels.ts'

/**
 * Series by label values, for one order of label names: a step per label, without allocation. Other
 * spellings of a series (`200` for `'200'`) are paths of their own to it, as long as there is room.
 */
export class LabelPaths<S> {
  readonly #names: readonly string[]
  readonly #root = new Branch<S>()
  #room: number

  constructor(names: readonly string[], maxPaths: number) {
    this.#names = names
    this.#room = maxPaths
  }

  isFor(names: readonly string[]): boolean {
    return names.length === this.#names.length && names.every((name, index) => name === this.#names[index])
  }

  find(labels: Labels): S | undefined {
    const names = this.#names
    let branch: Branch<S> | undefined = this.#root
    let depth = 0
    for (const name in labels) {
      if (name !== names[depth++]) return undefined
      branch = branch.next(labels[name]!)
      if (branch === undefined) return undefined
    }
    return depth === names.length ? branch.series : undefined
  }

  add(labels: Labels, series: S): void {
    if (this.#room-- <= 0) return
    let branch = this.#root
    for (const name of this.#names) branch = branch.next(labels[name]!) ?? branch.grow(labels[name]!)
    branch.series = series
  }
}

/** The first values are looked through, which is faster than hashing; the others are in a map. */
class Branch<S> {
  readonly #values: LabelValue[] = []
  readonly #branches: Branch<S>[] = []
  #others: Map<LabelValue, Branch<S>> | undefined
  series: S | undefined

  next(value: LabelValue): Branch<S> | undefined {
    const values = this.#values
    for (let i = 0; i < values.length; i++) if (values[i] === value) return this.#branches[i]
    return this.#others?.get(value)
  }

  grow(value: LabelValue): Branch<S> {
    const branch = new Branch<S>()
    if (this.#values.length < lookedThrough) {
      this.#values.push(value)
      this.#branches.push(branch)
    } else {
      this.#others ??= new Map()
      this.#others.set(value, branch)
    }
    return branch
  }
}

const lookedThrough = 8
